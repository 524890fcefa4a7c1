// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"testing"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// newTrunkBench is a node whose eth1 carries green untagged, and storage tagged.
func newTrunkBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.node.Networks[1].Uplinks[0].Trunk = true
	return b
}

// What the configuration says of isolation comes before what the node does.
func TestIsolation(t *testing.T) {
	for name, tt := range map[string]struct {
		node, conf string
		said       string // what is strict
	}{
		"nobody says anything":    {"", "", ""},
		"off on the node":         {"off", "", ""},
		"strict on the node":      {"strict", "", "isolation in colvind.yaml"},
		"strict in the network":   {"off", "strict", `"isolation" in the configuration`},
		"accepted in the network": {"strict", "off", ""},
		"strict in both":          {"strict", "strict", `"isolation" in the configuration`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTrunkBench(t)
			b.node.Isolation = tt.node
			if tt.conf != "" {
				b.conf["isolation"] = tt.conf
			}
			b.writeNode()
			err := b.do(b.plugin.Add)
			if tt.said == "" {
				b.must(err)
				if _, told := b.calls()[0].Conf["isolation"]; told {
					t.Error("the delegate is told of isolation")
				}
				return
			}
			b.wantError(err, 103, `node1: network "green": it is untagged on eth1, which carries tagged VLANs too, so a container that sends raw frames could tag its own and reach those, and `+tt.said+
				` is strict; have the switch port carry this network alone, or have it tag the network, or accept it with "isolation": "off"`)
			b.wantVerbs()
			b.wantRecords(0)
		})
	}
}

func TestIsolationMistake(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.conf["isolation"] = "hard"
	b.wantError(b.do(b.plugin.Add), 7, `node1: network "green": "isolation" is "hard", want "off" or "strict"`)
}

// Strict isolation refuses what passes a container's tags on, and nothing else.
func TestIsolationOfUses(t *testing.T) {
	const unsafe = 103
	chosen := func(b *bench) {
		b.kernel.PCI = functions
		b.conf["deviceID"] = "0000:03:00.1"
	}
	tag := func(b *bench) {
		at := taggedOn(eth(4, "eth1"))
		at.Trunk = false // frames leave tagged
		b.storage(at)
	}
	bridge := func(b *bench) {
		b.kernel.Now[0].Master = 7
		br := discovery.Interface{Index: 7, Name: "br0", Kind: "bridge", MAC: b.kernel.Now[0].MAC, Up: true, Carrier: true}
		b.kernel.Now = append(b.kernel.Now, br)
		b.node.Networks[1].Uplinks[0].Device = linkOf(br)
	}
	for name, tt := range map[string]struct {
		delegate string
		set      []func(*bench)
		code     uint
	}{
		"macvlan":                           {"macvlan", nil, unsafe},
		"macvlan on a VLAN device":          {"macvlan", []func(*bench){tag}, 0},
		"bridge":                            {"bridge", []func(*bench){bridge}, unsafe},
		"vlan":                              {"vlan", []func(*bench){tag}, 0},
		"host-device":                       {"host-device", nil, unsafe},
		"a function without a VLAN":         {"sriov", []func(*bench){chosen}, unsafe},
		"a function with a VLAN of its own": {"sriov", []func(*bench){chosen, tag}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTrunkBench(t)
			b.conf["delegate"] = map[string]any{"type": tt.delegate}
			b.conf["isolation"], b.conf["ipam"] = "strict", map[string]any{"type": "host-local"}
			for _, set := range tt.set {
				set(b)
			}
			b.writeNode()
			err := b.do(b.plugin.Add)
			if tt.code == 0 {
				b.must(err)
				return
			}
			b.wantCode(err, tt.code)
			b.wantVerbs()
		})
	}
}

// Of several ways into the network the isolated one is taken.
func TestIsolationChooses(t *testing.T) {
	b := newTrunkBench(t)
	b.node.Networks[1].Uplinks = append(b.node.Networks[1].Uplinks, attached(eth(5, "eth2"), 100))
	b.conf["isolation"] = nodefile.IsolationStrict
	b.writeNode()
	b.must(b.do(b.plugin.Add))
	if got := b.told("master"); got != "eth2" {
		t.Errorf("delegate got %v, want eth2", got)
	}
}
