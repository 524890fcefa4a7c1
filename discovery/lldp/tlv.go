// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

// A kind is one sort of optional TLV, as a bit.
type kind uint16

const (
	portDescription kind = 1 << iota
	systemName
	systemDescription
	systemCapabilities
	pvid
	managementVID
	linkAggregation
	macPHY
	oldLinkAggregation
	maxFrameSize
	etsConfiguration
	etsRecommendation
	pfc
	applicationPriority
	repeatable // all that may come several times
	malformed  // all that are too short to tell

	unknown kind = 0 // all that is kept as it is
)

// first reports whether no TLV of a kind was decoded before.
func (d *decoder) first(k kind) bool { return d.seen&k == 0 }

// decode decodes one optional TLV. It reports its kind, and whether it is well
// formed and not one too many; if not, nothing of it is kept. Octets behind the
// fields of a TLV are ignored: a later version of its standard may have more (IEEE
// Std 802.1AB-2016, 9.2.7.7.2). One that ends before its fields do is malformed.
func (d *decoder) decode(typ lldp.TLVType, v []byte) (kind, bool) {
	n := &d.Neighbor
	switch typ {
	case lldp.TLVTypePortDescription: // IEEE Std 802.1AB-2016, 8.5.5
		return portDescription, d.first(portDescription) && d.setText(&n.PortDescription, v)
	case lldp.TLVTypeSystemName: // 8.5.6
		return systemName, d.first(systemName) && d.setText(&n.SystemName, v)
	case lldp.TLVTypeSystemDescription: // 8.5.7
		return systemDescription, d.first(systemDescription) && d.setText(&n.SystemDescription, v)
	case lldp.TLVTypeSystemCapabilities: // 8.5.8
		return systemCapabilities, d.first(systemCapabilities) && d.setCapabilities(v)
	case lldp.TLVTypeManagementAddress: // 8.5.9
		return repeatable, d.addManagementAddress(v)
	case lldp.TLVTypeOrganizationSpecific: // 8.6
		if len(v) < originLen {
			return malformed, false
		}
		return d.decodeOrg(origin(binary.BigEndian.Uint32(v)), v[originLen:])
	default: // among them the reserved types 9 to 126
		return unknown, false
	}
}

// An origin is what organizationally specific TLVs begin with: an OUI and a
// subtype of that organization (IEEE Std 802.1AB-2016, 8.6).
type origin uint32

const originLen = 4 // octets

// The organizations, with subtype 0.
const (
	ieee8021 origin = 0x0080c2_00 // IEEE Std 802.1Q, annex D, and IEEE Std 802.1AX, annex F
	ieee8023 origin = 0x00120f_00 // IEEE Std 802.3, clause 79
	tia      origin = 0x0012bb_00 // ANSI/TIA-1057 (LLDP-MED)
	intel    origin = 0x001b21_00 // what DCBX was before IEEE Std 802.1Qaz
)

// decodeOrg is decode for organizationally specific TLVs.
func (d *decoder) decodeOrg(from origin, v []byte) (kind, bool) {
	n := &d.Neighbor
	switch from {
	case ieee8021 + 1: // IEEE Std 802.1Q-2018, D.2.1
		return pvid, d.first(pvid) && setVID(&n.PVID, v)
	case ieee8021 + 3: // D.2.3
		return repeatable, d.addVLAN(v)
	case ieee8021 + 6: // D.2.6
		return managementVID, d.first(managementVID) && setVID(&n.ManagementVID, v)
	case ieee8021 + 7: // IEEE Std 802.1AX-2014, annex F
		return linkAggregation, d.first(linkAggregation) && d.setLinkAggregation(v)
	case etsConfigurationTLV, etsRecommendationTLV, pfcTLV, applicationPriorityTLV:
		return d.decodeDCBX(from, v)
	case ieee8023 + 1: // IEEE Std 802.3-2018, 79.3.1
		return macPHY, d.first(macPHY) && d.setMACPHY(v)
	case ieee8023 + 3: // 79.3.3
		return oldLinkAggregation, d.first(oldLinkAggregation) && d.setOldLinkAggregation(v)
	case ieee8023 + 4: // 79.3.4
		return maxFrameSize, d.first(maxFrameSize) && d.setMaxFrameSize(v)
	case tia + 2: // ANSI/TIA-1057, 10.2.3
		return repeatable, d.addNetworkPolicy(v)
	default:
		return unknown, false
	}
}

func (d *decoder) setText(s *string, v []byte) bool {
	const maxLen = 255
	if len(v) > maxLen {
		return false
	}
	*s = d.printable(v)
	return true
}

func (d *decoder) setCapabilities(v []byte) bool {
	if len(v) < 4 {
		return false
	}
	c := discovery.Capabilities{
		Available: discovery.CapabilitySet(binary.BigEndian.Uint16(v)) & discovery.KnownCapabilities,
		Enabled:   discovery.CapabilitySet(binary.BigEndian.Uint16(v[2:])) & discovery.KnownCapabilities,
	}
	if c.Enabled&^c.Available != 0 { // 8.5.8.3: enabled without being there is an error
		return false
	}
	d.Neighbor.Capabilities = c
	return true
}

// Address family numbers (IANA).
const (
	familyReserved = 0
	familyIPv4     = 1
	familyIPv6     = 2
	familyMAC      = 6 // "802"
)

