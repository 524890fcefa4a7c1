// SPDX-License-Identifier: Apache-2.0

package discovery

import "strings"

// Speaker is what sort of system a neighbour is, as far as what it says shows.
type Speaker string

// The sorts of speakers.
const (
	// SpeakerSwitch bridges or routes, or does not say that it does not.
	SpeakerSwitch Speaker = "switch"
	// SpeakerHost is an end station, such as another server or a BMC.
	SpeakerHost Speaker = "host"
	// SpeakerPhone is an IP telephone. Most bridge to a second socket and say so;
	// they speak for themselves and not for the switch behind them.
	SpeakerPhone Speaker = "telephone"
	// SpeakerAccessPoint is a WLAN access point, which bridges likewise.
	SpeakerAccessPoint Speaker = "access point"
	// SpeakerNIC is the LLDP agent in the firmware of a NIC: it knows nothing of
	// the system that it is in and names only its own MAC address.
	SpeakerNIC Speaker = "NIC firmware"
)

// SpeakerOf tells what sort of system a neighbour is. Capabilities are a hint only: a
// switch may say none, and lldpd calls every host a router that forwards, and says of
// every system that it could be an access point: what it is, is what is enabled.
func SpeakerOf(n *Neighbor) Speaker {
	const forwards = CapabilityBridge | CapabilityRouter
	said := n.Capabilities.Available | n.Capabilities.Enabled
	switch {
	case n.Capabilities.Enabled&CapabilityTelephone != 0:
		return SpeakerPhone
	case n.Capabilities.Enabled&CapabilityAccessPoint != 0:
		return SpeakerAccessPoint
	case n.Capabilities.Enabled&forwards != 0:
		return SpeakerSwitch
	case said&CapabilityStation != 0:
		return SpeakerHost
	case firmware(n):
		return SpeakerNIC
	default:
		return SpeakerSwitch
	}
}

// firmware reports whether a neighbour names nothing but its own MAC address.
func firmware(n *Neighbor) bool {
	if n.Protocol != ProtocolLLDP || n.SystemName != "" || n.SystemDescription != "" ||
		n.Capabilities != (Capabilities{}) || n.PVID != 0 {
		return false
	}
	own := "mac:" + n.Source.String()
	return string(n.Chassis) == own && strings.EqualFold(string(n.Port), own)
}
