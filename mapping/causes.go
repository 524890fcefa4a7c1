// SPDX-License-Identifier: Apache-2.0

package mapping

// GoneCause says why a neighbour is no longer live. It is kept in the agent's memory and
// compared; Sentence is for people.
type GoneCause string

// The causes of silence.
const (
	GoneAgedOut  GoneCause = "agedOut"
	GoneGoodbye  GoneCause = "saidGoodbye"
	GoneNotHeard GoneCause = "notHeard"
	GoneSilent   GoneCause = "silent"
)

// Sentence says the cause in words.
func (c GoneCause) Sentence() string {
	switch c {
	case GoneAgedOut:
		return "its LLDP aged out"
	case GoneGoodbye:
		return "it said goodbye"
	case GoneNotHeard:
		return "not heard since the agent started"
	case GoneSilent:
		return "not heard any more"
	default:
		return string(c)
	}
}

// LossCause says why a claim can no longer be relied on. It is kept in the agent's memory
// and compared; Sentence is for people.
type LossCause string

// The causes of a loss.
const (
	LostCarrier LossCause = "carrierLost"
	LostDevice  LossCause = "deviceReplaced"
	LostBoot    LossCause = "rebooted"
	LostVLAN    LossCause = "vlanChanged"
	LostCDP     LossCause = "cdpRelayed"
)

// Sentence says the cause in words.
func (c LossCause) Sentence() string {
	switch c {
	case LostCarrier:
		return "the carrier was lost since the switch was last heard"
	case LostDevice:
		return "the device was gone, replaced or given another MAC address since the switch was last heard"
	case LostBoot:
		return "the node rebooted since the switch was last heard"
	case LostVLAN:
		return "the switch announced another VLAN before it was last heard"
	case LostCDP:
		return "CDP of several devices is heard, so a switch that forwards it stands in between"
	default:
		return string(c)
	}
}
