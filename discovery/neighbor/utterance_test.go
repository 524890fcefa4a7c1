// SPDX-License-Identifier: Apache-2.0

package neighbor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/neighbor"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

func second(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }

// words are what is and was said: the PVID and, in seconds, when it was heard first, last
// but once and last, and the longest gap.
func words(table *neighbor.Table) string {
	var p discovery.Port
	table.Fill(&p)
	list := func(said []discovery.Neighbor) string {
		var out []string
		for i := range said {
			n := &said[i]
			var s strings.Builder
			fmt.Fprintf(&s, "%d:", n.PVID)
			for _, at := range []time.Time{n.FirstHeard, n.Before, n.LastHeard} {
				if at.IsZero() {
					s.WriteString(" -")
				} else {
					fmt.Fprintf(&s, " %v", at.Sub(start).Seconds())
				}
			}
			if n.Longest != 0 {
				fmt.Fprintf(&s, " gap %v", n.Longest)
			}
			out = append(out, s.String())
		}
		return strings.Join(out, ", ")
	}
	out := list(p.Neighbors)
	if len(p.Past) > 0 {
		out += "; past " + list(p.Past)
	}
	if !p.LostAt.IsZero() {
		out += fmt.Sprintf("; lost at %v", p.LostAt.Sub(start).Seconds())
	}
	return out
}

// TestUtterances follows what one speaker says in turn.
func TestUtterances(t *testing.T) {
	a, b := frame(t, 1, 100, 2*time.Hour), frame(t, 1, 200, 2*time.Hour)
	longer := frame(t, 1, 100, 4*time.Hour) // which says the same
	table := neighbor.NewTable(4, discovery.PortCounters{})
	for _, step := range []struct {
		second int
		frame  []byte
		result neighbor.Outcome
		want   string
	}{
		{0, a, neighbor.Added, "100: 0 - 0"},
		{30, a, neighbor.Refreshed, "100: 0 0 30"},
		{61, a, neighbor.Refreshed, "100: 0 30 61 gap 31s"},
		{62, longer, neighbor.Changed, "100: 0 61 62 gap 31s"},
		{70, b, neighbor.Changed, "200: 70 - 70; past 100: 0 61 62 gap 31s"},
		{80, a, neighbor.Changed, "100: 0 62 80 gap 31s; past 200: 70 - 70"},
		{90, b, neighbor.Changed, "200: 70 70 90; past 100: 0 62 80 gap 31s"},
		{100, b, neighbor.Refreshed, "200: 70 90 100 gap 20s; past 100: 0 62 80 gap 31s"},
		{1279, nil, 0, "200: 70 90 100 gap 20s; past 100: 0 62 80 gap 31s"},
		{1280, nil, 0, "200: 70 90 100 gap 20s"},
		{1300, a, neighbor.Changed, "100: 1300 - 1300; past 200: 70 90 100 gap 20s"},
		{1290, b, neighbor.Changed, "200: 70 100 1300 gap 20m0s; past 100: 1300 - 1300"}, // somebody set the clock
	} {
		if step.frame == nil {
			table.Expire(second(step.second))
		} else if got := table.Receive(step.frame, 0, second(step.second)); got != step.result {
			t.Errorf("second %d: %v, want %v", step.second, got, step.result)
		}
		if got := words(table); got != step.want {
			t.Errorf("second %d: %q, want %q", step.second, got, step.want)
		}
	}
}

// TestLongestGap is of the last four.
func TestLongestGap(t *testing.T) {
	table := neighbor.NewTable(4, discovery.PortCounters{})
	f, at := frame(t, 1, 100, time.Hour), 0
	table.Receive(f, 0, start)
	for i, step := range []struct{ gap, longest time.Duration }{{90, 0}, {10, 90}, {10, 90}, {10, 90}, {20, 20}, {30, 30}} {
		at += int(step.gap)
		table.Receive(f, 0, second(at))
		if got := table.Neighbors()[0].Longest; got != step.longest*time.Second {
			t.Errorf("gap %d: longest %v, want %v s", i, got, step.longest)
		}
	}
}

