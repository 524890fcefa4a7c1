// SPDX-License-Identifier: Apache-2.0

// Package router is the table of the routers that are heard on one port, their ageing and
// their counters. It opens no sockets and starts no timers; the caller brings frames and
// the time. What a router says is shown and compared, and decides nothing.
package router

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ra"
)

// How much one port holds. Two routers with three prefixes each are normal; who has a place
// keeps it, so that no flood pushes out who was there before.
const (
	maxRouters       = 32
	maxRoutersOfVLAN = 8 // so that one VLAN of a trunk takes no place of another
	maxPrefixes      = 8 // of a router
)

// lingering is how long is told that a prefix was withdrawn, that a router said goodbye, or
// that something found no room.
const lingering = 10 * time.Minute

// An Outcome says what a received frame did to the table.
type Outcome int

// The outcomes of Receive.
const (
	Discarded  Outcome = iota // invalid, or no room for its sender
	Overflowed                // no room, for the first time since there was some
	Refreshed                 // nothing new, but times
	Added
	Changed
	Unknown // a goodbye of nobody
)

// Visible reports whether a Snapshot shows what happened.
func (o Outcome) Visible() bool { return o == Overflowed || o == Added || o == Changed }

// String returns the outcome's name.
func (o Outcome) String() string {
	names := [...]string{"discarded", "overflowed", "refreshed", "added", "changed", "unknown"}
	if o < 0 || int(o) >= len(names) {
		return "invalid"
	}
	return names[o]
}

// A Table holds what routers announce on one port in one carrier epoch. It is safe for
// concurrent use: one goroutine receives while another reads.
type Table struct {
	mu       sync.Mutex
	routers  []discovery.Router // as they came; their prefixes are replaced, never changed
	full     time.Time          // until when the table counts as full
	counters discovery.RouterCounters
}

// NewTable returns an empty table whose counters go on from those given.
func NewTable(counters discovery.RouterCounters) *Table { return &Table{counters: counters} }

// Receive takes a frame that arrived at a time, in a VLAN or, where the tag is 0, in none.
// It keeps no reference to it.
func (t *Table) Receive(frame []byte, tag uint16, at time.Time) Outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counters.In++
	said, reason := ra.Decode(frame)
	if reason != ra.Accepted {
		t.discard(reason.String())
		return Discarded
	}
	t.counters.Prefixes += uint64(said.Discarded)
	said.Router.Tag = tag
	i := slices.IndexFunc(t.routers, func(r discovery.Router) bool { return same(&r, &said.Router) })
	switch {
	case i >= 0:
		return t.update(&t.routers[i], &said.Router, at)
	case saysNothing(&said.Router):
		return Unknown
	case !t.room(tag):
		t.discard(tooManyRouters)
		return t.overflow(at)
	}
	r := said.Router
	r.Prefixes, r.FirstHeard, r.LastHeard = nil, at, at
	outcome := Added
	if t.merge(&r, &said.Router, at) {
		t.overflow(at)
	}
	t.routers = append(t.routers, r)
	return outcome
}

// tooManyRouters is why a frame is discarded, beside the reasons of the decoder.
const tooManyRouters = "tooManyRouters"

func same(a, b *discovery.Router) bool {
	return a.Tag == b.Tag && a.Address == b.Address && a.Source == b.Source
}

// saysNothing reports whether the router is no default router and has no prefix.
func saysNothing(r *discovery.Router) bool { return r.Lifetime == 0 && len(r.Announced()) == 0 }

func (t *Table) discard(reason string) {
	t.counters.Discarded++
	if t.counters.Discards == nil {
		t.counters.Discards = make(discovery.Discards)
	}
	t.counters.Discards[reason]++
}

// room reports whether there is a place for another router in a VLAN.
func (t *Table) room(tag uint16) bool {
	beside := 0
	for i := range t.routers {
		if t.routers[i].Tag == tag {
			beside++
		}
	}
	return len(t.routers) < maxRouters && beside < maxRoutersOfVLAN
}

// overflow keeps the table marked as full for a while.
func (t *Table) overflow(at time.Time) Outcome {
	first := t.full.IsZero()
	if until := at.Add(lingering); until.After(t.full) {
		t.full = until
	}
	if first {
		return Overflowed
	}
	return Discarded
}

// update has a router say something again.
func (t *Table) update(r, said *discovery.Router, at time.Time) Outcome {
	if at.Before(r.LastHeard) {
		at = r.LastHeard // the clock was set: what is delivered now was said last
	}
	before := *r
	r.Preference, r.Lifetime, r.Managed, r.Other, r.LastHeard = said.Preference, said.Lifetime, said.Managed, said.Other, at
	overflowed := t.merge(r, said, at) && t.overflow(at) == Overflowed
	switch {
	case !sameWords(&before, r):
		return Changed
	case overflowed:
		return Overflowed
	default:
		return Refreshed
	}
}

