// SPDX-License-Identifier: Apache-2.0

package ether_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
)

func TestSockets(t *testing.T) {
	const both = ether.LLDP | ether.CDP
	each, early := []ether.FrameSet{ether.LLDP, ether.CDP}, []ether.FrameSet{both | ether.Early}
	interfaces := []discovery.Interface{
		{Index: 10, Kind: "bond"},
		{Index: 11, Kind: "bond", Master: 12},
		{Index: 12, Kind: "bridge"},
		{Index: 13, Kind: "openvswitch"},
		{Index: 14, Kind: "team", Master: 15},
		{Index: 15, Kind: "vrf"},
		{Index: 16, Kind: "bond", Master: 16}, // which the kernel does not allow
	}
	for _, tt := range []struct {
		what      string
		master    int
		protocols ether.FrameSet
		capture   ether.Capture
		want      []ether.FrameSet
	}{
		{"no master", 0, both, ether.CaptureAuto, each},
		{"no master, LLDP only", 0, ether.LLDP, ether.CaptureAuto, []ether.FrameSet{ether.LLDP}},
		{"no master, CDP only", 0, ether.CDP, ether.CaptureAuto, []ether.FrameSet{ether.CDP}},
		{"bond", 10, both, ether.CaptureAuto, each},
		{"bond in a bridge", 11, both, ether.CaptureAuto, early},
		{"bridge", 12, both, ether.CaptureAuto, early},
		{"Open vSwitch, LLDP only", 13, ether.LLDP, ether.CaptureAuto, []ether.FrameSet{ether.LLDP | ether.Early}},
		{"team in a VRF", 14, both, ether.CaptureAuto, each},
		{"a master that is not there", 99, both, ether.CaptureAuto, early},
		{"a circle", 16, both, ether.CaptureAuto, early},
		{"told to take all", 0, both, ether.CaptureAll, early},
		{"told not to", 13, both, ether.CaptureProtocol, each},
	} {
		port := discovery.Interface{Index: 2, Master: tt.master}
		if diff := cmp.Diff(tt.want, ether.FrameSetsFor(port, interfaces, tt.protocols, tt.capture)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.what, diff)
		}
	}
}

// TestRoutersOn tells where frames have to be taken early: also where a bridge is on a VLAN
// device, which takes none of the port's own.
func TestRoutersOn(t *testing.T) {
	interfaces := []discovery.Interface{
		{Index: 10, Kind: "bond"},
		{Index: 12, Kind: "bridge"},
		{Index: 20, Kind: "vlan", VLAN: 9, Parent: 2},
		{Index: 21, Kind: "vlan", VLAN: 9, Parent: 3, Master: 12},
		{Index: 22, Kind: "vlan", VLAN: 9, Parent: 10, Master: 13},
		{Index: 13, Kind: "openvswitch"},
	}
	const early = ether.Routers | ether.Early
	for _, tt := range []struct {
		what    string
		port    discovery.Interface
		capture ether.Capture
		want    ether.FrameSet
	}{
		{"a VLAN device", discovery.Interface{Index: 2}, ether.CaptureAuto, ether.Routers},
		{"in a bridge", discovery.Interface{Index: 4, Master: 12}, ether.CaptureAuto, early},
		{"VLAN device in a bridge", discovery.Interface{Index: 3}, ether.CaptureAuto, early},
		{"VLAN device of a bond in Open vSwitch", discovery.Interface{Index: 5, Master: 10}, ether.CaptureAuto, early},
		{"told to take all", discovery.Interface{Index: 2}, ether.CaptureAll, early},
		{"told not to", discovery.Interface{Index: 4, Master: 12}, ether.CaptureProtocol, ether.Routers},
		{"told not to, VLAN device in a bridge", discovery.Interface{Index: 3}, ether.CaptureProtocol, ether.Routers},
	} {
		if got := ether.RoutersOn(tt.port, interfaces, tt.capture); got != tt.want {
			t.Errorf("%s: %b, want %b", tt.what, got, tt.want)
		}
	}
}
