// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
)

// TestCrowd compares what a crowd finds by its index with a look at each sighting.
func TestCrowd(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(most int) discovery.ID { return discovery.ID(fmt.Sprint("mac:02:00:00:00:00:0", r.IntN(most))) }
	found := map[string]int{}
	for round := range 500 {
		var all []sighting
		for range r.IntN(12) {
			n := &discovery.Neighbor{Protocol: discovery.ProtocolLLDP, MSAP: discovery.MSAP{Chassis: pick(6), Port: pick(3)}, SystemName: fmt.Sprint("leaf-", r.IntN(3))}
			n.Source = discovery.MAC{2, 0, 0, 0, 0, byte(r.IntN(6))}
			all = append(all, sighting{port: sightedPort{index: r.IntN(4)}, live: r.IntN(3) > 0, Neighbor: n})
		}
		c := newCrowd(all)
		for i := range all {
			s := &all[i]
			double := slices.ContainsFunc(all, func(o sighting) bool {
				return (o.live || o.port != s.port) && o.SystemName == s.SystemName && o.Port == s.Port && o.Chassis != s.Chassis
			})
			own := string(s.Chassis) == "mac:"+s.Source.String() &&
				!slices.ContainsFunc(all, func(o sighting) bool { return o.Chassis == s.Chassis && o.Port != s.Port })
			if c.hasDoublePort(s) != double || c.portMAC(s) != own {
				t.Fatalf("round %d, %d: %+v: double port %t, want %t; port's MAC address %t, want %t", round, i, s, c.hasDoublePort(s), double, c.portMAC(s), own)
			}
			found[fmt.Sprint(double, own)]++
		}
	}
	if len(found) != 4 {
		t.Errorf("not all answers came: %v", found)
	}
}

// TestBorne compares what is found of bearers by their chassis IDs with a look at each.
func TestBorne(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	found := map[string]int{}
	for range 500 {
		var s Bearers
		for range r.IntN(6) {
			s = append(s, Bearer{
				Chassis: discovery.ID(fmt.Sprint("mac:", r.IntN(3))), Interface: fmt.Sprint("eth", r.IntN(3)), Name: fmt.Sprint(r.IntN(2)),
				Heard: time.Unix(int64(r.IntN(3)), 0), Apart: r.IntN(9) == 0,
			})
		}
		pairs := func(f func(a, b *Bearer) bool) bool {
			return slices.ContainsFunc(s, func(a Bearer) bool { return slices.ContainsFunc(s, func(b Bearer) bool { return f(&a, &b) }) })
		}
		b, since := &Bearer{Chassis: "mac:1", Interface: "eth1", Name: "1"}, time.Unix(1, 0)
		want := []bool{
			slices.ContainsFunc(s, func(o Bearer) bool { return o.Chassis == b.Chassis && o.Interface != b.Interface }),
			slices.ContainsFunc(s, func(o Bearer) bool { return o.Chassis == b.Chassis && o.Interface == b.Interface }),
			slices.ContainsFunc(s, func(o Bearer) bool { return o.contradicts(b) && !o.Heard.Before(since) }),
			pairs(func(a, b *Bearer) bool { return a.Apart || a.contradicts(b) }),
		}
		on := s.among()
		if diff := cmp.Diff(want, []bool{on.share(b), on.has(b), s.contradict(b, since), s.anyContradicts()}); diff != "" {
			t.Fatalf("%+v (-want +got):\n%s", s, diff)
		}
		for i, yes := range want {
			found[fmt.Sprint(i, yes)]++
		}
	}
	if len(found) != 8 {
		t.Errorf("not all answers came: %v", found)
	}
}
