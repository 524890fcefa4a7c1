// SPDX-License-Identifier: Apache-2.0

// Package lldp is the LLDP codec (IEEE Std 802.1AB-2016): bytes in, a Frame and
// a typed reason out. It is pure; sockets, timers and tables live elsewhere.
package lldp

import (
	"encoding/binary"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

// A Frame is a decoded LLDP frame. It shares no memory with the bytes it was
// decoded from, and its size is bounded by theirs. Most of its texts are parts of
// one string, so that who keeps one keeps them all.
type Frame struct {
	// Neighbor is what the sender says of itself. FirstHeard and LastHeard are
	// zero: a codec has no clock. statsTLVsUnrecognizedTotal counts its
	// UnknownTLVs.
	Neighbor discovery.Neighbor

	// Discarded is how many optional TLVs were malformed or came once too often
	// and were skipped (statsTLVsDiscardedTotal). Where it is not 0, the frame is
	// one in error as well (statsFramesInErrorsTotal).
	Discarded int
}

// Shutdown reports whether the frame says that its sender is going away. A TTL
// of 0 says it whatever else the frame holds (IEEE Std 802.1AB-2016, 9.2.7.7.1).
func (f *Frame) Shutdown() bool { return f.Neighbor.TTL == 0 }

// Decode decodes an LLDP frame that begins with its Ethernet header. VLAN tags
// in the header are skipped: the tag a frame arrives with is not its VLAN. The
// Frame is empty unless the reason is Accepted.
func Decode(frame []byte) (Frame, Reason) {
	pdu, reason := payload(frame)
	if reason != Accepted {
		return Frame{}, reason
	}
	var d decoder
	if reason := d.read(pdu); reason != Accepted {
		return Frame{}, reason
	}
	d.Neighbor.Destination = discovery.MAC(frame[:6])
	d.Neighbor.Source = discovery.MAC(frame[6:12])
	return d.Frame, Accepted
}

// DecodePDU decodes an LLDPDU: what follows the EtherType in a frame. The Frame
// is empty unless the reason is Accepted.
func DecodePDU(pdu []byte) (Frame, Reason) {
	var d decoder
	if reason := d.read(pdu); reason != Accepted {
		return Frame{}, reason
	}
	return d.Frame, Accepted
}

// payload returns what follows the Ethernet header and its VLAN tags.
func payload(frame []byte) ([]byte, Reason) {
	const (
		addressesLen = 12
		etherTypeLen = 2
		tagLen       = 4
	)
	if len(frame) < addressesLen {
		return nil, FrameTooShort
	}
	b := frame[addressesLen:]
	for len(b) >= etherTypeLen {
		etherType := ethernet.EtherType(binary.BigEndian.Uint16(b))
		if etherType == lldp.EtherType {
			return b[etherTypeLen:], Accepted
		}
		if etherType != ethernet.EtherTypeVLAN && etherType != ethernet.EtherTypeServiceVLAN {
			return nil, NotLLDP
		}
		b = b[min(tagLen, len(b)):]
	}
	return nil, FrameTooShort
}
