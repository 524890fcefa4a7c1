// SPDX-License-Identifier: Apache-2.0

// Package neighbor is the receive side of LLDP and CDP: the table of what is
// said on one port, its ageing and its counters. It opens no sockets and starts
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

// DefaultMax is how many speakers one port holds. Several are normal where a hub, a media
// converter or virtual machines share the wire; hundreds are not.
const DefaultMax = 32

// An Outcome says what a received frame did to the table.
type Outcome int

// The outcomes of Receive.
const (
	Discarded  Outcome = iota // not accepted, or no room for its sender
	Overflowed                // no room, for the first time since there was some
	Refreshed                 // identical to the last frame of its sender
	Returned                  // likewise, and it was late
	Added                     // a sender not known before
	Changed                   // a known sender says something else
	Removed                   // a known sender said goodbye
	Unknown                   // a goodbye from a sender not known
)

// Visible reports whether a Snapshot shows what happened.
func (o Outcome) Visible() bool {
	return o == Overflowed || o == Returned || o == Added || o == Changed || o == Removed
}

// String returns the outcome's name.
func (o Outcome) String() string {
	names := [...]string{"discarded", "overflowed", "refreshed", "returned", "added", "changed", "removed", "unknown"}
	if o < 0 || int(o) >= len(names) {
		return "invalid"
	}
	return names[o]
}

// A Table holds what is said on one port in one carrier epoch. It is safe for concurrent
// use: one goroutine receives while another reads.
//
// Each utterance has times of its own, and what a speaker says is the one that was heard
// last. So frames that become known late, because they were kept back, cannot bring back
// what their speaker has replaced since.
type Table struct {
	mu       sync.Mutex
	max      int
	said     []utterance // what speakers say, one each; at most max
	past     []utterance // what they said before, as it was replaced; at most max
	departed []departure // at most max
	full     time.Time   // tooManyNeighborsTimer: until when the table counts as full
	lost     time.Time   // when frames were last lost
	counters discovery.PortCounters
}

// NewTable returns an empty table for at most limit speakers whose counters go on from
// those given.
func NewTable(limit int, counters discovery.PortCounters) *Table {
	return &Table{max: limit, counters: counters}
}

// Receive takes a frame that arrived at a time, in a VLAN or, where the tag is 0, in none.
// It keeps no reference to it.
//
// An identical frame only refreshes: it is compared as bytes, before anything is
// decoded.
func (t *Table) Receive(frame []byte, tag uint16, at time.Time) Outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counters.FramesIn++
	if i := find(t.said, frame, tag); i >= 0 {
		return t.said[i].hear(at)
	}
	n, ok := t.decode(frame)
	n.Tag = tag
	switch {
	case !ok:
		return Discarded
	case n.TTL == 0: // IEEE Std 802.1AB-2016, 9.2.7.7.1; CDP has the same custom
		return t.shutdown(&n, at)
	default:
		return t.update(frame, n, at)
	}
}

// Repeat takes count frames without a tag that are identical to one received before and
// were kept back until now. They refresh what they say, as of when they arrived; the last
// few of these times are enough. Without times they only count.
func (t *Table) Repeat(frame []byte, count int, at []time.Time) Outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counters.FramesIn += uint64(count)
	if len(at) == 0 {
		return Discarded
	}
	if i := find(t.said, frame, 0); i >= 0 {
		return t.said[i].hear(at...)
	}
	last := at[len(at)-1]
	if i := find(t.past, frame, 0); i >= 0 {
		u := &t.past[i]
		if u.hear(at...); t.heardSince(&u.neighbor, last) {
			return Refreshed
		}
	}
	n, ok := t.decode(frame)
	if !ok || t.heardSince(&n, last) {
		return Discarded
	}
	return t.update(frame, n, last)
}

