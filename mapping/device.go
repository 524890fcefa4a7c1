// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// A path is how a port's untagged network, or one of its tagged VLANs, is reached:
// through the top usable device above the port.
type path struct {
	device discovery.Interface // to attach to; zero where there is none
	parent discovery.Interface // of the VLAN device for a tagged VLAN, which may not be there yet
	joins  []junction          // the devices between that join ports, the lowest first
	none   string              // why there is no device
}

// A junction is a bond, team or bridge on a path.
type junction struct {
	discovery.Interface
	member int    // ifindex of the device below, which it joins with others
	vid    uint16 // the tag that frames of the network bear there; 0 for none
}

// maxDepth bounds the devices above a port; the kernel allows eight.
const maxDepth = 8

// links are the interfaces of a node, found without a search.
type links struct {
	all   []discovery.Interface
	index map[int]int // by ifindex
	vlans map[tag]int // the VLAN devices
	carry map[int][]int
}

// A tag is one that frames bear at a device; VID 0 for none.
type tag struct {
	device int // its ifindex
	vid    uint16
}

func newLinks(snap *discovery.Snapshot) *links {
	l := &links{all: snap.Interfaces, index: make(map[int]int, len(snap.Interfaces)), vlans: map[tag]int{}, carry: map[int][]int{}}
	for i := range l.all {
		ifi := &l.all[i]
		if _, twice := l.index[ifi.Index]; !twice {
			l.index[ifi.Index] = i
		}
		at := tag{ifi.Parent, ifi.VLAN}
		if _, twice := l.vlans[at]; !twice && ifi.Kind == discovery.KindVLAN && !ifi.Unfinished {
			l.vlans[at] = i
		}
	}
	return l
}

func (l *links) get(index int) (discovery.Interface, bool) {
	i, ok := l.index[index]
	if !ok {
		return discovery.Interface{}, false
	}
	return l.all[i], true
}

func (l *links) vlanDevice(parent int, vid uint16) (discovery.Interface, bool) {
	i, ok := l.vlans[tag{parent, vid}]
	if !ok {
		return discovery.Interface{}, false
	}
	return l.all[i], true
}

// carrying are the members through which a junction sends.
func (l *links) carrying(j junction) []int {
	out, known := l.carry[j.Index]
	if !known {
		out = discovery.Carrying(j.Interface, l.all)
		l.carry[j.Index] = out
	}
	return out
}

// path finds the path of a port's untagged network (vid 0) or tagged VLAN.
func (l *links) path(port discovery.Interface, vid uint16) path {
	p := path{device: port}
	for range maxDepth {
		at := p.device
		master, enslaved := l.get(at.Master)
		enslaved = enslaved && master.Kind != discovery.KindVRF // a VRF is about routes only
		joined := master.Kind.Aggregates()
		if vlan, ok := l.vlanDevice(at.Index, vid); vid != 0 && ok && !joined { // VLAN devices come before the bridge
			p.device, p.parent, vid = vlan, at, 0
			continue
		}
		if !enslaved {
			return p.ends(port, vid)
		}
		if why := whyBarred(at, master, vid); why != "" {
			return path{none: why}
		}
		p.device, p.joins = master, append(p.joins, junction{master, at.Index, vid})
	}
	return path{none: fmt.Sprintf("more devices are above %s than Colvin follows", port.Name)}
}

// ends is the path whose last device is its top: vid is the tag still needed there,
// for which a VLAN device can be made.
func (p path) ends(port discovery.Interface, vid uint16) path {
	switch {
	case !p.device.Up && p.device.Index != port.Index:
		return path{none: fmt.Sprintf("%s is administratively down; %s brings it up", p.device.Name, setUp(p.device))}
	case vid != 0:
		p.device, p.parent = discovery.Interface{}, p.device
	}
	return p
}

// whyBarred says why nothing can be attached through a master, or nothing.
func whyBarred(at, master discovery.Interface, vid uint16) string {
	switch master.Kind {
	case discovery.KindBond, discovery.KindTeam:
		return ""
	case discovery.KindBridge:
		if !master.VLANFiltering {
			return ""
		}
		what := "its untagged network"
		if vid != 0 {
			what = fmt.Sprintf("VLAN %d", vid)
		}
		return fmt.Sprintf("%s is a port of bridge %s, which filters VLANs, so %s need not reach the bridge device; a VLAN device on %s, or a bridge without filtering, can be used",
			at.Name, master.Name, what, at.Name)
	case discovery.KindOpenVSwitch:
		return fmt.Sprintf("%s belongs to Open vSwitch %s, which no macvlan or VLAN device can be put on; use the OVS CNI plugin with one of its bridges", at.Name, master.Name)
	default:
		return fmt.Sprintf("%s belongs to %s %s, through which Colvin does not attach", at.Name, master.Kind, master.Name)
	}
}

func linkOf(i discovery.Interface) nodefile.Link {
	if i.Index == 0 {
		return nodefile.Link{}
	}
	return nodefile.Link{Name: i.Name, Index: i.Index, MAC: i.MAC.String()}
}
