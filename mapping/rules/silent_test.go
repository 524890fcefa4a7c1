// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// edge is a port of which nothing is known but what the node knows itself.
func edge() Subject {
	return Subject{
		Node: "edge-7", Interface: "eth1", MAC: "02:00:5e:00:53:01", PCI: "0000:3b:00.1", Driver: "virtio_net",
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.20.0.7/24"), netip.MustParsePrefix("2001:db8:7::7/64")},
		Leased:    []netip.Prefix{netip.MustParsePrefix("198.51.100.7/24")},
		Prefixes:  map[uint16][]netip.Prefix{0: {netip.MustParsePrefix("2001:db8:7::/64")}, 300: {netip.MustParsePrefix("2001:db8:300::/64")}},
	}
}

// What a match with silent says of a port where no switch speaks.
func TestPinKeys(t *testing.T) {
	type kind struct {
		pins, now, literal bool
		lacks              string
	}
	const announced = "r.yaml:1 would pin it, but no router announces "
	for match, want := range map[string]kind{
		`silent: true, node: "edge-*"`:                          {pins: true},
		`silent: "true", node: "edge-*"`:                        {pins: true},
		`silent: True, node: "edge-*"`:                          {pins: true},
		`silent: now, node: "edge-*"`:                           {pins: true, now: true},
		`silent: "now", node: "edge-*"`:                         {pins: true, now: true},
		`silent: true, node: "node-*"`:                          {},
		`silent: true, node: edge-7`:                            {pins: true},
		`silent: true, interface: eth1`:                         {pins: true},
		`silent: true, interface: eth2`:                         {},
		`silent: true, node: edge-7, interface: eth1`:           {pins: true, literal: true},
		`silent: true, node: "(edge-7)", interface: eth1`:       {pins: true, literal: true},
		`silent: true, node: 'edge\-7', interface: "eth?"`:      {pins: true},
		`silent: true, node: edge-7, pci: "3b:00.1"`:            {pins: true, literal: true},
		`silent: true, node: edge-7, driver: virtio_net`:        {pins: true},
		`silent: true, mac: "02:00:5e:00:53:01"`:                {pins: true, literal: true},
		`silent: true, mac: "02:00:5e:*"`:                       {pins: true},
		`silent: true, mac: "02:00:5e:00:53:02"`:                {},
		`silent: true, driver: "virtio*"`:                       {pins: true},
		`silent: true, address: 10.20.0.0/24`:                   {pins: true},
		`silent: true, address: 10.0.0.0/8`:                     {pins: true},
		`silent: true, address: 10.20.0.0/25`:                   {}, // another network
		`silent: true, address: 10.20.0.7`:                      {pins: true},
		`silent: true, address: 10.20.0.8`:                      {},
		`silent: true, address: "2001:db8:7::/64"`:              {pins: true},
		`silent: true, address: "2001:db8:7::/65"`:              {},
		`silent: true, address: "2001:db8:7::7"`:                {pins: true},
		`silent: true, address: 192.0.2.0/24`:                   {},
		`silent: true, node: edge-7, address: 10.21.0.0/24`:     {},
		`silent: true, node: edge-7, prefix: "2001:db8:7::/64"`: {pins: true},
		`silent: true, node: edge-7, prefix: "2001:db8::/32"`:   {pins: true},
		`silent: true, node: edge-7, prefix: "2001:db8:7::/65"`: {lacks: announced + "2001:db8:7::/65 there"},
		`silent: true, node: edge-7, prefix: "2001:db8:8::/64"`: {lacks: announced + "2001:db8:8::/64 there"},
		`silent: true, node: edge-8, prefix: "2001:db8:8::/64"`: {},
		`silent: true, address: 198.51.100.0/24`:                {lacks: "r.yaml:1 would pin it, but the lease of its address was not renewed since the link came up, or colvind does not know when that was"},
		`silent: true, node: edge-8, address: 198.51.100.0/24`:  {},
	} {
		t.Run(match, func(t *testing.T) {
			set := parse(t, `networks: [{name: x, match: [{`+match+`}]}]`)
			pins, why := set.Pins(edge())
			if len(why) > 1 || len(pins) > 1 {
				t.Fatalf("%d pins, %v", len(pins), why)
			}
			got := kind{pins: len(pins) == 1}
			if len(why) > 0 {
				got.lacks = why[0]
			}
			if got.pins {
				got.now, got.literal = pins[0].Now, pins[0].Literal
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if !set.HasPins() {
				t.Error("the rules are said to hold no pins")
			}
		})
	}
}

// For each tag the first rule counts, and words are filled in by what the node knows.
func TestPins(t *testing.T) {
	set := parse(t, `
networks:
  - {name: never, match: [{system: "*", vlan: 5}, {silent: true, node: other}]}
  - {name: "e-{node.1}-{interface.1}", aliases: ["by-{mac.1}-{pci.1}", "{driver.1}"],
     match: [{silent: true, node: "edge-(*)", interface: "(eth*)", mac: "(*)", pci: "0000:(*)", driver: "(*)_net"}]}
  - {name: late, match: [{silent: now, node: edge-7}]}
  - {name: "tag-{vlan}", tagged: "300,310", spans: true, match: [{silent: now, node: edge-7, interface: eth1}]}
  - {name: "long-{interface.1}", tagged: "310-311", match: [{silent: true, interface: "eth1(*)"}]}
`)
	pins, why := set.Pins(edge())
	want := []Pin{
		{VID: 0, Naming: Naming{Name: "e-7-eth1", Aliases: []string{"by-02-00-5e-00-53-01-3b-00-1", "virtio"}}},
		{VID: 300, Naming: Naming{Name: "tag-300", Spans: true}, Now: true, Literal: true},
		{VID: 310, Naming: Naming{Name: "tag-310", Spans: true}, Now: true, Literal: true},
	}
	if diff := cmp.Diff(want, pins, cmpopts.IgnoreFields(Naming{}, "Ref")); diff != "" {
		t.Errorf("pins (-want +got):\n%s", diff)
	}
	wantWhy := []string{"r.yaml:8 applies, but gives no name: {interface.1} is \"\" here, in which there is no letter or digit"}
	if diff := cmp.Diff(wantWhy, why); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if pins, why := (*Set)(nil).Pins(edge()); pins != nil || why != nil {
		t.Errorf("no rules pin %v, %v", pins, why)
	}
	if set := parse(t, `networks: [{name: x, match: [{node: "*", vlan: 5}]}]`); set.HasPins() {
		t.Error("rules about switches are said to hold pins")
	}
}

// A prefix guards each VLAN by what is announced in it, and a match that lacks it leaves the
// port to the next one.
func TestPinGuards(t *testing.T) {
	set := parse(t, `
networks:
  - {name: "tag-{vlan}", tagged: "300,310", match: [{silent: now, node: edge-7, prefix: "2001:db8:300::/64"}]}
  - {name: plain, match: [{silent: now, node: edge-7, prefix: "2001:db8:300::/64"}, {silent: true, node: edge-7, prefix: "2001:db8:7::/64"}]}
`)
	pins, why := set.Pins(edge())
	var got []string
	for _, pin := range pins {
		got = append(got, fmt.Sprint(pin.VID, pin.Naming.Name, pin.Now))
	}
	if diff := cmp.Diff([]string{"0plainfalse", "300tag-300true"}, got); diff != "" {
		t.Errorf("pins (-want +got):\n%s", diff)
	}
	want := []string{
		"r.yaml:3 would pin it, but no router announces 2001:db8:300::/64 there with tag 310, in a VLAN device",
		"r.yaml:4 would pin it, but no router announces 2001:db8:300::/64 there",
	}
	if diff := cmp.Diff(want, why); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	idle := parse(t, `networks: [{name: x, match: [{silent: now, node: edge-7, prefix: "2001:db8:8::/64"}]}]`).Idle(nil, []Subject{edge()}, nil)
	if len(idle) != 1 || idle[0].Why != "eth1: r.yaml:1 would pin it, but no router announces 2001:db8:8::/64 there" {
		t.Errorf("idle: %+v", idle)
	}
}
