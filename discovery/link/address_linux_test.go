// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// TestAddresses lists the addresses that are global and there to stay.
func TestAddresses(t *testing.T) {
	node := netnstest.NewT(t, "node")
	if err := node.AddDevice("bridge", "br0"); err != nil {
		t.Fatal(err)
	}
	br0, err := node.Netlink().LinkByName("br0")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []struct {
		address string
		scope   int
		valid   int // seconds; it is preferred no more
	}{
		{"192.0.2.1/24", unix.RT_SCOPE_UNIVERSE, 0},
		{"192.0.2.2/24", unix.RT_SCOPE_UNIVERSE, 0}, // a secondary one
		{"169.254.1.1/16", unix.RT_SCOPE_UNIVERSE, 0},
		{"2001:db8::1/64", unix.RT_SCOPE_UNIVERSE, 0},
		{"2001:db8::2/64", unix.RT_SCOPE_UNIVERSE, 1000},
		{"fe80::1/64", unix.RT_SCOPE_LINK, 0},
	} {
		address, err := netlink.ParseAddr(a.address)
		if err != nil {
			t.Fatal(err)
		}
		address.Scope, address.ValidLft = a.scope, a.valid
		if address.IP.To4() == nil {
			address.Flags = unix.IFA_F_NODAD
		}
		if err := node.Netlink().AddrAdd(br0, address); err != nil {
			t.Fatalf("add %s: %v", a.address, err)
		}
	}
	var got map[int][]netip.Addr
	err = node.Do(func() (err error) {
		got, err = link.Addresses()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[int][]netip.Addr{br0.Attrs().Index: {
		netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::1"),
	}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}
