// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// The plugin checks every port that frames can leave through, and the bond.
func TestFileUplinkOfABond(t *testing.T) {
	port := func(index int, name string) nodefile.Link { return nodefile.Link{Name: name, Index: index} }
	bond := []nodefile.Junction{{Link: port(5, "bond0"), Members: []int{2, 3}}}
	one, other := mapping.Identity{Switch: "mac:00:00:5e:00:53:01", VLAN: 100}, mapping.Identity{Switch: "mac:00:00:5e:00:53:02", VLAN: 100}
	a := mapping.Uplink{
		Name: "green", Port: port(2, "eth1"), CarrierChanges: 4, Device: port(5, "bond0"), Usable: true,
		Identity: one, Certainty: nodefile.Fresh,
		Neighbor: discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: "ifname:p1"},
		Members: []mapping.Member{
			{Port: port(2, "eth1"), CarrierChanges: 4, Identity: one, Decides: true, Junctions: bond},
			{Port: port(3, "eth2"), CarrierChanges: 6, Identity: other, Decides: true, Junctions: bond},
			{Port: port(4, "eth3"), CarrierChanges: 8, Identity: mapping.Identity{Switch: "mac:00:00:5e:00:53:03", VLAN: 100}},
			{Port: port(2, "eth1"), CarrierChanges: 4, VID: 7, Identity: other, Decides: true},
		},
	}
	want := []nodefile.Port{
		{Link: port(2, "eth1"), CarrierChanges: 4, Junctions: bond},
		{Link: port(3, "eth2"), CarrierChanges: 6, Junctions: bond},
		{Link: port(2, "eth1"), CarrierChanges: 4, VID: 7},
	}
	got := fileUplink(&a, lease{})
	if diff := cmp.Diff(want, got.Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{string(other.Key())}, got.OtherIdentities); diff != "" {
		t.Errorf("other identities (-want +got):\n%s", diff)
	}
}

// A VLAN device that Colvin makes comes and goes with the containers, and the node
// file need not change with it.
func TestFileUplinkMade(t *testing.T) {
	a := mapping.Uplink{
		Name: "storage", Port: nodefile.Link{Name: "eth1", Index: 2}, Parent: nodefile.Link{Name: "eth1", Index: 2}, VID: 300, Usable: true,
		Identity: mapping.Identity{Switch: "mac:00:00:5e:00:53:01", VLAN: 300}, Certainty: nodefile.Fresh,
	}
	want := fileUplink(&a, lease{})
	a.Device, a.Made = nodefile.Link{Name: "eth1.300", Index: 9}, true
	if diff := cmp.Diff(want, fileUplink(&a, lease{})); diff != "" {
		t.Errorf("with the device (-without +with):\n%s", diff)
	}
}

// A network without a rule is one of a colour.
func TestFileUplinkRule(t *testing.T) {
	a := mapping.Uplink{Name: "green", Certainty: nodefile.Fresh}
	if got := fileUplink(&a, lease{}).Rule; got != "colour" {
		t.Errorf("without a rule: %q", got)
	}
	a.Rule.File, a.Rule.Line = "rules.yaml", 7
	if got := fileUplink(&a, lease{}).Rule; got != "rules.yaml:7" {
		t.Errorf("with one: %q", got)
	}
}
