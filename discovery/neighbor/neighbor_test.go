// SPDX-License-Identifier: Apache-2.0

package neighbor_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/neighbor"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
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
		if got := table.Receive(step.frame, 0, start.Add(time.Duration(i)*time.Second)); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	want := discovery.PortCounters{
		FramesIn: 11, FramesDiscarded: 4, FramesInErrors: 2, TooManyNeighbors: 2,
		Discards: discovery.Discards{"truncatedTLV": 1, "frameTooShort": 1, "tooManyNeighbors": 2},
	}
	if diff := cmp.Diff(want, table.Counters()); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}

func TestOutcome(t *testing.T) {
	for _, tt := range []struct {
		outcome neighbor.Outcome
		name    string
		visible bool
	}{
		{-1, "invalid", false},
		{neighbor.Discarded, "discarded", false},
		{neighbor.Overflowed, "overflowed", true},
		{neighbor.Refreshed, "refreshed", false},
		{neighbor.Returned, "returned", true},
		{neighbor.Added, "added", true},
		{neighbor.Changed, "changed", true},
		{neighbor.Removed, "removed", true},
		{neighbor.Unknown, "unknown", false},
		{neighbor.Unknown + 1, "invalid", false},
	} {
		if name, visible := tt.outcome.String(), tt.outcome.Visible(); name != tt.name || visible != tt.visible {
			t.Errorf("outcome %d: %s, visible %t; want %s, %t", tt.outcome, name, visible, tt.name, tt.visible)
		}
	}
}

// mandatory is a frame up to the optional TLVs.
func mandatory(tb testing.TB) []byte {
	tb.Helper()
	f := frame(tb, 1, 0, time.Minute)
	return f[:bytes.LastIndex(f, []byte{6, 2, 0, 60})+4]
}

// TestPassedOver has frames accepted of which a part is not.
func TestPassedOver(t *testing.T) {
	tlvs := func(n int, tlv ...byte) []byte { return append(append(mandatory(t), bytes.Repeat(tlv, n)...), 0, 0) }
	const most = 64
	for _, tt := range []struct {
		what  string
		frame []byte
		kept  int // of the TLVs that nobody decodes
		want  discovery.PortCounters
	}{
		{"all is decoded", frame(t, 1, 100, time.Minute), 0, discovery.PortCounters{}},
		{"unknown", tlvs(2, 20<<1, 0), 2, discovery.PortCounters{TLVsUnrecognized: 2}},
		{"as many as are kept", tlvs(most, 20<<1, 0), most, discovery.PortCounters{TLVsUnrecognized: most}},
		{"too many", tlvs(most+1, 20<<1, 0), most, discovery.PortCounters{TLVsUnrecognized: most + 1}},
		{"malformed", tlvs(2, 127<<1, 0), 0, discovery.PortCounters{TLVsDiscarded: 2, FramesInErrors: 1}},
		{"unknown in CDP", cdpFrame(1, 0, 180, 0, 0x7f, 0, 5, 1), 1, discovery.PortCounters{TLVsUnrecognized: 1}},
	} {
		table := neighbor.NewTable(2, discovery.PortCounters{})
		if got := table.Receive(tt.frame, 0, start); got != neighbor.Added {
			t.Errorf("%s: %v, want added", tt.what, got)
			continue
		}
		if n := len(table.Neighbors()[0].UnknownTLVs); n != tt.kept {
			t.Errorf("%s: %d TLVs kept, want %d", tt.what, n, tt.kept)
		}
		tt.want.FramesIn = 1
		if diff := cmp.Diff(tt.want, table.Counters()); diff != "" {
			t.Errorf("%s: counters (-want +got):\n%s", tt.what, diff)
		}
	}
}

// TestReceiveKeepsNoFrame has the caller use the memory of a frame again.
func TestReceiveKeepsNoFrame(t *testing.T) {
	table := neighbor.NewTable(2, discovery.PortCounters{})
	for _, step := range []struct {
		pvid uint16
		want neighbor.Outcome
	}{{100, neighbor.Added}, {100, neighbor.Refreshed}, {200, neighbor.Changed}, {200, neighbor.Refreshed}} {
		f := frame(t, 1, step.pvid, time.Minute)
		if got := table.Receive(f, 0, start); got != step.want {
			t.Errorf("PVID %d: %v, want %v", step.pvid, got, step.want)
		}
		clear(f)
	}
}