// heardSince reports whether a speaker was heard at a time or after it, or went.
func (t *Table) heardSince(n *discovery.Neighbor, at time.Time) bool {
	if i := t.index(n); i >= 0 {
		return !t.said[i].neighbor.LastHeard.Before(at)
	}
	return slices.ContainsFunc(t.departed, func(d departure) bool { return sameSpeaker(&d.neighbor, n) && !d.at.Before(at) })
}

// Lose notes that frames were lost until a time.
func (t *Table) Lose(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lose(at)
}

func (t *Table) lose(at time.Time) {
	if at.After(t.lost) {
		t.lost = at
	}
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

// shutdown has everybody leave who speaks for the MSAP, from whatever address and to
// whichever group: who says goodbye in the name of others can at most close the port.
func (t *Table) shutdown(n *discovery.Neighbor, at time.Time) Outcome {
	outcome := Unknown
	for i := len(t.said) - 1; i >= 0; i-- {
		if s := &t.said[i].neighbor; s.MSAP == n.MSAP && s.Protocol == n.Protocol && s.Tag == n.Tag {
			t.depart(i, discovery.SaidGoodbye, at)
			outcome = Removed
		}
	}
	return outcome
}

// update stores what a speaker says now.
func (t *Table) update(frame []byte, n discovery.Neighbor, at time.Time) Outcome {
	i := t.index(&n)
	if i < 0 && !t.makeRoom(&n) {
		return t.refuse(&n, at)
	}
	if len(n.UnknownTLVs) > maxUnknown {
		n.UnknownTLVs = slices.Clone(n.UnknownTLVs[:maxUnknown])
	}
	if i < 0 {
		t.said = append(t.said, t.earlier(&n).restate(frame, n, at))
		t.comeBack(&n, at)
		return Added
	}
	before := t.said[i]
	if heard := before.neighbor.LastHeard; at.Before(heard) {
		at = heard // the clock was set: what is delivered now was said last
	}
	if sameWords(&before.neighbor, &n) {
		t.said[i] = before.restate(frame, n, at)
		return Changed
	}
	t.said[i] = t.earlier(&n).restate(frame, n, at)
	t.keep(before, at)
	return Changed
}

// comeBack has a speaker not be among the departed any more. What it said before it left
// is past, if that was something else.
func (t *Table) comeBack(n *discovery.Neighbor, at time.Time) {
	left := func(d departure) bool { return sameSpeaker(&d.neighbor, n) }
	if i := slices.IndexFunc(t.departed, left); i >= 0 {
		u := t.departed[i].utterance
		t.departed = slices.Delete(t.departed, i, i+1)
		if !sameWords(&u.neighbor, n) {
			t.keep(u, at)
		}
	}
}

// earlier is an utterance as it was heard before, or else an empty one. It is not past
// any more. One that aged out goes on; who said goodbye begins anew.
func (t *Table) earlier(n *discovery.Neighbor) utterance {
	same := func(u *utterance) bool { return sameSpeaker(&u.neighbor, n) && sameWords(&u.neighbor, n) }
	if i := slices.IndexFunc(t.past, func(u utterance) bool { return same(&u) }); i >= 0 {
		u := t.past[i]
		t.past = slices.Delete(t.past, i, i+1)
		return u
	}
	for i := range t.departed {
		if d := &t.departed[i]; d.cause == discovery.AgedOut && same(&d.utterance) {
			return d.utterance
		}
	}
	return utterance{}
}

// keep makes an utterance a past one, in place of the first of too many.
func (t *Table) keep(u utterance, at time.Time) {
	t.past = append(t.past, u)
	if len(t.past) > t.max {
		i := giveUp(t.past, func(u *utterance) *utterance { return u })
		if t.past[i].ofSwitch {
			t.lose(at)
		}
		t.past = slices.Delete(t.past, i, i+1)
	}
}

// makeRoom reports whether there is a place for a newcomer. A quarter of the places is
// for whatever speaks; where they are all taken, who is no switch and has one of the
// others gives it up to one that is, the latest first, so that hosts keep no switch out.
func (t *Table) makeRoom(n *discovery.Neighbor) bool {
	if len(t.said) < t.max {
		return true
	}
	others, last := 0, 0
	for i := range t.said {
		if !t.said[i].ofSwitch {
			others, last = others+1, i
		}
	}
	if others <= t.max/4 || !ofSwitch(n) {
		return false
	}
	t.overflow(t.said[last].neighbor.Expires())
	t.said = slices.Delete(t.said, last, last+1)
	return true
}

// refuse turns a newcomer away.
func (t *Table) refuse(n *discovery.Neighbor, at time.Time) Outcome {
	t.discard(tooManyNeighbors)
	if ofSwitch(n) {
		t.lose(at)
	}
	if t.overflow(at.Add(n.Lifetime())) {
		return Overflowed
	}
	return Discarded
}

// overflow counts a speaker that finds no place, and keeps the table marked as full until
// it would have aged out (tooManyNeighborsTimer). It reports whether it was not before.
func (t *Table) overflow(until time.Time) (first bool) {
	t.counters.TooManyNeighbors++
	first = t.full.IsZero()
	if until.After(t.full) {
		t.full = until
	}
	return first
}

// Expire deletes what was not heard for too long, and reports whether anything of note
// has changed: somebody left, or is late, or gone though not yet deleted.
func (t *Table) Expire(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := false
	for i := len(t.said) - 1; i >= 0; i-- {
		u := &t.said[i]
		if !u.neighbor.Expires().After(now) {
			t.counters.Ageouts++
			t.depart(i, discovery.AgedOut, now)
			changed = true
			continue
		}
		changed = u.age(now) || changed
	}
	t.past = slices.DeleteFunc(t.past, func(u utterance) bool { return !u.forgotten().After(now) })
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
	sooner := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for i := range t.said {
		sooner(t.said[i].ages())
	}
	for i := range t.past {
		sooner(t.past[i].forgotten())
	}
	return next, !next.IsZero()
}

// Neighbors returns what is said in the order of a Snapshot.
func (t *Table) Neighbors() []discovery.Neighbor {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.neighbors()
}

func (t *Table) neighbors() []discovery.Neighbor {
	all := neighborsOf(t.said)
	slices.SortFunc(all, func(a, b discovery.Neighbor) int {
		return cmp.Or(a.FirstHeard.Compare(b.FirstHeard), cmp.Compare(a.Chassis, b.Chassis), cmp.Compare(a.Port, b.Port),
			bytes.Compare(a.Destination[:], b.Destination[:]), bytes.Compare(a.Source[:], b.Source[:]), cmp.Compare(a.Tag, b.Tag))
	})
	return all
}

// Fill writes what the table holds into a port of a snapshot.
func (t *Table) Fill(p *discovery.Port) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.Neighbors = t.neighbors()
	p.Past, p.Departed = nil, nil
	if len(t.past) > 0 {
		p.Past = neighborsOf(t.past)
	}
	for _, d := range t.departed {
		p.Departed = append(p.Departed, discovery.Departure{Neighbor: d.neighbor, At: d.at, Cause: d.cause})
	}
	p.LostAt, p.TooManyNeighbors = t.lost, !t.full.IsZero()
	p.Counters = t.counters.Clone()
}

// Counters returns the port's counters.
func (t *Table) Counters() discovery.PortCounters {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counters.Clone()
}

func (t *Table) index(n *discovery.Neighbor) int {
	return slices.IndexFunc(t.said, func(u utterance) bool { return sameSpeaker(&u.neighbor, n) })
}

// depart moves what a speaker said to the departed, in place of the first of too many.
func (t *Table) depart(i int, why discovery.DepartureCause, at time.Time) {
	u := t.said[i]
	u.raw = nil
	t.departed = append(t.departed, departure{u, at, why})
	if len(t.departed) > t.max {
		k := giveUp(t.departed, func(d *departure) *utterance { return &d.utterance })
		t.departed = slices.Delete(t.departed, k, k+1)
	}
	t.said = slices.Delete(t.said, i, i+1)
}
