// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// hearing is what one node hears on eth1: a switch that tells the MAC address of the
// port as its chassis ID.
func hearing(node, mac, port, system, management string) mapping.Input {
	ifi := discovery.Interface{Index: 2, Name: "eth1", Ethernet: true, Up: true, Carrier: true, CarrierChanges: 2}
	source, err := discovery.ParseMAC(mac)
	if err != nil {
		panic(err)
	}
	n := discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, Source: source, MSAP: discovery.MSAP{Chassis: discovery.ID("mac:" + mac), Port: discovery.ID(port)},
		SystemName: system, PVID: 100,
	}
	if management != "" {
		n.ManagementAddresses = []string{management}
	}
	return mapping.Input{
		World:    mapping.World{Node: node},
		Snapshot: &discovery.Snapshot{Interfaces: []discovery.Interface{ifi}, Ports: []discovery.Port{{Index: 2, Name: "eth1", Epoch: 2, Neighbors: []discovery.Neighbor{n}}}},
		Memory:   mapping.Memory{Claims: []mapping.Claim{{Interface: "eth1", Index: 2, Epoch: 2, Neighbor: n, Live: true}}},
	}
}

func TestJoinSwitches(t *testing.T) {
	const a, b, c = "00:00:5e:00:53:01", "00:00:5e:00:53:02", "00:00:5e:00:53:03"
	replaced := hearing("node3", c, "ifname:Eth1/3", "leaf-1", "192.0.2.1")
	replaced.Memory.Switches = mapping.Switches{{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a, "mac:" + c}}}
	silent := hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1")
	silent.Snapshot.Interfaces[0].Carrier, silent.Snapshot.Ports[0].Neighbors, silent.Memory.Claims[0].Live = false, nil, false
	for name, tt := range map[string]struct {
		nodes []mapping.Input
		want  mapping.Switches
	}{
		"one switch by name and address": {
			[]mapping.Input{hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1"), hearing("node2", b, "ifname:Eth1/2", "leaf-1", "192.0.2.1")},
			mapping.Switches{{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a, "mac:" + b}}},
		},
		"one that a node has heard before": {
			[]mapping.Input{silent, hearing("node2", b, "ifname:Eth1/2", "leaf-1", "192.0.2.1")},
			mapping.Switches{{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a, "mac:" + b}}},
		},
		"namesakes at other addresses": {
			[]mapping.Input{hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1"), hearing("node2", b, "ifname:Eth1/2", "leaf-1", "192.0.2.2")}, nil,
		},
		"a port twice": {
			[]mapping.Input{hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1"), hearing("node2", b, "ifname:Eth1/1", "leaf-1", "192.0.2.1")},
			mapping.Switches{
				{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a}}, {ID: "mac:" + b, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + b}},
			},
		},
		"other names": {
			[]mapping.Input{hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1"), hearing("node2", b, "ifname:Eth1/2", "leaf-2", "192.0.2.1")}, nil,
		},
		"names that tell nothing": {
			[]mapping.Input{hearing("node1", a, "ifname:Eth1/1", "switch", "192.0.2.1"), hearing("node2", b, "ifname:Eth1/2", "switch", "192.0.2.1")}, nil,
		},
		"what one node knows": {
			[]mapping.Input{hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1"), replaced},
			mapping.Switches{{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a, "mac:" + c}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mapping.JoinSwitches(tt.nodes, time.Unix(1e9, 0))); diff != "" {
				t.Errorf("switches (-want +got):\n%s", diff)
			}
		})
	}
}
