// SPDX-License-Identifier: Apache-2.0

// Package neighbor is the receive side of LLDP and CDP: the table of what is
// heard on one port, its ageing and its counters. It opens no sockets and starts
// no timers; the caller brings frames and the time.
package neighbor

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/cdp"
	"github.com/colvin-net/colvin/discovery/lldp"
)

// maxUnknown is how many TLVs that nobody decodes are kept of one neighbour. A
// switch sends a dozen at most; a hostile frame is full of empty ones, each of
// which takes sixteen times its length in memory.
const maxUnknown = 64

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
	if t.refresh(frame, now) {
		return Refreshed
	}
	n, ok := t.decode(frame)
	switch {
	case !ok:
		return Discarded
	case n.TTL == 0: // IEEE Std 802.1AB-2016, 9.2.7.7.1; CDP has the same custom
		return t.shutdown(&n, now)
	default:
		return t.update(frame, n, now)
	}
}

// Repeat takes n frames that are identical to one received before and were kept
// back until now; the last of them arrived at last. What else was heard of their
// sender since then stands.
func (t *Table) Repeat(frame []byte, n int, last time.Time) Outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counters.FramesIn += uint64(n)
	if t.refresh(frame, last) {
		return Refreshed
	}
	said, ok := t.decode(frame)
	if !ok || t.heardSince(&said, last) {
		return Discarded
	}
	return t.update(frame, said, last)
}

// heardSince reports whether more was heard of a neighbour at a time or after it,
// or whether it was deleted.
func (t *Table) heardSince(n *discovery.Neighbor, at time.Time) bool {
	if i := t.index(n); i >= 0 {
		return !t.entries[i].neighbor.LastHeard.Before(at)
	}
	return slices.ContainsFunc(t.departed, func(d discovery.Departure) bool { return same(&d.Neighbor, n) && !d.At.Before(at) })
}

func (t *Table) refresh(frame []byte, at time.Time) bool {
	for i := range t.entries {
		if bytes.Equal(t.entries[i].raw, frame) {
			if heard := &t.entries[i].neighbor.LastHeard; at.After(*heard) {
				*heard = at
			}
			return true
		}
	}
	return false
}

// decode decodes a frame, or counts why it is discarded.
func (t *Table) decode(frame []byte) (discovery.Neighbor, bool) {
	f, reason := lldp.Decode(frame)
	switch reason {
	case lldp.Accepted:
		t.count(&f.Neighbor, f.Discarded)
		return f.Neighbor, true
	case lldp.NotLLDP:
		return t.decodeCDP(frame)
	default:
		t.counters.FramesInErrors++ // IEEE Std 802.1AB-2016, 9.2.7.7.1
		t.discard(reason.String())
		return discovery.Neighbor{}, false
	}
}

func (t *Table) decodeCDP(frame []byte) (discovery.Neighbor, bool) {
	n, reason := cdp.Decode(frame)
	switch reason {
	case cdp.Accepted:
		t.count(&n, 0)
		return n, true
	case cdp.NotCDP: // no error: VTP, DTP and others share the address of CDP
		t.discard(otherProtocol)
	default:
		t.counters.FramesInErrors++
		t.discard("cdp." + reason.String())
	}
	return discovery.Neighbor{}, false
}

// count counts the TLVs of an accepted frame that were passed over.
func (t *Table) count(n *discovery.Neighbor, discarded int) {
	t.counters.TLVsUnrecognized += uint64(len(n.UnknownTLVs))
	t.counters.TLVsDiscarded += uint64(discarded)
	if discarded > 0 {
		t.counters.FramesInErrors++
	}
}

// Reasons for which a frame is discarded beside those of the decoders.
const (
	otherProtocol    = "otherProtocol"
	tooManyNeighbors = "tooManyNeighbors"
)

func (t *Table) discard(reason string) {
	t.counters.FramesDiscarded++
	if t.counters.Discards == nil {
		t.counters.Discards = make(discovery.Discards)
	}
	t.counters.Discards[reason]++
}

func (t *Table) shutdown(n *discovery.Neighbor, now time.Time) Outcome {
	i := t.index(n)
	if i < 0 {
		return Unknown
	}
	t.entries[i].neighbor.LastHeard = now
	t.depart(i, discovery.SaidGoodbye, now)
	return Removed
}

// update stores what a neighbour says now. A full table refuses newcomers, it
// never gives up a neighbour that it knows (IEEE Std 802.1AB-2016, 9.2.7.7.5
// leaves the choice).
func (t *Table) update(frame []byte, n discovery.Neighbor, now time.Time) Outcome {
	i := t.index(&n)
	if i < 0 && len(t.entries) >= t.max {
		return t.refuse(now.Add(n.Lifetime()))
	}
	if len(n.UnknownTLVs) > maxUnknown {
		n.UnknownTLVs = slices.Clone(n.UnknownTLVs[:maxUnknown])
	}
	n.FirstHeard, n.LastHeard = now, now
	if i >= 0 {
		n.FirstHeard = t.entries[i].neighbor.FirstHeard
		t.entries[i] = entry{raw: bytes.Clone(frame), neighbor: n}
		return Changed
	}
	t.entries = append(t.entries, entry{raw: bytes.Clone(frame), neighbor: n})
	t.departed = slices.DeleteFunc(t.departed, func(d discovery.Departure) bool { return same(&d.Neighbor, &n) })
	return Added
}

// refuse counts a newcomer that finds no room, and keeps the table marked as
// full until that newcomer would have aged out (tooManyNeighborsTimer).
func (t *Table) refuse(until time.Time) Outcome {
	t.counters.TooManyNeighbors++
	t.discard(tooManyNeighbors)
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

// Neighbors returns the neighbours in the order of a Snapshot.
func (t *Table) Neighbors() []discovery.Neighbor {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.neighbors()
}

func (t *Table) neighbors() []discovery.Neighbor {
	all := make([]discovery.Neighbor, len(t.entries))
	for i := range t.entries {
		all[i] = t.entries[i].neighbor
	}
	slices.SortFunc(all, func(a, b discovery.Neighbor) int {
		return cmp.Or(a.FirstHeard.Compare(b.FirstHeard), cmp.Compare(a.Chassis, b.Chassis),
			cmp.Compare(a.Port, b.Port), bytes.Compare(a.Destination[:], b.Destination[:]))
	})
	return all
}

// Fill writes what the table holds into a port of a snapshot.
func (t *Table) Fill(p *discovery.Port) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.Neighbors = t.neighbors()
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
	return a.MSAP == b.MSAP && a.Destination == b.Destination && a.Protocol == b.Protocol
}
