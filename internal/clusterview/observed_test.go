// SPDX-License-Identifier: Apache-2.0

package clusterview_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
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

// TestPinUntold holds that whoever reads what a node publishes leads nobody through a port
// that is pinned by an address, which is not published: not by the next rule, nor by a switch
// that contradicts it.
func TestPinUntold(t *testing.T) {
	now := time.Unix(1e9, 0)
	set, _, err := rules.Parse("r.yaml", []byte(`networks:
  - {name: green, match: [{address: 10.20.0.0/16, silent: now}, {system: leaf-1, vlan: 100}]}
  - {name: blue, match: [{node: "node*", silent: now}, {system: leaf-1, vlan: 200}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	says := func(vlan uint16) []discovery.Neighbor {
		return []discovery.Neighbor{{
			Protocol: discovery.ProtocolLLDP, MSAP: discovery.MSAP{Chassis: "mac:00:1b:21:00:00:01", Port: "ifname:p1"}, SystemName: "leaf-1", PVID: vlan, TTL: 120,
			Source: discovery.MAC{0, 0x1b, 0x21, 0, 0, 1}, FirstHeard: now, LastHeard: now,
		}}
	}
	for name, tt := range map[string]struct {
		address       string
		heard         []discovery.Neighbor
		here, cluster string
	}{
		"pinned by address":             {address: "10.20.0.7/24", here: "green"},
		"pinned by the next rule":       {address: "192.0.2.7/24", here: "blue", cluster: "blue"},
		"a switch agrees":               {address: "10.20.0.7/24", heard: says(100), here: "green", cluster: "green"},
		"a switch contradicts":          {address: "10.20.0.7/24", heard: says(200)},
		"a switch where nothing pinned": {address: "192.0.2.7/24", heard: says(200), here: "blue", cluster: "blue"},
	} {
		ifi := discovery.Interface{
			Index: 2, Name: "eth1", MAC: discovery.MAC{2, 0, 0, 0, 0, 2}, Ethernet: true, Up: true, Carrier: true,
			Addresses: []discovery.Address{{Prefix: netip.MustParsePrefix(tt.address), Scope: discovery.ScopeGlobal}},
		}
		world := mapping.World{Node: "node1", BootID: "boot-1", Rules: set}
		var memory mapping.Memory
		var view mapping.View
		var snap *discovery.Snapshot
		for step, neighbors := range [][]discovery.Neighbor{nil, tt.heard} {
			snap = &discovery.Snapshot{
				Time: now.Add(time.Duration(step-1) * time.Second), Interfaces: []discovery.Interface{ifi},
				Ports: []discovery.Port{{Index: 2, Name: "eth1", Epoch: ifi.Epoch(), Since: now.Add(-time.Hour), Neighbors: neighbors}},
			}
			memory = memory.Advance(world, snap)
			view = mapping.Resolve(mapping.Input{World: world, Snapshot: snap, Memory: memory})
		}
		spec := clusterview.NodeTopologySpec(&view, snap, memory)
		in, err := clusterview.Input(&spec, "node1", now)
		if err != nil {
			t.Fatal(err)
		}
		in.Rules = set
		read := mapping.Resolve(in)
		if here, cluster := usableNames(&view), usableNames(&read); here != tt.here || cluster != tt.cluster {
			t.Errorf("%s: %q on the node, %q in the cluster; want %q and %q", name, here, cluster, tt.here, tt.cluster)
		}
	}
}

// usableNames are those of networks to which pods can attach.
func usableNames(v *mapping.View) string {
	var names []string
	for i := range v.Uplinks {
		if a := &v.Uplinks[i]; a.Usable && a.Name != "" {
			names = append(names, a.Name)
		}
	}
	return strings.Join(names, " ")
}