// TestComeAndGo follows who is there and who was.
func TestComeAndGo(t *testing.T) {
	table := neighbor.NewTable(2, discovery.PortCounters{})
	for _, step := range []struct {
		second  int
		frame   []byte // nil: neighbours age out
		changed bool   // by that
		want    string
	}{
		{0, nil, false, ""},
		{0, frame(t, 2, 100, 30*time.Second), false, "2 since 0 heard 0"},
		{1, frame(t, 1, 100, time.Minute), false, "2 since 0 heard 0, 1 since 1 heard 1"},
		{2, frame(t, 2, 200, 30*time.Second), false, "1 since 1 heard 1, 2 since 2 heard 2"},
		{31, nil, false, "1 since 1 heard 1, 2 since 2 heard 2"},
		{32, nil, true, "1 since 1 heard 1; 2 heard 2 aged out at 32"},
		{40, frame(t, 1, 0, 0), false, "; 2 heard 2 aged out at 32, 1 heard 1 shutdown at 40"},
		{50, frame(t, 2, 200, 30*time.Second), false, "2 since 2 heard 50; 1 heard 1 shutdown at 40"},
		{51, frame(t, 2, 0, 0), false, "; 1 heard 1 shutdown at 40, 2 heard 50 shutdown at 51"},
		{52, frame(t, 3, 100, time.Second), false, "3 since 52 heard 52; 1 heard 1 shutdown at 40, 2 heard 50 shutdown at 51"},
		{53, nil, true, "; 2 heard 50 shutdown at 51, 3 heard 52 aged out at 53"},
		{54, frame(t, 2, 200, 30*time.Second), false, "2 since 54 heard 54; 3 heard 52 aged out at 53"},
	} {
		now := start.Add(time.Duration(step.second) * time.Second)
		if step.frame != nil {
			table.Receive(step.frame, 0, now)
		} else if got := table.Expire(now); got != step.changed {
			t.Errorf("second %d: Expire = %t, want %t", step.second, got, step.changed)
		}
		if got := presence(table); got != step.want {
			t.Errorf("second %d: %q, want %q", step.second, got, step.want)
		}
	}
}

// presence is who is in a table, and who left it.
func presence(table *neighbor.Table) string {
	var p discovery.Port
	table.Fill(&p)
	second := func(t time.Time) int { return int(t.Sub(start).Seconds()) }
	var there, gone []string
	for _, n := range p.Neighbors {
		there = append(there, fmt.Sprintf("%d since %d heard %d", n.Source[5], second(n.FirstHeard), second(n.LastHeard)))
	}
	for _, d := range p.Departed {
		gone = append(gone, fmt.Sprintf("%d heard %d %s at %d", d.Neighbor.Source[5], second(d.Neighbor.LastHeard), d.Cause, second(d.At)))
	}
	out := strings.Join(there, ", ")
	if len(gone) > 0 {
		out += "; " + strings.Join(gone, ", ")
	}
	return out
}

// TestCountersGoOn shows that a new epoch does not reset what is counted.
func TestCountersGoOn(t *testing.T) {
	first := neighbor.NewTable(2, discovery.PortCounters{})
	first.Receive(nil, 0, start)
	second := neighbor.NewTable(2, first.Counters())
	second.Receive(nil, 0, start)
	want := discovery.PortCounters{FramesIn: 2, FramesDiscarded: 2, FramesInErrors: 2, Discards: discovery.Discards{"frameTooShort": 2}}
	if diff := cmp.Diff(want, second.Counters()); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
	if first.Counters().FramesIn != 1 {
		t.Error("the tables share counters")
	}
}

// cdpFrame is what a switch says that speaks CDP; a PVID of 0 is not said. More TLVs are
// in octets.
func cdpFrame(chassis byte, pvid uint16, ttl byte, more ...byte) []byte {
	b := []byte{2, ttl, 0, 0} // version, time to live, checksum
	tlv := func(typ byte, value ...byte) {
		b = append(append(b, 0, typ, 0, byte(4+len(value))), value...)
	}
	tlv(1, []byte{'s', 'w', '-', 'a' + chassis}...) // device ID
	tlv(3, []byte("p1")...)                         // port ID
	if pvid != 0 {
		tlv(10, byte(pvid>>8), byte(pvid))
	}
	return snap(chassis, 0x2000, append(b, more...))
}

// snap frames the payload of one of Cisco's protocols.
func snap(source byte, protocol uint16, payload []byte) []byte {
	llc := []byte{0xaa, 0xaa, 3, 0, 0, 0x0c, byte(protocol >> 8), byte(protocol)}
	f := append(discovery.CDPGroup[:], 2, 0, 0, 0, 1, source, 0, byte(len(llc)+len(payload)))
	return append(append(f, llc...), payload...)
}

