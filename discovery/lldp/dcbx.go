// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"encoding/binary"
	"slices"

	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

// The TLVs of the Data Center Bridging Exchange that are decoded (IEEE Std
// 802.1Q-2018, D.2.8 to D.2.11).
const (
	etsConfigurationTLV    = ieee8021 + 0x09
	etsRecommendationTLV   = ieee8021 + 0x0a
	pfcTLV                 = ieee8021 + 0x0b
	applicationPriorityTLV = ieee8021 + 0x0c
)

// decodeDCBX is decode for these. That there is one is kept though it be malformed:
// whoever sends it takes part.
func (d *decoder) decodeDCBX(from origin, v []byte) (kind, bool) {
	if d.Neighbor.DCBX == nil {
		d.Neighbor.DCBX = new(discovery.DCBX)
	}
	switch from {
	case etsConfigurationTLV:
		return etsConfiguration, d.first(etsConfiguration) && d.setETSConfiguration(v)
	case etsRecommendationTLV:
		return etsRecommendation, d.first(etsRecommendation) && d.setETSRecommendation(v)
	case pfcTLV:
		return pfc, d.first(pfc) && d.setPFC(v)
	default:
		return applicationPriority, d.first(applicationPriority) && d.setApplicationPriorities(v)
	}
}

const (
	willing = 1 << 7 // of ETS Configuration and PFC
	etsLen  = 21     // octets of both ETS TLVs
)

// setETSConfiguration reads the flags willing and credit-based shaper, three reserved
// ones, the number of traffic classes (3 bits; 0 stands for 8), and ETS.
func (d *decoder) setETSConfiguration(v []byte) bool {
	const (
		shaper     = 1 << 6
		maxClasses = 0x07
		allClasses = 8
	)
	if len(v) < etsLen {
		return false
	}
	c := &discovery.ETSConfiguration{
		Willing:           v[0]&willing != 0,
		CreditBasedShaper: v[0]&shaper != 0,
		MaxTrafficClasses: v[0] & maxClasses,
		ETS:               ets(v[1:]),
	}
	if c.MaxTrafficClasses == 0 {
		c.MaxTrafficClasses = allClasses
	}
	d.Neighbor.DCBX.ETSConfiguration = c
	return true
}

// setETSRecommendation reads a reserved octet and ETS.
func (d *decoder) setETSRecommendation(v []byte) bool {
	if len(v) < etsLen {
		return false
	}
	d.Neighbor.DCBX.ETSRecommendation = new(ets(v[1:]))
	return true
}

// ets reads the traffic class of each priority (4 bits, that of priority 0 the
// highest), and for each traffic class an octet of bandwidth and one of algorithm.
func ets(v []byte) (e discovery.ETS) {
	classes := binary.BigEndian.Uint32(v)
	for i := range e.TrafficClasses {
		e.TrafficClasses[i] = uint8(classes >> (28 - 4*i) & 0xf)
		e.Bandwidths[i] = v[4+i]
		e.Algorithms[i] = discovery.TransmissionChoice(v[12+i])
	}
	return e
}

// setPFC reads the flags willing and MBC (MACsec bypass capability), two reserved ones, the number of
// traffic classes (4 bits), and the priorities.
func (d *decoder) setPFC(v []byte) bool {
	const (
		mbc        = 1 << 6
		maxClasses = 0x0f
	)
	if len(v) < 2 {
		return false
	}
	d.Neighbor.DCBX.PFC = &discovery.PFC{
		Willing:           v[0]&willing != 0,
		MBC:               v[0]&mbc != 0,
		MaxTrafficClasses: v[0] & maxClasses,
		Enabled:           discovery.PrioritySet(v[1]),
	}
	return true
}

// setApplicationPriorities reads a reserved octet, and entries of three: priority (3
// bits), two reserved ones, selector (3) and protocol. What is behind the last whole one
// is ignored.
func (d *decoder) setApplicationPriorities(v []byte) bool {
	const entryLen = 3
	if len(v) < 1 {
		return false
	}
	v = v[1:]
	list := make([]discovery.ApplicationPriority, 0, len(v)/entryLen)
	for ; len(v) >= entryLen; v = v[entryLen:] {
		list = append(list, discovery.ApplicationPriority{
			Priority: v[0] >> 5,
			Selector: discovery.Selector(v[0] & 0x07),
			Protocol: binary.BigEndian.Uint16(v[1:]),
		})
	}
	if len(list) > 0 {
		d.Neighbor.DCBX.ApplicationPriorities = list
	}
	return true
}

// DCBX reports whether a neighbour takes part in the Data Center Bridging
// Exchange: it sends a TLV of IEEE Std 802.1Q-2018, clause 38, or of what came
// before it, CIN (DCBX 1.00) and CEE (1.01). It expects one speaker at the other
// end, and where it hears two it stops.
func DCBX(n *discovery.Neighbor) bool {
	return n.DCBX != nil || slices.ContainsFunc(n.UnknownTLVs, func(tlv discovery.TLV) bool { return DCBXName(&tlv) != "" })
}

// DCBXName names a TLV of the Data Center Bridging Exchange that is not decoded. Others
// have an empty name.
func DCBXName(tlv *discovery.TLV) string {
	if lldp.TLVType(tlv.Type) != lldp.TLVTypeOrganizationSpecific {
		return ""
	}
	return dcbxNames[origin(binary.BigEndian.Uint32([]byte{tlv.OUI[0], tlv.OUI[1], tlv.OUI[2], tlv.Subtype}))]
}

var dcbxNames = map[origin]string{
	ieee8021 + 0x08: "congestion notification", // IEEE Std 802.1Q-2018, D.2.7
	ieee8021 + 0x10: "application VLAN",        // D.2.14
	intel + 1:       "DCBX 1.00, CIN",
	intel + 2:       "DCBX 1.01, CEE",
}
