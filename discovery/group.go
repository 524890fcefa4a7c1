// SPDX-License-Identifier: Apache-2.0

package discovery

// The group addresses that LLDP is sent to, by how far a frame may come (IEEE Std
// 802.1AB-2016, 7.1, table 7-1).
var (
	NearestBridge         = MAC{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e} // no further than the cable; the usual one
	NearestNonTPMRBridge  = MAC{0x01, 0x80, 0xc2, 0x00, 0x00, 0x03}
	NearestCustomerBridge = MAC{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00}
)

// CDPGroup is the group address that CDP is sent to. VTP, DTP and other protocols of
// its vendor share it.
var CDPGroup = MAC{0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc}
