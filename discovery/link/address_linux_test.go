// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/boottime"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// byValue compares addresses, which have no exported fields.
var byValue = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

// A host is a namespace with a bridge, which takes addresses.
type host struct {
	*netnstest.Namespace
	t   *testing.T
	br0 netlink.Link
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{Namespace: netnstest.NewT(t, "node"), t: t}
	if err := h.AddDevice("bridge", "br0"); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.br0, err = h.Netlink().LinkByName("br0"); err != nil {
		t.Fatal(err)
	}
	return h
}

// set sets an address with what changes makes of it, or renews it.
func (h *host) set(text string, changes func(*netlink.Addr)) {
	h.t.Helper()
	a, err := netlink.ParseAddr(text)
	if err != nil {
		h.t.Fatal(err)
	}
	if a.IP.To4() == nil {
		a.Flags = unix.IFA_F_NODAD
	}
	changes(a)
	if err := h.Netlink().AddrReplace(h.br0, a); err != nil {
		h.t.Fatalf("set %s: %v", text, err)
	}
}

func forGood(*netlink.Addr) {}

func (h *host) addresses() discovery.Addresses {
	h.t.Helper()
	var all map[int]discovery.Addresses
	if err := h.Do(func() (err error) { all, err = link.Addresses(); return err }); err != nil {
		h.t.Fatal(err)
	}
	return all[h.br0.Attrs().Index]
}

// TestAddresses reads addresses of every sort.
func TestAddresses(t *testing.T) {
	h := newHost(t)
	lease := func(valid, preferred int) func(*netlink.Addr) {
		return func(a *netlink.Addr) { a.ValidLft, a.PreferedLft = valid, preferred }
	}
	before := boottime.Now()
	h.set("192.0.2.1/24", forGood)
	h.set("192.0.2.2/24", forGood)
	h.set("198.51.100.1/32", func(a *netlink.Addr) {
		a.Peer = &net.IPNet{IP: net.IPv4(203, 0, 113, 9), Mask: net.CIDRMask(24, 32)}
	})
	h.set("169.254.1.1/16", func(a *netlink.Addr) { a.Scope = unix.RT_SCOPE_LINK })
	h.set("10.9.0.1/16", lease(3600, 1800))
	h.set("2001:db8::1/64", forGood)
	h.set("2001:db8:2::2/64", lease(1000, 0)) // preferred no more
	h.set("fe80::1/64", func(a *netlink.Addr) { a.Scope = unix.RT_SCOPE_LINK })
	got := h.addresses()
	after := boottime.Now()
	for i := range got.Known {
		a := &got.Known[i]
		// The kernel's ticks may be a little off its clocks.
		if a.Updated.Before(before.Add(-time.Second)) || a.Updated.After(after) {
			t.Errorf("%s: updated at %v, want between %v and %v", a.Prefix, a.Updated, before, after)
		}
		for what, end := range map[string]struct {
			at   time.Time
			want time.Duration
		}{
			"valid":     {a.ValidUntil, map[string]time.Duration{"10.9.0.1/16": time.Hour, "2001:db8:2::2/64": 1000 * time.Second}[a.Prefix.String()]},
			"preferred": {a.PreferredUntil, map[string]time.Duration{"10.9.0.1/16": 30 * time.Minute, "2001:db8:2::2/64": 1}[a.Prefix.String()]},
		} {
			left := end.at.Sub(after)
			if end.at.IsZero() != (end.want == 0) || end.want != 0 && (left > end.want || left < end.want-10*time.Second) {
				t.Errorf("%s: %s for %v, want %v", a.Prefix, what, left, end.want)
			}
		}
		*a = a.Timeless()
	}
	prefix := netip.MustParsePrefix
	want := discovery.Addresses{Known: []discovery.Address{
		{Prefix: prefix("192.0.2.1/24")},
		{Prefix: prefix("198.51.100.1/24"), Peer: netip.MustParseAddr("203.0.113.9")},
		{Prefix: prefix("10.9.0.1/16"), Dynamic: true},
		{Prefix: prefix("2001:db8::1/64")},
		{Prefix: prefix("2001:db8:2::2/64"), Dynamic: true, Deprecated: true},
		{Prefix: prefix("192.0.2.2/24"), Secondary: true},
		{Prefix: prefix("169.254.1.1/16"), Scope: discovery.ScopeLink},
		{Prefix: prefix("fe80::1/64"), Scope: discovery.ScopeLink},
	}}
	// The kernel makes a link-local address of its own, which may be tentative.
	own := func(a discovery.Address) bool {
		return a.Prefix.Addr().IsLinkLocalUnicast() && a.Prefix.Addr().Is6() && a.Prefix != prefix("fe80::1/64")
	}
	got.Known = slices.DeleteFunc(got.Known, own)
	byText := cmpopts.SortSlices(func(a, b discovery.Address) bool { return a.Prefix.String() < b.Prefix.String() })
	if diff := cmp.Diff(want, got, byValue, byText); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	connected := 0
	for connected < len(got.Known) && got.Known[connected].Connects() {
		connected++
	}
	if connected != 5 {
		t.Errorf("%d addresses that connect come first, want 5: %v", connected, got.Known)
	}
}

