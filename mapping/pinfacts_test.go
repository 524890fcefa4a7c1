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
