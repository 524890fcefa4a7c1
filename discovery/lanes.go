// SPDX-License-Identifier: Apache-2.0

package discovery

// Lanes are the devices to which the kernel gives frames that arrive at a port, by ifindex,
// and the VID of their tag: 0 for the port itself and the masters above it, and for each
// VLAN device on one of these its own.
func Lanes(port Interface, all []Interface) map[int]uint16 {
	lanes := map[int]uint16{port.Index: 0}
	for more := true; more; { // master after master
		more = false
		for i := range all {
			if all[i].Index != port.Master {
				continue
			}
			if _, known := lanes[port.Master]; !known {
				port, more = all[i], true
				lanes[port.Index] = 0
			}
			break
		}
	}
	for i := range all {
		if vid, known := lanes[all[i].Parent]; known && vid == 0 && all[i].VLAN != 0 {
			if _, known := lanes[all[i].Index]; !known {
				lanes[all[i].Index] = all[i].VLAN
			}
		}
	}
	return lanes
}
