// SPDX-License-Identifier: Apache-2.0

package discovery

// MaxVID is the highest VLAN ID (IEEE Std 802.1Q-2018, 9.6 and table 9-2).
const MaxVID = 4094

// ValidVID reports whether a VID names a VLAN: 0 is none and 4095 is reserved.
func ValidVID(vid uint16) bool { return 1 <= vid && vid <= MaxVID }