// merge adds what a router says of prefixes to what it said before: one that is not
// mentioned may be in the next advertisement (RFC 4861, 6.2.3). It reports whether some
// found no room.
func (t *Table) merge(r, said *discovery.Router, at time.Time) (overflowed bool) {
	if len(said.Prefixes) == 0 {
		return false
	}
	prefixes := slices.Clone(r.Prefixes)
	for _, p := range said.Prefixes {
		p.LastHeard = at
		i := slices.IndexFunc(prefixes, func(q discovery.AdvertisedPrefix) bool { return q.Prefix == p.Prefix })
		switch {
		case i >= 0:
			prefixes[i] = p
		case p.Withdrawn(): // what it never announced
		case len(prefixes) >= maxPrefixes && !giveUpWithdrawn(&prefixes):
			t.counters.Prefixes++
			overflowed = true
		default:
			prefixes = append(prefixes, p)
		}
	}
	slices.SortFunc(prefixes, func(a, b discovery.AdvertisedPrefix) int { return a.Prefix.Compare(b.Prefix) })
	r.Prefixes = prefixes
	return overflowed
}

// giveUpWithdrawn makes room in place of a prefix that was withdrawn, if there is one.
func giveUpWithdrawn(prefixes *[]discovery.AdvertisedPrefix) bool {
	i := slices.IndexFunc(*prefixes, func(p discovery.AdvertisedPrefix) bool { return p.Withdrawn() })
	if i < 0 {
		return false
	}
	*prefixes = slices.Delete(*prefixes, i, i+1)
	return true
}

// sameWords reports whether two routers say the same but for lifetimes, of which only
// matters whether there are any.
func sameWords(a, b *discovery.Router) bool {
	return a.Preference == b.Preference && a.Managed == b.Managed && a.Other == b.Other && (a.Lifetime == 0) == (b.Lifetime == 0) &&
		slices.EqualFunc(a.Prefixes, b.Prefixes, func(p, q discovery.AdvertisedPrefix) bool {
			return p.Prefix == q.Prefix && p.OnLink == q.OnLink && p.Autonomous == q.Autonomous &&
				p.Withdrawn() == q.Withdrawn() && (p.Preferred == 0) == (q.Preferred == 0)
		})
}

// Lose counts advertisements that nobody read.
func (t *Table) Lose(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counters.Lost += uint64(n)
}

// Keep forgets the routers of other VLANs than those, and reports whether there were any.
func (t *Table) Keep(wanted func(tag uint16) bool) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := len(t.routers)
	t.routers = slices.DeleteFunc(t.routers, func(r discovery.Router) bool { return !wanted(r.Tag) })
	return len(t.routers) != before
}

// Expire deletes what counts no more, and reports whether there was anything.
func (t *Table) Expire(now time.Time) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	over := func(at time.Time) bool { return !at.After(now) }
	for i := range t.routers {
		r := &t.routers[i]
		if slices.ContainsFunc(r.Prefixes, func(p discovery.AdvertisedPrefix) bool { return over(ends(&p)) }) {
			r.Prefixes = slices.DeleteFunc(slices.Clone(r.Prefixes), func(p discovery.AdvertisedPrefix) bool { return over(ends(&p)) })
			changed = true
		}
	}
	before := len(t.routers)
	t.routers = slices.DeleteFunc(t.routers, func(r discovery.Router) bool { return over(forgotten(&r)) })
	if changed = changed || len(t.routers) != before; len(t.routers) == 0 {
		t.routers = nil
	}
	if !t.full.IsZero() && over(t.full) {
		t.full, changed = time.Time{}, true
	}
	return changed
}

// ends is when a prefix is deleted unless it is heard again. One that was withdrawn is
// shown as such meanwhile.
func ends(p *discovery.AdvertisedPrefix) time.Time {
	if p.Withdrawn() {
		return p.LastHeard.Add(lingering)
	}
	return p.Expires()
}

// forgotten is when a router is deleted unless it is heard again: not before its prefixes,
// so that what becomes of these is seen to be its doing.
func forgotten(r *discovery.Router) time.Time {
	lifetime := time.Duration(r.Lifetime) * time.Second
	at := r.LastHeard.Add(min(max(lifetime, lingering), discovery.LongestAdvertisement))
	for i := range r.Prefixes {
		if end := ends(&r.Prefixes[i]); end.After(at) {
			at = end
		}
	}
	return at
}

// grain is how exactly things expire: whoever announces a thousand short lifetimes wakes
// nobody a thousand times.
const grain = time.Second

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
	for i := range t.routers {
		sooner(forgotten(&t.routers[i]))
		for k := range t.routers[i].Prefixes {
			sooner(ends(&t.routers[i].Prefixes[k]))
		}
	}
	if next.IsZero() {
		return next, false
	}
	return next.Truncate(grain).Add(grain), true
}

// Fill writes what the table holds into a port of a snapshot.
func (t *Table) Fill(p *discovery.Port) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.Routers = slices.Clone(t.routers)
	slices.SortFunc(p.Routers, func(a, b discovery.Router) int {
		return cmp.Or(cmp.Compare(a.Tag, b.Tag), a.FirstHeard.Compare(b.FirstHeard), a.Address.Compare(b.Address), bytes.Compare(a.Source[:], b.Source[:]))
	})
	p.TooManyRouters, p.RouterCounters = !t.full.IsZero(), t.counters.Clone()
}

// Counters returns the port's counters.
func (t *Table) Counters() discovery.RouterCounters {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counters.Clone()
}
