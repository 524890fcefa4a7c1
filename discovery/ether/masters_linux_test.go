// SPDX-License-Identifier: Apache-2.0

package ether_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/internal/netnstest"
)

const (
	plain = ether.LLDP | ether.CDP
	early = plain | ether.Early
)

// above are what can be made of a port, and what must be done to hear on it.
var above = []struct {
	name    string
	needs   *netnstest.Feature
	make    func(*netnstest.Namespace) error
	sockets ether.FrameSet // all of them
}{
	{"nothing", netnstest.NetNS, func(*netnstest.Namespace) error { return nil }, plain},
	{"bridge", netnstest.NetNS, func(n *netnstest.Namespace) error {
		return n.AddDevice("bridge", "br0", "eth1")
	}, early},
	{"bridge that forwards LLDP", netnstest.NetNS, func(n *netnstest.Namespace) error {
		if err := n.AddDevice("bridge", "br0", "eth1"); err != nil {
			return err
		}
		return os.WriteFile(n.Path("/sys/class/net/br0/bridge/group_fwd_mask"), []byte("0x4000"), 0)
	}, early},
	{"Open vSwitch", netnstest.OpenVSwitch, func(n *netnstest.Namespace) error { return n.AddOpenVSwitch("eth1") }, early},
	{"bond", netnstest.Bonding, func(n *netnstest.Namespace) error { return n.AddBond("bond0", "balance-rr", "eth1") }, plain},
	{"inactive member of a bond", netnstest.Bonding, func(n *netnstest.Namespace) error {
		return n.AddBond("bond0", "active-backup", "eth0", "eth1")
	}, plain},
	{"LACP bond without partner", netnstest.Bonding, func(n *netnstest.Namespace) error {
		return n.AddBond("bond0", "802.3ad", "eth0", "eth1")
	}, plain},
	{"bond in a bridge", netnstest.Bonding, func(n *netnstest.Namespace) error {
		if err := n.AddBond("bond0", "balance-rr", "eth1"); err != nil {
			return err
		}
		return n.AddDevice("bridge", "br0", "bond0")
	}, early},
	{"bond in Open vSwitch", netnstest.OpenVSwitch, func(n *netnstest.Namespace) error {
		if err := n.AddBond("bond0", "balance-rr", "eth1"); err != nil {
			return err
		}
		return n.AddOpenVSwitch("bond0")
	}, early},
	{"VRF", netnstest.VRF, func(n *netnstest.Namespace) error { return n.AddDevice("vrf", "vrf0", "eth1") }, plain},
	{"VLAN device", netnstest.VLAN, func(n *netnstest.Namespace) error { return n.AddVLAN("eth1.9", "eth1", 9) }, plain},
	{"macvlan", netnstest.MACVLAN, func(n *netnstest.Namespace) error { return n.AddUpper("macvlan", "mv0", "eth1") }, plain},
	{"ipvlan", netnstest.IPVLAN, func(n *netnstest.Namespace) error { return n.AddUpper("ipvlan", "iv0", "eth1") }, plain},
}

// TestMasters hears every frame once on a port, whatever is above it, through the
// sockets that are chosen for it.
func TestMasters(t *testing.T) {
	for _, tt := range above {
		t.Run(tt.name, func(t *testing.T) {
			netnstest.Require(t, tt.needs)
			w := newWire(t)
			spare := netnstest.NewT(t, "spare")
			netnstest.ConnectT(t, netnstest.Endpoint{In: w.node, Name: "eth0"}, netnstest.Endpoint{In: spare, Name: "p1"})
			if err := tt.make(w.node); err != nil {
				t.Fatal(err)
			}
			interfaces := w.look()
			var all ether.FrameSet
			var ears []*ear
			w.warm()
			for _, s := range ether.FrameSetsFor(w.port, interfaces, ether.LLDP|ether.CDP, ether.CaptureAuto) {
				all |= s
				ears = append(ears, w.listen(s))
			}
			if all != tt.sockets {
				t.Errorf("sockets %04b, want %04b", all, tt.sockets)
			}
			w.hearOnce(ears)
		})
	}
}

// hearOnce sends every kind of frame and expects each to be heard once.
func (w *wire) hearOnce(ears []*ear) {
	w.t.Helper()
	frames := map[string][]byte{"CDP": cdpFrame(0x2000)}
	for _, group := range []byte{0x0e, 0x03, 0x00} {
		to := discovery.NearestBridge
		to[5] = group
		frames[fmt.Sprintf("LLDP to %s", to)] = w.marshal(frame(uint16(group)+100, to))
	}
	want, got := map[string]int{}, map[string]int{}
	for name, b := range frames {
		want[name] = 2
		w.sendRaw(w.far, b)
		w.sendRaw(w.far, tag(bytes.Clone(b), 0x81, 0, 0, 9))
	}
	idle := time.NewTimer(time.Second)
	for heard := merge(ears); ; {
		select {
		case b := <-heard:
			for name, f := range frames {
				if bytes.Equal(b, f) {
					got[name]++
				}
			}
			continue
		case <-idle.C:
		}
		break
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("heard (-want +got):\n%s", diff)
	}
}

// merge joins what ears hear, until the test ends.
func merge(ears []*ear) <-chan []byte {
	out := make(chan []byte)
	for _, e := range ears {
		go func() {
			for {
				select {
				case f := <-e.heard:
					out <- f.Octets
				case <-e.t.Context().Done():
					return
				}
			}
		}()
	}
	return out
}

// TestTooLate shows what happens without an Early socket.
func TestTooLate(t *testing.T) {
	w := newWire(t)
	if err := w.node.AddDevice("bridge", "br0", "eth1"); err != nil {
		t.Fatal(err)
	}
	w.look()
	w.warm()
	cdp, lldp, first := w.listen(ether.CDP), w.listen(ether.LLDP), w.listen(early)
	customerBridge := discovery.MAC{0x01, 0x80, 0xc2, 0, 0, 0x00}
	w.send(w.far, frame(100, customerBridge))
	first.expect("customer bridge", 100)
	w.sendRaw(w.far, cdpFrame(0x2000))
	first.expectRaw("CDP", cdpFrame(0x2000))
	w.send(w.far, frame(101, discovery.NearestBridge))
	first.expect("nearest bridge", 101)
	lldp.expect("nearest bridge, and nothing before", 101)
	if len(cdp.heard) > 0 {
		t.Error("CDP is heard behind a bridge after all")
	}
}
