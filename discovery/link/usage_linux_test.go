// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// usage asks what a device is used for.
func usage(t *testing.T, node *netnstest.Namespace, name string) (u link.Usage) {
	t.Helper()
	index := find(t, node, name).Index
	err := node.Do(func() (err error) {
		u, err = link.UsageOf(index)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(u.Routes)
	return u
}

var comparePrefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func wantUsage(t *testing.T, node *netnstest.Namespace, name string, want link.Usage) {
	t.Helper()
	if diff := cmp.Diff(want, usage(t, node, name), comparePrefixes); diff != "" {
		t.Errorf("usage of %s (-want +got):\n%s", name, diff)
	}
}

// usageRig is a node with two cables.
func usageRig(t *testing.T) *netnstest.Namespace {
	t.Helper()
	node, far := netnstest.NewT(t, "node"), netnstest.NewT(t, "far")
	for i := range 2 {
		netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: fmt.Sprint("eth", i+1)}, netnstest.Endpoint{In: far, Name: fmt.Sprint("p", i+1)})
	}
	return node
}

func addAddress(t *testing.T, node *netnstest.Namespace, name, address string) {
	t.Helper()
	device, err := node.Netlink().LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	a, err := netlink.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	if a.IP.To4() == nil {
		a.Flags = unix.IFA_F_NODAD
	}
	if err := node.Netlink().AddrAdd(device, a); err != nil {
		t.Fatalf("add %s: %v", address, err)
	}
}

func addRoute(t *testing.T, node *netnstest.Namespace, r netlink.Route) {
	t.Helper()
	if err := node.Netlink().RouteAdd(&r); err != nil {
		t.Fatalf("add route %s: %v", r, err)
	}
}

func ipNet(cidr string) *net.IPNet {
	p := netip.MustParsePrefix(cidr)
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// TestUsageNone has a device that is up and has what every such device has.
func TestUsageNone(t *testing.T) {
	wantUsage(t, usageRig(t), "eth1", link.Usage{})
}

func TestUsageAddresses(t *testing.T) {
	node := usageRig(t)
	addAddress(t, node, "eth1", "192.0.2.1/24")
	addAddress(t, node, "eth1", "169.254.1.1/16")
	addAddress(t, node, "eth1", "2001:db8::1/64")
	addAddress(t, node, "eth2", "198.51.100.1/24")
	wantUsage(t, node, "eth1", link.Usage{Addresses: []netip.Prefix{
		netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("169.254.1.1/16"), netip.MustParsePrefix("2001:db8::1/64"),
	}})
}

// TestUsageRoutes has routes of many sorts, through next hops of which some are
// other devices'.
func TestUsageRoutes(t *testing.T) {
	node := usageRig(t)
	eth1, eth2 := find(t, node, "eth1").Index, find(t, node, "eth2").Index
	link1, link2 := netip.MustParseAddr("fe80::1").AsSlice(), netip.MustParseAddr("fe80::2").AsSlice()
	addRoute(t, node, netlink.Route{LinkIndex: eth1, Dst: ipNet("10.1.0.0/16"), Scope: netlink.SCOPE_LINK})
	addRoute(t, node, netlink.Route{LinkIndex: eth1, Dst: ipNet("2001:db8::/32"), Gw: link1})
	addRoute(t, node, netlink.Route{LinkIndex: eth1, Dst: ipNet("10.2.0.0/16"), Scope: netlink.SCOPE_LINK, Table: 1000})
	addRoute(t, node, netlink.Route{LinkIndex: eth2, Dst: ipNet("10.3.0.0/16"), Scope: netlink.SCOPE_LINK})
	addRoute(t, node, netlink.Route{Dst: ipNet("10.4.0.0/16"), MultiPath: []*netlink.NexthopInfo{{LinkIndex: eth2}, {LinkIndex: eth1}}})
	addRoute(t, node, netlink.Route{Dst: ipNet("::/0"), MultiPath: []*netlink.NexthopInfo{{LinkIndex: eth2, Gw: link2}, {LinkIndex: eth1, Gw: link1}}})
	wantUsage(t, node, "eth1", link.Usage{Routes: []string{
		"10.1.0.0/16", "10.2.0.0/16 table 1000", "10.4.0.0/16", "2001:db8::/32 via fe80::1", "default",
	}})
}

// TestUsageManyRoutes tells some of very many routes.
func TestUsageManyRoutes(t *testing.T) {
	node := usageRig(t)
	eth1 := find(t, node, "eth1").Index
	for i := range 200 {
		addRoute(t, node, netlink.Route{LinkIndex: eth1, Dst: ipNet(fmt.Sprintf("10.%d.0.0/16", i)), Scope: netlink.SCOPE_LINK})
	}
	if got := len(usage(t, node, "eth1").Routes); got != 16 {
		t.Errorf("%d routes, want 16", got)
	}
}

// TestUsageNextHop has a next hop of a routing daemon's, whose routes need not say
// what device they leave through.
func TestUsageNextHop(t *testing.T) {
	node := usageRig(t)
	eth1 := find(t, node, "eth1").Index
	err := node.Do(func() error {
		req := nl.NewNetlinkRequest(unix.RTM_NEWNEXTHOP, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
		req.AddRawData([]byte{unix.AF_INET, 0, unix.RTPROT_STATIC, 0, 0, 0, 0, 0}) // struct nhmsg
		req.AddRawData(nl.NewRtAttr(unix.NHA_ID, nl.Uint32Attr(7)).Serialize())
		req.AddRawData(nl.NewRtAttr(unix.NHA_OIF, nl.Uint32Attr(uint32(eth1))).Serialize())
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wantUsage(t, node, "eth1", link.Usage{Routes: []string{"next hop 7"}})
	wantUsage(t, node, "eth2", link.Usage{})
}

func TestUsageMaster(t *testing.T) {
	node := usageRig(t)
	if err := node.AddDevice("bridge", "br0", "eth1"); err != nil {
		t.Fatal(err)
	}
	wantUsage(t, node, "eth1", link.Usage{Master: find(t, node, "br0").Index})
}

func TestUsageUppers(t *testing.T) {
	netnstest.Require(t, netnstest.MACVLAN)
	node := usageRig(t)
	for _, name := range []string{"mac1", "mac2"} {
		if err := node.AddUpper("macvlan", name, "eth1"); err != nil {
			t.Fatal(err)
		}
	}
	wantUsage(t, node, "eth1", link.Usage{Uppers: []string{"mac1", "mac2"}})
	wantUsage(t, node, "mac1", link.Usage{})
}

// TestUsageVeth has both ends of a cable in one namespace: neither is on the other.
func TestUsageVeth(t *testing.T) {
	node := netnstest.NewT(t, "node")
	netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: "eth1"}, netnstest.Endpoint{In: node, Name: "eth2"})
	wantUsage(t, node, "eth1", link.Usage{})
}

func TestUsageNotFound(t *testing.T) {
	err := netnstest.NewT(t, "node").Do(func() error {
		_, err := link.UsageOf(4711)
		return err
	})
	if !errors.Is(err, link.ErrNotFound) {
		t.Errorf("UsageOf(4711) = %v, want ErrNotFound", err)
	}
}
