// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/netnstest"
)

func TestSetUp(t *testing.T) {
	node, far := netnstest.NewT(t, "node"), netnstest.NewT(t, "far")
	netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: "eth1"}, netnstest.Endpoint{In: far, Name: "p1"})
	eth1, err := node.Netlink().LinkByName("eth1")
	if err != nil {
		t.Fatal(err)
	}
	// One that is up already stays so.
	for _, set := range []func(netlink.Link) error{node.Netlink().LinkSetDown, node.Netlink().LinkSetUp} {
		if err := set(eth1); err != nil {
			t.Fatal(err)
		}
		if err := node.Do(func() error { return link.SetUp(eth1.Attrs().Index) }); err != nil {
			t.Fatal(err)
		}
		if got := find(t, node, "eth1"); !got.Up || !got.Carrier {
			t.Errorf("%+v, want it up and with carrier", got)
		}
	}
	for _, index := range []int{0, 4711} {
		if err := node.Do(func() error { return link.SetUp(index) }); !errors.Is(err, link.ErrNotFound) {
			t.Errorf("ifindex %d: %v, want ErrNotFound", index, err)
		}
	}
}
