// SPDX-License-Identifier: Apache-2.0

package clusterview_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/clusterview"
)

// ports is what a node with that many ports tells.
func ports(n int) *v1alpha1.NodeTopologySpec {
	s := &v1alpha1.NodeTopologySpec{Switches: []v1alpha1.Switch{{ID: "mac:1", Chassis: "mac:1"}}}
	for i := range n {
		s.Interfaces = append(s.Interfaces, v1alpha1.Interface{Name: fmt.Sprint("e", i), Index: int32(i + 1), Port: &v1alpha1.Port{
			Holder: &v1alpha1.Holder{Neighbor: v1alpha1.Neighbor{Switch: "mac:1"}},
		}})
	}
	return s
}

// TestWithin holds what is left out of what one node tells, and that nothing is otherwise.
func TestWithin(t *testing.T) {
	listing := func(vlans int) []v1alpha1.VLAN {
		all := make([]v1alpha1.VLAN, vlans)
		for i := range all {
			all[i].ID = int32(i + 1)
		}
		return all
	}
	for name, tt := range map[string]struct {
		ports   int
		change  func(*v1alpha1.NodeTopologySpec)
		left    []int // ports, by number
		mention string
	}{
		"all ports that there may be": {256, func(*v1alpha1.NodeTopologySpec) {}, nil, ""},
		"one port more":               {257, func(*v1alpha1.NodeTopologySpec) {}, []int{256}, "1 interfaces, e256"},
		"VLANs": {9, func(s *v1alpha1.NodeTopologySpec) {
			for i := range s.Interfaces {
				s.Interfaces[i].Port.Holder.VLANs = listing(1024)
			}
		}, []int{8}, "1 interfaces, e8"},
		"neighbours, and one that still fits": {130, func(s *v1alpha1.NodeTopologySpec) {
			for i := range s.Interfaces {
				s.Interfaces[i].Port.Holder.Against = make([]v1alpha1.Neighbor, 16)
			}
			s.Interfaces[129].Port.Holder.Against = nil
		}, []int{128}, "1 interfaces, e128"},
		"texts": {10, func(s *v1alpha1.NodeTopologySpec) {
			for i := range s.Interfaces {
				s.Interfaces[i].Port.Others = make([]v1alpha1.Neighbor, 60)
				for k := range s.Interfaces[i].Port.Others {
					s.Interfaces[i].Port.Others[k].PortDescription = strings.Repeat("<", 1024)
				}
			}
		}, []int{2, 3, 4, 5, 6, 7, 8, 9}, "8 interfaces, e2,e3"},
		"switches": {1025, func(s *v1alpha1.NodeTopologySpec) {
			s.Interfaces, s.Switches = s.Interfaces[1023:], nil
			for i := range 1025 {
				s.Switches = append(s.Switches, v1alpha1.Switch{ID: fmt.Sprint("mac:", i)})
			}
			s.Interfaces[0].Port.Holder.Switch, s.Interfaces[1].Port.Holder.Switch = "mac:1023", "mac:1024"
		}, []int{1}, "1 interfaces, e1024"},
		"moved containers": {1, func(s *v1alpha1.NodeTopologySpec) { s.Moved = make([]v1alpha1.MovedAttachment, 260) }, nil, "left out are 4 containers"},
	} {
		spec := ports(tt.ports)
		tt.change(spec)
		before := spec.DeepCopy()
		got, said := clusterview.Within(spec)
		if !reflect.DeepEqual(before, spec) {
			t.Errorf("%s: the spec was changed", name)
		}
		if (said == "") != (tt.mention == "") || !strings.Contains(said, tt.mention) {
			t.Errorf("%s: said %q, want %q", name, said, tt.mention)
		}
		for _, i := range tt.left {
			if got.Interfaces[i].Port != nil {
				t.Errorf("%s: %s is there", name, got.Interfaces[i].Name)
			}
			before.Interfaces[i].Port = nil
		}
		before.Switches, before.Moved = before.Switches[:min(1024, len(before.Switches))], before.Moved[:min(256, len(before.Moved))]
		if !reflect.DeepEqual(before, got) {
			t.Errorf("%s: something else is left out", name)
		}
		if data, err := json.Marshal(got); err != nil || len(data) > 1<<20 {
			t.Errorf("%s: %d octets, %v", name, len(data), err)
		}
		if again, said := clusterview.Within(got); again != got || said != "" {
			t.Errorf("%s: what is within the budgets is not: %s", name, said)
		}
	}
}
