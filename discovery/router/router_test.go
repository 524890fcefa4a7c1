// SPDX-License-Identifier: Apache-2.0

package router_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/router"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

var start = time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)

// at is a time after the start.
func at(d time.Duration) time.Time { return start.Add(d) }

// prefix is an on-link one by number, valid for that long.
func prefix(n int, valid time.Duration) discovery.AdvertisedPrefix {
	seconds := uint32(valid.Seconds())
	return discovery.AdvertisedPrefix{
		Prefix: netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x::/64", n)), OnLink: true, Autonomous: true, Valid: seconds, Preferred: seconds,
	}
}

// said is what router number n says.
func said(n int, lifetime time.Duration, prefixes ...discovery.AdvertisedPrefix) discovery.Router {
	a := netip.MustParseAddr("fe80::").As16()
	binary.BigEndian.PutUint32(a[12:], uint32(n))
	return discovery.Router{
		Source: discovery.MAC{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}, Address: netip.AddrFrom16(a),
		Preference: discovery.PreferenceMedium, Lifetime: uint16(lifetime.Seconds()), Prefixes: prefixes,
	}
}

func frame(tb testing.TB, r discovery.Router) []byte {
	tb.Helper()
	b, err := (&speaker.RouterAdvertisement{Router: r}).Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// seen is a table as an operator would note it down.
func seen(table *router.Table) string {
	var p discovery.Port
	table.Fill(&p)
	var out []string
	for i := range p.Routers {
		r := &p.Routers[i]
		line := fmt.Sprintf("%s %ds", r.Address, r.Lifetime)
		if r.Tag != 0 {
			line = fmt.Sprintf("vlan %d %s", r.Tag, line)
		}
		for k := range r.Prefixes {
			line += " " + r.Prefixes[k].Prefix.String()
			if r.Prefixes[k].Withdrawn() {
				line += " withdrawn"
			}
		}
		out = append(out, line)
	}
	if p.TooManyRouters {
		out = append(out, "too many")
	}
	return strings.Join(out, "; ")
}

func expect(t *testing.T, when string, table *router.Table, want string) {
	t.Helper()
	if got := seen(table); got != want {
		t.Errorf("%s:\n%s\nwant\n%s", when, got, want)
	}
}

// TestReceive follows a router through a renumbering.
func TestReceive(t *testing.T) {
	table := router.NewTable(discovery.RouterCounters{})
	old, next := prefix(1, time.Hour), prefix(2, time.Hour)
	deprecated, withdrawn, local := old, prefix(1, 0), old
	deprecated.Preferred, local.OnLink = 0, false
	high := said(1, time.Hour, old)
	high.Preference = discovery.PreferenceHigh
	for i, step := range []struct {
		what string
		said discovery.Router
		want router.Outcome
		seen string
	}{
		{"goodbye of nobody", said(1, 0, withdrawn), router.Unknown, ""},
		{"first", said(1, time.Hour, old), router.Added, "fe80::1 3600s 2001:db8:1::/64"},
		{"again", said(1, time.Hour, old), router.Refreshed, "fe80::1 3600s 2001:db8:1::/64"},
		{"other lifetimes", said(1, time.Minute, prefix(1, time.Minute)), router.Refreshed, "fe80::1 60s 2001:db8:1::/64"},
		{"a part of it", said(1, time.Hour), router.Refreshed, "fe80::1 3600s 2001:db8:1::/64"},
		{"a preference", high, router.Changed, "fe80::1 3600s 2001:db8:1::/64"},
		{"flags", said(1, time.Hour, local), router.Changed, "fe80::1 3600s 2001:db8:1::/64"},
		{"a second prefix", said(1, time.Hour, next, old), router.Changed, "fe80::1 3600s 2001:db8:1::/64 2001:db8:2::/64"},
		{"the first is deprecated", said(1, time.Hour, next, deprecated), router.Changed, "fe80::1 3600s 2001:db8:1::/64 2001:db8:2::/64"},
		{"the first is withdrawn", said(1, time.Hour, next, withdrawn), router.Changed, "fe80::1 3600s 2001:db8:1::/64 withdrawn 2001:db8:2::/64"},
		{"one that never was is withdrawn", said(1, time.Hour, prefix(3, 0)), router.Refreshed, "fe80::1 3600s 2001:db8:1::/64 withdrawn 2001:db8:2::/64"},
		{"the first comes back", said(1, time.Hour, old), router.Changed, "fe80::1 3600s 2001:db8:1::/64 2001:db8:2::/64"},
		{"goodbye", said(1, 0), router.Changed, "fe80::1 0s 2001:db8:1::/64 2001:db8:2::/64"},
		{"another router", said(2, time.Hour), router.Added, "fe80::1 0s 2001:db8:1::/64 2001:db8:2::/64; fe80::2 3600s"},
	} {
		if got := table.Receive(frame(t, step.said), 0, at(time.Duration(i)*time.Second)); got != step.want {
			t.Errorf("%s: %v, want %v", step.what, got, step.want)
		}
		expect(t, step.what, table, step.seen)
	}
	if got := table.Receive([]byte("no frame"), 0, at(time.Minute)); got != router.Discarded {
		t.Errorf("no frame: %v", got)
	}
	forwarded := frame(t, said(1, time.Hour))
	forwarded[21] = 64
	table.Receive(forwarded, 0, at(time.Minute))
	want := discovery.RouterCounters{In: 16, Discarded: 2, Discards: discovery.Discards{"frameTooShort": 1, "hopLimit": 1}}
	if diff := cmp.Diff(want, table.Counters()); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}

// TestSpeakers tells routers apart by VLAN, address and source.
func TestSpeakers(t *testing.T) {
	table := router.NewTable(discovery.RouterCounters{})
	spoofed := said(1, time.Hour)
	spoofed.Source = discovery.MAC{2, 9}
	for _, step := range []struct {
		said discovery.Router
		tag  uint16
	}{{said(1, time.Hour), 9}, {said(1, time.Hour), 0}, {spoofed, 0}, {said(2, time.Hour), 0}} {
		if got := table.Receive(frame(t, step.said), step.tag, start); got != router.Added {
			t.Errorf("%+v: %v", step, got)
		}
	}
	expect(t, "all", table, "fe80::1 3600s; fe80::1 3600s; fe80::2 3600s; vlan 9 fe80::1 3600s")
	if !table.Keep(func(tag uint16) bool { return tag == 0 }) || table.Keep(func(tag uint16) bool { return tag == 0 }) {
		t.Error("the VLAN is gone once")
	}
	expect(t, "without the VLAN", table, "fe80::1 3600s; fe80::1 3600s; fe80::2 3600s")
}

// TestExpiry holds that everything goes with its own lifetime, and none is endless.
func TestExpiry(t *testing.T) {
	for name, tt := range map[string]struct {
		said  discovery.Router
		until []time.Duration // each time it has something to do
		seen  []string        // after it
	}{
		"router and prefix": {
			said(1, time.Hour, prefix(1, 30*time.Minute)),
			[]time.Duration{30 * time.Minute, time.Hour},
			[]string{"fe80::1 3600s", ""},
		},
		"a prefix outlives its router": {
			said(1, 30*time.Minute, prefix(1, time.Hour)), []time.Duration{time.Hour}, []string{""},
		},
		"for ever": {
			said(1, 18*time.Hour, discovery.AdvertisedPrefix{Prefix: netip.MustParsePrefix("2001:db8::/64"), Valid: discovery.Infinite}),
			[]time.Duration{discovery.LongestAdvertisement},
			[]string{""},
		},
		"very short": {said(1, time.Second, prefix(1, time.Second)), []time.Duration{time.Second, 10 * time.Minute}, []string{"fe80::1 1s", ""}},
	} {
		table := router.NewTable(discovery.RouterCounters{})
		table.Receive(frame(t, tt.said), 0, start)
		for i, until := range tt.until {
			next, ok := table.NextExpiry()
			if late := next.Sub(at(until)); !ok || late < 0 || late > time.Second {
				t.Errorf("%s: next %v, %t; want %v", name, next, ok, at(until))
			}
			before := seen(table)
			if table.Expire(at(until).Add(-1)) {
				t.Errorf("%s: something expired before %v", name, until)
			}
			expect(t, fmt.Sprintf("%s: before %v", name, until), table, before)
			if !table.Expire(at(until)) {
				t.Errorf("%s: nothing expired after %v", name, until)
			}
			expect(t, fmt.Sprintf("%s: after %v", name, until), table, tt.seen[i])
		}
		if next, ok := table.NextExpiry(); ok {
			t.Errorf("%s: there is something to do at %v still", name, next)
		}
	}
}

// TestWithdrawnIsShown for a while, and then gone.
func TestWithdrawnIsShown(t *testing.T) {
	table := router.NewTable(discovery.RouterCounters{})
	table.Receive(frame(t, said(1, time.Hour, prefix(1, time.Hour))), 0, start)
	table.Receive(frame(t, said(1, 0, prefix(1, 0))), 0, at(time.Minute))
	const over = 11 * time.Minute
	if table.Expire(at(over - 1)) {
		t.Error("something expired too soon")
	}
	expect(t, "after the goodbye", table, "fe80::1 0s 2001:db8:1::/64 withdrawn")
	if !table.Expire(at(over)) {
		t.Error("nothing expired")
	}
	expect(t, "in the end", table, "")
}

// TestClockSet has a frame arrive before the last one.
func TestClockSet(t *testing.T) {
	table := router.NewTable(discovery.RouterCounters{})
	table.Receive(frame(t, said(1, time.Hour, prefix(1, time.Hour))), 0, at(time.Hour))
	table.Receive(frame(t, said(1, time.Hour, prefix(2, time.Hour))), 0, start)
	var p discovery.Port
	table.Fill(&p)
	if r := p.Routers[0]; !r.LastHeard.Equal(at(time.Hour)) || !r.Prefixes[1].LastHeard.Equal(at(time.Hour)) {
		t.Errorf("%+v", r)
	}
}

// TestSnapshotStays holds that what a Snapshot has of a table does not change with it.
func TestSnapshotStays(t *testing.T) {
	table := router.NewTable(discovery.RouterCounters{})
	var p discovery.Port
	table.Receive(frame(t, said(1, time.Hour, prefix(1, time.Minute), prefix(2, time.Hour))), 0, start)
	table.Fill(&p)
	before := fmt.Sprint(p.Routers)
	table.Receive(frame(t, said(1, time.Hour, prefix(0, time.Hour), prefix(1, 0))), 0, at(time.Second))
	table.Expire(at(20 * time.Minute))
	if after := fmt.Sprint(p.Routers); after != before {
		t.Errorf("%s\nwas\n%s", after, before)
	}
}

// TestPlaces holds that who has a place keeps it, that one VLAN takes none of another, and
// that a prefix that was withdrawn makes room.
func TestPlaces(t *testing.T) {
	table := router.NewTable(discovery.RouterCounters{})
	table.Receive(frame(t, said(1, time.Hour, prefix(1, time.Hour))), 0, start)
	for vlan := range 8 {
		for n := range 100 {
			table.Receive(frame(t, said(1000+n, time.Hour, prefix(n, time.Hour))), uint16(vlan), at(time.Second))
		}
	}
	var p discovery.Port
	table.Fill(&p)
	count := map[uint16]int{}
	for i := range p.Routers {
		count[p.Routers[i].Tag]++
	}
	if diff := cmp.Diff(map[uint16]int{0: 8, 1: 8, 2: 8, 3: 8}, count); diff != "" || !p.TooManyRouters {
		t.Errorf("routers by VLAN, too many: %t (-want +got):\n%s", p.TooManyRouters, diff)
	}
	if p.Routers[0].Address.String() != "fe80::1" {
		t.Errorf("who was there first is not: %v", p.Routers[0])
	}
	if got := table.Receive(frame(t, said(1, time.Hour, prefix(1, time.Hour), prefix(2, time.Hour))), 0, at(time.Minute)); got != router.Changed {
		t.Errorf("who was there first renumbers: %v", got)
	}
	for n := range 100 {
		table.Receive(frame(t, said(1, time.Hour, prefix(n+1, time.Hour))), 0, at(time.Minute))
	}
	table.Fill(&p)
	if n := len(p.Routers[0].Prefixes); n != 8 {
		t.Errorf("%d prefixes of one router", n)
	}
	table.Receive(frame(t, said(1, time.Hour, prefix(1, 0))), 0, at(time.Minute)) // the first of them
	if got := table.Receive(frame(t, said(1, time.Hour, prefix(99, time.Hour))), 0, at(time.Minute)); got != router.Changed {
		t.Errorf("a prefix in place of one that was withdrawn: %v", got)
	}
	c := table.Counters()
	if want := uint64(8*100 - 31); c.Discards["tooManyRouters"] != want || c.Discarded != want || c.Prefixes != 92 {
		t.Errorf("counters %+v, want %d routers and 92 prefixes refused", c, want)
	}
	if table.Expire(at(10 * time.Minute)); !strings.HasSuffix(seen(table), "too many") {
		t.Error("it is not full any more, too soon")
	}
	if !table.Expire(at(11*time.Minute)) || strings.HasSuffix(seen(table), "too many") {
		t.Error("it is full for ever")
	}
}

// TestFlood holds that 100,000 different advertisements take less than 2 MB on 64 ports
// together, and overflow once on each.
func TestFlood(t *testing.T) {
	const ports, frames, most = 64, 100_000, 2_000_000
	rnd := rand.New(rand.NewPCG(1, 2))
	var tables []*router.Table
	for range ports {
		tables = append(tables, router.NewTable(discovery.RouterCounters{}))
	}
	before := heap()
	overflowed := 0
	for i := range frames {
		r := said(rnd.IntN(1<<24), time.Hour)
		for range 8 {
			r.Prefixes = append(r.Prefixes, prefix(rnd.IntN(1<<16), time.Duration(rnd.IntN(1<<20))*time.Second))
		}
		if i%2 == 0 { // and one that keeps changing
			r.Source, r.Address = discovery.MAC{2}, netip.MustParseAddr("fe80::1")
		}
		if tables[i%ports].Receive(frame(t, r), uint16(i/ports%5), start) == router.Overflowed {
			overflowed++
		}
	}
	var all []discovery.Port
	for _, table := range tables {
		var p discovery.Port
		table.Fill(&p)
		all = append(all, p)
	}
	if grown := heap() - before; grown >= most {
		t.Errorf("%d octets for %d ports, want less than %d", grown, ports, most)
	} else {
		t.Logf("%d octets for %d ports", grown, ports)
	}
	if overflowed != ports {
		t.Errorf("overflowed %d times, want %d", overflowed, ports)
	}
	runtime.KeepAlive(all)
	runtime.KeepAlive(tables)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestLose counts what nobody read, beside what was.
func TestLose(t *testing.T) {
	table := router.NewTable(discovery.RouterCounters{Lost: 1})
	table.Lose(2)
	table.Lose(4)
	table.Receive(frame(t, said(1, time.Hour)), 0, start)
	if diff := cmp.Diff(discovery.RouterCounters{In: 1, Lost: 7}, table.Counters()); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}

func TestOutcome(t *testing.T) {
	visible := []router.Outcome{router.Overflowed, router.Added, router.Changed}
	for o, want := range map[router.Outcome]string{
		-1: "invalid", router.Discarded: "discarded", router.Overflowed: "overflowed", router.Refreshed: "refreshed",
		router.Added: "added", router.Changed: "changed", router.Unknown: "unknown", 6: "invalid",
	} {
		if o.String() != want || o.Visible() != slices.Contains(visible, o) {
			t.Errorf("%d: %s, visible %t", o, o, o.Visible())
		}
	}
}

// FuzzTable has anything be said, and holds the bounds.
func FuzzTable(f *testing.F) {
	f.Add(frame(f, said(1, time.Hour, prefix(1, time.Hour))), frame(f, said(2, 0, prefix(1, 0))), uint16(0), int64(time.Second))
	f.Fuzz(func(t *testing.T, one, other []byte, tag uint16, later int64) {
		table := router.NewTable(discovery.RouterCounters{})
		now := start
		for i := range 4 {
			table.Receive([][]byte{one, other}[i%2], tag*uint16(i), now)
			now = now.Add(time.Duration(later).Abs() % time.Hour)
			table.Expire(now)
			if next, ok := table.NextExpiry(); ok && !next.After(now) {
				t.Fatalf("something is to be done at %v, and is not", next)
			}
		}
		var p discovery.Port
		table.Fill(&p)
		for i := range p.Routers {
			if r := &p.Routers[i]; len(r.Prefixes) > 8 || r.LastHeard.Before(r.FirstHeard) {
				t.Fatalf("%+v", r)
			}
		}
		if table.Expire(now.Add(discovery.LongestAdvertisement)); seen(table) != "" {
			t.Fatalf("for ever: %s", seen(table))
		}
	})
}
