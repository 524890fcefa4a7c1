// SPDX-License-Identifier: Apache-2.0

package clusterview_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

// TestSpeakersBesideTheSwitch floods all ports of a node with speakers that say as much as
// fits into a frame: the object stays so small that an API server takes it, and who holds
// the ports is told still.
func TestSpeakersBesideTheSwitch(t *testing.T) {
	const most = 1 << 20
	unseen := func(n int) string { return strings.Repeat(`\x01`, n) }
	for ports, others := range map[int]int{1: 16, 3: 16, 8: 4, 32: 0} {
		now := time.Unix(1e9, 0)
		snap := &discovery.Snapshot{Time: now}
		for p := range ports {
			ifi := discovery.Interface{Index: p + 1, Name: fmt.Sprint("eth", p), Ethernet: true, Up: true, Carrier: true}
			port := discovery.Port{Index: ifi.Index, Name: ifi.Name, Epoch: ifi.Epoch(), Since: now}
			for k := range 32 {
				n := discovery.Neighbor{
					Protocol: discovery.ProtocolLLDP, MSAP: discovery.MSAP{Chassis: discovery.ID(fmt.Sprint("local:", p, "-", k, unseen(240))), Port: "ifname:p1"},
					FirstHeard: now, LastHeard: now, PVID: uint16(k + 1), Source: discovery.MAC{2, 0, 0, 0, 0, byte(k)}, SystemName: unseen(255), SystemDescription: unseen(255), PortDescription: unseen(255),
				}
				for vid := range uint16(12) {
					n.VLANs = append(n.VLANs, discovery.VLANName{ID: vid + 100, Name: unseen(32)})
				}
				port.Neighbors = append(port.Neighbors, n)
			}
			snap.Interfaces, snap.Ports = append(snap.Interfaces, ifi), append(snap.Ports, port)
		}
		world := mapping.World{Node: "node1", BootID: "boot-1"}
		memory := mapping.Memory{}.Advance(world, snap)
		view := mapping.Resolve(mapping.Input{World: world, Snapshot: snap, Memory: memory})
		spec := clusterview.NodeTopologySpec(&view, snap, memory)
		data, err := json.Marshal(spec)
		if err != nil || len(data) > most {
			t.Errorf("%d ports: %d octets, %v; want %d at most", ports, len(data), err, most)
		}
		for i := range spec.Interfaces {
			if p := spec.Interfaces[i].Port; p.Holder == nil || len(p.Others) != others {
				t.Errorf("%d ports: %s has holder %v and %d others, want %d", ports, spec.Interfaces[i].Name, p.Holder != nil, len(p.Others), others)
			}
		}
		if _, err := clusterview.Input(&spec, "node1", now); err != nil {
			t.Error(err)
		}
	}
}

// TestSummaryOfPins holds that a port that a rule alone leads somewhere is counted as that,
// one that no rule names as unsure, and one whose switch is heard as heard.
func TestSummaryOfPins(t *testing.T) {
	now := time.Unix(1e9, 0)
	set, _, err := rules.Parse("r.yaml", []byte(`networks: [{name: green, match: [{node: node1, interface: eth0, silent: now}, {node: node1, interface: eth2, silent: now}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	snap := &discovery.Snapshot{Time: now}
	for i := range 4 {
		ifi := discovery.Interface{Index: i + 1, Name: fmt.Sprint("eth", i), MAC: discovery.MAC{2, 0, 0, 0, 0, byte(i)}, Ethernet: true, Up: true, Carrier: i != 2}
		port := discovery.Port{Index: ifi.Index, Name: ifi.Name, Epoch: ifi.Epoch(), Since: now.Add(-time.Hour), NIC: discovery.NIC{Driver: "ice", Address: "0000:3b:00.0"}}
		if i == 3 {
			port.Neighbors = []discovery.Neighbor{{
				Protocol: discovery.ProtocolLLDP, MSAP: discovery.MSAP{Chassis: "mac:00:1b:21:00:00:01", Port: "ifname:p1"}, PVID: 100, TTL: 120,
				Source: discovery.MAC{0, 0x1b, 0x21, 0, 0, 1}, FirstHeard: now, LastHeard: now,
			}}
		}
		snap.Interfaces, snap.Ports = append(snap.Interfaces, ifi), append(snap.Ports, port)
	}
	world := mapping.World{Node: "node1", BootID: "boot-1", Rules: set}
	memory := mapping.Memory{}.Advance(world, snap)
	view := mapping.Resolve(mapping.Input{World: world, Snapshot: snap, Memory: memory})
	got := clusterview.NodeTopologySpec(&view, snap, memory)
	want := v1alpha1.TopologySummary{Ports: 4, Heard: 1, Pinned: 1, Unsure: "eth1"}
	if diff := cmp.Diff(want, got.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if p := got.Interfaces[0].Port; p.Driver != "ice" || p.Address != "0000:3b:00.0" || !p.Pinned {
		t.Errorf("eth0: %+v", p)
	}
}