// TestSpeakers tells them apart, and who leaves by a goodbye.
func TestSpeakers(t *testing.T) {
	f := frame(t, 1, 100, time.Hour)
	other, customer := slices.Clone(f), slices.Clone(f)
	other[11]++                                        // source
	copy(customer, discovery.NearestCustomerBridge[:]) // destination
	goodbye, table := frame(t, 1, 0, 0), neighbor.NewTable(8, discovery.PortCounters{})
	for _, step := range []struct {
		what    string
		frame   []byte
		tag     uint16
		want    neighbor.Outcome
		there   int
		departs int
	}{
		{"first", f, 0, neighbor.Added, 1, 0},
		{"another address", other, 0, neighbor.Added, 2, 0},
		{"another group", customer, 0, neighbor.Added, 3, 0},
		{"in a VLAN", f, 9, neighbor.Added, 4, 0},
		{"in another", f, 10, neighbor.Added, 5, 0},
		{"all once more", f, 9, neighbor.Refreshed, 5, 0},
		{"goodbye in a VLAN", goodbye, 9, neighbor.Removed, 4, 1},
		{"once more", goodbye, 9, neighbor.Unknown, 4, 1},
		{"goodbye", goodbye, 0, neighbor.Removed, 1, 4},
		{"back", other, 0, neighbor.Added, 2, 3},
	} {
		if got := table.Receive(step.frame, step.tag, start); got != step.want {
			t.Errorf("%s: %v, want %v", step.what, got, step.want)
		}
		var p discovery.Port
		table.Fill(&p)
		if len(p.Neighbors) != step.there || len(p.Departed) != step.departs {
			t.Errorf("%s: %d neighbours and %d departed, want %d and %d", step.what, len(p.Neighbors), len(p.Departed), step.there, step.departs)
		}
	}
}

