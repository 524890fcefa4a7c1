// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

const (
	etherTypeAt  = 12
	headerLen    = 14
	minEtherType = 0x0600 // anything less is the length of LLC (IEEE Std 802.3-2018, 3.2.6)
)

// withHeader puts an Ethernet header without destination before a payload.
func withHeader(source []byte, etherType uint16, payload []byte) []byte {
	if etherType < minEtherType {
		etherType = uint16(min(len(payload), minEtherType-1))
	}
	b := make([]byte, etherTypeAt, headerLen+len(payload))
	copy(b[len(discovery.MAC{}):], source)
	return append(binary.BigEndian.AppendUint16(b, etherType), payload...)
}

// fromCooked returns the Ethernet frame of a packet of a Linux cooked capture
// (LINKTYPE_LINUX_SLL), which holds no destination.
func fromCooked(b []byte) []byte {
	const sourceAt, protocolAt, cookedLen = 6, 14, 16
	if len(b) < cookedLen {
		return nil
	}
	return withHeader(b[sourceAt:][:len(discovery.MAC{})], binary.BigEndian.Uint16(b[protocolAt:]), b[cookedLen:])
}

// fromCooked2 is fromCooked for LINKTYPE_LINUX_SLL2.
func fromCooked2(b []byte) []byte {
	const protocolAt, sourceAt, cookedLen = 0, 12, 20
	if len(b) < cookedLen {
		return nil
	}
	return withHeader(b[sourceAt:][:len(discovery.MAC{})], binary.BigEndian.Uint16(b[protocolAt:]), b[cookedLen:])
}

// whole returns the Ethernet frame of octets of which a form may have left out the
// beginning: an LLDPDU or a CDP packet alone, as tcpdump -x prints them, or what was
// captured on all interfaces at once.
func whole(octets []byte) []byte {
	switch {
	case bareLLDPDU(octets):
		return withHeader(nil, uint16(lldp.EtherType), octets)
	case bareCDP(octets):
		return withHeader(nil, 0, append(bytes.Clone(snapCDP), octets...))
	case isCooked(octets):
		return fromCooked(octets)
	case isCooked2(octets):
		return fromCooked2(octets)
	}
	return octets
}

// isCooked reports whether octets are a packet of a Linux cooked capture of Ethernet
// that holds LLDP or CDP.
func isCooked(b []byte) bool {
	const mostType, protocolAt, cookedLen = 4, 14, 16
	return len(b) > cookedLen && b[0] == 0 && b[1] <= mostType && bytes.Equal(b[2:6], []byte{0, 1, 0, 6}) &&
		!discoveryHeader(b) && isDiscovery(binary.BigEndian.Uint16(b[protocolAt:]), b[cookedLen:])
}

// isCooked2 is isCooked for LINKTYPE_LINUX_SLL2.
func isCooked2(b []byte) bool {
	const cookedLen = 20
	return len(b) > cookedLen && bytes.Equal(b[2:4], []byte{0, 0}) && bytes.Equal(b[8:10], []byte{0, 1}) && b[11] == 6 &&
		!discoveryHeader(b) && isDiscovery(binary.BigEndian.Uint16(b), b[cookedLen:])
}

// isDiscovery reports whether an EtherType, or an 802.2 header, is that of LLDP or
// CDP.
func isDiscovery(etherType uint16, payload []byte) bool {
	return etherType == uint16(lldp.EtherType) || etherType < minEtherType && bytes.HasPrefix(payload, snapCDP)
}

// snapCDP is the header of IEEE Std 802.2, and SNAP, before CDP.
var snapCDP = []byte{0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00}

// beginsFrame reports whether octets begin like a frame of LLDP or CDP, or like one
// without its header.
func beginsFrame(b []byte) bool {
	return len(b) >= headerLen && (discoveryHeader(b) || bareLLDPDU(b) || bareCDP(b))
}

// isAnother reports whether a row of octets begins another frame, rather than going on
// with the one before it.
func isAnother(row []byte) bool {
	if len(row) < headerLen {
		return toGroup(row)
	}
	return discoveryHeader(row) || bareLLDPDU(row) && ends(row) || bareCDP(row)
}

