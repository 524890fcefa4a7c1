// SPDX-License-Identifier: Apache-2.0

package clusterview_test

import (
	"testing"
	"time"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
)

// TestReboot holds what an agent publishes that comes up after a reboot, of which the
// controller gives a node time by: who held the port before, that the node rebooted, and
// when the agent came up; whether or not there is a carrier yet, or the kernel counts the
// devices otherwise now.
func TestReboot(t *testing.T) {
	begin := time.Unix(1e9, 0)
	snapshot := func(at time.Time, index int, carrier bool, neighbors ...discovery.Neighbor) *discovery.Snapshot {
		ifi := discovery.Interface{Index: index, Name: "eth1", MAC: discovery.MAC{2, 0, 0, 0, 0, 1}, Ethernet: true, Up: true, Carrier: carrier, CarrierChanges: 1}
		return &discovery.Snapshot{Time: at, Interfaces: []discovery.Interface{ifi}, Ports: []discovery.Port{{
			Index: index, Name: ifi.Name, Epoch: ifi.Epoch(), Since: at, Neighbors: neighbors,
		}}}
	}
	heard := discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, MSAP: discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: "ifname:p1"}, TTL: 120,
		Source: discovery.MAC{0, 0, 0x5e, 0, 0x53, 1}, PVID: 100, FirstHeard: begin, LastHeard: begin,
	}
	before := mapping.Memory{}.Advance(mapping.World{Node: "node1", BootID: "boot-1"}, snapshot(begin, 3, true, heard))
	before.BootID = "" // as what lies in the state directory
	up := begin.Add(10 * time.Minute)
	for name, tt := range map[string]struct {
		index     int
		carrier   bool
		certainty v1alpha1.Certainty
	}{
		"no carrier yet":            {3, false, v1alpha1.Down},
		"nothing heard yet":         {3, true, v1alpha1.Unverified},
		"no carrier, another index": {5, false, v1alpha1.Down},
		"another index":             {5, true, v1alpha1.Unverified},
	} {
		t.Run(name, func(t *testing.T) {
			world := mapping.World{Node: "node1", BootID: "boot-2"}
			memory := before.Restore("boot-2", up)
			var snap *discovery.Snapshot
			for _, after := range []time.Duration{0, time.Second, time.Minute} {
				snap = snapshot(up.Add(after), tt.index, tt.carrier)
				snap.Ports[0].Since = up
				memory = memory.Advance(world, snap)
			}
			view := mapping.Resolve(mapping.Input{World: world, Snapshot: snap, Memory: memory})
			spec := clusterview.NodeTopologySpec(&view, snap, memory)
			h := spec.Interfaces[0].Port.Holder
			if h == nil || h.Certainty != tt.certainty || h.Reason != v1alpha1.Rebooted || !h.Since.Time.Equal(up) {
				t.Fatalf("published is %+v, want %s since %v, because it rebooted", h, tt.certainty, up)
			}
			in, err := clusterview.Input(&spec, "node1", up)
			if p, _ := in.Memory.Port(tt.index); err != nil || p.Cause != belief.Rebooted {
				t.Errorf("read is %q, %v", p.Cause, err)
			}
		})
	}
}
