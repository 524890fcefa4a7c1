// SPDX-License-Identifier: Apache-2.0

package discovery_test

import (
	"net/netip"
	"testing"

	"github.com/colvin-net/colvin/discovery"
)

// TestAddress tells what an address says of its interface, and to whom it may be told.
func TestAddress(t *testing.T) {
	for _, tt := range []struct {
		prefix            string
		change            func(*discovery.Address)
		connects, lasting bool
		subnet            string
	}{
		{"192.0.2.1/24", func(*discovery.Address) {}, true, true, "192.0.2.0/24"},
		{"2001:db8::1/64", func(*discovery.Address) {}, true, true, "2001:db8::/64"},
		{"192.0.2.1/32", func(a *discovery.Address) { a.Peer = netip.MustParseAddr("198.51.100.9") }, true, true, "198.51.100.9/32"},
		{"192.0.2.1/24", func(a *discovery.Address) { a.Peer = netip.MustParseAddr("2001:db8::9") }, true, true, "2001:d00::/24"},
		{"192.0.2.2/24", func(a *discovery.Address) { a.Secondary = true }, false, true, "192.0.2.0/24"},
		{"2001:db8::2/64", func(a *discovery.Address) { a.Secondary = true }, false, false, "2001:db8::/64"},
		{"192.0.2.1/24", func(a *discovery.Address) { a.Scope = discovery.ScopeHost }, false, false, "192.0.2.0/24"},
		{"2001:db8::1/64", func(a *discovery.Address) { a.Tentative = true }, false, false, "2001:db8::/64"},
		{"2001:db8::1/64", func(a *discovery.Address) { a.DADFailed = true }, false, false, "2001:db8::/64"},
		{"2001:db8::1/64", func(a *discovery.Address) { a.Deprecated = true }, true, false, "2001:db8::/64"},
		{"2001:db8::1/64", func(a *discovery.Address) { a.Dynamic = true }, true, true, "2001:db8::/64"},
		{"fe80::1/64", func(*discovery.Address) {}, false, false, "fe80::/64"},
		{"169.254.1.1/16", func(*discovery.Address) {}, false, false, "169.254.0.0/16"},
	} {
		a := discovery.Address{Prefix: netip.MustParsePrefix(tt.prefix)}
		tt.change(&a)
		if a.Connects() != tt.connects || a.Lasting() != tt.lasting || a.Subnet().String() != tt.subnet {
			t.Errorf("%+v: connects %t, lasting %t, subnet %s; want %t, %t, %s", a, a.Connects(), a.Lasting(), a.Subnet(), tt.connects, tt.lasting, tt.subnet)
		}
	}
}

func TestAddressScope(t *testing.T) {
	for scope, want := range map[discovery.AddressScope]string{0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere", 17: "17"} {
		var back discovery.AddressScope
		if text, _ := scope.MarshalText(); string(text) != want || back.UnmarshalText(text) != nil || back != scope {
			t.Errorf("%d: %s, and back %d; want %s", scope, text, back, want)
		}
	}
	for _, wrong := range []string{"", "planet", "256", "-1"} {
		if err := new(discovery.AddressScope).UnmarshalText([]byte(wrong)); err == nil {
			t.Errorf("%q is a scope", wrong)
		}
	}
}
