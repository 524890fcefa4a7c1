// SPDX-License-Identifier: Apache-2.0

// Package wire is what the tests of belief hear with and read by: frames go in, and
// Evidence as discovery makes it comes out. It knows no switches and no truth, which are
// the tests' own, and nothing but tests imports it.
package wire

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
)

// An Ear is the table of one port in one carrier epoch: what speakers say, what they said
// before, and who left.
type Ear struct {
	said, past []utterance
	departed   []discovery.Departure
	lost       time.Time
}

// As many utterances are kept of each kind.
const most = 32

// pastFor is how long what was replaced is kept.
const pastFor = 20 * time.Minute

type utterance struct {
	discovery.Neighbor
	gaps       [4]time.Duration
	count      int
	late, gone bool
}

// Hear takes a frame, and reports whether a step follows: whether it says something new, or
// its speaker was late.
func (e *Ear) Hear(n discovery.Neighbor, at time.Time) (visible bool) {
	i := slices.IndexFunc(e.said, func(u utterance) bool { return sameSpeaker(&u.Neighbor, &n) })
	if i >= 0 && belief.Alike(&e.said[i].Neighbor, &n) {
		changed := e.said[i].TTL != n.TTL
		e.said[i].TTL = n.TTL
		return e.said[i].hear(at) || changed
	}
	if i >= 0 {
		before := e.said[i]
		e.said[i] = e.earlier(n, at)
		e.keep(before, at)
		return true
	}
	if len(e.said) >= most {
		e.Lose(at)
		return true
	}
	e.said = append(e.said, e.earlier(n, at))
	if i := slices.IndexFunc(e.departed, func(d discovery.Departure) bool { return sameSpeaker(&d.Neighbor, &n) }); i >= 0 {
		d := e.departed[i]
		e.departed = slices.Delete(e.departed, i, i+1)
		if !belief.Alike(&d.Neighbor, &n) {
			e.keep(utterance{Neighbor: d.Neighbor}, at)
		}
	}
	return true
}

// earlier is an utterance that goes on, or else begins, with a frame that is heard now.
func (e *Ear) earlier(n discovery.Neighbor, at time.Time) utterance {
	for i := range e.past {
		if u := e.past[i]; sameSpeaker(&u.Neighbor, &n) && belief.Alike(&u.Neighbor, &n) {
			e.past = slices.Delete(e.past, i, i+1)
			u.TTL = n.TTL
			u.hear(at)
			return u
		}
	}
	n.FirstHeard, n.LastHeard, n.Before, n.Longest = at, at, time.Time{}, 0
	return utterance{Neighbor: n}
}

func (e *Ear) keep(u utterance, at time.Time) {
	if e.past = append(e.past, u); len(e.past) > most {
		e.past = slices.Delete(e.past, 0, 1)
		e.Lose(at)
	}
}

func (u *utterance) hear(at time.Time) (returned bool) {
	if !at.After(u.LastHeard) {
		return false
	}
	returned = u.late || !at.Before(u.LateAt())
	u.late, u.gone = false, false
	u.gaps[u.count%len(u.gaps)] = at.Sub(u.LastHeard)
	u.Before, u.LastHeard = u.LastHeard, at
	if u.count++; u.count > 1 {
		u.Longest = slices.Max(u.gaps[:])
	}
	return returned
}

// Interval is the shortest that a speaker who leads there seems to have.
func (e *Ear) Interval(r *Rules, n *discovery.Neighbor) time.Duration {
	shortest := n.Interval()
	for _, in := range [][]utterance{e.said, e.past} {
		for i := range in {
			if u := &in[i].Neighbor; u.Source == n.Source && u.Protocol == n.Protocol && slices.Equal(r.Word(u).Leads, r.Word(n).Leads) {
				shortest = min(shortest, u.Interval())
			}
		}
	}
	return shortest
}

