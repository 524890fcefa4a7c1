// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// TestExplainAddresses holds that explain says which addresses an interface has and which
// routers are heard there.
func TestExplainAddresses(t *testing.T) {
	now := time.Unix(1e9, 0)
	address := func(prefix string, change func(*discovery.Address)) discovery.Address {
		a := discovery.Address{Prefix: netip.MustParsePrefix(prefix)}
		change(&a)
		return a
	}
	prefix := func(text string, change func(*discovery.AdvertisedPrefix)) discovery.AdvertisedPrefix {
		p := discovery.AdvertisedPrefix{Prefix: netip.MustParsePrefix(text), OnLink: true, Autonomous: true, Valid: 3600, Preferred: 3600}
		change(&p)
		return p
	}
	router := func(tag uint16, prefixes ...discovery.AdvertisedPrefix) discovery.Router {
		return discovery.Router{
			Tag: tag, Source: discovery.MAC{2, 0, 0, 0, 0, 9}, Address: netip.MustParseAddr("fe80::9"), LastHeard: now.Add(-12 * time.Second), Prefixes: prefixes,
		}
	}
	usual := func(*discovery.AdvertisedPrefix) {}
	snap := &discovery.Snapshot{
		Time: now,
		Interfaces: []discovery.Interface{
			{Index: 2, Name: "eth1", Ethernet: true, Up: true, Carrier: true, Master: 10, Addresses: []discovery.Address{
				address("192.0.2.7/24", func(*discovery.Address) {}),
				address("198.51.100.7/24", func(a *discovery.Address) {
					a.Dynamic, a.Updated, a.ValidUntil = true, now.Add(-5*time.Minute), now.Add(time.Hour)
				}),
				address("192.0.2.8/24", func(a *discovery.Address) { a.Secondary = true }),
				address("2001:db8::7/64", func(a *discovery.Address) { a.Secondary, a.Deprecated = true, true }),
				address("fe80::7/64", func(a *discovery.Address) { a.Scope, a.Tentative = discovery.ScopeLink, true }),
				address("2001:db8::8/64", func(a *discovery.Address) { a.DADFailed = true }),
			}, AddressesOmitted: 3},
			{Index: 10, Name: "bond0", Kind: "bond"},
			{Index: 11, Name: "bond0.9", Kind: "vlan", Parent: 10, VLAN: 9},
		},
		Ports: []discovery.Port{{Index: 2, Name: "eth1", RouterProblem: "no room", Routers: []discovery.Router{
			router(0, prefix("2001:db8:1::/64", usual), prefix("2001:db8:2::/64", func(p *discovery.AdvertisedPrefix) { p.Valid, p.Preferred = 0, 0 }),
				prefix("2001:db8:3::/64", func(p *discovery.AdvertisedPrefix) { p.OnLink = false }), prefix("2001:db8:4::/64", func(p *discovery.AdvertisedPrefix) { p.Preferred = 0 })),
			router(9), router(9, prefix("2001:db8:9::/64", usual)),
		}}},
	}
	about := func(ifname string) []string {
		lines, _ := mapping.Explain(&mapping.View{}, snap, mapping.Memory{}, ifname, now)
		return slices.DeleteFunc(lines, func(s string) bool {
			return !strings.HasPrefix(s, "Addresses ") && !strings.HasPrefix(s, "Router ") && !strings.HasPrefix(s, "So do ")
		})
	}
	for ifname, want := range map[string][]string{
		"eth1": {
			"Addresses on eth1: 192.0.2.7/24, 198.51.100.7/24 (renewed 5 min ago, valid for 60 min more), 192.0.2.8/24 (secondary), 2001:db8::7/64 (temporary, deprecated), fe80::7/64 (scope link, tentative), 2001:db8::8/64 (a duplicate), and 3 more.",
			"Router fe80::9 (02:00:00:00:00:09), last heard 12s ago, announces 2001:db8:1::/64, 2001:db8:2::/64 (withdrawn), 2001:db8:3::/64 (not on-link), 2001:db8:4::/64 (deprecated).",
			"Router fe80::9 (02:00:00:00:00:09), last heard in VLAN 9 12s ago, announces no prefix.",
			"Router fe80::9 (02:00:00:00:00:09), last heard in VLAN 9 12s ago, announces 2001:db8:9::/64.",
			"Router advertisements cannot be heard on it: no room. That is tried again all the time.",
		},
		"bond0.9": {
			"Router fe80::9 (02:00:00:00:00:09), last heard on eth1 in VLAN 9 12s ago, announces no prefix.",
			"Router fe80::9 (02:00:00:00:00:09), last heard on eth1 in VLAN 9 12s ago, announces 2001:db8:9::/64.",
		},
	} {
		if diff := cmp.Diff(want, about(ifname)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", ifname, diff)
		}
	}
	for i := range 20 {
		snap.Ports[0].Routers = append(snap.Ports[0].Routers, router(uint16(100+i)))
		snap.Interfaces[0].Addresses = append(snap.Interfaces[0].Addresses, address(fmt.Sprintf("10.0.%d.1/24", i), func(*discovery.Address) {}))
	}
	got := about("eth1")
	if n := len(got); n != 11 || !strings.HasSuffix(got[0], ", and 21 more.") || got[9] != `So do 15 more; "colvin neighbors" lists them.` {
		t.Errorf("of very many: %q", got)
	}
}
