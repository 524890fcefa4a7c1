// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/lldp"
)

// What switches say of their ports as numbers, in words.

// mauTypes are the media of switch ports (IANA-MAU-MIB, dot3MauType).
var mauTypes = map[uint16]string{
	10: "10BASE-T half duplex", 11: "10BASE-T full duplex", 12: "10BASE-FL half duplex", 13: "10BASE-FL full duplex",
	15: "100BASE-TX half duplex", 16: "100BASE-TX full duplex", 17: "100BASE-FX half duplex", 18: "100BASE-FX full duplex",
	21: "1000BASE-X half duplex", 22: "1000BASE-X full duplex", 23: "1000BASE-LX half duplex", 24: "1000BASE-LX full duplex",
	25: "1000BASE-SX half duplex", 26: "1000BASE-SX full duplex", 27: "1000BASE-CX half duplex", 28: "1000BASE-CX full duplex",
	29: "1000BASE-T half duplex", 30: "1000BASE-T full duplex", 31: "10GBASE-X", 32: "10GBASE-LX4", 33: "10GBASE-R", 34: "10GBASE-ER",
	35: "10GBASE-LR", 36: "10GBASE-SR", 37: "10GBASE-W", 38: "10GBASE-EW", 39: "10GBASE-LW", 40: "10GBASE-SW", 41: "10GBASE-CX4",
	44: "100BASE-BX10-D", 45: "100BASE-BX10-U", 46: "100BASE-LX10", 47: "1000BASE-BX10-D", 48: "1000BASE-BX10-U", 49: "1000BASE-LX10",
	54: "10GBASE-T", 55: "10GBASE-LRM", 56: "1000BASE-KX", 57: "10GBASE-KX4", 58: "10GBASE-KR",
	70: "40GBASE-KR4", 71: "40GBASE-CR4", 72: "40GBASE-SR4", 73: "40GBASE-FR", 74: "40GBASE-LR4",
	75: "100GBASE-CR10", 76: "100GBASE-SR10", 77: "100GBASE-LR4", 78: "100GBASE-ER4",
}

func mauType(t uint16) string {
	switch name, ok := mauTypes[t]; {
	case ok:
		return fmt.Sprintf("%s (MAU type %d)", name, t)
	case t == 0:
		return "other or unknown (MAU type 0)"
	default:
		return fmt.Sprintf("MAU type %d", t)
	}
}

// advertised are the bits of auto-negotiation, the highest first (IANA-MAU-MIB,
// IANAifMauAutoNegCapBits).
var advertised = [...]string{
	"other", "10BASE-T", "10BASE-T full duplex", "100BASE-T4", "100BASE-TX", "100BASE-TX full duplex", "100BASE-T2", "100BASE-T2 full duplex",
	"PAUSE", "asymmetric PAUSE", "symmetric PAUSE", "PAUSE both ways",
	"1000BASE-X", "1000BASE-X full duplex", "1000BASE-T", "1000BASE-T full duplex",
}

func autoNegotiation(m *discovery.MACPHY) string {
	switch {
	case !m.AutoNegotiationSupported:
		return "not supported"
	case !m.AutoNegotiationEnabled:
		return "supported, not enabled"
	}
	var names []string
	for i, name := range advertised {
		if m.Advertised&(1<<15>>i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "enabled, advertises nothing"
	}
	return "enabled, advertises " + strings.Join(names, ", ")
}

// MACText is a MAC address; empty for none.
func MACText(m discovery.MAC) string {
	if m == (discovery.MAC{}) {
		return ""
	}
	return m.String()
}

func capabilities(c discovery.Capabilities) string {
	if c == (discovery.Capabilities{}) {
		return ""
	}
	return fmt.Sprintf("%s; enabled: %s", listed(c.Available), listed(c.Enabled))
}

func listed(c discovery.CapabilitySet) string {
	if c == 0 {
		return "none"
	}
	return strings.Join(c.Names(), ", ")
}

func linkAggregation(l *discovery.LinkAggregation) string {
	switch {
	case l == nil:
		return ""
	case l.Enabled:
		return fmt.Sprintf("member of aggregation %d", l.PortID)
	case l.Capable:
		return "capable, not aggregated"
	default:
		return "not capable"
	}
}

// applications are the applications of network policies (ANSI/TIA-1057, table 12).
var applications = [...]string{
	1: "voice", 2: "voice signalling", 3: "guest voice", 4: "guest voice signalling", 5: "softphone voice",
	6: "video conferencing", 7: "streaming video", 8: "video signalling",
}

func networkPolicy(p discovery.NetworkPolicy) string {
	application := fmt.Sprintf("application %d", p.Application)
	if i := int(p.Application); i > 0 && i < len(applications) {
		application = applications[i]
	}
	vlan := "untagged"
	switch {
	case p.Unknown:
		return application + ": not known"
	case p.Tagged && p.VID == 0:
		vlan = "priority tagged"
	case p.Tagged:
		vlan = fmt.Sprintf("VLAN %d tagged", p.VID)
	}
	return fmt.Sprintf("%s: %s, priority %d, DSCP %d", application, vlan, p.Priority, p.DSCP)
}

func unknownTLV(tlv discovery.TLV) string {
	kind := fmt.Sprintf("type %d", tlv.Type)
	if tlv.OUI != (discovery.OUI{}) {
		kind = fmt.Sprintf("%s subtype %d", tlv.OUI, tlv.Subtype)
		if name := lldp.DCBXName(&tlv); name != "" {
			kind += " (" + name + ")"
		}
	}
	return fmt.Sprintf("%s: %x", kind, []byte(tlv.Value))
}
