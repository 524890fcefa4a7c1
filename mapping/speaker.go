// SPDX-License-Identifier: Apache-2.0

package mapping

import "github.com/colvin-net/colvin/discovery"

// rank orders the neighbours of a port by whom to believe: a switch that speaks
// LLDP, one that speaks CDP, and what is no switch. Where LLDP and CDP are both
// heard, LLDP wins, because other makers' switches forward CDP.
func rank(n *discovery.Neighbor) int {
	switch {
	case discovery.SpeakerOf(n) != discovery.SpeakerSwitch:
		return 2
	case n.Protocol == discovery.ProtocolCDP:
		return 1
	default:
		return 0
	}
}