// LateAt is when the last of those who lead there is late.
func (e *Ear) LateAt(r *Rules, to belief.Lead) time.Time {
	var at time.Time
	leads := func(n *discovery.Neighbor) {
		if late := n.LateAt(); late.After(at) && slices.Contains(r.Word(n).Leads, to) {
			at = late
		}
	}
	for i := range e.said {
		leads(&e.said[i].Neighbor)
	}
	for i := range e.departed {
		leads(&e.departed[i].Neighbor)
	}
	for i := range e.past {
		leads(&e.past[i].Neighbor)
	}
	return at
}

// Goodbye has everybody leave who speaks for the MSAP, and reports whether anybody did.
func (e *Ear) Goodbye(msap discovery.MSAP, at time.Time) (visible bool) {
	for i := range slices.Backward(e.said) {
		if e.said[i].MSAP == msap {
			e.depart(i, discovery.SaidGoodbye, at)
			visible = true
		}
	}
	return visible
}

func (e *Ear) depart(i int, why discovery.DepartureCause, at time.Time) {
	if e.departed = append(e.departed, discovery.Departure{Neighbor: e.said[i].Neighbor, At: at, Cause: why}); len(e.departed) > most {
		e.departed = slices.Delete(e.departed, 0, 1)
	}
	e.said = slices.Delete(e.said, i, i+1)
}

// Lose notes that frames were lost until a time.
func (e *Ear) Lose(at time.Time) {
	if at.After(e.lost) {
		e.lost = at
	}
}

// Expire lets time go by, and reports whether a step follows: whether anybody is late or
// gone who was not.
func (e *Ear) Expire(now time.Time) (visible bool) {
	for i := len(e.said) - 1; i >= 0; i-- {
		u := &e.said[i]
		if !u.Expires().After(now) {
			e.depart(i, discovery.AgedOut, now)
			visible = true
			continue
		}
		visible = u.age(now) || visible
	}
	for i := range e.past { // whose speaker may have been made to say something else by somebody else
		visible = e.past[i].age(now) || visible
	}
	e.past = slices.DeleteFunc(e.past, func(u utterance) bool { return !u.LastHeard.Add(pastFor).After(now) })
	return visible
}

func (u *utterance) age(now time.Time) (visible bool) {
	late, gone := !u.LateAt().After(now), !u.GoneAt().After(now)
	visible = late && !u.late || gone && !u.gone
	u.late, u.gone = u.late || late, u.gone || gone
	return visible
}

func (u *utterance) ages(sooner func(time.Time)) {
	if !u.late {
		sooner(u.LateAt())
	}
	if !u.gone {
		sooner(u.GoneAt())
	}
}

// Next is when Expire has something to do, unless frames arrive before; zero for never.
func (e *Ear) Next() time.Time {
	var next time.Time
	sooner := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for i := range e.said {
		sooner(e.said[i].Expires())
		e.said[i].ages(sooner)
	}
	for i := range e.past {
		e.past[i].ages(sooner)
	}
	return next
}

// Evidence is what was heard up to now.
func (e *Ear) Evidence(ifi discovery.Interface, now time.Time) belief.Evidence {
	out := belief.Evidence{Now: now, Interface: ifi, LostAt: e.lost}
	hear := func(n *discovery.Neighbor) (ofSwitch bool) {
		if ofSwitch = n.Capabilities.Enabled&discovery.CapabilityStation == 0; ofSwitch {
			out.Utterances = append(out.Utterances, *n)
		}
		return ofSwitch
	}
	for i := range e.past {
		hear(&e.past[i].Neighbor)
	}
	for i := range e.departed {
		if hear(&e.departed[i].Neighbor) && e.departed[i].Cause == discovery.SaidGoodbye {
			out.Goodbyes = append(out.Goodbyes, e.departed[i])
		}
	}
	for i := range e.said {
		hear(&e.said[i].Neighbor)
	}
	return out
}

// Clone is a copy that shares nothing.
func (e *Ear) Clone() *Ear {
	return &Ear{slices.Clone(e.said), slices.Clone(e.past), slices.Clone(e.departed), e.lost}
}