// unfinished reports whether octets are the beginning of a frame of LLDP or CDP and not
// all of it.
func unfinished(b []byte) bool {
	switch {
	case bareLLDPDU(b):
		return !ends(b)
	case len(b) < headerLen:
		return toGroup(b)
	}
	for at := etherTypeAt; len(b)-at >= 2; at += 4 {
		switch t := binary.BigEndian.Uint16(b[at:]); ethernet.EtherType(t) {
		case lldp.EtherType:
			return !ends(b[at+2:])
		case ethernet.EtherTypeVLAN, ethernet.EtherTypeServiceVLAN:
		default:
			return t < minEtherType && len(b) < at+2+int(t) && bytes.HasPrefix(snapCDP, b[at+2:min(len(b), at+2+len(snapCDP))])
		}
	}
	return true // in its VLAN tags
}

// toGroup reports whether octets begin with a group address of LLDP or CDP.
func toGroup(b []byte) bool {
	groups := []discovery.MAC{discovery.NearestBridge, discovery.NearestNonTPMRBridge, discovery.NearestCustomerBridge, discovery.CDPGroup}
	return slices.ContainsFunc(groups, func(m discovery.MAC) bool { return bytes.HasPrefix(b, m[:]) })
}

// ends reports whether there is an End Of LLDPDU TLV in an LLDPDU (IEEE Std
// 802.1AB-2016, 8.5.1).
func ends(b []byte) bool {
	for len(b) >= 2 {
		header := binary.BigEndian.Uint16(b)
		if lldp.TLVType(header>>9) == lldp.TLVTypeEnd {
			return true
		}
		b = b[min(2+int(header&lldp.TLVLengthMax), len(b)):]
	}
	return false
}

// bareCDP reports whether octets are a CDP packet without any header: a version, and
// TLVs, a device ID first, that end where the octets or zeros as padding do.
func bareCDP(b []byte) bool {
	const cdpHeaderLen, tlvHeaderLen, deviceID = 4, 4, 1
	if len(b) < cdpHeaderLen+tlvHeaderLen || b[0] < 1 || b[0] > 2 || binary.BigEndian.Uint16(b[cdpHeaderLen:]) != deviceID {
		return false
	}
	for b = b[cdpHeaderLen:]; len(bytes.Trim(b, "\x00")) > 0 && len(b) >= tlvHeaderLen; {
		length := int(binary.BigEndian.Uint16(b[2:]))
		if length < tlvHeaderLen || length > len(b) {
			return false
		}
		b = b[length:]
	}
	return len(bytes.Trim(b, "\x00")) == 0
}

// bareLLDPDU reports whether octets are an LLDPDU without an Ethernet header:
// they begin like a chassis ID TLV, and where the EtherType would be there is
// none of a discovery protocol.
func bareLLDPDU(b []byte) bool { return beginsWithChassisID(b) && !discoveryHeader(b) }

// IEEE Std 802.1AB-2016, 8.5.2. A reserved subtype is taken where a port ID TLV
// follows: without that, a destination address may look like one.
func beginsWithChassisID(b []byte) bool {
	const tlvHeaderLen, minLen, maxLen = 2, 2, 256 // subtype and ID
	if len(b) <= tlvHeaderLen {
		return false
	}
	header, value := binary.BigEndian.Uint16(b), b[tlvHeaderLen:]
	length := int(header & lldp.TLVLengthMax)
	if lldp.TLVType(header>>9) != lldp.TLVTypeChassisID || length < minLen || length > maxLen {
		return false
	}
	subtype := lldp.ChassisIDSubtype(value[0])
	known := subtype >= lldp.ChassisIDSubtypeChassisComponenent && subtype <= lldp.ChassisIDSubtypeLocallyAssigned
	return known || len(value) > length && lldp.TLVType(value[length]>>1) == lldp.TLVTypePortID
}

// discoveryHeader reports whether octets begin like an Ethernet frame that holds
// LLDP, or SNAP as CDP does.
func discoveryHeader(b []byte) bool {
	if len(b) < headerLen {
		return false
	}
	for b = b[etherTypeAt:]; len(b) >= 2; b = b[min(4, len(b)):] {
		switch t := ethernet.EtherType(binary.BigEndian.Uint16(b)); t {
		case lldp.EtherType:
			return true
		case ethernet.EtherTypeVLAN, ethernet.EtherTypeServiceVLAN:
		default:
			return t < minEtherType && bytes.HasPrefix(b[2:], []byte{0xaa, 0xaa, 0x03})
		}
	}
	return false
}
