// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// AddAddress gives a device an address.
func (n *Namespace) AddAddress(device string, p netip.Prefix) error {
	return n.change("give "+p.String()+" to", device, func(l netlink.Link) error {
		return n.handle.AddrAdd(l, &netlink.Addr{IPNet: ipNet(p)})
	})
}

// AddRoute routes what is sent to an address in to by a gateway behind a device.
func (n *Namespace) AddRoute(device string, to netip.Prefix, gateway netip.Addr) error {
	return n.change("route "+to.String()+" over", device, func(l netlink.Link) error {
		return n.handle.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: ipNet(to), Gw: gateway.AsSlice()})
	})
}

// Forward makes the namespace a router, between all of its devices.
func (n *Namespace) Forward(ctx context.Context) error {
	said, err := n.Command(ctx, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward").CombinedOutput()
	if err != nil {
		return fmt.Errorf("make %s a router: %w: %s", n.name, err, said)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
