// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

// TestDevicesRouters hears routers on what is built of ports: a bond, its VLAN device, a
// bridge on that, and a VLAN device beside it; and sees their addresses.
func TestDevicesRouters(t *testing.T) {
	r := newDeviceRig(t, netnstest.Bonding, netnstest.VLAN)
	leaf := r.leaf("leaf1")
	r.cable("eth1", leaf, "p1")
	r.ok(r.AddBond("bond0", "active-backup", "eth1"))
	r.ok(r.AddVLAN("bond0.9", "bond0", 9))
	r.ok(r.AddDevice("bridge", "br9", "bond0.9"))
	r.ok(r.AddVLAN("bond0.8", "bond0", 8))
	r.startAgent()
	s := openSpeaker(t, leaf.Namespace, "p1")
	announce := func(vid uint16) {
		t.Helper()
		frame, err := (&speaker.RouterAdvertisement{Router: discovery.Router{
			Tag: vid, Source: discovery.MAC{2, 0, 0, 0, 0, 9}, Address: netip.MustParseAddr("fe80::9"), Lifetime: 1800,
			Prefixes: []discovery.AdvertisedPrefix{{Prefix: netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x::/64", vid)), OnLink: true, Valid: 3600}},
		}}).Marshal()
		r.ok(err)
		r.ok(s.SendRaw(frame))
	}
	want := map[string]string{
		"eth1": "[2001:db8::/64]", "bond0": "[2001:db8::/64]", "bond0.9": "[2001:db8:9::/64]", "br9": "[2001:db8:9::/64]", "bond0.8": "[2001:db8:8::/64]",
	}
	r.await(func(state *agentapi.State) string {
		for _, vid := range []uint16{0, 7, 8, 9} {
			announce(vid)
		}
		got := map[string]string{}
		for _, i := range state.Snapshot.Interfaces {
			if p := state.Snapshot.HeardPrefixes(i.Index); p != nil {
				got[i.Name] = fmt.Sprint(p)
			}
		}
		return cmp.Diff(want, got)
	})
	br9, err := r.Netlink().LinkByName("br9")
	r.ok(err)
	address, err := netlink.ParseAddr("192.0.2.9/24")
	r.ok(err)
	r.ok(r.Netlink().AddrAdd(br9, address))
	added := time.Now()
	r.await(func(state *agentapi.State) string {
		if c := state.Snapshot.Connected(br9.Attrs().Index); len(c) != 1 || c[0].Subnet().String() != "192.0.2.0/24" {
			return fmt.Sprintf("br9 is connected to %v", c)
		}
		return ""
	})
	t.Logf("the address is seen after %v", time.Since(added))
}