func sameSpeaker(a, b *discovery.Neighbor) bool {
	return a.Source == b.Source && a.MSAP == b.MSAP && a.Destination == b.Destination && a.Protocol == b.Protocol
}

// Rules are a Reader: a VLAN of a system is a network of its own, whatever else the system
// says of itself. What comes behind a dot of the system's name does not matter.
type Rules struct {
	Silence, Goodbye time.Duration
	CDP              bool // CDP attaches
	ByPort           bool // the switch port matters, too

	known *[256]readWord // what was read, each where its key is
}

type readWord struct {
	said discovery.Neighbor
	word belief.Word
}

// Word implements belief.Reader.
func (r *Rules) Word(n *discovery.Neighbor) belief.Word {
	if r.known == nil {
		r.known = new([256]readWord)
	}
	key := int(n.PVID)*7 + len(n.VLANs)*31 + len(n.Protocol)*3
	for _, text := range []string{n.SystemName, string(n.Chassis), string(n.Port)} {
		if len(text) > 0 {
			key = key*5 + len(text) + int(text[len(text)-1])
		}
	}
	known := &r.known[key&0xff]
	if k := &known.said; k.PVID != n.PVID || k.MSAP != n.MSAP || k.Protocol != n.Protocol || k.SystemName != n.SystemName || !slices.Equal(k.VLANs, n.VLANs) {
		*known = readWord{*n, r.read(n)}
	}
	return known.word
}

// byCDP is behind what only CDP tells, where it does not attach.
const byCDP = " by CDP"

func (r *Rules) read(n *discovery.Neighbor) belief.Word {
	system, _, _ := strings.Cut(n.SystemName, ".")
	if system == "" {
		system = string(n.Chassis)
	}
	mark := ""
	if r.ByPort {
		mark += " at " + string(n.Port)
	}
	if n.Protocol == discovery.ProtocolCDP && !r.CDP {
		mark += byCDP
	}
	w := belief.Word{Silence: r.Silence, Goodbye: r.Goodbye, Named: n.PVID != 0 && n.SystemName != ""}
	to := system + "/" + strconv.Itoa(int(n.PVID))
	if n.PVID == 0 {
		to = string(n.Chassis) + "/" + string(n.Port)
	}
	w.Leads = append(w.Leads, belief.Lead{To: to + mark})
	for _, v := range n.VLANs {
		if v.ID != n.PVID {
			w.Leads = append(w.Leads, belief.Lead{Tag: v.ID, To: system + "/" + strconv.Itoa(int(v.ID)) + mark})
		}
	}
	return w
}

// Attached are the leads by which pods may be attached at a time, until when, if nothing
// else happens, and whether that is before forever.
func (r *Rules) Attached(p *belief.Port, now time.Time) (leads []belief.Lead, until time.Time, ends bool) {
	switch p.State {
	case belief.Held:
		leads = r.Word(&p.Holder.Neighbor).Leads
	case belief.Late:
		if until, ends = p.SilenceEnds(r.Silence); ends && !now.Before(until) {
			return nil, until, ends
		}
		if _, crowded := p.Crowded(now); crowded {
			if until, ends = p.Holder.GoneAt(), true; !now.Before(until) {
				return nil, until, ends
			}
		}
		leads = r.Word(&p.Holder.Neighbor).Leads
	case belief.Left:
		if until = p.Holder.Goodbye.Add(r.Goodbye); r.Goodbye != belief.Forever {
			if ends = true; !now.Before(until) {
				return nil, until, ends
			}
		}
		leads = r.Word(&p.Holder.Neighbor).Leads
	case belief.Disputed:
		leads = p.Shared(r)
	case belief.Empty, belief.Expecting, belief.Silent:
	}
	if slices.ContainsFunc(leads, func(l belief.Lead) bool { return strings.HasSuffix(l.To, byCDP) }) {
		leads = nil // of one utterance: all are, or none
	}
	return leads, until, ends
}
