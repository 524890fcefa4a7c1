// SPDX-License-Identifier: Apache-2.0

// Package cdp is the codec of the Cisco Discovery Protocol, versions 1 and 2:
// bytes in, a neighbour and a typed reason out. It is pure; sockets, timers and
// tables live elsewhere. No standard describes CDP: what is here is what devices
// were seen to send.
package cdp

import (
	"bytes"
	"encoding/binary"

	"github.com/mdlayher/ethernet"

	"github.com/colvin-net/colvin/discovery"
)

// Decode decodes a CDP frame that begins with its Ethernet header. VLAN tags in
// the header are skipped: the tag a frame arrives with is not its VLAN. The
// Neighbor is zero unless the reason is Accepted; it shares no memory with the
// frame and its size is bounded by the frame's. A TTL of 0 says goodbye.
//
// The checksum is not looked at, as in other listeners: the frame check sequence
// has ruled already, Cisco's sum over an odd number of octets follows no RFC,
// and captures whose names were changed carry the old one.
func Decode(frame []byte) (discovery.Neighbor, Reason) {
	b, length, reason := payload(frame)
	if reason != Accepted {
		return discovery.Neighbor{}, reason
	}
	const headerLen = 4 // version, time to live, checksum
	if len(b) < headerLen || length < headerLen {
		return discovery.Neighbor{}, FrameTooShort
	}
	if version := b[0]; version != 1 && version != 2 {
		return discovery.Neighbor{}, BadVersion
	}
	p := packet{neighbor: discovery.Neighbor{
		Protocol:    discovery.ProtocolCDP,
		Destination: discovery.MAC(frame[:6]),
		Source:      discovery.MAC(frame[6:12]),
		TTL:         uint16(b[1]),
	}}
	if reason := p.read(b[headerLen:], length-headerLen); reason != Accepted {
		return discovery.Neighbor{}, reason
	}
	return p.neighbor, Accepted
}

// snap is what CDP begins with behind the 802.3 length: LLC for SNAP, Cisco's
// OUI and the protocol ID of CDP.
var snap = []byte{0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00}

// payload returns what follows the Ethernet, LLC and SNAP headers, and how long
// that is by the 802.3 length.
func payload(frame []byte) (b []byte, length int, reason Reason) {
	const (
		addressesLen = 12
		lengthLen    = 2
		tagLen       = 4
		maxLength    = 1500 // IEEE Std 802.3-2018, 3.2.6: more is an EtherType
	)
	if len(frame) < addressesLen {
		return nil, 0, FrameTooShort
	}
	b = frame[addressesLen:]
	for len(b) >= lengthLen {
		length := binary.BigEndian.Uint16(b)
		if t := ethernet.EtherType(length); t == ethernet.EtherTypeVLAN || t == ethernet.EtherTypeServiceVLAN {
			b = b[min(tagLen, len(b)):]
			continue
		}
		b = b[lengthLen:]
		switch {
		case length > maxLength:
			return nil, 0, NotCDP
		case len(b) < len(snap):
			return nil, 0, FrameTooShort
		case !bytes.HasPrefix(b, snap):
			return nil, 0, NotCDP
		}
		return b[len(snap):min(maxLength, len(b))], int(length) - len(snap), Accepted
	}
	return nil, 0, FrameTooShort
}

// A packet is a CDP packet while its TLVs are read.
type packet struct {
	neighbor           discovery.Neighbor
	seen               uint32 // bit i: a TLV of type i was decoded
	software, platform string
}

// read decodes the TLVs of a packet and puts together what they say. The 802.3
// length says where padding begins and no more: where it is off by a few octets
// the TLVs' own lengths decide.
func (p *packet) read(b []byte, length int) Reason {
	for end := len(b) - length; len(b) > max(end, 0); {
		typ, value, rest, reason := cut(b)
		if reason == Accepted {
			reason = p.readTLV(typ, value)
		}
		if reason != Accepted {
			return reason
		}
		b = rest
	}
	n := &p.neighbor
	if n.Chassis == "" {
		return DeviceIDMissing
	}
	if n.Port == "" { // a port without a name is known by the address it sends from
		n.Port = discovery.ID("mac:" + n.Source.String())
	}
	n.SystemDescription = describe(p.platform, p.software)
	return Accepted
}

// cut splits the first TLV off: two octets of type, two of length, which counts
// these four as well, and the value.
func cut(b []byte) (typ uint16, value, rest []byte, reason Reason) {
	const headerLen = 4
	if len(b) < headerLen {
		return 0, nil, nil, TruncatedTLV
	}
	typ = binary.BigEndian.Uint16(b)
	n := int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case n < headerLen:
		return 0, nil, nil, TLVLength
	case n > len(b):
		return 0, nil, nil, TruncatedTLV
	}
	return typ, b[headerLen:n], b[n:], Accepted
}

// readTLV decodes one TLV. One that is not decoded, malformed or told a second
// time is kept as it is.
func (p *packet) readTLV(typ uint16, value []byte) Reason {
	switch typ {
	case typeDeviceID:
		return p.readDeviceID(value)
	case typePortID:
		return p.readPortID(value)
	}
	if int(typ) < len(decoders) && decoders[typ] != nil && p.seen&(1<<typ) == 0 && decoders[typ](p, value) {
		p.seen |= 1 << typ
		return Accepted
	}
	// A type beyond one octet, as wireless access points send, is dropped: TLVs
	// are kept under LLDP's narrower type.
	if typ <= 0xff {
		p.neighbor.UnknownTLVs = append(p.neighbor.UnknownTLVs, discovery.TLV{Type: uint8(typ), Value: bytes.Clone(value)})
	}
	return Accepted
}