// TestProtocols shows that a switch which speaks both protocols is two remote
// agents, each with its own goodbye.
func TestProtocols(t *testing.T) {
	const vtp = 0x2003
	table := neighbor.NewTable(2, discovery.PortCounters{})
	for i, step := range []struct {
		frame []byte
		want  neighbor.Outcome
	}{
		{cdpFrame(1, 100, 180), neighbor.Added},
		{frame(t, 1, 100, time.Minute), neighbor.Added},
		{cdpFrame(1, 100, 180), neighbor.Refreshed},
		{cdpFrame(1, 200, 180), neighbor.Changed},
		{cdpFrame(2, 100, 180), neighbor.Overflowed},
		{cdpFrame(1, 0, 0), neighbor.Removed},
		{cdpFrame(1, 0, 0), neighbor.Unknown},
		{snap(1, vtp, []byte{1, 2, 3}), neighbor.Discarded},
		{snap(1, 0x2000, []byte{9, 180, 0, 0}), neighbor.Discarded},
	} {
		if got := table.Receive(step.frame, 0, start.Add(time.Duration(i)*time.Second)); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	var p discovery.Port
	table.Fill(&p)
	if len(p.Neighbors) != 1 || p.Neighbors[0].Protocol != discovery.ProtocolLLDP {
		t.Errorf("neighbours %+v, want the one that speaks LLDP", p.Neighbors)
	}
	want := discovery.PortCounters{
		FramesIn: 9, FramesDiscarded: 3, FramesInErrors: 1, TooManyNeighbors: 1,
		Discards: discovery.Discards{"tooManyNeighbors": 1, "otherProtocol": 1, "cdp.badVersion": 1},
	}
	if diff := cmp.Diff(want, table.Counters()); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}

// TestTooManyNeighbors follows tooManyNeighborsTimer (IEEE Std 802.1AB-2016,
// 9.2.7.7.5): the table counts as full until the last of the refused would have
// aged out.
func TestTooManyNeighbors(t *testing.T) {
	table := neighbor.NewTable(1, discovery.PortCounters{})
	table.Receive(frame(t, 1, 100, time.Hour), 0, start)
	full := func() bool {
		var p discovery.Port
		table.Fill(&p)
		return p.TooManyNeighbors
	}
	for _, step := range []struct {
		frame []byte
		at    time.Duration
		want  neighbor.Outcome
		full  bool
		ended bool // it was full until then
	}{
		{frame(t, 2, 0, 0), 0, neighbor.Unknown, false, false}, // a goodbye needs no room
		{frame(t, 2, 100, 2*time.Minute), 0, neighbor.Overflowed, true, false},
		{frame(t, 3, 100, time.Minute), time.Second, neighbor.Discarded, true, false}, // does not shorten the time
		{frame(t, 1, 200, time.Hour), 119 * time.Second, neighbor.Changed, true, false},
		{nil, 120 * time.Second, neighbor.Discarded, false, true},
		{frame(t, 2, 100, time.Minute), 121 * time.Second, neighbor.Overflowed, true, false},
	} {
		now := start.Add(step.at)
		if got := table.Expire(now); got != step.ended {
			t.Errorf("after %v: Expire = %t, want %t", step.at, got, step.ended)
		}
		if got := table.Receive(step.frame, 0, now); got != step.want || full() != step.full {
			t.Errorf("after %v: %v, full %t; want %v, %t", step.at, got, full(), step.want, step.full)
		}
	}
}

// hostile are frames of the most octets that a port can deliver, each made to
// take much memory when decoded.
func hostile(tb testing.TB) map[string][]byte {
	tb.Helper()
	out := map[string][]byte{}
	for name, unit := range map[string]func(i int) []byte{
		"unknown TLVs": func(int) []byte { return []byte{20 << 1, 0} },
		"VLANs":        func(i int) []byte { return []byte{0xfe, 7, 0, 0x80, 0xc2, 3, byte(i % 4094 >> 8), byte(i), 0} },
		"management addresses": func(i int) []byte {
			return []byte{16, 11, 4, 99, byte(i >> 16), byte(i >> 8), byte(i), 1, 0, 0, 0, 0, 0}
		},
		"network policies":   func(i int) []byte { return []byte{0xfe, 8, 0, 0x12, 0xbb, 2, byte(i), 0, byte(i >> 8), 0} },
		"control characters": func(int) []byte { return append([]byte{6 << 1, 255}, bytes.Repeat([]byte{1}, 255)...) },
	} {
		f := mandatory(tb)
		for i := 0; len(f)+len(unit(i))+2 <= ether.MaxFrame; i++ {
			f = append(f, unit(i)...)
		}
		out[name] = append(f, 0, 0)
	}
	return out
}

// TestMemory bounds what one port can be made to hold: ten times the octets of as
// many neighbours as there may be, and as many that departed.
func TestMemory(t *testing.T) {
	const most = 10 * 2 * neighbor.DefaultMax * ether.MaxFrame
	for name, f := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			before := heap()
			table := neighbor.NewTable(neighbor.DefaultMax, discovery.PortCounters{})
			for i := range 3 {
				now := start.Add(time.Duration(i) * time.Minute) // each ages out, and is remembered as departed
				table.Expire(now)
				for k := range neighbor.DefaultMax {
					f[21], f[22] = byte(i), byte(k) // the end of the chassis ID
					table.Receive(f, 0, now)
				}
			}
			var p discovery.Port
			table.Fill(&p)
			if len(p.Neighbors) != neighbor.DefaultMax || len(p.Departed) != neighbor.DefaultMax {
				t.Fatalf("%d neighbours and %d departed, want %d of each", len(p.Neighbors), len(p.Departed), neighbor.DefaultMax)
			}
			p = discovery.Port{}
			grown := heap() - before
			t.Logf("%d frames of %d octets take %d octets", neighbor.DefaultMax, len(f), grown)
			if grown > most {
				t.Errorf("the table takes %d octets, want %d at most", grown, most)
			}
			runtime.KeepAlive(table)
		})
	}
}

