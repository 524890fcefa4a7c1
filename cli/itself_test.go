// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// behindDumbSwitch is a node whose two ports are behind a switch that forwards LLDP: each
// hears what the node sends on the other. A switch is heard on the second.
func behindDumbSwitch() *agentapi.State {
	own := func(from int) discovery.Neighbor {
		n := heardOn(discovery.ProtocolLLDP, "mac:02:00:00:00:00:02", discovery.ID("ifname:eth"+string(rune('0'+from))), "node1", 0)
		n.Source = discovery.MAC{2, 0, 0, 0, 0, byte(1 + from)}
		n.Capabilities = discovery.Capabilities{Available: discovery.CapabilityStation, Enabled: discovery.CapabilityStation}
		return n
	}
	snap := snapshot()
	snap.Interfaces, snap.Ports = snap.Interfaces[:2], snap.Ports[:2]
	leaf := snap.Ports[1].Neighbors[0]
	snap.Ports[0].Neighbors, snap.Ports[1].Neighbors = []discovery.Neighbor{own(2)}, []discovery.Neighbor{own(1), leaf}
	world := mapping.World{Node: "node1", BootID: "boot-1"}
	memory := mapping.Memory{}.Advance(world, snap)
	view := mapping.Resolve(mapping.Input{World: world, Snapshot: snap, Memory: memory})
	return &agentapi.State{
		Version: "v0.1.0", Node: "node1", BootID: "boot-1", Started: now.Add(-26 * time.Hour), Snapshot: snap, Memory: memory, View: view,
	}
}

// TestHearsItself holds that the node is no neighbour of its own, anywhere.
func TestHearsItself(t *testing.T) {
	dir := t.TempDir()
	serveState(t, dir, func() (*agentapi.State, error) { return behindDumbSwitch(), nil }, changesSince)
	var out strings.Builder
	for _, args := range [][]string{
		{"neighbors"}, {"neighbors", "eth1", "-o", "wide"}, {"neighbors", "eth1", "-o", "json"}, {"status"}, {"explain", "eth1"}, {"explain", "eth2"}, {"topology"},
	} {
		out.WriteString("$ colvin " + strings.Join(args, " ") + "\n" + run(t, dir, args...) + "\n")
	}
	expect(t, "itself", out.String())
	if s := behindDumbSwitch(); slices.ContainsFunc(s.View.Uplinks, func(u mapping.Uplink) bool { return u.Port.Name == "eth1" }) {
		t.Errorf("the node is its own switch: %+v", s.View.Uplinks)
	}
}
