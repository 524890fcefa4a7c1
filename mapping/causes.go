// SPDX-License-Identifier: Apache-2.0

package mapping

import "github.com/colvin-net/colvin/mapping/belief"

// causeSentence says in words why a word holds no port any more.
func causeSentence(c belief.Cause) string {
	switch c {
	case belief.CarrierLost:
		return "the carrier was lost since the switch was last heard"
	case belief.DeviceReplaced:
		return "the device was gone, replaced or given another MAC address since the switch was last heard"
	case belief.Rebooted:
		return "the node rebooted since the switch was last heard"
	case belief.Unheard:
		return "nobody listened for more than 15 minutes"
	default:
		return "nobody has been heard for longer than is accepted"
	}
}