// TestComeBackWithOtherWords has speakers leave and say something else when they are back:
// what they said before is not forgotten.
func TestComeBackWithOtherWords(t *testing.T) {
	for what, leave := range map[string]func(*neighbor.Table){
		"aged out": func(table *neighbor.Table) { table.Expire(second(60)) },
		"goodbye":  func(table *neighbor.Table) { table.Receive(frame(t, 1, 0, 0), 0, second(60)) },
	} {
		table := neighbor.NewTable(4, discovery.PortCounters{})
		table.Receive(frame(t, 1, 100, time.Minute), 0, start)
		leave(table)
		table.Receive(frame(t, 1, 200, time.Minute), 0, second(61))
		if got, want := words(table), "200: 61 - 61; past 100: 0 - 0"; got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
}

// TestAgedOutGoesOn has a speaker whose time to live is shorter than its interval.
func TestAgedOutGoesOn(t *testing.T) {
	table := neighbor.NewTable(4, discovery.PortCounters{})
	for i := range 4 {
		table.Expire(second(60 * i))
		table.Receive(frame(t, 1, 100, 20*time.Second), 0, second(60*i))
	}
	if got, want := words(table), "100: 0 120 180 gap 1m0s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestPastIsBounded has a speaker say more than is kept.
func TestPastIsBounded(t *testing.T) {
	for _, tt := range []struct {
		what         string
		capabilities discovery.CapabilitySet
		want         string
	}{
		{"switch", discovery.CapabilityBridge, "5: 4 - 4; past 3: 2 - 2, 4: 3 - 3; lost at 4"},
		{"host", discovery.CapabilityStation, "5: 4 - 4; past 3: 2 - 2, 4: 3 - 3"},
	} {
		table := neighbor.NewTable(2, discovery.PortCounters{})
		for i := range 5 {
			table.Receive(capable(t, 1, uint16(i+1), tt.capabilities), 0, second(i))
		}
		if got := words(table); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
}

// capable is a frame of a speaker that says what it is capable of.
func capable(tb testing.TB, chassis byte, pvid uint16, c discovery.CapabilitySet) []byte {
	tb.Helper()
	mac := discovery.MAC{2, 0, 0, 0, 1, chassis}
	b, err := speaker.Frame{
		Source: mac, Chassis: speaker.MACChassis(mac), Port: speaker.NamedPort("p1"), TTL: time.Hour, PVID: pvid,
		Extra: []lldp.TLV{{Type: lldp.TLVTypeSystemCapabilities, Length: 4, Value: []byte{0, byte(c), 0, byte(c)}}},
	}.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestPlaces has hosts and switches come in any order: no switch is kept out by hosts.
func TestPlaces(t *testing.T) {
	const host, bridge = discovery.CapabilityStation, discovery.CapabilityBridge
	for _, tt := range []struct {
		what       string
		come       string // h, s or t: a host, a switch or a switch in a VLAN
		host, sw   int    // are there in the end
		full, lost bool
	}{
		{"hosts", strings.Repeat("h", 40), 32, 0, true, false},
		{"switches after hosts", strings.Repeat("h", 40) + strings.Repeat("s", 24), 8, 24, true, false},
		{"too many after hosts", strings.Repeat("h", 40) + strings.Repeat("s", 25), 8, 24, true, true},
		{"hosts after switches", strings.Repeat("s", 32) + "h", 0, 32, true, false},
		{"in turn", strings.Repeat("hs", 24), 8, 24, true, false},
		{"switches in VLANs", strings.Repeat("t", 40) + strings.Repeat("s", 24), 8, 24, true, false},
		{"room for all", strings.Repeat("h", 8) + strings.Repeat("s", 24), 8, 24, false, false},
	} {
		table := neighbor.NewTable(neighbor.DefaultMax, discovery.PortCounters{})
		for i, who := range tt.come {
			kind, tag := bridge, uint16(0)
			switch who {
			case 'h':
				kind = host
			case 't':
				tag = 9
			}
			table.Receive(capable(t, byte(i), 1, kind), tag, second(i))
		}
		var p discovery.Port
		table.Fill(&p)
		var hosts, switches int
		for _, n := range p.Neighbors {
			if n.Tag == 0 && n.Capabilities.Enabled == bridge {
				switches++
			} else {
				hosts++
			}
		}
		got := fmt.Sprintf("%d hosts, %d switches, full %t, lost %t", hosts, switches, p.TooManyNeighbors, !p.LostAt.IsZero())
		want := fmt.Sprintf("%d hosts, %d switches, full %t, lost %t", tt.host, tt.sw, tt.full, tt.lost)
		if got != want {
			t.Errorf("%s: %s; want %s", tt.what, got, want)
		}
	}
}

// TestLate follows a speaker that falls silent, and comes back.
func TestLate(t *testing.T) {
	f := frame(t, 1, 100, time.Hour) // an interval of 300 s, as far as is known
	table := neighbor.NewTable(4, discovery.PortCounters{})
	table.Receive(f, 0, start)
	for _, step := range []struct {
		second int
		hear   neighbor.Outcome // Discarded: nothing
		change bool             // something becomes late, or gone
		next   int              // when there is something to do
	}{
		{749, 0, false, 750},
		{750, 0, true, 1200},
		{751, neighbor.Returned, false, 1501},
		{752, neighbor.Refreshed, false, 1502}, // the longest gap was 751 s, more than anybody is waited for
	} {
		now := second(step.second)
		if got := table.Expire(now); got != step.change {
			t.Errorf("second %d: Expire = %t, want %t", step.second, got, step.change)
		}
		if step.hear != neighbor.Discarded {
			if got := table.Receive(f, 0, now); got != step.hear {
				t.Errorf("second %d: %v, want %v", step.second, got, step.hear)
			}
		}
		if next, _ := table.NextExpiry(); !next.Equal(second(step.next)) {
			t.Errorf("second %d: something to do at %v, want second %d", step.second, next, step.next)
		}
	}
	quick := frame(t, 2, 100, 200*time.Second)
	table = neighbor.NewTable(4, discovery.PortCounters{})
	table.Receive(quick, 0, start)
	table.Receive(quick, 0, second(30))
	table.Receive(quick, 0, second(60)) // late at 135, gone at 180, deleted at 260
	var changes []int
	for s := 60; s <= 260; s++ {
		if at, ok := table.NextExpiry(); ok && !at.After(second(s)) && table.Expire(second(s)) {
			changes = append(changes, s)
		}
	}
	if diff := cmp.Diff([]int{135, 180, 260}, changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if got := table.Receive(quick, 0, second(300)); got != neighbor.Added {
		t.Errorf("back after it was deleted: %v, want added", got)
	}
	table = neighbor.NewTable(4, discovery.PortCounters{})
	table.Receive(quick, 0, start)
	table.Expire(second(130))
	if got := table.Repeat(quick, 2, []time.Time{second(127), second(129)}); got != neighbor.Returned {
		t.Errorf("what was kept back while it was late: %v, want returned", got)
	}
}

// TestRepeatFeedsGaps has what was kept back tell of intervals, and of nothing where its
// times are not known.
func TestRepeatFeedsGaps(t *testing.T) {
	table := neighbor.NewTable(4, discovery.PortCounters{})
	f := frame(t, 1, 100, time.Hour)
	table.Receive(f, 0, start)
	if got := table.Repeat(f, 600, nil); got.Visible() {
		t.Errorf("without times: %v", got)
	}
	if got, want := words(table), "100: 0 - 0"; got != want {
		t.Errorf("without times: %q, want %q", got, want)
	}
	table.Repeat(f, 3, []time.Time{second(30), second(60), second(91)})
	if got, want := words(table), "100: 0 60 91 gap 31s"; got != want {
		t.Errorf("with times: %q, want %q", got, want)
	}
	if n := table.Counters().FramesIn; n != 604 {
		t.Errorf("%d frames counted, want 604", n)
	}
}
