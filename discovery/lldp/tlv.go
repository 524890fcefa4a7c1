// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

// mandatory are the TLVs every LLDPDU begins with, in their order (IEEE Std
// 802.1AB-2016, 9.2.7.7.1).
var mandatory = [...]struct {
	typ            lldp.TLVType
	minLen, maxLen int
	missing        Reason
	badLength      Reason
	decode         func(*discovery.Neighbor, []byte)
}{
	{lldp.TLVTypeChassisID, 2, 256, ChassisIDMissing, ChassisIDLength, decodeChassisID},
	{lldp.TLVTypePortID, 2, 256, PortIDMissing, PortIDLength, decodePortID},
	// What follows the two octets of the TTL is ignored (item c).
	{lldp.TLVTypeTTL, 2, math.MaxInt, TTLMissing, TTLLength, decodeTTL},
}

// oui8021 is the OUI of the TLVs of IEEE Std 802.1Q, annex D.
var oui8021 = [3]byte{0x00, 0x80, 0xc2}

// decoders are the optional TLVs that are understood, at most 64. A decoder
// gets the value (after OUI and subtype, where there are such) and reports
// whether it is well formed; if not, it leaves the neighbour as it was.
var decoders = [...]struct {
	kind   Kind
	once   bool // a second one in the same frame is discarded
	decode func(*discovery.Neighbor, []byte) bool
}{
	{Kind{Type: lldp.TLVTypePortDescription}, true, decodePortDescription},
	{Kind{Type: lldp.TLVTypeSystemName}, true, decodeSystemName},
	{Kind{Type: lldp.TLVTypeSystemDescription}, true, decodeSystemDescription},
	{Kind{Type: lldp.TLVTypeSystemCapabilities}, true, decodeCapabilities},
	{Kind{Type: lldp.TLVTypeManagementAddress}, false, decodeManagementAddress},
	{Kind{lldp.TLVTypeOrganizationSpecific, oui8021, 1}, true, decodePVID},
	{Kind{lldp.TLVTypeOrganizationSpecific, oui8021, 3}, false, decodeVLANName},
}

func decodeChassisID(n *discovery.Neighbor, v []byte) { n.Chassis = chassisID(v) }

func decodePortID(n *discovery.Neighbor, v []byte) { n.Port = portID(v) }

func decodeTTL(n *discovery.Neighbor, v []byte) {
	n.TTL = binary.BigEndian.Uint16(v)
}

// IEEE Std 802.1AB-2016, 8.5.5.
func decodePortDescription(n *discovery.Neighbor, v []byte) bool {
	return setText(&n.PortDescription, v)
}

// IEEE Std 802.1AB-2016, 8.5.6.
func decodeSystemName(n *discovery.Neighbor, v []byte) bool {
	return setText(&n.SystemName, v)
}

// IEEE Std 802.1AB-2016, 8.5.7.
func decodeSystemDescription(n *discovery.Neighbor, v []byte) bool {
	return setText(&n.SystemDescription, v)
}

func setText(s *string, v []byte) bool {
	const maxLen = 255
	if len(v) > maxLen {
		return false
	}
	*s = printable(v)
	return true
}

// IEEE Std 802.1AB-2016, 8.5.8.
func decodeCapabilities(n *discovery.Neighbor, v []byte) bool {
	if len(v) != 4 {
		return false
	}
	c := discovery.Capabilities{
		Available: discovery.CapabilitySet(binary.BigEndian.Uint16(v)) & discovery.KnownCapabilities,
		Enabled:   discovery.CapabilitySet(binary.BigEndian.Uint16(v[2:])) & discovery.KnownCapabilities,
	}
	if c.Enabled&^c.Available != 0 { // 8.5.8.3: enabled without being there is an error
		return false
	}
	n.Capabilities = c
	return true
}

// Address family numbers (IANA).
const (
	familyReserved = 0
	familyIPv4     = 1
	familyIPv6     = 2
	familyMAC      = 6 // "802"
)

// IEEE Std 802.1AB-2016, 8.5.9: the length of family and address, these two,
// five octets of interface number, the length of an OID and the OID. Every
// length has to fit, or the address may be cut in the wrong place.
func decodeManagementAddress(n *discovery.Neighbor, v []byte) bool {
	const (
		minLen, maxLen  = 2, 32 // family and address
		interfaceNumber = 5
		maxOID          = 128
	)
	if len(v) == 0 {
		return false
	}
	length, v := int(v[0]), v[1:]
	if length < minLen || length > maxLen || len(v) < length+interfaceNumber+1 {
		return false
	}
	if oid := v[length+interfaceNumber:]; int(oid[0]) != len(oid)-1 || oid[0] > maxOID {
		return false
	}
	address, ok := managementAddress(v[0], v[1:length])
	if !ok || slices.Contains(n.ManagementAddresses, address) {
		return false
	}
	n.ManagementAddresses = append(n.ManagementAddresses, address)
	return true
}

// managementAddress returns the text of an address, and whether its length is
// that of its family.
func managementAddress(family byte, v []byte) (string, bool) {
	switch family {
	case familyReserved:
		return "", false
	case familyIPv4, familyIPv6:
		return ip(family, v)
	case familyMAC:
		if len(v) != len(discovery.MAC{}) {
			return "", false
		}
		return "mac:" + discovery.MAC(v).String(), true
	default:
		return fmt.Sprintf("family%d:%x", family, v), true
	}
}

// ip returns the text of an IP address whose length is that of its family.
func ip(family byte, v []byte) (string, bool) {
	a, ok := netip.AddrFromSlice(v)
	if !ok || (family != familyIPv4 && family != familyIPv6) || a.Is4() != (family == familyIPv4) {
		return "", false
	}
	return a.String(), true
}

// IEEE Std 802.1Q-2018, D.2.1. A VID that names no VLAN is not an error: 0 is
// how a switch says that it has no PVID to tell.
func decodePVID(n *discovery.Neighbor, v []byte) bool {
	if len(v) != 2 {
		return false
	}
	n.PVID = 0
	if vid := binary.BigEndian.Uint16(v); validVID(vid) {
		n.PVID = vid
	}
	return true
}

// IEEE Std 802.1Q-2018, D.2.3. A VID told twice keeps its first name.
func decodeVLANName(n *discovery.Neighbor, v []byte) bool {
	const (
		headerLen = 3 // VID, length of the name
		maxName   = 32
	)
	if len(v) < headerLen {
		return false
	}
	vid, length, name := binary.BigEndian.Uint16(v), int(v[2]), v[headerLen:]
	if !validVID(vid) || length != len(name) || length > maxName {
		return false
	}
	i, found := slices.BinarySearchFunc(n.VLANs, vid, func(l discovery.VLANName, vid uint16) int {
		return cmp.Compare(l.ID, vid)
	})
	if found {
		return false
	}
	n.VLANs = slices.Insert(n.VLANs, i, discovery.VLANName{ID: vid, Name: printable(name)})
	return true
}

// validVID: 0 is no VLAN and 4095 is reserved (IEEE Std 802.1Q-2018, 9.6).
func validVID(vid uint16) bool { return vid >= 1 && vid <= 4094 }
