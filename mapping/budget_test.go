// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// trunked is a node of which every port is a trunk: a switch names one VLAN there, and rules
// declare all others.
func trunked(tb testing.TB, ports int, named ...uint16) Input {
	tb.Helper()
	set, _, err := rules.Parse("rules.yaml", []byte("switchGroups: {dc1: {match: [{system: leaf}], vlans: {2-4094: 't-{vlan}'}}}"))
	if err != nil {
		tb.Fatal(err)
	}
	in := Input{World: World{Node: "n", Rules: set}, Snapshot: &discovery.Snapshot{Time: time.Now()}}
	for i := 1; i <= ports; i++ {
		n := discovery.Neighbor{
			Protocol: discovery.ProtocolLLDP, MSAP: discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: discovery.ID(fmt.Sprintf("ifname:%d", i))},
			SystemName: "leaf", PVID: 1, VLANs: []discovery.VLANName{{ID: named[i%len(named)], Name: "x"}},
		}
		ifi := discovery.Interface{Index: i, Name: fmt.Sprintf("eth%d", i), Ethernet: true, Up: true, Carrier: true}
		in.Snapshot.Interfaces = append(in.Snapshot.Interfaces, ifi)
		in.Snapshot.Ports = append(in.Snapshot.Ports, discovery.Port{Index: i, Name: ifi.Name, Neighbors: []discovery.Neighbor{n}})
		in.Memory.Ports = append(in.Memory.Ports, belief.Port{Interface: ifi.Name, Index: i, State: belief.Held, Settled: true, Holder: &belief.Voice{Neighbor: n}})
	}
	return in
}

// TestBudget holds which ways count where there are too many, and that this is said.
func TestBudget(t *testing.T) {
	if v := Resolve(trunked(t, 2, 9)); len(v.Uplinks) != 2*4094 || len(v.Conditions) != 0 {
		t.Errorf("two ports with every VLAN: %d ways, %v", len(v.Uplinks), v.Conditions)
	}
	const ports = 40
	v := Resolve(trunked(t, ports, 4000, 3000))
	count := map[uint16]int{}
	for _, a := range v.Uplinks {
		count[a.VID]++
		if a.VID == 0 && (!a.Trunk || a.Identity.VLAN != 1) {
			t.Errorf("untagged on %s is VLAN %d, on a trunk: %t", a.Port.Name, a.Identity.VLAN, a.Trunk)
		}
	}
	for vid, want := range map[uint16]int{0: ports, 1: 0, 2: ports, 202: ports, 203: 0, 2999: 0, 3000: ports, 4000: ports, 4094: 0} {
		if count[vid] != want {
			t.Errorf("VLAN %d counts on %d ports, want %d", vid, count[vid], want)
		}
	}
	if len(v.Uplinks) > MaxUplinks || len(v.Uplinks) <= MaxUplinks-ports {
		t.Errorf("%d ways", len(v.Uplinks))
	}
	if len(v.Conditions) != 1 || v.Conditions[0].Type != TopologyTooLarge ||
		!strings.Contains(v.Conditions[0].Message, "163760 ways into networks, and 8192 count: VLANs 203-2999,3001-3999,4001-4094 are left out on eth1 and eth2") {
		t.Errorf("conditions %v", v.Conditions)
	}
}

// TestBudgetOfBridges holds that a bridge of VLAN devices leads nowhere while one of them is of
// a VLAN that is left out: it could lead elsewhere.
func TestBudgetOfBridges(t *testing.T) {
	in := trunked(t, 2, 100)
	in.Snapshot.Interfaces = append(in.Snapshot.Interfaces,
		discovery.Interface{Index: 10, Name: "eth1.100", Kind: discovery.KindVLAN, Parent: 1, VLAN: 100, Master: 12, Up: true, Carrier: true},
		discovery.Interface{Index: 11, Name: "eth2.200", Kind: discovery.KindVLAN, Parent: 2, VLAN: 200, Master: 12, Up: true, Carrier: true},
		discovery.Interface{Index: 12, Name: "br0", Kind: discovery.KindBridge, Up: true, Carrier: true})
	for most, reason := range map[int]string{
		MaxUplinks: "the members of bridge br0 lead to different networks",
		100:        "br0 joins eth2.200, whose VLAN is left out",
	} {
		v := resolve(in, most)
		i := slices.IndexFunc(v.Uplinks, func(a Uplink) bool { return a.Name == "t-100" && a.Port.Index == 1 })
		if i < 0 || v.Uplinks[i].Usable || v.Uplinks[i].Device != (nodefile.Link{}) || !strings.HasPrefix(v.Uplinks[i].Reason, reason) {
			t.Errorf("within %d: %+v", most, v.Uplinks)
		}
	}
}

// TestBudgetOfPins holds that a pin is contradicted by a VLAN that is left out, too.
func TestBudgetOfPins(t *testing.T) {
	in := trunked(t, 2, 100)
	set, _, err := rules.Parse("rules.yaml", []byte(`
switchGroups: {dc1: {match: [{system: leaf}], vlans: {2-4094: 't-{vlan}'}}}
networks: [{name: green, tagged: 4000, match: [{node: n, interface: eth1, silent: true}]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	in.Rules = set
	for _, most := range []int{MaxUplinks, 100} {
		v := resolve(in, most)
		if green := v.Named("green"); len(green) != 1 || green[0].Usable {
			t.Errorf("within %d: green is %+v", most, green)
		}
	}
}

// BenchmarkResolveTrunks measures a node on which more ways are told than count.
func BenchmarkResolveTrunks(b *testing.B) {
	in := trunked(b, 64, 100)
	b.ReportAllocs()
	for b.Loop() {
		Resolve(in)
	}
}
