// SPDX-License-Identifier: Apache-2.0

package ether

import (
	"slices"

	"github.com/colvin-net/colvin/discovery"
)

// A FrameSet says which frames a Conn delivers. Unless it is a Tap they are frames
// that arrive, never copies of what the node sends: a pod on a macvlan can forge
// LLDP, and its frames leave through the very port we listen on.
type FrameSet uint8

const (
	// LLDP stands for LLDP frames to any of the three group addresses.
	LLDP FrameSet = 1 << iota
	// CDP stands for frames of the Cisco Discovery Protocol.
	CDP
	// Early has the frames delivered before anything else in the kernel sees them.
	// It costs a filter run for every frame that arrives at the port, of whatever
	// protocol.
	Early
	// sent has frames delivered that the node sends, instead of those that arrive.
	sent
	// Routers stands for router advertisements (RFC 4861, 4.2). It has a socket of its own,
	// so that no flood of them has frames of other protocols lost.
	Routers
)

// Tap delivers the LLDP frames that this node sends on the port, from whatever
// program, but not those that are written to the Tap itself. It costs a copy of
// every frame that the node sends there, so it is not for long.
const Tap = LLDP | Early | sent

// Capture says how frames are taken from a port.
type Capture string

// The ways to take frames.
const (
	// CaptureAuto takes frames as early as is needed.
	CaptureAuto Capture = "auto"
	// CaptureAll takes them before anything else can.
	CaptureAll Capture = "all"
	// CaptureProtocol takes them where the kernel hands out their protocol.
	CaptureProtocol Capture = "protocol"
)

// FrameSetsFor are those by which a port is listened to. The interfaces are all of the
// node, and the protocols LLDP, CDP or both.
func FrameSetsFor(port discovery.Interface, interfaces []discovery.Interface, protocols FrameSet, c Capture) []FrameSet {
	if c == CaptureAll || (c != CaptureProtocol && takenByMaster(port, interfaces)) {
		return []FrameSet{protocols | Early}
	}
	var sockets []FrameSet
	for _, s := range []FrameSet{LLDP, CDP} {
		if protocols&s != 0 {
			sockets = append(sockets, s)
		}
	}
	return sockets
}

// RoutersOn is by which a port is listened to for router advertisements: those that arrive
// untagged, and those in the VLANs for which there is a device. A bridge on one of these
// takes them, as one on the port does.
func RoutersOn(port discovery.Interface, interfaces []discovery.Interface, c Capture) FrameSet {
	early := c == CaptureAll || c != CaptureProtocol && takenByMaster(port, interfaces)
	lanes := discovery.Lanes(port, interfaces)
	for i := range interfaces {
		if vid := lanes[interfaces[i].Index]; vid != 0 && c != CaptureProtocol && takenByMaster(interfaces[i], interfaces) {
			early = true
		}
	}
	if early {
		return Routers | Early
	}
	return Routers
}

// leaves are the kinds of master that leave a frame to the socket of the member
// it arrived on, inactive members included. Open vSwitch takes every frame. A
// bridge takes CDP, the LLDP groups that it forwards (IEEE Std 802.1D address 0
// where it runs no spanning tree, others with group_fwd_mask), and nobody else
// may see them then.
var leaves = []discovery.Kind{discovery.KindBond, discovery.KindTeam, discovery.KindVRF}

// takenByMaster reports whether a master of the port, or a master of that, takes frames
// before a socket of their protocol sees them.
func takenByMaster(port discovery.Interface, interfaces []discovery.Interface) bool {
	for range interfaces { // a bound, should the masters form a circle
		if port.Master == 0 {
			return false
		}
		i := slices.IndexFunc(interfaces, func(i discovery.Interface) bool { return i.Index == port.Master })
		if i < 0 || !slices.Contains(leaves, interfaces[i].Kind) {
			return true
		}
		port = interfaces[i]
	}
	return true
}
