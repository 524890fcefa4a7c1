// SPDX-License-Identifier: Apache-2.0

// Package neighbor is the receive side of LLDP: the table of what is heard on
// one port, its ageing and its counters. It opens no sockets and starts no
// timers; the caller brings frames and the time.
package neighbor

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/lldp"
)

// DefaultMax is how many neighbours one port holds. Several are normal where a
// hub, a media converter or virtual machines share the wire; hundreds are not.
const DefaultMax = 32

// An Outcome says what a received frame did to the table.
type Outcome int

// The outcomes of Receive.
const (
	Discarded  Outcome = iota // not accepted, or no room for its sender
	Overflowed                // no room, for the first time since there was some
	Refreshed                 // identical to the last frame of its sender
	Added                     // a sender not known before
	Changed                   // a known sender says something else
	Removed                   // a known sender said goodbye
	Unknown                   // a goodbye from a sender not known
)

// Visible reports whether a Snapshot shows what happened.
func (o Outcome) Visible() bool {
	return o == Overflowed || o == Added || o == Changed || o == Removed
}

// String returns the outcome's name.
func (o Outcome) String() string {
	names := [...]string{"discarded", "overflowed", "refreshed", "added", "changed", "removed", "unknown"}
	if o < 0 || int(o) >= len(names) {
		return "invalid"
	}
	return names[o]
}

// A Table holds the neighbours of one port in one carrier epoch. It is safe for
// concurrent use: one goroutine receives while another reads.
type Table struct {
	mu       sync.Mutex
	max      int
	entries  []entry // at most max
	departed []discovery.Departure
	full     time.Time // tooManyNeighborsTimer: until when the table counts as full
	counters discovery.PortCounters
}

// entry is one remote agent: the last frame as received, and what it said.
type entry struct {
	raw      []byte
	neighbor discovery.Neighbor
}

// NewTable returns an empty table for at most limit neighbours whose counters go
// on from those given.
func NewTable(limit int, counters discovery.PortCounters) *Table {
	return &Table{max: limit, counters: counters}
}

// Receive takes a frame that arrived at now. It keeps no reference to it.
//
// An identical frame only refreshes: it is compared as bytes, before anything is
// decoded.
func (t *Table) Receive(frame []byte, now time.Time) Outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counters.FramesIn++
	for i := range t.entries {
		if bytes.Equal(t.entries[i].raw, frame) {
			t.entries[i].neighbor.LastHeard = now
			return Refreshed
		}
	}
	f, reason := lldp.Decode(frame)
	if reason != lldp.Accepted {
		t.discard(reason)
		return Discarded
	}
	t.count(&f)
	if f.Shutdown() {
		return t.shutdown(f.Neighbor, now)
	}
	return t.update(frame, f.Neighbor, now)
}

// count counts the TLVs of an accepted frame that were passed over.
func (t *Table) count(f *lldp.Frame) {
	t.counters.TLVsUnrecognized += uint64(len(f.Unrecognized))
	t.counters.TLVsDiscarded += uint64(f.Discarded)
	if f.Discarded > 0 {
		t.counters.FramesInErrors++
	}
}

// discard counts a frame that is no LLDPDU (IEEE Std 802.1AB-2016, 9.2.7.7.1).
func (t *Table) discard(reason lldp.Reason) {
	t.counters.FramesDiscarded++
	t.counters.FramesInErrors++
	if t.counters.Discards == nil {
		t.counters.Discards = make(discovery.Discards)
	}
	t.counters.Discards[reason.String()]++
}

func (t *Table) shutdown(n discovery.Neighbor, now time.Time) Outcome {
	i := t.index(&n)
	if i < 0 {
		return Unknown
	}
	t.entries[i].neighbor.LastHeard = now
	t.depart(i, discovery.SaidGoodbye, now)
	return Removed
}

// update stores what a neighbour says now. A full table refuses newcomers, it
// never gives up a neighbour that it knows (9.2.7.7.5, tooManyNeighbors).
func (t *Table) update(frame []byte, n discovery.Neighbor, now time.Time) Outcome {
	n.FirstHeard, n.LastHeard = now, now
	i := t.index(&n)
	if i >= 0 {
		n.FirstHeard = t.entries[i].neighbor.FirstHeard
		t.entries[i] = entry{raw: bytes.Clone(frame), neighbor: n}
		return Changed
	}
	if len(t.entries) >= t.max {
		return t.refuse(now.Add(n.Lifetime()))
	}
	t.entries = append(t.entries, entry{raw: bytes.Clone(frame), neighbor: n})
	t.departed = slices.DeleteFunc(t.departed, func(d discovery.Departure) bool { return same(&d.Neighbor, &n) })
	return Added
}

// refuse counts a newcomer that finds no room, and keeps the table marked as
// full until that newcomer would have aged out.
func (t *Table) refuse(until time.Time) Outcome {
	t.counters.TooManyNeighbors++
	t.counters.FramesDiscarded++
	first := t.full.IsZero()
	if until.After(t.full) {
		t.full = until
	}
	if first {
		return Overflowed
	}
	return Discarded
}

// Expire deletes the neighbours whose time to live has passed and reports
// whether anything a Snapshot shows has changed.
func (t *Table) Expire(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := false
	for i := len(t.entries) - 1; i >= 0; i-- {
		if !t.entries[i].neighbor.Expires().After(now) {
			t.counters.Ageouts++
			t.depart(i, discovery.AgedOut, now)
			changed = true
		}
	}
	if !t.full.IsZero() && !t.full.After(now) {
		t.full, changed = time.Time{}, true
	}
	return changed
}

// NextExpiry is when Expire has something to do, unless frames arrive before.
func (t *Table) NextExpiry() (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := t.full
	for i := range t.entries {
		if e := t.entries[i].neighbor.Expires(); next.IsZero() || e.Before(next) {
			next = e
		}
	}
	return next, !next.IsZero()
}

// Fill writes what the table holds into a port of a snapshot.
func (t *Table) Fill(p *discovery.Port) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.Neighbors = make([]discovery.Neighbor, len(t.entries))
	for i := range t.entries {
		p.Neighbors[i] = t.entries[i].neighbor
	}
	slices.SortFunc(p.Neighbors, func(a, b discovery.Neighbor) int {
		return cmp.Or(a.FirstHeard.Compare(b.FirstHeard), cmp.Compare(a.Chassis, b.Chassis),
			cmp.Compare(a.Port, b.Port), bytes.Compare(a.Destination[:], b.Destination[:]))
	})
	p.Departed = slices.Clone(t.departed)
	p.TooManyNeighbors = !t.full.IsZero()
	p.Counters = t.counters.Clone()
}

// Counters returns the port's counters.
func (t *Table) Counters() discovery.PortCounters {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counters.Clone()
}

func (t *Table) index(n *discovery.Neighbor) int {
	return slices.IndexFunc(t.entries, func(e entry) bool { return same(&e.neighbor, n) })
}

// depart moves entry i to the departed, of which as many are kept as neighbours.
func (t *Table) depart(i int, why discovery.DepartureCause, now time.Time) {
	t.departed = append(t.departed, discovery.Departure{Neighbor: t.entries[i].neighbor, At: now, Cause: why})
	if len(t.departed) > t.max {
		t.departed = slices.Delete(t.departed, 0, len(t.departed)-t.max)
	}
	t.entries = slices.Delete(t.entries, i, i+1)
}

// same reports whether two neighbours are one remote agent.
func same(a, b *discovery.Neighbor) bool {
	return a.MSAP == b.MSAP && a.Destination == b.Destination
}