// addManagementAddress reads the length of family and address, these two, five
// octets of interface number, the length of an OID and the OID. All of it has to be
// there, or the address may be cut in the wrong place.
func (d *decoder) addManagementAddress(v []byte) bool {
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
	if oid := v[length+interfaceNumber:]; int(oid[0]) > len(oid)-1 || oid[0] > maxOID {
		return false
	}
	address, ok := d.managementAddress(v[0], v[1:length])
	if !ok || slices.Contains(d.Neighbor.ManagementAddresses, address) {
		return false
	}
	if d.Neighbor.ManagementAddresses == nil {
		d.Neighbor.ManagementAddresses = d.pointees().addresses[:0]
	}
	d.Neighbor.ManagementAddresses = append(d.Neighbor.ManagementAddresses, address)
	return true
}

// managementAddress returns the text of an address, and whether its length is
// that of its family.
func (d *decoder) managementAddress(family byte, v []byte) (string, bool) {
	switch family {
	case familyReserved:
		return "", false
	case familyIPv4, familyIPv6:
		a, ok := ip(family, v)
		if !ok {
			return "", false
		}
		return d.ipText("", a), true
	case familyMAC:
		if len(v) != len(discovery.MAC{}) {
			return "", false
		}
		return d.macText(v), true
	default:
		return d.rawText("family", family, v), true
	}
}

// ip returns the IP address in v, whose length has to be that of its family.
func ip(family byte, v []byte) (netip.Addr, bool) {
	a, ok := netip.AddrFromSlice(v)
	if !ok || (family != familyIPv4 && family != familyIPv6) || a.Is4() != (family == familyIPv4) {
		return netip.Addr{}, false
	}
	return a, true
}

// setVID sets a VID. One that names no VLAN is not an error: 0 is how a switch
// says that it has none to tell.
func setVID(vid *uint16, v []byte) bool {
	if len(v) < 2 {
		return false
	}
	if told := binary.BigEndian.Uint16(v); discovery.ValidVID(told) {
		*vid = told
	}
	return true
}

// addVLAN adds the name of a VLAN. A VID told twice keeps its first name. A name of
// more than the 32 octets that it may have is kept whole: its VLAN is told all the
// same.
func (d *decoder) addVLAN(v []byte) bool {
	const (
		headerLen = 3  // VID, length of the name
		usual     = 16 // octets of such a TLV: so many may still come
	)
	if len(v) < headerLen {
		return false
	}
	vid, length, name := binary.BigEndian.Uint16(v), int(v[2]), v[headerLen:]
	if !discovery.ValidVID(vid) || length > len(name) {
		return false
	}
	n := &d.Neighbor
	i := len(n.VLANs)
	for i > 0 && n.VLANs[i-1].ID >= vid { // switches tell them in order
		i--
	}
	if i < len(n.VLANs) && n.VLANs[i].ID == vid {
		return false
	}
	if n.VLANs == nil {
		n.VLANs = make([]discovery.VLANName, 0, 1+d.left/usual)
	}
	n.VLANs = slices.Insert(n.VLANs, i, discovery.VLANName{ID: vid, Name: d.printable(name[:length])})
	return true
}

func (d *decoder) setLinkAggregation(v []byte) bool {
	const (
		capable = 1 << 0
		enabled = 1 << 1
	)
	if len(v) < 5 {
		return false
	}
	d.Neighbor.LinkAggregation = &d.pointees().aggregation
	*d.Neighbor.LinkAggregation = discovery.LinkAggregation{
		Capable: v[0]&capable != 0,
		Enabled: v[0]&enabled != 0,
		PortID:  binary.BigEndian.Uint32(v[1:]),
	}
	return true
}

// setOldLinkAggregation reads the form that IEEE Std 802.3 had before link
// aggregation became IEEE Std 802.1AX. Where both are there, the new one counts.
func (d *decoder) setOldLinkAggregation(v []byte) bool {
	if !d.first(linkAggregation) {
		return len(v) >= 5
	}
	return d.setLinkAggregation(v)
}

func (d *decoder) setMACPHY(v []byte) bool {
	const (
		supported = 1 << 0
		enabled   = 1 << 1
	)
	if len(v) < 5 {
		return false
	}
	d.Neighbor.MACPHY = &d.pointees().macphy
	*d.Neighbor.MACPHY = discovery.MACPHY{
		AutoNegotiationSupported: v[0]&supported != 0,
		AutoNegotiationEnabled:   v[0]&enabled != 0,
		Advertised:               binary.BigEndian.Uint16(v[1:]),
		MAUType:                  binary.BigEndian.Uint16(v[3:]),
	}
	return true
}

func (d *decoder) setMaxFrameSize(v []byte) bool {
	if len(v) < 2 {
		return false
	}
	d.Neighbor.MaxFrameSize = binary.BigEndian.Uint16(v)
	return true
}

// addNetworkPolicy reads the application (8 bits), the flags unknown, tagged and
// a reserved one, VID (12), priority (3) and DSCP (6). One application has one
// policy: the first.
func (d *decoder) addNetworkPolicy(v []byte) bool {
	if len(v) < 4 {
		return false
	}
	bits := binary.BigEndian.Uint32(v)
	policy := discovery.NetworkPolicy{
		Application: v[0],
		Unknown:     bits&(1<<23) != 0,
		Tagged:      bits&(1<<22) != 0,
		VID:         uint16(bits >> 9 & 0xfff),
		Priority:    uint8(bits >> 6 & 0x7),
		DSCP:        uint8(bits & 0x3f),
	}
	p := d.pointees()
	if d.Neighbor.MED == nil {
		d.Neighbor.MED = &p.med
		p.med.NetworkPolicies = p.policies[:0]
	}
	for i := range p.med.NetworkPolicies {
		if p.med.NetworkPolicies[i].Application == policy.Application {
			return false
		}
	}
	p.med.NetworkPolicies = append(p.med.NetworkPolicies, policy)
	return true
}
