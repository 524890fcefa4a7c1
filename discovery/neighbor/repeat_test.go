// SPDX-License-Identifier: Apache-2.0

package neighbor_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/neighbor"
)

// TestRepeat has frames become known late, after others.
func TestRepeat(t *testing.T) {
	before, after := frame(t, 1, 100, time.Minute), frame(t, 1, 200, time.Minute)
	goodbye := frame(t, 1, 0, 0)
	second := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	for _, tt := range []struct {
		what string
		then []byte // what the sender says in second 10; nil: nothing
		last int    // when it said last what it said before
		want neighbor.Outcome

		pvid  uint16 // what it is known to say; 0: nothing
		heard int    // when it was last heard
	}{
		{"nothing since", nil, 20, neighbor.Refreshed, 100, 20},
		{"older than is known", nil, -5, neighbor.Refreshed, 100, 0},
		{"before a change", after, 5, neighbor.Refreshed, 200, 10},
		{"at the time of a change", after, 10, neighbor.Refreshed, 200, 10},
		{"after a change", after, 15, neighbor.Changed, 100, 15},
		{"before a shutdown", goodbye, 5, neighbor.Discarded, 0, 0},
		{"after a shutdown", goodbye, 15, neighbor.Added, 100, 15},
	} {
		table := neighbor.NewTable(2, discovery.PortCounters{})
		table.Receive(before, 0, start)
		frames := uint64(3)
		if tt.then != nil {
			table.Receive(tt.then, 0, second(10))
			frames++
		}
		if got := table.Repeat(before, 2, []time.Time{second(tt.last)}); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.what, got, tt.want)
		}
		var p discovery.Port
		table.Fill(&p)
		switch {
		case tt.pvid == 0 && len(p.Neighbors) == 0:
		case len(p.Neighbors) == 1 && p.Neighbors[0].PVID == tt.pvid && p.Neighbors[0].LastHeard.Equal(second(tt.heard)):
		default:
			t.Errorf("%s: neighbours %+v, want PVID %d last heard in second %d", tt.what, p.Neighbors, tt.pvid, tt.heard)
		}
		if diff := cmp.Diff(discovery.PortCounters{FramesIn: frames}, p.Counters); diff != "" {
			t.Errorf("%s: counters (-want +got):\n%s", tt.what, diff)
		}
	}
}

// TestRepeatAgedOut has a sender come back after it aged out.
func TestRepeatAgedOut(t *testing.T) {
	table := neighbor.NewTable(2, discovery.PortCounters{})
	f := frame(t, 1, 100, time.Minute)
	table.Receive(f, 0, start)
	end := start.Add(time.Minute)
	table.Expire(end)
	if got := table.Repeat(f, 1, []time.Time{end.Add(-time.Second)}); got != neighbor.Discarded {
		t.Errorf("before the end: %v, want discarded", got)
	}
	other := frame(t, 2, 100, time.Second)
	table.Receive(other, 0, end)
	table.Expire(end.Add(2 * time.Second)) // which says nothing of the first
	if got := table.Repeat(f, 1, []time.Time{end.Add(time.Second)}); got != neighbor.Added {
		t.Errorf("after the end: %v, want added", got)
	}
}