// TestRenewed holds that setting an address again moves Updated, and nothing else does.
func TestRenewed(t *testing.T) {
	for _, text := range []string{"192.0.2.1/24", "2001:db8::1/64"} {
		h := newHost(t)
		updated := func() time.Time {
			t.Helper()
			for _, a := range h.addresses().Known {
				if a.Prefix.String() == text {
					return a.Updated
				}
			}
			t.Fatalf("no %s among %v", text, h.addresses())
			return time.Time{}
		}
		lease := func(a *netlink.Addr) { a.ValidLft, a.PreferedLft = 3600, 1800 }
		h.set(text, lease)
		first := updated()
		<-time.After(50 * time.Millisecond)
		if again := updated(); again.Sub(first).Abs() > 20*time.Millisecond {
			t.Errorf("%s: updated at %v, and a moment later at %v", text, first, again)
		}
		h.set(text, lease)
		if renewed := updated(); renewed.Sub(first) < 40*time.Millisecond {
			t.Errorf("%s: renewed, and updated at %v still, %v later", text, first, renewed.Sub(first))
		}
	}
}

// TestVeryManyAddresses holds that what is kept of an interface is bounded, and has what
// matters.
func TestVeryManyAddresses(t *testing.T) {
	h := newHost(t)
	const many = 10_000
	for i := range many {
		a := &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 96, byte(i/250), byte(i%250+1)), Mask: net.CIDRMask(32, 32)}, Scope: unix.RT_SCOPE_LINK}
		if err := h.Netlink().AddrAdd(h.br0, a); err != nil {
			t.Fatal(err)
		}
	}
	h.set("192.0.2.1/24", forGood)
	got := h.addresses()
	if n := len(got.Known); n != discovery.MaxAddresses || n+got.Omitted < many+1 {
		t.Errorf("%d addresses known and %d omitted of %d", n, got.Omitted, many+1)
	}
	if first := got.Known[0].Prefix.String(); first != "192.0.2.1/24" {
		t.Errorf("the first is %s, want the only one that is global", first)
	}
}

// TestSubscribeAddresses shows that a new address and a renewed one hint, and that Close
// ends a blocked pump.
func TestSubscribeAddresses(t *testing.T) {
	h := newHost(t)
	var s *link.AddressSubscription
	if err := h.Do(func() (err error) { s, err = link.SubscribeAddresses(); return err }); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"192.0.2.1/24", "192.0.2.1/24", "2001:db8::1/64"} {
		h.set(text, func(a *netlink.Addr) { a.ValidLft, a.PreferedLft = 3600, 1800 })
		select {
		case <-s.Hints():
		case <-time.After(10 * time.Second):
			t.Errorf("%s does not hint", text)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if n := s.Errors(); n != 0 {
		t.Errorf("%d errors, want none", n)
	}
}
