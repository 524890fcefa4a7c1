// SPDX-License-Identifier: Apache-2.0

package neighbor_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/neighbor"
	"github.com/colvin-net/colvin/discovery/netnstest/speaker"
)

var start = time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)

func frame(tb testing.TB, chassis byte, pvid uint16, ttl time.Duration) []byte {
	tb.Helper()
	b, err := speaker.Frame{
		Source: discovery.MAC{2, 0, 0, 0, 1, chassis}, Chassis: speaker.MACChassis(discovery.MAC{2, 0, 0, 0, 1, chassis}),
		Port: speaker.NamedPort("p1"), TTL: ttl, PVID: pvid,
	}.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestReceive(t *testing.T) {
	table := neighbor.NewTable(2, discovery.PortCounters{})
	good := frame(t, 1, 100, time.Minute)
	for i, step := range []struct {
		frame []byte
		want  neighbor.Outcome
	}{
		{good, neighbor.Added},
		{good, neighbor.Refreshed},
		{frame(t, 1, 200, time.Minute), neighbor.Changed},
		{frame(t, 2, 0, 0), neighbor.Unknown},
		{frame(t, 2, 100, time.Minute), neighbor.Added},
		{frame(t, 3, 100, time.Minute), neighbor.Overflowed},
		{frame(t, 4, 100, time.Minute), neighbor.Discarded},
		{frame(t, 2, 0, 0), neighbor.Removed},
		{frame(t, 4, 100, time.Minute), neighbor.Added},
		{good[:20], neighbor.Discarded},
		{nil, neighbor.Discarded},
	} {
		if got := table.Receive(step.frame, start.Add(time.Duration(i)*time.Second)); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	want := discovery.PortCounters{
		FramesIn: 11, FramesDiscarded: 4, FramesInErrors: 2, TooManyNeighbors: 2,
		Discards: discovery.Discards{"truncatedTLV": 1, "frameTooShort": 1},
	}
	if diff := cmp.Diff(want, table.Counters()); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}

// TestCountersGoOn shows that a new epoch does not reset what is counted.
func TestCountersGoOn(t *testing.T) {
	first := neighbor.NewTable(2, discovery.PortCounters{})
	first.Receive(nil, start)
	second := neighbor.NewTable(2, first.Counters())
	second.Receive(nil, start)
	want := discovery.PortCounters{FramesIn: 2, FramesDiscarded: 2, FramesInErrors: 2, Discards: discovery.Discards{"frameTooShort": 2}}
	if diff := cmp.Diff(want, second.Counters()); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
	if first.Counters().FramesIn != 1 {
		t.Error("the tables share counters")
	}
}

// TestAgainstModel compares the table with the simplest thing that could be
// right, over a day of joins, refreshes, changes, goodbyes and silent deaths.
func TestAgainstModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	table := neighbor.NewTable(64, discovery.PortCounters{})
	type known struct {
		pvid    uint16
		expires time.Time
	}
	model := map[byte]known{}
	for now := start; now.Before(start.Add(24 * time.Hour)); now = now.Add(time.Duration(1+rnd.IntN(40)) * time.Second) {
		for c, k := range model {
			if !k.expires.After(now) {
				delete(model, c)
			}
		}
		table.Expire(now)
		chassis, pvid, ttl := byte(rnd.IntN(40)), uint16(1+rnd.IntN(3)), time.Duration(rnd.IntN(4))*time.Minute
		table.Receive(frame(t, chassis, pvid, ttl), now)
		if model[chassis] = (known{pvid, now.Add(ttl)}); ttl == 0 {
			delete(model, chassis)
		}
		var p discovery.Port
		table.Fill(&p)
		got := map[byte]known{}
		for _, n := range p.Neighbors {
			got[n.Source[5]] = known{n.PVID, n.Expires()}
		}
		if diff := cmp.Diff(model, got, cmp.AllowUnexported(known{})); diff != "" {
			t.Fatalf("at %v (-model +table):\n%s", now.Sub(start), diff)
		}
		if len(p.Departed) > 64 {
			t.Fatalf("%d departures are kept", len(p.Departed))
		}
	}
}

func BenchmarkRefresh(b *testing.B) {
	table := neighbor.NewTable(neighbor.DefaultMax, discovery.PortCounters{})
	f := frame(b, 1, 100, time.Minute)
	table.Receive(f, start)
	b.ReportAllocs()
	for b.Loop() {
		table.Receive(f, start)
	}
}

// TestRefreshAllocatesNothing holds what makes a quiet network cost nothing.
func TestRefreshAllocatesNothing(t *testing.T) {
	table := neighbor.NewTable(neighbor.DefaultMax, discovery.PortCounters{})
	f := frame(t, 1, 100, time.Minute)
	table.Receive(f, start)
	if n := testing.AllocsPerRun(100, func() { table.Receive(f, start) }); n != 0 {
		t.Errorf("a refresh allocates %v times, want 0", n)
	}
}
