// SPDX-License-Identifier: Apache-2.0

package discovery_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
)

func TestLanes(t *testing.T) {
	all := []discovery.Interface{
		{Index: 2, Name: "eth0"},
		{Index: 3, Name: "eth1", Master: 10},
		{Index: 4, Name: "eth2", Master: 12},
		{Index: 10, Name: "bond0", Kind: "bond", Master: 11},
		{Index: 11, Name: "br0", Kind: "bridge", Master: 20},
		{Index: 12, Name: "circle", Kind: "bridge", Master: 12},
		{Index: 30, Name: "eth0.9", Kind: "vlan", Parent: 2, VLAN: 9, Master: 11},
		{Index: 31, Name: "bond0.8", Kind: "vlan", Parent: 10, VLAN: 8},
		{Index: 32, Name: "br0.7", Kind: "vlan", Parent: 11, VLAN: 7},
		{Index: 33, Name: "eth0.9.5", Kind: "vlan", Parent: 30, VLAN: 5},
		{Index: 34, Name: "macvlan", Kind: "macvlan", Parent: 2},
	}
	for name, want := range map[string]map[int]uint16{
		"eth0": {2: 0, 30: 9},
		"eth1": {3: 0, 10: 0, 11: 0, 31: 8, 32: 7},
		"eth2": {4: 0, 12: 0},
	} {
		for _, port := range all {
			if port.Name != name {
				continue
			}
			if diff := cmp.Diff(want, discovery.Lanes(port, all)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}
