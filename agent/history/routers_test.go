// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// router is router number n, which announces prefixes by number; one below 0 it withdrew.
func router(n int, tag uint16, prefixes ...int) discovery.Router {
	r := discovery.Router{Tag: tag, Source: discovery.MAC{2, 0, 0, 0, 0, byte(n)}, Address: netip.MustParseAddr(fmt.Sprintf("fe80::%x", n))}
	for _, p := range prefixes {
		valid := uint32(3600)
		if p < 0 {
			p, valid = -p, 0
		}
		r.Prefixes = append(r.Prefixes, discovery.AdvertisedPrefix{Prefix: netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x::/64", p)), Valid: valid})
	}
	return r
}

// TestPrefixChanges tells what routers did from one Snapshot to the next.
func TestPrefixChanges(t *testing.T) {
	port := func(since time.Time, routers ...discovery.Router) *discovery.Snapshot {
		return &discovery.Snapshot{Time: when, Ports: []discovery.Port{{Index: 2, Name: "eth1", Since: since, Routers: routers}}}
	}
	young, old := when.Add(-settled+1), when.Add(-settled)
	for name, tt := range map[string]struct {
		before, after *discovery.Snapshot
		want          []string
	}{
		"start":                  {nil, port(old, router(1, 0, 1)), nil},
		"same":                   {port(old, router(1, 0, 1, 2)), port(old, router(1, 0, 1, 2)), nil},
		"first on a young cable": {port(young), port(young, router(1, 0, 1)), nil},
		"first in another VLAN":  {port(young, router(1, 0, 1)), port(young, router(1, 0, 1), router(2, 9, 1)), nil},
		"first on an old cable":  {port(old), port(old, router(1, 0, 1)), []string{"eth1 0:  -> 2001:db8:1::/64: router fe80::1 (02:00:00:00:00:01) is new"}},
		"another router":         {port(young, router(1, 0, 1)), port(young, router(1, 0, 1), router(2, 0, 2)), []string{"eth1 0:  -> 2001:db8:2::/64: router fe80::2 (02:00:00:00:00:02) is new"}},
		"a prefix more":          {port(young, router(1, 9, 1)), port(young, router(1, 9, 1, 2)), []string{"eth1 9: 2001:db8:1::/64 -> 2001:db8:1::/64, 2001:db8:2::/64: router fe80::1 (02:00:00:00:00:01) announces more"}},
		"renumbered":             {port(young, router(1, 0, 1)), port(young, router(1, 0, -1, 2)), []string{"eth1 0: 2001:db8:1::/64 -> 2001:db8:2::/64: router fe80::1 (02:00:00:00:00:01) withdrew 2001:db8:1::/64"}},
		"the withdrawn is gone":  {port(young, router(1, 0, -1, 2)), port(young, router(1, 0, 2)), nil},
		"withdrawn":              {port(young, router(1, 0, 1)), port(young, router(1, 0, -1)), []string{"eth1 0: 2001:db8:1::/64 -> : router fe80::1 (02:00:00:00:00:01) withdrew 2001:db8:1::/64"}},
		"and back":               {port(young, router(1, 0, -1)), port(young, router(1, 0, 1)), []string{"eth1 0:  -> 2001:db8:1::/64: router fe80::1 (02:00:00:00:00:01) announces more"}},
		"its time is over":       {port(young, router(1, 0, 1, 2)), port(young, router(1, 0, 2)), []string{"eth1 0: 2001:db8:1::/64, 2001:db8:2::/64 -> 2001:db8:2::/64: router fe80::1 (02:00:00:00:00:01) announces no more 2001:db8:1::/64"}},
		"the router is gone":     {port(young, router(1, 0, 1)), port(young), []string{"eth1 0: 2001:db8:1::/64 -> : router fe80::1 (02:00:00:00:00:01) is heard no more"}},
		"without prefixes":       {port(young, router(1, 0)), port(young), nil},
		"another cable":          {port(old, router(1, 0, 1)), port(young, router(1, 0, 2)), nil},
		"another port":           {&discovery.Snapshot{}, port(old, router(1, 0, 2)), nil},
	} {
		var got []string
		prefixChanges(tt.before, tt.after, func(c agentapi.Change) {
			if c.What != agentapi.ChangePrefix {
				t.Errorf("%s: %+v", name, c)
			}
			got = append(got, fmt.Sprintf("%s %d: %s -> %s: %s", c.Interface, c.VID, c.From, c.To, c.Reason))
		})
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestRoutersHideNothing holds that routers that renumber all the time keep no other change
// out of the journal.
func TestRoutersHideNothing(t *testing.T) {
	j := NewJournal(slog.New(slog.DiscardHandler), t.TempDir())
	state := func(n int) *agentapi.State {
		return &agentapi.State{Snapshot: &discovery.Snapshot{Time: when, Ports: []discovery.Port{{Index: 2, Name: "eth1", Routers: []discovery.Router{router(1, 0, n)}}}}}
	}
	for i := range 1000 {
		j.Note(state(i%2), state((i+1)%2), nil)
	}
	named := state(0)
	named.View = mapping.View{Uplinks: []mapping.Uplink{{Name: "green", Certainty: "fresh"}}}
	j.Note(state(0), named, nil)
	c, err := j.Since(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	count := map[agentapi.ChangeKind]int{}
	for i := range c.Changes {
		count[c.Changes[i].What]++
	}
	if count[agentapi.ChangeNetwork] != 1 || count[agentapi.ChangePrefix] < journalBurst || count[agentapi.ChangePrefix] > journalBurst+10 {
		t.Errorf("recorded %v", count)
	}
}
