// SPDX-License-Identifier: Apache-2.0

// Package lldp is the LLDP codec (IEEE Std 802.1AB-2016): bytes in, a Frame and
// a typed reason out. It is pure; sockets, timers and tables live elsewhere.
package lldp

import (
	"bytes"
	"encoding/binary"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

// A Frame is a decoded LLDP frame. It shares no memory with the bytes it was
// decoded from, and its size is bounded by theirs.
type Frame struct {
	// Neighbor is what the sender says of itself. FirstHeard and LastHeard are
	// zero: a codec has no clock.
	Neighbor discovery.Neighbor

	// Unrecognized are the TLVs of a kind that this package does not decode, in
	// the order of the frame (statsTLVsUnrecognizedTotal counts them).
	Unrecognized []TLV

	// Discarded is how many optional TLVs were malformed or came once too often
	// and were skipped (statsTLVsDiscardedTotal). Where it is not 0, the frame is
	// one in error as well (statsFramesInErrorsTotal).
	Discarded int
}

// Shutdown reports whether the frame says that its sender is going away. A TTL
// of 0 says it whatever else the frame holds (IEEE Std 802.1AB-2016, 9.2.7.7.1).
func (f *Frame) Shutdown() bool { return f.Neighbor.TTL == 0 }

// A Kind is what tells one sort of TLV from another.
type Kind struct {
	Type    lldp.TLVType
	OUI     [3]byte // of an organizationally specific TLV, else 0
	Subtype uint8   // of an organizationally specific TLV, else 0
}

// A TLV is an optional TLV as it was on the wire. The Value of an
// organizationally specific one begins after OUI and subtype.
type TLV struct {
	Kind
	Value []byte
}

// Decode decodes an LLDP frame that begins with its Ethernet header. VLAN tags
// in the header are skipped: the tag a frame arrives with is not its VLAN. The
// Frame is empty unless the reason is Accepted.
func Decode(frame []byte) (Frame, Reason) {
	pdu, reason := payload(frame)
	if reason != Accepted {
		return Frame{}, reason
	}
	f, reason := DecodePDU(pdu)
	if reason != Accepted {
		return Frame{}, reason
	}
	f.Neighbor.Destination = discovery.MAC(frame[:6])
	f.Neighbor.Source = discovery.MAC(frame[6:12])
	return f, Accepted
}

// DecodePDU decodes an LLDPDU: what follows the EtherType in a frame. The Frame
// is empty unless the reason is Accepted.
func DecodePDU(pdu []byte) (Frame, Reason) {
	f := Frame{Neighbor: discovery.Neighbor{Protocol: discovery.ProtocolLLDP}}
	rest, reason := f.readMandatory(pdu)
	if reason != Accepted {
		return Frame{}, reason
	}
	if reason := f.readOptional(rest); reason != Accepted {
		return Frame{}, reason
	}
	return f, Accepted
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

// cut splits the first TLV off an LLDPDU (IEEE Std 802.1AB-2016, 8.4). It
// reports false where the TLV runs past the end.
func cut(b []byte) (typ lldp.TLVType, value, rest []byte, ok bool) {
	const headerLen = 2
	if len(b) < headerLen {
		return 0, nil, nil, false
	}
	header := binary.BigEndian.Uint16(b)
	typ, b = lldp.TLVType(header>>9), b[headerLen:]
	n := int(header & lldp.TLVLengthMax)
	if len(b) < n {
		return 0, nil, nil, false
	}
	return typ, b[:n], b[n:], true
}

// readMandatory decodes the three TLVs that every LLDPDU begins with and
// returns the rest of it (IEEE Std 802.1AB-2016, 9.2.7.7.1).
func (f *Frame) readMandatory(b []byte) ([]byte, Reason) {
	for _, m := range mandatory {
		if len(b) == 0 {
			return nil, m.missing
		}
		typ, value, rest, ok := cut(b)
		switch {
		case !ok:
			return nil, TruncatedTLV
		case typ != m.typ:
			return nil, m.missing
		case len(value) < m.minLen || len(value) > m.maxLen:
			return nil, m.badLength
		}
		m.decode(&f.Neighbor, value)
		b = rest
	}
	return b, Accepted
}

// readOptional decodes what follows the mandatory TLVs, up to the End Of LLDPDU
// TLV; anything behind that is padding. End is demanded, because without it a
// frame that was cut short between two TLVs would pass for a whole one.
func (f *Frame) readOptional(b []byte) Reason {
	var seen uint64 // bit i: a TLV of kind decoders[i] was decoded
	for len(b) > 0 {
		typ, value, rest, ok := cut(b)
		switch {
		case !ok:
			return TruncatedTLV
		case typ == lldp.TLVTypeEnd && len(value) > 0:
			return EndLength
		case typ == lldp.TLVTypeEnd:
			return Accepted
		case typ <= lldp.TLVTypeTTL:
			return DuplicateMandatory
		}
		seen = f.readTLV(typ, value, seen)
		b = rest
	}
	return NoEnd
}

// readTLV decodes one optional TLV and returns seen with its kind added.
func (f *Frame) readTLV(typ lldp.TLVType, value []byte, seen uint64) uint64 {
	kind := Kind{Type: typ}
	if typ == lldp.TLVTypeOrganizationSpecific {
		const headerLen = 4 // OUI and subtype (IEEE Std 802.1AB-2016, 8.6)
		if len(value) < headerLen {
			f.Discarded++
			return seen
		}
		kind.OUI, kind.Subtype = [3]byte(value), value[3]
		value = value[headerLen:]
	}
	for i := range decoders {
		d := &decoders[i]
		if d.kind != kind {
			continue
		}
		bit := uint64(1) << i
		if (d.once && seen&bit != 0) || !d.decode(&f.Neighbor, value) {
			f.Discarded++
			return seen
		}
		return seen | bit
	}
	f.Unrecognized = append(f.Unrecognized, TLV{Kind: kind, Value: bytes.Clone(value)})
	return seen
}