// heap is the size of the live heap.
func heap() int {
	runtime.GC()
	runtime.GC() // what pools let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestFlood has 100,000 senders that exist for one frame each on a port with a
// real neighbour.
func TestFlood(t *testing.T) {
	const frames, most = 100_000, 1_000_000
	rnd := rand.New(rand.NewPCG(1, 2))
	table := neighbor.NewTable(neighbor.DefaultMax, discovery.PortCounters{})
	switchFrame, f := frame(t, 1, 100, time.Minute), frame(t, 2, 200, time.Minute)
	table.Receive(switchFrame, 0, start)
	before, outcomes := heap(), map[neighbor.Outcome]int{}
	for range frames {
		binary.BigEndian.PutUint32(f[19:], rnd.Uint32()) // chassis ID
		outcomes[table.Receive(f, 0, start)]++
	}
	if grown := heap() - before; grown > most {
		t.Errorf("the heap grew by %d octets, want %d at most", grown, most)
	}
	want := map[neighbor.Outcome]int{
		neighbor.Added: neighbor.DefaultMax - 1, neighbor.Overflowed: 1, neighbor.Discarded: frames - neighbor.DefaultMax,
	}
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if got := table.Receive(switchFrame, 0, start); got != neighbor.Refreshed {
		t.Errorf("the real neighbour is %v", got)
	}
}

// BenchmarkRefresh is of the last neighbour of a full table.
func BenchmarkRefresh(b *testing.B) {
	table := neighbor.NewTable(neighbor.DefaultMax, discovery.PortCounters{})
	var f []byte
	for i := range neighbor.DefaultMax {
		f = frame(b, byte(i), 100, time.Minute)
		table.Receive(f, 0, start)
	}
	b.ReportAllocs()
	for b.Loop() {
		table.Receive(f, 0, start)
	}
}

// TestRefreshAllocatesNothing holds what makes a quiet network cost nothing.
func TestRefreshAllocatesNothing(t *testing.T) {
	table := neighbor.NewTable(neighbor.DefaultMax, discovery.PortCounters{})
	f := frame(t, 1, 100, time.Minute)
	table.Receive(f, 0, start)
	if n := testing.AllocsPerRun(100, func() { table.Receive(f, 0, start) }); n != 0 {
		t.Errorf("a refresh allocates %v times, want 0", n)
	}
}

// TestInventedDeparturesGoFirst holds that a goodbye is remembered whatever number of others
// are said in the names of those who were heard once.
func TestInventedDeparturesGoFirst(t *testing.T) {
	table := neighbor.NewTable(neighbor.DefaultMax, discovery.PortCounters{})
	at := time.Unix(1e9, 0)
	say := func(chassis byte, ttl time.Duration) {
		at = at.Add(time.Millisecond)
		table.Receive(frame(t, chassis, 100, ttl), 0, at)
	}
	say(1, time.Minute)
	say(1, time.Minute)
	say(1, 0)
	for i := range byte(2 * neighbor.DefaultMax) {
		say(100+i, time.Minute)
		say(100+i, 0)
	}
	var p discovery.Port
	table.Fill(&p)
	if !slices.ContainsFunc(p.Departed, func(d discovery.Departure) bool { return !d.Neighbor.Before.IsZero() }) {
		t.Errorf("the goodbye of who was there is forgotten among %d", len(p.Departed))
	}
}
