// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"strings"

	"github.com/colvin-net/colvin/discovery"
)

// Speaker is what sort of system a neighbour is, as far as what it says shows.
type Speaker string

// The sorts of speakers.
const (
	// SpeakerSwitch bridges or routes, or does not say that it does not.
	SpeakerSwitch Speaker = "switch"
	// SpeakerHost is an end station, such as another server or a BMC.
	SpeakerHost Speaker = "host"
	// SpeakerNIC is the LLDP agent in the firmware of a NIC: it knows nothing of
	// the system that it is in and names only its own MAC address.
	SpeakerNIC Speaker = "NIC firmware"
)

// SpeakerOf tells what sort of system a neighbour is.
func SpeakerOf(n *discovery.Neighbor) Speaker {
	const forwards = discovery.CapabilityBridge | discovery.CapabilityRouter
	own := "mac:" + n.Source.String()
	switch {
	case n.Capabilities.Enabled&forwards != 0:
		return SpeakerSwitch
	case n.Capabilities.Available&discovery.CapabilityStation != 0:
		return SpeakerHost
	case n.Protocol == discovery.ProtocolLLDP && string(n.Chassis) == own && strings.EqualFold(string(n.Port), own) &&
		n.SystemName == "" && n.SystemDescription == "" && n.Capabilities == discovery.Capabilities{} && n.PVID == 0:
		return SpeakerNIC
	default:
		return SpeakerSwitch
	}
}

// rank orders the neighbours of a port by whom to believe: a switch that speaks
// LLDP, one that speaks CDP, and what is no switch. Where LLDP and CDP are both
// heard, LLDP wins, because other makers' switches forward CDP.
func rank(n *discovery.Neighbor) int {
	switch {
	case SpeakerOf(n) != SpeakerSwitch:
		return 2
	case n.Protocol == discovery.ProtocolCDP:
		return 1
	default:
		return 0
	}
}
