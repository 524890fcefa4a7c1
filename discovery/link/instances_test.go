// SPDX-License-Identifier: Apache-2.0

package link

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
)

// TestInstances follows the counts of two devices.
func TestInstances(t *testing.T) {
	var c instances
	list := func(indices ...int) (out []discovery.Interface) {
		for _, i := range indices {
			out = append(out, discovery.Interface{Index: i})
		}
		return out
	}
	for _, step := range []struct {
		what   string
		went   []int
		missed bool // notifications
		list   []discovery.Interface
		want   []uint32
	}{
		{"in the beginning", nil, false, list(2, 3), []uint32{0, 0}},
		{"back before the next list", []int{2}, false, list(2, 3), []uint32{1, 0}},
		{"twice", []int{2, 2}, false, list(2, 3), []uint32{3, 0}},
		{"gone", []int{2}, false, list(3), []uint32{0}},
		{"and back", nil, false, list(2, 3), []uint32{4, 0}},
		{"nobody says so", nil, true, list(2), []uint32{4}},
		{"but it was missing", nil, false, list(2, 3), []uint32{4, 1}},
		{"a missing one that was not missed", nil, false, list(2), []uint32{4}},
		{"is the same, whatever that was", nil, false, list(2, 3), []uint32{4, 1}},
	} {
		for _, index := range step.went {
			c.went(index)
		}
		if step.missed {
			c.missed()
		}
		c.number(step.list)
		var got []uint32
		for _, i := range step.list {
			got = append(got, i.Instance)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
}

// TestInstancesAreBounded has containers come and go for long.
func TestInstancesAreBounded(t *testing.T) {
	var c instances
	port := []discovery.Interface{{Index: 2}, {Index: 3}}
	c.went(2)
	c.number(port)
	for pod := range 10 * maxGone {
		c.went(100 + pod)
		c.number(port)
	}
	if len(c.of) > 2*maxGone {
		t.Errorf("%d counts kept", len(c.of))
	}
	if port[0].Instance != 1 || port[1].Instance != 0 {
		t.Errorf("those that stayed are instances %d and %d, want 1 and 0", port[0].Instance, port[1].Instance)
	}
	again := []discovery.Interface{{Index: 100}} // it was instance 0
	c.number(again)
	if again[0].Instance == 0 {
		t.Error("one that is back is the first instance again")
	}
}
