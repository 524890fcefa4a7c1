// SPDX-License-Identifier: Apache-2.0

package discovery_test

import (
	"slices"
	"testing"

	"github.com/colvin-net/colvin/discovery"
)

// TestSnapshotFinds holds that interfaces and ports are found by their ifindexes, the first of
// several with one, also where whoever made the Snapshot did not order them.
func TestSnapshotFinds(t *testing.T) {
	for _, list := range [][]int{nil, {2}, {1, 3, 4, 7, 9, 12}, {1, 3, 3, 3, 9}, {9, 1, 7, 3}} {
		s := &discovery.Snapshot{}
		for i, index := range list {
			s.Interfaces = append(s.Interfaces, discovery.Interface{Index: index, MTU: i})
			s.Ports = append(s.Ports, discovery.Port{Index: index, Epoch: uint32(i)})
		}
		for index := range 14 {
			first := -1
			for i, other := range slices.Backward(list) {
				if other == index {
					first = i
				}
			}
			ifi, found := s.Interface(index)
			p, heard := s.Port(index)
			if found != (first >= 0) || heard != found || found && (ifi.MTU != first || int(p.Epoch) != first) {
				t.Errorf("%v: %d is %+v (%t) and %+v (%t), want the one at %d", list, index, ifi, found, p, heard, first)
			}
		}
	}
}
