// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"slices"

	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
)

// DCBX reports whether a neighbour takes part in the Data Center Bridging
// Exchange: it sends a TLV of IEEE Std 802.1Q-2018, clause 38, or of what came
// before it, CIN (DCBX 1.00) and CEE (1.01). It expects one speaker at the other
// end, and where it hears two it stops.
func DCBX(n *discovery.Neighbor) bool {
	return slices.ContainsFunc(n.UnknownTLVs, isDCBX)
}

func isDCBX(tlv discovery.TLV) bool {
	const (
		congestionNotification = 0x08 // IEEE Std 802.1Q-2018, D.2.7
		applicationPriority    = 0x0c // D.2.11; between them ETS and PFC
		applicationVLAN        = 0x10 // D.2.14

		cin, cee = 1, 2
	)
	if lldp.TLVType(tlv.Type) != lldp.TLVTypeOrganizationSpecific {
		return false
	}
	switch tlv.OUI {
	case discovery.OUI{0x00, 0x80, 0xc2}:
		return (congestionNotification <= tlv.Subtype && tlv.Subtype <= applicationPriority) || tlv.Subtype == applicationVLAN
	case discovery.OUI{0x00, 0x1b, 0x21}:
		return tlv.Subtype == cin || tlv.Subtype == cee
	}
	return false
}
