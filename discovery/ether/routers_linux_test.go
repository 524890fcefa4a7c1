// SPDX-License-Identifier: Apache-2.0

package ether_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

// advertisement is told apart by its lifetime.
func (w *wire) advertisement(lifetime uint16) []byte {
	w.t.Helper()
	b, err := (&speaker.RouterAdvertisement{Router: discovery.Router{
		Source: discovery.MAC{2, 0, 0, 0, 0, 9}, Address: netip.MustParseAddr("fe80::9"), Lifetime: lifetime,
	}}).Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// offsets in a router advertisement.
const offHopLimit, offICMPType = 21, 54

// TestReceiveRouters hears router advertisements and nothing else.
func TestReceiveRouters(t *testing.T) {
	for _, s := range []ether.FrameSet{ether.Routers, ether.Routers | ether.Early} {
		w := newWire(t)
		e := w.listen(s)
		change := func(at int, octet byte) []byte {
			b := w.advertisement(1)
			b[at] = octet
			return b
		}
		unicast := w.advertisement(2)
		copy(unicast, w.port.MAC[:])
		for what, b := range map[string][]byte{
			"LLDP": w.marshal(frame(100, discovery.NearestBridge)), "CDP": cdpFrame(0x2000),
			"forwarded": change(offHopLimit, 254), "a solicitation": change(offICMPType, 133), "UDP": change(20, 17), "IPv4's type": change(13, 0),
			"to another host":         append([]byte{2, 0, 0, 0, 0, 77}, unicast[6:]...),
			"in a VLAN of its own":    tag(w.advertisement(1), 0x81, 0, 0, 9),
			"cut off before the type": w.advertisement(1)[:offICMPType],
		} {
			if s&ether.Early != 0 && what == "in a VLAN of its own" {
				continue
			}
			w.sendRaw(w.far, b)
			w.sendRaw(w.far, w.advertisement(3))
			e.expectRaw("after "+what, w.advertisement(3))
		}
		w.sendRaw(w.near, w.advertisement(1))
		w.sendRaw(w.far, unicast)
		e.expectRaw("after one of our own, one to us alone", unicast)
		w.sendRaw(w.far, tag(w.advertisement(4), 0x81, 0, 0xe0, 0))
		got := e.nextFrame("with a priority")
		if got.Tag != 0 || got.Device != w.port.Index {
			t.Errorf("with a priority: %+v", got)
		}
		if s&ether.Early != 0 {
			w.sendRaw(w.far, tag(w.advertisement(5), 0x81, 0, 0, 9))
			e.expectTagged("in a VLAN", 9, w.advertisement(5))
		}
	}
}

// TestRouterGroup shows that the NIC lets in what is for all nodes, though the node does not
// speak IPv6.
func TestRouterGroup(t *testing.T) {
	w := newWire(t)
	// IPv6 leaves a device whose MTU is too small for it.
	eth1, err := w.node.Netlink().LinkByName("eth1")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.node.Netlink().LinkSetMTU(eth1, 1000); err != nil {
		t.Fatal(err)
	}
	const allNodes = "333300000001"
	if g := w.groups(); slices.Contains(g, allNodes) {
		t.Fatalf("groups %v without IPv6", g)
	}
	e := w.listen(ether.Routers)
	if g := w.groups(); !slices.Contains(g, allNodes) {
		t.Errorf("groups %v, want %s", g, allNodes)
	}
	w.sendRaw(w.far, w.advertisement(1))
	e.expectRaw("without IPv6", w.advertisement(1))
}

// TestRoutersEverywhere hears each router advertisement once, and knows in which VLAN it
// came, whatever is above the port.
func TestRoutersEverywhere(t *testing.T) {
	vlan := func(on string) func(*netnstest.Namespace) error {
		return func(n *netnstest.Namespace) error { return n.AddVLAN(on+".9", on, 9) }
	}
	both := func(fs ...func(*netnstest.Namespace) error) func(*netnstest.Namespace) error {
		return func(n *netnstest.Namespace) error {
			for _, f := range fs {
				if err := f(n); err != nil {
					return err
				}
			}
			return nil
		}
	}
	device := func(kind, name string, members ...string) func(*netnstest.Namespace) error {
		return func(n *netnstest.Namespace) error { return n.AddDevice(kind, name, members...) }
	}
	bond := func(mode string, members ...string) func(*netnstest.Namespace) error {
		return func(n *netnstest.Namespace) error { return n.AddBond("bond0", mode, members...) }
	}
	for name, tt := range map[string]struct {
		needs []*netnstest.Feature
		make  func(*netnstest.Namespace) error
		early bool
		tags  []uint16
	}{
		"nothing":                      {nil, both(), false, []uint16{0}},
		"bridge":                       {nil, device("bridge", "br0", "eth1"), true, []uint16{0}},
		"Open vSwitch":                 {[]*netnstest.Feature{netnstest.OpenVSwitch}, func(n *netnstest.Namespace) error { return n.AddOpenVSwitch("eth1") }, true, []uint16{0}},
		"VRF":                          {[]*netnstest.Feature{netnstest.VRF}, device("vrf", "vrf0", "eth1"), false, []uint16{0}},
		"macvlan":                      {[]*netnstest.Feature{netnstest.MACVLAN}, func(n *netnstest.Namespace) error { return n.AddUpper("macvlan", "mv0", "eth1") }, false, []uint16{0}},
		"VLAN device":                  {[]*netnstest.Feature{netnstest.VLAN}, vlan("eth1"), false, []uint16{0, 9}},
		"VLAN device in a bridge":      {[]*netnstest.Feature{netnstest.VLAN}, both(vlan("eth1"), device("bridge", "br9", "eth1.9")), true, []uint16{0, 9}},
		"VLAN device on a bridge":      {[]*netnstest.Feature{netnstest.VLAN}, both(device("bridge", "br0", "eth1"), vlan("br0")), true, []uint16{0, 9}},
		"bond":                         {[]*netnstest.Feature{netnstest.Bonding}, bond("balance-rr", "eth1"), false, []uint16{0}},
		"inactive member of a bond":    {[]*netnstest.Feature{netnstest.Bonding}, bond("active-backup", "eth0", "eth1"), false, []uint16{0}},
		"VLAN device on a bond":        {[]*netnstest.Feature{netnstest.Bonding, netnstest.VLAN}, both(bond("balance-rr", "eth1"), vlan("bond0")), false, []uint16{0, 9}},
		"bond's VLAN device, bridge":   {[]*netnstest.Feature{netnstest.Bonding, netnstest.VLAN}, both(bond("balance-rr", "eth1"), vlan("bond0"), device("bridge", "br9", "bond0.9")), true, []uint16{0, 9}},
		"VLAN device beside a macvlan": {[]*netnstest.Feature{netnstest.MACVLAN, netnstest.VLAN}, both(vlan("eth1"), func(n *netnstest.Namespace) error { return n.AddUpper("macvlan", "mv0", "eth1") }), false, []uint16{0, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			netnstest.Require(t, tt.needs...)
			w := newWire(t)
			spare := netnstest.NewT(t, "spare")
			netnstest.ConnectT(t, netnstest.Endpoint{In: w.node, Name: "eth0"}, netnstest.Endpoint{In: spare, Name: "p1"})
			if err := tt.make(w.node); err != nil {
				t.Fatal(err)
			}
			interfaces := w.look()
			w.warm()
			set := ether.RoutersOn(w.port, interfaces, ether.CaptureAuto)
			if early := set&ether.Early != 0; early != tt.early {
				t.Errorf("early %t, want %t", early, tt.early)
			}
			e, lanes := w.listen(set), discovery.Lanes(w.port, interfaces)
			want, got := map[string]int{}, map[string]int{}
			for _, vid := range tt.tags {
				b := w.advertisement(vid + 1)
				if want[note(vid, b)]++; vid != 0 {
					b = tag(b, 0x81, 0, 0, byte(vid))
				}
				w.sendRaw(w.far, b)
			}
			w.sendRaw(w.far, tag(w.advertisement(8), 0x81, 0, 0, 8)) // for which there is no device
			for idle, done := time.After(time.Second), false; !done; {
				select {
				case f := <-e.heard:
					vid, known := lanes[f.Device]
					if f.Tag != 8 && known {
						got[note(max(vid, f.Tag), f.Octets)]++
					}
				case <-idle:
					done = true
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		})
	}
}

func note(vid uint16, octets []byte) string {
	return strings.TrimSpace(fmt.Sprintf("VLAN %d: %s", vid, hex.EncodeToString(bytes.Clone(octets))))
}
