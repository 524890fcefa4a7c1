// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// An Address is an IP address of an interface, as rtnetlink tells it.
type Address struct {
	// Prefix is the address with the length of its subnet's prefix.
	Prefix netip.Prefix `json:"prefix"`
	// Peer is the address at the other end, where the address was set with one: then the
	// subnet is the peer's.
	Peer  netip.Addr   `json:"peer,omitzero"`
	Scope AddressScope `json:"scope"`

	// Secondary is IFA_F_SECONDARY: the subnet has another address, which came first. An
	// IPv6 address has the same flag where it is a temporary one (RFC 8981).
	Secondary bool `json:"secondary,omitempty"`
	// Dynamic is set where the address has a lifetime: IFA_F_PERMANENT is not.
	Dynamic bool `json:"dynamic,omitempty"`
	// Deprecated is set once it is preferred no more, though valid still.
	Deprecated bool `json:"deprecated,omitempty"`
	// Tentative is set until it is known to be unique on the link (RFC 4862, 5.4).
	Tentative bool `json:"tentative,omitempty"`
	// DADFailed is set where it is not unique, and so of no use.
	DADFailed bool `json:"dadFailed,omitempty"`

	// Updated is when somebody last set the address, renewed its lease or announced its
	// prefix again. It is never later than that; where the machine was suspended meanwhile,
	// it is earlier by as long.
	Updated time.Time `json:"updated,omitzero"`
	// ValidUntil and PreferredUntil are when its lifetimes end, to the second; zero: never.
	ValidUntil     time.Time `json:"validUntil,omitzero"`
	PreferredUntil time.Time `json:"preferredUntil,omitzero"`
}

// Subnet is the subnet that the address makes the interface part of.
func (a *Address) Subnet() netip.Prefix {
	if a.Peer.IsValid() {
		return netip.PrefixFrom(a.Peer, a.Prefix.Bits()).Masked()
	}
	return a.Prefix.Masked()
}

// Connects reports whether the address says which subnet the interface is part of: it is
// global, the first of its subnet, and there.
func (a *Address) Connects() bool {
	return a.Scope == ScopeGlobal && !a.Secondary && !a.Tentative && !a.DADFailed && a.Prefix.Addr().IsGlobalUnicast()
}

// Lasting reports whether others can be told the address: it is global, and neither
// temporary nor about to go.
func (a *Address) Lasting() bool {
	temporary := a.Secondary && a.Prefix.Addr().Is6()
	return a.Scope == ScopeGlobal && !temporary && !a.Tentative && !a.DADFailed && !a.Deprecated && a.Prefix.Addr().IsGlobalUnicast()
}

// Timeless is the address without its times: what is the same while a lease is renewed.
func (a Address) Timeless() Address {
	a.Updated, a.ValidUntil, a.PreferredUntil = time.Time{}, time.Time{}, time.Time{}
	return a
}

// MaxAddresses is how many addresses of an interface are kept. Some, such as that of a
// load balancer for the services of a cluster, have ten thousand.
const MaxAddresses = 64

// Addresses are those of one interface.
type Addresses struct {
	Known   []Address // those that Connect first, else in the kernel's order; MaxAddresses at most
	Omitted int       // how many more there are
}

// AddressScope is how far an address is valid (rtm_scope of linux/rtnetlink.h).
type AddressScope uint8

// The scopes that have a name.
const (
	ScopeGlobal  AddressScope = 0
	ScopeSite    AddressScope = 200
	ScopeLink    AddressScope = 253
	ScopeHost    AddressScope = 254
	ScopeNowhere AddressScope = 255
)

// scopes are their names, which are those of ip(8).
var scopes = map[AddressScope]string{
	ScopeGlobal: "global", ScopeSite: "site", ScopeLink: "link", ScopeHost: "host", ScopeNowhere: "nowhere",
}

// String returns the scope's name, or its number.
func (s AddressScope) String() string {
	if name, ok := scopes[s]; ok {
		return name
	}
	return strconv.Itoa(int(s))
}

// MarshalText implements encoding.TextMarshaler.
func (s AddressScope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *AddressScope) UnmarshalText(b []byte) error {
	for scope, name := range scopes {
		if name == string(b) {
			*s = scope
			return nil
		}
	}
	n, err := strconv.ParseUint(string(b), 10, 8)
	if err != nil {
		return fmt.Errorf("parse address scope %q: write a name of ip(8), or a number up to 255", b)
	}
	*s = AddressScope(n)
	return nil
}
