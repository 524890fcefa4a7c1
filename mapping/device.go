// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// attachable finds the device through which a port's untagged network (vid 0) or
// tagged VLAN is used, or says why there is none.
func attachable(snap *discovery.Snapshot, port discovery.Interface, vid uint16) (device nodefile.Link, reason string) {
	if port.Master != 0 {
		master := "another device"
		if m, ok := snap.Interface(port.Master); ok {
			master = fmt.Sprintf("%s %s", m.Kind, m.Name)
		}
		return nodefile.Link{}, fmt.Sprintf("%s belongs to %s; attaching through it is not supported yet", port.Name, master)
	}
	if vid == 0 {
		return linkOf(port), ""
	}
	for _, ifi := range snap.Interfaces {
		if ifi.Kind != "vlan" || ifi.Parent != port.Index || ifi.VLAN != vid {
			continue
		}
		if ifi.Master != 0 {
			return nodefile.Link{}, fmt.Sprintf("VLAN device %s belongs to another device; attaching through it is not supported yet", ifi.Name)
		}
		return linkOf(ifi), ""
	}
	return nodefile.Link{}, fmt.Sprintf("there is no VLAN device for VID %d on %s; create one: ip link add link %s name %s.%d type vlan id %d",
		vid, port.Name, port.Name, port.Name, vid, vid)
}

func linkOf(i discovery.Interface) nodefile.Link {
	return nodefile.Link{Name: i.Name, Index: i.Index, MAC: i.MAC.String()}
}
