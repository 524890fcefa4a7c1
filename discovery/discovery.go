// SPDX-License-Identifier: Apache-2.0

// Package discovery holds the domain types of what a node sees: its
// interfaces, the neighbours heard on them and the immutable Snapshot of both.
// It does no I/O; sockets, netlink and codecs live in its subpackages.
package discovery

import (
	"cmp"
	"maps"
	"net/netip"
	"time"
)

// A Snapshot is everything a node sees at one moment. It is immutable once
// published: whoever receives it may keep it, nobody changes it.
type Snapshot struct {
	Time       time.Time   `json:"time"`
	Chassis    MAC         `json:"chassis,omitzero"` // by which the node calls itself
	Interfaces []Interface `json:"interfaces"`       // ordered by ifindex
	Ports      []Port      `json:"ports"`            // ordered by ifindex
}

// Interface returns the interface with the given ifindex.
func (s *Snapshot) Interface(index int) (Interface, bool) {
	if i := place(s.Interfaces, index, func(i *Interface) int { return i.Index }); i >= 0 {
		return s.Interfaces[i], true
	}
	return Interface{}, false
}

// Port returns the port with the given ifindex.
func (s *Snapshot) Port(index int) (Port, bool) {
	if i := place(s.Ports, index, func(p *Port) int { return p.Index }); i >= 0 {
		return s.Ports[i], true
	}
	return Port{}, false
}

