// SPDX-License-Identifier: Apache-2.0

package discovery_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// onPort is a port on which a router announces a prefix of its own in each VLAN.
func onPort(index int, name string, vids ...uint16) discovery.Port {
	p := discovery.Port{Index: index, Name: name}
	for _, vid := range vids {
		p.Routers = append(p.Routers, discovery.Router{Tag: vid, Address: netip.MustParseAddr("fe80::1"), Prefixes: []discovery.AdvertisedPrefix{
			{Prefix: netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x:%x::/64", index, vid)), OnLink: true, Valid: 3600, LastHeard: noon},
		}})
	}
	return p
}

// TestHeardPrefixes finds the ports below interfaces of every sort.
func TestHeardPrefixes(t *testing.T) {
	s := discovery.Snapshot{
		Time: noon,
		Interfaces: []discovery.Interface{
			{Index: 2, Name: "eth0"},
			{Index: 3, Name: "eth1", Master: 10},
			{Index: 4, Name: "eth2", Master: 10},
			{Index: 5, Name: "eth3", Master: 13},
			{Index: 10, Name: "bond0", Kind: "bond"},
			{Index: 11, Name: "bond0.9", Kind: "vlan", Parent: 10, VLAN: 9, Master: 12},
			{Index: 12, Name: "br9", Kind: "bridge"},
			{Index: 13, Name: "filtering", Kind: "bridge", VLANFiltering: true},
			{Index: 14, Name: "filtering.9", Kind: "vlan", Parent: 13, VLAN: 9},
			{Index: 15, Name: "br9.7", Kind: "vlan", Parent: 12, VLAN: 7},
			{Index: 16, Name: "circle1", Kind: "bridge", Master: 17},
			{Index: 17, Name: "circle2", Kind: "bridge", Master: 16},
			{Index: 18, Name: "veth1", Kind: "veth", Master: 12},
			{Index: 19, Name: "macvlan", Kind: "macvlan", Parent: 2},
		},
		Ports: []discovery.Port{onPort(2, "eth0", 0, 9), onPort(3, "eth1", 0, 9), onPort(4, "eth2", 0, 9), onPort(5, "eth3", 0, 9)},
	}
	for index, want := range map[int]string{
		2: "[2001:db8:2::/64]", 3: "[2001:db8:3::/64]", 10: "[2001:db8:3::/64 2001:db8:4::/64]",
		11: "[2001:db8:3:9::/64 2001:db8:4:9::/64]", 12: "[2001:db8:3:9::/64 2001:db8:4:9::/64]",
		13: "[]", 14: "[]", 15: "[]", 16: "[]", 18: "[]", 19: "[]", 99: "[]",
	} {
		if got := fmt.Sprint(s.HeardPrefixes(index)); got != want {
			t.Errorf("%d: %s, want %s", index, got, want)
		}
	}
	if got := s.Routers(11); len(got) != 2 || got[0].Port != "eth1" || got[1].Port != "eth2" || got[0].Tag != 9 {
		t.Errorf("routers of bond0.9: %+v", got)
	}
}

// TestHeardPrefixesOnLink leaves out what says nothing of the link, or no more.
func TestHeardPrefixesOnLink(t *testing.T) {
	prefix := func(n int, change func(*discovery.AdvertisedPrefix)) discovery.AdvertisedPrefix {
		p := discovery.AdvertisedPrefix{Prefix: netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x::/64", n)), OnLink: true, Valid: 60, LastHeard: noon.Add(-30 * time.Second)}
		change(&p)
		return p
	}
	router := discovery.Router{Prefixes: []discovery.AdvertisedPrefix{
		prefix(5, func(*discovery.AdvertisedPrefix) {}),
		prefix(1, func(p *discovery.AdvertisedPrefix) { p.OnLink, p.Autonomous = false, true }),
		prefix(2, func(p *discovery.AdvertisedPrefix) { p.Valid = 0 }),
		prefix(3, func(p *discovery.AdvertisedPrefix) { p.Valid = 30 }),
		prefix(4, func(p *discovery.AdvertisedPrefix) {
			p.Valid, p.LastHeard = discovery.Infinite, noon.Add(-discovery.LongestAdvertisement)
		}),
	}}
	s := discovery.Snapshot{
		Time: noon, Interfaces: []discovery.Interface{{Index: 2}},
		Ports: []discovery.Port{{Index: 2, Routers: []discovery.Router{router, router}}},
	}
	if got := fmt.Sprint(s.HeardPrefixes(2)); got != "[2001:db8:5::/64]" {
		t.Error(got)
	}
	if diff := cmp.Diff("[2001:db8:1::/64 2001:db8:3::/64 2001:db8:4::/64 2001:db8:5::/64]", fmt.Sprint(slices.SortedFunc(slices.Values(router.Announced()), netip.Prefix.Compare))); diff != "" {
		t.Error(diff)
	}
	if got := (&discovery.Router{Address: netip.MustParseAddr("fe80::1"), Source: discovery.MAC{2, 0, 0, 0, 0, 1}}).String(); got != "fe80::1 (02:00:00:00:00:01)" {
		t.Error(got)
	}
}

func TestConnected(t *testing.T) {
	address := func(prefix string, change func(*discovery.Address)) discovery.Address {
		a := discovery.Address{Prefix: netip.MustParsePrefix(prefix)}
		change(&a)
		return a
	}
	s := discovery.Snapshot{Interfaces: []discovery.Interface{{Index: 2, Addresses: []discovery.Address{
		address("192.0.2.1/24", func(*discovery.Address) {}),
		address("192.0.2.2/24", func(a *discovery.Address) { a.Secondary = true }),
		address("2001:db8::1/64", func(a *discovery.Address) { a.Dynamic, a.Updated = true, noon }),
		address("fe80::1/64", func(a *discovery.Address) { a.Scope = discovery.ScopeLink }),
	}}}}
	var got []string
	for _, a := range s.Connected(2) {
		got = append(got, a.Subnet().String())
	}
	if diff := cmp.Diff([]string{"192.0.2.0/24", "2001:db8::/64"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := s.Connected(3); got != nil {
		t.Errorf("of no interface: %v", got)
	}
}

// TestHeardPrefixesByTag keeps the VLANs of a port apart.
func TestHeardPrefixesByTag(t *testing.T) {
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	says := func(tag uint16, prefix string, onLink bool, valid uint32) discovery.Router {
		return discovery.Router{Tag: tag, Prefixes: []discovery.AdvertisedPrefix{{Prefix: netip.MustParsePrefix(prefix), OnLink: onLink, Valid: valid, LastHeard: now}}}
	}
	p := discovery.Port{Routers: []discovery.Router{
		says(0, "2001:db8::/64", true, 60), says(300, "2001:db8:300::/64", true, 60), says(300, "2001:db8:301::/64", true, 600),
		says(0, "2001:db8:1::/64", false, 60), says(310, "2001:db8:310::/64", true, 0),
	}}
	if got, want := fmt.Sprint(p.HeardPrefixes(now)), "map[0:[2001:db8::/64] 300:[2001:db8:300::/64 2001:db8:301::/64]]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := fmt.Sprint(p.HeardPrefixes(now.Add(time.Minute))), "map[300:[2001:db8:301::/64]]"; got != want {
		t.Errorf("a minute later %s, want %s", got, want)
	}
}
