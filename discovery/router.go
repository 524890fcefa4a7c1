// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"time"
)

// A Router is who sends router advertisements on a port (RFC 4861, 4.2), and what it says.
// Nobody vouches for any of it: whoever is on the wire can say the same.
type Router struct {
	// Tag is the VID of the VLAN in which it is heard, or 0 where its frames bear no tag.
	Tag     uint16     `json:"tag,omitempty"`
	Source  MAC        `json:"source"`  // source MAC address of the frames
	Address netip.Addr `json:"address"` // its link-local address

	Preference Preference `json:"preference"`
	// Lifetime is for how long it is a default router, in seconds; 0: it is none.
	Lifetime uint16 `json:"lifetime"`
	Managed  bool   `json:"managed,omitempty"` // addresses are given by DHCPv6
	Other    bool   `json:"other,omitempty"`   // other settings are given by DHCPv6

	Prefixes []AdvertisedPrefix `json:"prefixes,omitempty"` // ordered by prefix

	FirstHeard time.Time `json:"firstHeard,omitzero"` // zero where the frame is of a capture
	LastHeard  time.Time `json:"lastHeard,omitzero"`
}

// Announced are the prefixes that the router announces, but not those that it withdrew.
func (r *Router) Announced() []netip.Prefix {
	var out []netip.Prefix
	for i := range r.Prefixes {
		if p := &r.Prefixes[i]; !p.Withdrawn() {
			out = append(out, p.Prefix)
		}
	}
	return out
}

// String names the router for people.
func (r *Router) String() string { return fmt.Sprintf("%s (%s)", r.Address, r.Source) }

// An AdvertisedPrefix is a prefix that a router announces (RFC 4861, 4.6.2).
type AdvertisedPrefix struct {
	Prefix     netip.Prefix `json:"prefix"`
	OnLink     bool         `json:"onLink"`     // its addresses are on this link
	Autonomous bool         `json:"autonomous"` // hosts make addresses of it by themselves

	// Valid and Preferred are lifetimes in seconds, as said; Infinite is without end. A
	// Valid of 0 withdraws the prefix.
	Valid     uint32    `json:"valid"`
	Preferred uint32    `json:"preferred"`
	LastHeard time.Time `json:"lastHeard,omitzero"`
}

// Infinite is a lifetime that does not end.
const Infinite = math.MaxUint32

// LongestAdvertisement is how long an advertisement counts at most that is not heard again,
// whatever lifetimes it tells: three of the longest intervals at which routers send
// (RFC 4861, 6.2.1, MaxRtrAdvInterval).
const LongestAdvertisement = 3 * 30 * time.Minute

// Withdrawn reports whether the router took the prefix back.
func (p *AdvertisedPrefix) Withdrawn() bool { return p.Valid == 0 }

// Expires is when the prefix counts no more unless it is heard again.
func (p *AdvertisedPrefix) Expires() time.Time {
	return p.LastHeard.Add(min(time.Duration(p.Valid)*time.Second, LongestAdvertisement))
}

// Preference is which of several default routers a host is to take (RFC 4191, 2.1).
type Preference string

// The preferences.
const (
	PreferenceLow    Preference = "low"
	PreferenceMedium Preference = "medium"
	PreferenceHigh   Preference = "high"
)

// RouterCounters count what is heard of routers on one port.
type RouterCounters struct {
	In        uint64   `json:"in"`        // router advertisements that were read
	Discarded uint64   `json:"discarded"` // of those, because they are invalid or find no room
	Prefixes  uint64   `json:"prefixes"`  // prefixes that were passed over, for the same reasons
	Lost      uint64   `json:"lost"`      // more came than are read
	Discards  Discards `json:"discards,omitempty"`
}

// Clone returns a copy that shares nothing.
func (c RouterCounters) Clone() RouterCounters {
	c.Discards = maps.Clone(c.Discards)
	return c
}
