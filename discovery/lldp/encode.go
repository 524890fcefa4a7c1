// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"encoding/binary"
	"net/netip"
	"unicode/utf8"

	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

// MaxPDU is the length of the longest LLDPDU that an Ethernet frame takes (IEEE
// Std 802.1AB-2016, 8.2).
const MaxPDU = 1500

// MaxManagementAddresses is how many addresses an Announcement tells.
const MaxManagementAddresses = 4

// An Announcement is what an LLDP agent says of itself on one port. Two are equal
// when they say the same.
type Announcement struct {
	Source  discovery.MAC // source address of the frame
	Chassis discovery.MAC
	Port    string // interface name
	TTL     uint16 // in seconds; 0 says goodbye, and nothing else

	// What follows is optional: zero values are not said.
	PortDescription     string
	SystemName          string
	SystemDescription   string
	Capabilities        discovery.Capabilities
	ManagementAddresses [MaxManagementAddresses]ManagementAddress
}

// A ManagementAddress is an IP address by which the system can be reached.
type ManagementAddress struct {
	Address   netip.Addr
	Interface int // ifindex of the interface that has it
}

// SameMSAP reports whether a receiver takes both for the same remote agent.
func (a *Announcement) SameMSAP(b *Announcement) bool {
	return a.Chassis == b.Chassis && a.Port == b.Port
}

// Encode returns the Ethernet frame of an announcement, padded to the least
// length of one. Of the optional TLVs that do not fit into an LLDPDU of limit
// octets the last are left out, and it says how many.
func Encode(a *Announcement, limit int) (frame []byte, dropped int) {
	const (
		header  = 14
		minimum = 60 // without FCS (IEEE Std 802.3-2018, 4A.4.2, minFrameSize)
		endLen  = 2
	)
	b := make([]byte, 0, header+min(limit, MaxPDU))
	b = append(b, discovery.NearestBridge[:]...)
	b = append(b, a.Source[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(lldp.EtherType))
	b = a.appendMandatory(b)
	for _, t := range a.optional() {
		if dropped > 0 || len(b)-header+len(t)+endLen > min(limit, MaxPDU) {
			dropped++
			continue
		}
		b = append(b, t...)
	}
	b = appendTLV(b, lldp.TLVTypeEnd)
	return append(b, make([]byte, max(0, minimum-len(b)))...), dropped
}

// appendMandatory appends the TLVs with which every LLDPDU begins (IEEE Std
// 802.1AB-2016, 8.5.2 to 8.5.4).
func (a *Announcement) appendMandatory(b []byte) []byte {
	b = appendTLV(b, lldp.TLVTypeChassisID, []byte{byte(lldp.ChassisIDSubtypeMACAddress)}, a.Chassis[:])
	b = appendTLV(b, lldp.TLVTypePortID, []byte{byte(lldp.PortIDSubtypeInterfaceName)}, text(a.Port))
	return appendTLV(b, lldp.TLVTypeTTL, binary.BigEndian.AppendUint16(nil, a.TTL))
}

// optional returns the optional TLVs, in the order of their types.
func (a *Announcement) optional() [][]byte {
	if a.TTL == 0 { // a shutdown frame has none (IEEE Std 802.1AB-2016, 9.1.2.2)
		return nil
	}
	var tlvs [][]byte
	for _, s := range []struct {
		typ   lldp.TLVType
		value string
	}{
		{lldp.TLVTypePortDescription, a.PortDescription},
		{lldp.TLVTypeSystemName, a.SystemName},
		{lldp.TLVTypeSystemDescription, a.SystemDescription},
	} {
		if s.value != "" {
			tlvs = append(tlvs, appendTLV(nil, s.typ, text(s.value)))
		}
	}
	if c := a.Capabilities; c != (discovery.Capabilities{}) { // 8.5.8
		value := binary.BigEndian.AppendUint16(nil, uint16(c.Available))
		tlvs = append(tlvs, appendTLV(nil, lldp.TLVTypeSystemCapabilities, binary.BigEndian.AppendUint16(value, uint16(c.Enabled))))
	}
	for _, m := range a.ManagementAddresses {
		if m.Address.IsValid() {
			tlvs = append(tlvs, appendTLV(nil, lldp.TLVTypeManagementAddress, m.value()))
		}
	}
	return tlvs
}

// value is the information string of a Management Address TLV, without an OID
// (IEEE Std 802.1AB-2016, 8.5.9).
func (m ManagementAddress) value() []byte {
	const numberIsIfIndex = 2
	address, family := m.Address.Unmap().AsSlice(), byte(familyIPv6)
	if m.Address.Unmap().Is4() {
		family = familyIPv4
	}
	b := append([]byte{byte(1 + len(address)), family}, address...)
	b = append(b, numberIsIfIndex)
	b = binary.BigEndian.AppendUint32(b, uint32(m.Interface))
	return append(b, 0)
}

// text cuts a text to what a TLV takes, between two characters.
func text(s string) []byte {
	const longest = 255
	if len(s) <= longest {
		return []byte(s)
	}
	end := longest
	for end > longest-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return []byte(s[:end])
}

// appendTLV appends a TLV whose value, 511 octets at most, is in parts (IEEE Std
// 802.1AB-2016, 8.4).
func appendTLV(b []byte, typ lldp.TLVType, parts ...[]byte) []byte {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(typ)<<9|uint16(length))
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}
