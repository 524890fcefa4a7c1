// SPDX-License-Identifier: Apache-2.0

package transmit

import (
	"fmt"

	"github.com/colvin-net/colvin/discovery"
)

// A Mode says whether Colvin sends on a port.
type Mode string

// The modes.
const (
	Auto Mode = "auto" // unless a second speaker would do harm
	On   Mode = "on"
	Off  Mode = "off"
)

// A situation is what decides whether a port sends.
type situation struct {
	Mode Mode
	Up   bool // administratively
	// Carrier is whether there is a link.
	Carrier bool
	// Problem says why no frame can leave though there is one.
	Problem string
	NIC     discovery.NIC

	// Silence says why a second speaker would do harm, as far as is known.
	Silence string
	// Watching is set until it is clear whether there is another speaker.
	Watching bool
}

// decide says what the send side of a port does.
func decide(s situation) discovery.Transmit {
	switch {
	case s.Mode == Off:
		return discovery.Transmit{State: discovery.Off, Reason: "switched off in the configuration"}
	case !s.Up:
		return discovery.Transmit{State: discovery.Off, Reason: "the interface is down"}
	case !s.Carrier:
		return discovery.Transmit{State: discovery.Off, Reason: "there is no carrier"}
	case s.Problem != "":
		return discovery.Transmit{State: discovery.Off, Reason: s.Problem}
	case s.Mode == On:
		return discovery.Transmit{State: discovery.Sending}
	case s.NIC.FirmwareLLDP:
		return discovery.Transmit{State: discovery.Silent, Reason: firmwareReason(s.NIC)}
	case s.Silence != "":
		return discovery.Transmit{State: discovery.Silent, Reason: s.Silence}
	case s.Watching:
		return discovery.Transmit{State: discovery.Watching, Reason: "listening whether another program of this node sends LLDP here"}
	default:
		return discovery.Transmit{State: discovery.Sending}
	}
}

func firmwareReason(n discovery.NIC) string {
	return fmt.Sprintf("the firmware of the NIC (driver %s) has an LLDP agent that speaks for this port", n.Driver)
}

// otherAgentReason says who else sends LLDP here.
func otherAgentReason(source discovery.MAC, name string) string {
	if name == "" {
		return fmt.Sprintf("another program of this node sends LLDP here, from %s", source)
	}
	return fmt.Sprintf("another program of this node sends LLDP here, from %s as \"%s\"", source, name) // a name is printable as it is
}

// dcbxReason says which switch expects one speaker only.
func dcbxReason(n *discovery.Neighbor) string {
	name := n.SystemName
	if name == "" {
		name = string(n.Chassis)
	}
	return fmt.Sprintf("the neighbour \"%s\" sends DCBX, which stops working where it hears two speakers on one port", name)
}
