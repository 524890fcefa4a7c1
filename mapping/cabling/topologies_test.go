// SPDX-License-Identifier: Apache-2.0

package cabling_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/cabling/planfile"
)

// TestTopologies checks plans that are written as public ones are: a pod of ptmd's, NetBox's
// files, NVIDIA's sheet.
func TestTopologies(t *testing.T) {
	described := leaf("fra-leaf2", "swp1s0")
	described.PortDescription = "swp1s0"
	node1 := node("node1").on("ens3f0=fra-leaf1/swp1s0")
	node1.port("ens3f1", belief.Held, described)
	described.PortDescription, described.Port = "to node2", "ifname:swp2"
	node2 := node("node2").on("eth0=fra-leaf1/swp3")
	node2.port("eth1", belief.Held, described)
	const spines = "elsewhere: fra-spine1 swp1: ? <-> fra-leaf1 swp51\nelsewhere: fra-spine1 swp2: ? <-> fra-leaf2 swp51\n"
	for file, tt := range map[string]struct {
		heard []*adder
		want  string
	}{
		"ptmd.dot": {
			[]*adder{node1, node2},
			"wrong port: node2 eth0: fra-leaf1 swp3 <-> fra-leaf1 swp2\n" +
				"unsure: node2 eth1: fra-leaf2 swp2 <-> fra-leaf2 swp2 (the plan means the port description, and that is \"to node2\")\n" + spines,
		},
		"netbox-import.csv": {
			[]*adder{node("node1").on("ens3f0=leaf-1/Eth1/1", "ens3f1=leaf-1/Ethernet1/12"), node("node2").on("ens3f0=leaf-1/Ethernet1/2")},
			"wrong switch: node1 ens3f1: leaf-1 Ethernet1/12 <-> leaf-2 Ethernet1/1 (no node hears a switch that is called leaf-2)\nfuture: node2 ens3f1: ? <-> leaf-9 Ethernet1/2\n",
		},
		"netbox-connections.csv": {
			[]*adder{node("node1").on("ens3f0=leaf-2/Ethernet1/1", "ens3f1=leaf-1/Ethernet1/1")},
			"swapped: node1 ens3f0: leaf-2 Ethernet1/1 <-> leaf-1 Ethernet1/1 (swapped with node1 ens3f1)\n" +
				"  and: node1 ens3f1: leaf-1 Ethernet1/1 <-> leaf-2 Ethernet1/1 (swapped with node1 ens3f0)\n",
		},
		"nvidia-p2p.csv": {
			[]*adder{node("GPU-07-01.example.net").on("rail0=leaf-r0-01/swp1s0", "rail1=leaf-r1-01/swp1s1", "eth0=oob-3/swp7")},
			"wrong port: GPU-07-01.example.net rail1: leaf-r1-01 swp1s1 <-> leaf-r1-01 swp1s0\nnot planned: GPU-07-01.example.net eth0: oob-3 swp7 <-> ?\n",
		},
	} {
		data, err := os.ReadFile(filepath.Join("planfile", "testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		p, err := planfile.Read(file, data, planfile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, told(check(t, p, heard(tt.heard...)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}
