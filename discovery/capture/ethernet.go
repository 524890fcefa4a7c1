// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"encoding/binary"

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
