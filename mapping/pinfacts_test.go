// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"net/netip"
	"testing"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// TestPinByAddress pins a port by its own subnet, guarded by what a router announces there.
func TestPinByAddress(t *testing.T) {
	set, _, err := rules.Parse("rules.yaml", []byte(`networks:
  - name: green
    match: [{address: 10.20.0.0/16, prefix: "2001:db8::/32", silent: now}]
`))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	static := discovery.Address{Prefix: netip.MustParsePrefix("10.20.0.7/24"), Scope: discovery.ScopeGlobal}
	announced := []discovery.AdvertisedPrefix{{Prefix: netip.MustParsePrefix("2001:db8:1::/64"), OnLink: true, Valid: discovery.Infinite, LastHeard: now}}
	same := func(*discovery.Address) {}
	for name, tt := range map[string]struct {
		change   func(*discovery.Address)
		prefixes []discovery.AdvertisedPrefix
		want     nodefile.Certainty
	}{
		"both":                 {same, announced, nodefile.Pinned},
		"nothing announced":    {same, nil, ""},
		"a wider subnet":       {func(a *discovery.Address) { a.Prefix = netip.MustParsePrefix("10.20.0.7/8") }, announced, ""},
		"another subnet":       {func(a *discovery.Address) { a.Prefix = netip.MustParsePrefix("10.21.0.7/24") }, announced, ""},
		"secondary":            {func(a *discovery.Address) { a.Secondary = true }, announced, ""},
		"deprecated":           {func(a *discovery.Address) { a.Deprecated = true }, announced, ""},
		"a lease of before":    {func(a *discovery.Address) { a.Dynamic, a.Updated = true, now.Add(-time.Hour) }, announced, ""},
		"a lease, renewed":     {func(a *discovery.Address) { a.Dynamic, a.Updated = true, now }, announced, nodefile.Pinned},
		"of this machine only": {func(a *discovery.Address) { a.Scope = discovery.ScopeHost }, announced, ""},
	} {
		a := static
		tt.change(&a)
		snap := &discovery.Snapshot{
			Time:       now.Add(time.Minute),
			Interfaces: []discovery.Interface{{Index: 2, Name: "eth1", Bus: "pci", Ethernet: true, Up: true, Carrier: true, CarrierChanges: 2, Addresses: []discovery.Address{a}}},
			Ports:      []discovery.Port{{Index: 2, Name: "eth1", Epoch: 2, Since: now.Add(-time.Minute), Routers: []discovery.Router{{Prefixes: tt.prefixes}}}},
		}
		w := World{Node: "node1", BootID: "b", Rules: set}
		v := Resolve(Input{World: w, Snapshot: snap, Memory: Memory{}.Advance(w, snap)})
		var got nodefile.Certainty
		if len(v.Uplinks) > 0 {
			got = v.Uplinks[0].Certainty
		}
		if got != tt.want {
			t.Errorf("%s: certainty %q, want %q", name, got, tt.want)
		}
	}
}

// TestPinByLease counts a lease that was renewed since the link came up, also where the agent
// was restarted after that; not one of before.
func TestPinByLease(t *testing.T) {
	set, _, err := rules.Parse("rules.yaml", []byte(`networks: [{name: green, match: [{address: 10.20.0.0/16, silent: now}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	w := World{Node: "node1", BootID: "b", Rules: set}
	at := func(minutes int) time.Time {
		return time.Date(2026, 1, 2, 10, minutes, 0, 0, time.UTC)
	}
	look := func(m Memory, now, since, renewed int, carriers uint32) (Memory, string) {
		a := discovery.Address{Prefix: netip.MustParsePrefix("10.20.0.7/24"), Scope: discovery.ScopeGlobal, Dynamic: true, Updated: at(renewed)}
		snap := &discovery.Snapshot{
			Time:       at(now),
			Interfaces: []discovery.Interface{{Index: 2, Name: "eth1", Bus: "pci", Ethernet: true, Up: true, Carrier: true, CarrierChanges: carriers, Addresses: []discovery.Address{a}}},
			Ports:      []discovery.Port{{Index: 2, Name: "eth1", Epoch: carriers, Since: at(since)}},
		}
		m = m.Advance(w, snap)
		v := Resolve(Input{World: w, Snapshot: snap, Memory: m})
		if len(v.Uplinks) == 0 {
			if len(v.PinNotes) != 1 {
				t.Errorf("minute %d: nobody says why: %v", now, v.PinNotes)
			}
			return m, ""
		}
		return m, string(v.Uplinks[0].Certainty)
	}
	var m Memory
	for _, tt := range []struct {
		what                string
		restart, reboot     bool
		now, since, renewed int
		carriers            uint32
		want                string
	}{
		{what: "of before the agent", now: 5, since: 4, renewed: 1, carriers: 2},
		{what: "renewed", now: 7, since: 4, renewed: 6, carriers: 2, want: "pinned"},
		{what: "the agent restarted", restart: true, now: 10, since: 9, renewed: 6, carriers: 2, want: "pinned"},
		{what: "and the carrier was lost", restart: true, now: 12, since: 11, renewed: 6, carriers: 4},
		{what: "renewed there", now: 14, since: 11, renewed: 13, carriers: 4, want: "pinned"},
		{what: "rebooted", reboot: true, now: 20, since: 19, renewed: 13, carriers: 4},
	} {
		if tt.reboot {
			w.BootID = "another"
		}
		if tt.restart || tt.reboot {
			m = m.Restore(w.BootID, at(tt.since))
		}
		var got string
		if m, got = look(m, tt.now, tt.since, tt.renewed, tt.carriers); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
}