// place is where the first with an ifindex is among those in the order of their ifindexes, or
// -1. In a list that somebody else has ordered it is searched for.
func place[T any](in []T, index int, of func(*T) int) int {
	low, high := 0, len(in)
	for low < high {
		if middle := int(uint(low+high) >> 1); of(&in[middle]) < index {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(in) && of(&in[low]) == index {
		return low
	}
	for i := range in {
		if of(&in[i]) == index {
			return i
		}
	}
	return -1
}

// A Port is an interface on which Colvin listens for LLDP, with the neighbours
// heard there.
type Port struct {
	Index int    `json:"index"` // ifindex of the interface
	Name  string `json:"name"`  // its name when the snapshot was taken

	// Epoch is the carrier epoch (see Interface.Epoch) in which the port's
	// socket was opened. Frames from it can only have arrived in that epoch, so
	// every neighbour below is evidence for that epoch and no other.
	Epoch uint32 `json:"epoch"`

	// Since is when listening began in this epoch.
	Since time.Time `json:"since"`

	// Problem says why the port cannot be listened on; empty when it can.
	Problem string `json:"problem,omitempty"`

	NIC      NIC      `json:"nic,omitzero"`
	Transmit Transmit `json:"transmit,omitzero"`

	Neighbors []Neighbor `json:"neighbors"` // what speakers say; ordered by FirstHeard, then MSAP
	// Past are utterances of this epoch in whose place their speaker has said
	// something else since, the latest last. They stay for LongestSilence, and one
	// that is heard again is moved back to Neighbors with its times.
	Past []Neighbor `json:"past,omitempty"`
	// Departed are neighbours that left in this epoch and were not heard since,
	// the latest last.
	Departed []Departure  `json:"departed,omitempty"`
	Counters PortCounters `json:"counters"`

	// LostAt is when frames were last lost, or may have been: by the kernel for want
	// of room or of a reader, or a switch by a full table. Until then silence proves
	// nothing. It is zero where none were.
	LostAt time.Time `json:"lostAt,omitzero"`

	// TooManyNeighbors is set while neighbours are refused because the port's
	// table is full (IEEE Std 802.1AB-2016, 9.2.7.7.5: tooManyNeighbors).
	TooManyNeighbors bool `json:"tooManyNeighbors,omitempty"`

	// Routers are who announces itself as one, untagged and in the VLANs for which there is
	// a device; ordered by Tag, then FirstHeard.
	Routers        []Router       `json:"routers,omitempty"`
	RouterCounters RouterCounters `json:"routerCounters,omitzero"`
	// TooManyRouters is set while routers or prefixes are passed over for want of room.
	TooManyRouters bool `json:"tooManyRouters,omitempty"`
	// RouterProblem says why nobody listens to routers though somebody should.
	RouterProblem string `json:"routerProblem,omitempty"`
}

// A NIC is what the driver of a port says of itself.
type NIC struct {
	Driver string `json:"driver,omitempty"`
	// Address is that of the device on its bus, such as 0000:3b:00.0.
	Address string `json:"address,omitempty"`

	// FirmwareLLDP is set where an LLDP agent in the NIC's firmware takes LLDP
	// frames before the host sees them.
	FirmwareLLDP bool `json:"firmwareLLDP,omitempty"`
	// Remedy is the command that leaves LLDP to the host.
	Remedy string `json:"remedy,omitempty"`
}

// Transmit says whether Colvin sends LLDP on a port, and why not.
type Transmit struct {
	State  TransmitState `json:"state"`
	Reason string        `json:"reason,omitempty"` // why it is silent or off
}

// TransmitState is what the send side of a port does.
type TransmitState string

// The states of the send side.
const (
	Sending  TransmitState = "sending"
	Watching TransmitState = "watching" // silent until it is clear that nobody else speaks
	Silent   TransmitState = "silent"   // a second speaker would do harm
	Off      TransmitState = "off"      // configured so, or the port is down
)

// A Departure is a neighbour that was deleted from a port.
type Departure struct {
	Neighbor Neighbor       `json:"neighbor"` // as last heard
	At       time.Time      `json:"at"`
	Cause    DepartureCause `json:"cause"`
}

// DepartureCause says why a neighbour was deleted.
type DepartureCause string

// The causes of a departure.
const (
	// AgedOut: its time to live passed without a frame (IEEE Std 802.1AB-2016,
	// 9.2.2.5, rxInfoAge).
	AgedOut DepartureCause = "aged out"
	// SaidGoodbye: it sent a shutdown frame (TTL 0).
	SaidGoodbye DepartureCause = "shutdown"
)

// Protocol is a discovery protocol.
type Protocol string

// The protocols.
const (
	ProtocolLLDP Protocol = "lldp" // IEEE Std 802.1AB
	ProtocolCDP  Protocol = "cdp"  // Cisco Discovery Protocol, version 1 or 2
)

// MSAP identifies one remote LLDP agent: the MAC service access point formed by
// chassis ID and port ID (IEEE Std 802.1AB-2016, 3.1).
type MSAP struct {
	Chassis ID `json:"chassis"`
	Port    ID `json:"port"`
}

// ID is a chassis ID or port ID in canonical text: the subtype's short name, a
// colon and the value, such as "mac:00:1b:21:aa:bb:cc" or "ifname:Ethernet1/1".
// A CDP device ID is "cdp:" and its text; a CDP port ID names an interface.
// Octets that are not printable ASCII, and the backslash, are written \xNN, so
// that two IDs are equal exactly when their canonical texts are, and so that an
// ID is safe to print.
type ID string

// A Neighbor is one utterance of a speaker on one port: what it says, and when it was
// heard to say just that. A speaker is a source MAC address, an MSAP, a destination, a
// protocol and a tag; what it says in place of something else is another utterance. So
// is nothing but what decides where the port leads or what rules can match: frames that
// differ in other things, such as the TTL, are one utterance, which has the latest of
// them. Every text came from the wire with control characters escaped by the decoder.
type Neighbor struct {
	Protocol    Protocol `json:"protocol"`
	Source      MAC      `json:"source"`      // source MAC address of the frame
	Destination MAC      `json:"destination"` // group address it was sent to
	// Tag is the VID of the 802.1Q tag that its frames bear, or 0 where they bear none
	// or one that is only a priority (IEEE Std 802.1Q-2018, 9.6). It may be TagUnknown.
	Tag uint16 `json:"tag,omitempty"`
	MSAP

	TTL                 uint16       `json:"ttl"` // time to live as told, in seconds
	PortDescription     string       `json:"portDescription,omitempty"`
	SystemName          string       `json:"systemName,omitempty"`
	SystemDescription   string       `json:"systemDescription,omitempty"`
	Capabilities        Capabilities `json:"capabilities,omitzero"`
	ManagementAddresses []string     `json:"managementAddresses,omitempty"` // IP addresses, or "mac:..." and the like

	// PVID is the port VLAN ID, 1..4094, or 0 where the switch advertises none (TLV
	// absent, 0 meaning "not supported", or out of range; IEEE Std 802.1Q-2018,
	// D.2.1). CDP calls it the native VLAN.
	PVID uint16 `json:"pvid,omitempty"`

	// VLANs are the VLAN Name TLVs with a valid VID, ordered by VID.
	VLANs []VLANName `json:"vlans,omitempty"`

	// ManagementVID is the VLAN through which the switch is managed, 1..4094, or
	// 0 (IEEE Std 802.1Q-2018, D.2.6).
	ManagementVID uint16 `json:"managementVID,omitempty"`

	LinkAggregation *LinkAggregation `json:"linkAggregation,omitempty"`
	MaxFrameSize    uint16           `json:"maxFrameSize,omitempty"` // octets (IEEE Std 802.3-2018, 79.3.4)
	MACPHY          *MACPHY          `json:"macPhy,omitempty"`
	MED             *MED             `json:"med,omitempty"`
	DCBX            *DCBX            `json:"dcbx,omitempty"`

	// UnknownTLVs are the TLVs that are not decoded, in the order of the frame.
	UnknownTLVs []TLV `json:"unknownTLVs,omitempty"`

	FirstHeard time.Time `json:"firstHeard"`      // when this utterance was first heard in this epoch
	Before     time.Time `json:"before,omitzero"` // when its last frame but one arrived; zero where it was heard once
	LastHeard  time.Time `json:"lastHeard"`       // when its last frame arrived
	// Longest is the longest of the last four gaps between its frames; 0 before there
	// were two.
	Longest time.Duration `json:"longestGap,omitempty"`
}

// Lifetime is how long the neighbour is valid without being heard again.
func (n *Neighbor) Lifetime() time.Duration { return time.Duration(n.TTL) * time.Second }

// Expires is the moment the neighbour ages out unless it is heard again.
func (n *Neighbor) Expires() time.Time { return n.LastHeard.Add(n.Lifetime()) }

// TagUnknown is the Tag of frames that came in some VLAN: the kernel hardly ever says in
// which. No frame may bear it (IEEE Std 802.1Q-2018, table 9-2).
const TagUnknown = 4095

// The limits of Interval. A speaker of LLDP speaks every 30 s (IEEE Std 802.1AB-2016,
// 9.2.5.7, msgTxInterval), one of CDP every 60 s; what repeats itself sooner is lost more
// easily than it is silent. Nobody who speaks less often than longestInterval is waited for.
const (
	shortestLLDP    = 30 * time.Second
	shortestCDP     = 60 * time.Second
	longestInterval = 5 * time.Minute
)

// LongestSilence is when everything is gone that was not heard again, however long its
// time to live: four of the longest intervals.
const LongestSilence = 4 * longestInterval

// Interval is how often the speaker repeats itself: the longest gap that was observed, or
// a quarter of the TTL before two were (IEEE Std 802.1AB-2016, 9.2.5.6, msgTxHold), within
// 30 s (CDP 60 s) and 300 s.
func (n *Neighbor) Interval() time.Duration {
	shortest := shortestLLDP
	if n.Protocol == ProtocolCDP {
		shortest = shortestCDP
	}
	return min(max(cmp.Or(n.Longest, n.Lifetime()/4), shortest), longestInterval)
}

// LateAt is when the utterance is late unless it is heard again: after two intervals and
// a half, so that one lost frame does no harm.
func (n *Neighbor) LateAt() time.Time { return n.LastHeard.Add(n.lateAfter()) }

func (n *Neighbor) lateAfter() time.Duration { return n.Interval() * 5 / 2 }

// GoneAt is when the utterance counts no more unless it is heard again: with its time to
// live, but not before it is late, and after four intervals, so LongestSilence, at the
// latest.
func (n *Neighbor) GoneAt() time.Time {
	return n.LastHeard.Add(max(n.lateAfter(), min(n.Lifetime(), 4*n.Interval())))
}

// Timeless is the neighbour without when it was heard: what is the same while all is well.
func (n Neighbor) Timeless() Neighbor {
	n.FirstHeard, n.Before, n.LastHeard, n.Longest = time.Time{}, time.Time{}, time.Time{}, 0
	return n
}

// ManagementIPs are the management addresses that are IP addresses.
func (n *Neighbor) ManagementIPs() []netip.Addr {
	var ips []netip.Addr
	for _, s := range n.ManagementAddresses {
		if a, err := netip.ParseAddr(s); err == nil {
			ips = append(ips, a)
		}
	}
	return ips
}

// VLANName is one VLAN Name TLV (IEEE Std 802.1Q-2018, D.2.3). The name may be longer
// than the 32 octets that are allowed.
type VLANName struct {
	ID   uint16 `json:"vid"`
	Name string `json:"name"`
}

// PortCounters count frames of one port under the names of IEEE Std
// 802.1AB-2016, 9.2.6.
type PortCounters struct {
	FramesIn         uint64   `json:"statsFramesInTotal"`
	FramesDiscarded  uint64   `json:"statsFramesDiscardedTotal"`
	FramesInErrors   uint64   `json:"statsFramesInErrorsTotal"`
	TLVsDiscarded    uint64   `json:"statsTLVsDiscardedTotal"`
	TLVsUnrecognized uint64   `json:"statsTLVsUnrecognizedTotal"`
	Ageouts          uint64   `json:"statsAgeoutsTotal"`
	FramesOut        uint64   `json:"statsFramesOutTotal"`
	LengthErrors     uint64   `json:"lldpduLengthErrors"` // 9.2.6: what we would say does not fit
	TooManyNeighbors uint64   `json:"tooManyNeighborsTotal"`
	Discards         Discards `json:"discards,omitempty"` // FramesDiscarded by reason
}

// Clone returns a copy that shares nothing.
func (c PortCounters) Clone() PortCounters {
	c.Discards = maps.Clone(c.Discards)
	return c
}

// Discards counts discarded frames by reason.
type Discards map[string]uint64
