// SPDX-License-Identifier: Apache-2.0

package belief_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/belief/wire"
)

// What is older than oldest makes no difference any more but for one limit: when a word
// settles, after 605 s. To that leads time that goes by with one speaker alone.
const (
	oldest   = 135 * time.Second
	longer   = 11 * time.Minute
	goneFor  = 120 * time.Second // with a time to live of as long
	trialOf  = 65 * time.Second
	oldTrial = 90 * time.Second
	limitOf  = 135 * time.Second // silence
)

var fine = flag.Bool("explore.fine", false, "explore in steps of 15 s, too, which takes many minutes")

// now is when every state of the exploration is.
var now = start.Add(24 * time.Hour)

// A game is who may do what in an exploration: in which steps time goes by, and in whose
// names the hostile speaker speaks.
type game struct {
	name   string
	tick   time.Duration
	words  []string
	breaks []string
	fine   bool // only where it is asked for
}

var breaks = []string{"carrier lost", "agent restarted", "memory lost", "node rebooted", "device made anew"}

var games = []game{
	{"in the switch's name, every 30 s", 30 * time.Second, []string{"switch's 1", "switch's 2", "goodbye"}, breaks, false},
	{"in its own name, another word, every 30 s", 30 * time.Second, []string{"own 2"}, []string{"carrier lost", "agent restarted"}, false},
	{"in the switch's name, every 15 s", 15 * time.Second, []string{"switch's 1", "switch's 2", "goodbye"}, breaks, true},
	{"in its own name, with restarts, every 30 s", 30 * time.Second, []string{"own 1", "own 2", "goodbye"}, breaks, true},
	{"in both names, every 30 s", 30 * time.Second, []string{"own 1", "own 2", "switch's 1", "switch's 2", "goodbye"}, breaks, true},
}

// A cell is a state of the exploration: the machine's, and what the oracle needs.
type cell struct {
	port  belief.Port
	truth uint16        // the VLAN to which the port leads
	heard time.Duration // since the switch was heard to say so, in this epoch; oldest: never
	wrong bool          // it attaches elsewhere

	spoke, imitated bool // the switch spoke in this epoch; see imitates
}

// A move is what happens in one tick.
type move struct {
	name     string
	speaks   bool // the switch
	hostile  string
	first    bool // the hostile one speaks before the switch
	happens  string
	turnsVID bool
	tick     time.Duration
}

func (g *game) moves() []move {
	all := []move{
		{name: "nobody", tick: g.tick},
		{name: "switch", speaks: true, tick: g.tick},
		{name: "switch for long", speaks: true, tick: longer},
	}
	for _, h := range g.words {
		all = append(all, move{name: h, hostile: h, tick: g.tick}, move{name: "switch, then " + h, speaks: true, hostile: h, tick: g.tick},
			move{name: h + ", then switch", speaks: true, hostile: h, first: true, tick: g.tick})
		if h != "goodbye" {
			all = append(all, move{name: h + " for long", hostile: h, tick: longer})
		}
	}
	for _, e := range g.breaks {
		all = append(all, move{name: e, happens: e, tick: g.tick})
	}
	return append(all, move{name: "VLAN changed", turnsVID: true, tick: g.tick})
}

var (
	theSwitch = discovery.MAC{2, 0, 0, 0, 0, 0xa}
	another   = discovery.MAC{2, 0, 0, 0, 0, 0xb}
)

func says(source discovery.MAC, pvid uint16, at time.Time) discovery.Neighbor {
	return discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, Source: source, Destination: discovery.NearestBridge, TTL: 120, SystemName: "a",
		MSAP: discovery.MSAP{Chassis: "mac:a", Port: "ifname:1"}, PVID: pvid, FirstHeard: at, LastHeard: at,
	}
}

// after is the cell when a move is over.
func (c *cell) after(r *wire.Rules, m move) cell {
	if m.tick == longer {
		next := *c
		for m.tick = time.Minute; next.port.Seen.Sub(now) < longer; {
			next = next.then(r, m)
		}
		return next
	}
	return c.then(r, m)
}

func (c *cell) then(r *wire.Rules, m move) cell {
	p, next, tick := c.port, *c, m.tick
	at := p.Seen.Add(tick)
	p.Voices, p.Before = slices.Clone(p.Voices), slices.Clone(p.Before)
	e := belief.Evidence{Now: at, Interface: discovery.Interface{
		Index: 2, Name: "eth0", MAC: discovery.MAC{2, 0, 0, 0, 0, 1}, Ethernet: true, Up: true, Carrier: true, CarrierChanges: 1,
	}}
	next.heard = min(c.heard+tick, oldest)
	switch m.happens {
	case "carrier lost":
		e.Interface.CarrierChanges, next.heard = 3, oldest
	case "agent restarted":
		p = p.Restored(at)
	case "memory lost":
		p, next.heard = belief.Port{}, oldest
	case "node rebooted":
		p, next.heard = p.Suspected(at, belief.Rebooted), oldest
	case "device made anew":
		e.Interface.Instance, next.heard = 1, oldest
	}
	if m.turnsVID {
		next.truth, next.heard = 3-c.truth, oldest
	}
	hostile := func() {
		switch m.hostile {
		case "own 1", "own 2":
			e.Utterances = append(e.Utterances, says(another, uint16(m.hostile[4]-'0'), at))
		case "switch's 1", "switch's 2":
			e.Utterances = append(e.Utterances, says(theSwitch, uint16(m.hostile[len(m.hostile)-1]-'0'), at))
		case "goodbye":
			e.Goodbyes = append(e.Goodbyes, discovery.Departure{Neighbor: says(theSwitch, 1, at), At: at, Cause: discovery.SaidGoodbye})
		}
	}
	if m.first && m.hostile != "goodbye" {
		hostile()
	}
	if m.speaks {
		e.Utterances = append(e.Utterances, says(theSwitch, next.truth, at))
		next.heard, next.spoke = 0, true
	}
	if !m.first {
		hostile()
	} else if m.hostile == "goodbye" { // which sorts behind frames of the same time
		at = at.Add(-time.Second)
		hostile()
	}
	next.port = p.Advance(r, e)
	leads, _, _ := r.Attached(&next.port, e.Now)
	next.wrong = false
	for _, l := range leads {
		next.wrong = next.wrong || l.To != fmt.Sprint("a/", next.truth)
	}
	if len(next.port.Voices) == 0 {
		next.spoke = false
	}
	next.imitated = next.imitates()
	return next
}

// attaches reports whether the truth does.
func (c *cell) attaches(r *wire.Rules) bool {
	leads, _, _ := r.Attached(&c.port, c.port.Seen)
	return len(leads) == 1 && !c.wrong
}

// settle makes a cell be now, calls the VLAN to which the port leads 1, and drops what makes
// no difference to anything that can happen.
func (c *cell) settle() {
	p := &c.port
	then := p.Seen
	if p.Holder != nil {
		p.Holder = new(*p.Holder)
	}
	if c.truth == 2 {
		c.truth = 1
		swap := func(n *discovery.Neighbor) { n.PVID = 3 - n.PVID }
		if p.Holder != nil {
			swap(&p.Holder.Neighbor)
		}
		for i := range p.Voices {
			swap(&p.Voices[i].Neighbor)
		}
		for i := range p.Before {
			swap(&p.Before[i])
		}
	}
	var first, last [3]time.Time // of those who say the same, only the first and the last count
	for i := range p.Voices {
		v := &p.Voices[i]
		if v.LastHeard.After(last[v.PVID]) {
			last[v.PVID] = v.LastHeard
		}
		if first[v.PVID].IsZero() || v.FirstHeard.Before(first[v.PVID]) {
			first[v.PVID] = v.FirstHeard
		}
	}
	for i := range p.Voices {
		v := &p.Voices[i]
		trim(v, first[v.PVID], last[3-v.PVID], p.Lost)
		if v.LastHeard.Before(last[v.PVID]) && then.Sub(v.LastHeard) >= goneFor {
			v.LastHeard, v.Before = then.Add(-oldest), time.Time{}
		}
		if !v.FirstHeard.After(last[3-v.PVID]) || then.Sub(v.FirstHeard) >= oldTrial {
			v.FirstHeard = then.Add(-oldest)
		}
		if !v.LateAt().After(then) {
			v.Before = time.Time{}
		}
		switch {
		case !v.GoneAt().After(then):
			v.Goodbye = time.Time{}
		case !v.Goodbye.IsZero():
			v.Goodbye = v.LastHeard
		}
		shiftVoice(v, then)
	}
	if h := p.Holder; h != nil {
		switch {
		case p.State == belief.Held && !p.Settled:
			trim(h, first[h.PVID], last[3-h.PVID], p.Lost)
		default:
			h.FirstHeard, h.Before = time.Time{}, time.Time{}
		}
		switch p.State {
		case belief.Held, belief.Late, belief.Left:
		default:
			h.LastHeard, h.Goodbye = time.Time{}, time.Time{}
		}
		shiftVoice(h, then)
	}
	slices.SortFunc(p.Voices, func(a, b belief.Voice) int { return strings.Compare(voiceKey(&a), voiceKey(&b)) })
	for i := range p.Before {
		b := &p.Before[i]
		b.FirstHeard, b.LastHeard, b.Before = time.Time{}, time.Time{}, time.Time{}
	}
	slices.SortFunc(p.Before, func(a, b discovery.Neighbor) int { return int(a.PVID) - int(b.PVID) })
	switch p.State {
	case belief.Held, belief.Late, belief.Left, belief.Silent:
		p.Since = then
	case belief.Disputed:
		if p.Since.Before(then.Add(-trialOf)) {
			p.Since = then.Add(-trialOf)
		}
	default:
	}
	if !p.Lost.After(last[1]) && !p.Lost.After(last[2]) {
		p.Lost = time.Time{}
	}
	shift(&p.Since, then)
	shift(&p.Lost, then)
	p.Away, p.HeldSince, p.Second, p.Ends, p.Against = time.Time{}, time.Time{}, time.Time{}, time.Time{}, nil
	p.Seen, p.Epoch, p.Instance = now, 1, 0
}

type voice = belief.Voice

// trim drops what a voice said before somebody else said another word.
func trim(v *voice, first, other, lost time.Time) {
	since := other
	if lost.After(since) {
		since = lost
	}
	if v.FirstHeard = first; !first.After(since) { // as if it had begun with the other
		v.FirstHeard = since
	}
	switch {
	case v.Before.IsZero():
	case v.Before.Before(since):
		v.Before = time.Time{}
	default:
		v.Before = v.LastHeard
	}
}

func shift(t *time.Time, then time.Time) {
	if !t.IsZero() {
		*t = now.Add(max(t.Sub(then), -oldest))
	}
}

func shiftVoice(v *voice, then time.Time) {
	shift(&v.FirstHeard, then)
	shift(&v.LastHeard, then)
	shift(&v.Before, then)
	shift(&v.Goodbye, then)
}

func voiceKey(v *belief.Voice) string { return string([]byte{v.Source[5], byte(v.PVID)}) }

// key is a cell as text.
func (c *cell) key() string {
	p := &c.port
	b := make([]byte, 0, 64)
	ticks := func(t time.Time) {
		if t.IsZero() {
			b = append(b, 0xff)
		} else {
			b = append(b, byte(now.Sub(t)/(5*time.Second)))
		}
	}
	flag := func(set bool) {
		if set {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	voiced := func(v *belief.Voice) {
		b = append(b, voiceKey(v)...)
		ticks(v.FirstHeard)
		ticks(v.LastHeard)
		ticks(v.Before)
		ticks(v.Goodbye)
	}
	b = append(b, (p.State + "--")[:2]...)
	b = append(b, byte(len(p.Cause)), byte(min(c.heard, trialOf)/(5*time.Second)))
	flag(p.Settled)
	flag(p.Struck)
	flag(p.Touched)
	flag(c.wrong)
	flag(c.imitated)
	flag(c.spoke && !p.Settled)
	ticks(p.Since)
	ticks(p.Lost)
	if flag(p.Holder != nil); p.Holder != nil {
		voiced(p.Holder)
	}
	for i := range p.Before {
		b = append(b, p.Before[i].Source[5], byte(p.Before[i].PVID))
	}
	b = append(b, 0xfe)
	for i := range p.Voices {
		voiced(&p.Voices[i])
	}
	return string(b)
}

// An explorer knows all cells that were reached, and how.
type explorer struct {
	game
	rules *wire.Rules
	known map[string]struct{}
	queue []cell
	from  []int32
	by    []uint8
	moves []move

	alone [2]map[string]int8 // in how many ticks the switch has the port back
}

func (x *explorer) add(c cell, from int32, by uint8) {
	c.settle()
	key := c.key()
	if _, ok := x.known[key]; !ok {
		x.known[key] = struct{}{}
		x.queue, x.from, x.by = append(x.queue, c), append(x.from, from), append(x.by, by)
	}
}

func begin() cell { return cell{truth: 1, heard: oldest, port: belief.Port{Seen: now}} }

// path says how a cell was reached, and what is next.
func (x *explorer) path(i int32, next *move) string {
	var steps []move
	for ; x.from[i] >= 0; i = x.from[i] {
		steps = append(steps, x.moves[x.by[i]])
	}
	slices.Reverse(steps)
	if next != nil {
		steps = append(steps, *next)
	}
	var told strings.Builder
	c := begin()
	for _, m := range steps {
		c.settle()
		c = c.after(x.rules, m)
		leads, _, _ := x.rules.Attached(&c.port, c.port.Seen)
		fmt.Fprintf(&told, "  %5.0f s  %-32s -> %s %v settled=%t struck=%t, truth %d\n", m.tick.Seconds(), m.name, c.port.State, leads, c.port.Settled, c.port.Struck, c.truth)
	}
	return told.String()
}

// check says what is wrong with a step, if anything is.
func check(before, c *cell, m move) string {
	switch {
	case !c.wrong:
		return ""
	case c.heard == 0:
		return "it attaches elsewhere although the switch spoke"
	case !before.wrong && !m.turnsVID && c.heard < trialOf:
		return "it comes to attach elsewhere although the switch was heard just before"
	}
	return ""
}

// imitates reports whether a speaker whom nobody opposed for 605 s has the port in place of
// a switch that was silent for as long, and is not known to have held it: the one way to the
// wrong network that has no bound. What follows from it is not explored.
func (c *cell) imitates() bool {
	p := &c.port
	if !p.Settled || p.Holder == nil {
		return false
	}
	ofSwitch := func(n discovery.Neighbor) bool { return n.PVID == c.truth || n.Source == theSwitch }
	said := func(v belief.Voice) bool { return v.Source == theSwitch && v.PVID == p.Holder.PVID }
	return !c.spoke || p.Holder.Source != theSwitch && !slices.ContainsFunc(p.Voices, said) && !slices.ContainsFunc(p.Before, ofSwitch)
}

// TestExplore reaches every state that a switch with two VLANs, a hostile speaker who may
// say either in its own name and in the switch's, and goodbye for it, lost carriers and
// frames, restarts, reboots and other devices lead to. None attaches elsewhere once the
// switch was heard, or shortly after; and from each the switch gets the port back when it
// is left alone.
func TestExplore(t *testing.T) {
	if underRace {
		t.Skip("needs minutes: a quarter of an hour under the race detector, which finds nothing in a pure function; make test-belief runs it without")
	}
	for _, g := range games {
		if !g.fine || *fine {
			t.Run(g.name, func(t *testing.T) { g.explore(t) })
		}
	}
}

func (g *game) explore(t *testing.T) {
	t.Helper()
	started := time.Now()
	x := explorer{game: *g, rules: &wire.Rules{Silence: limitOf}, known: map[string]struct{}{}, moves: g.moves(), alone: [2]map[string]int8{{}, {}}}
	x.add(begin(), -1, 0)
	failed, imitated, worst, slowest := 0, 0, 0, int32(0)
	for i := int32(0); int(i) < len(x.queue) && failed < 5; i++ {
		if i%100_000 == 0 && *fine {
			fmt.Fprintf(os.Stderr, "%s: %d of %d after %v\n", g.name, i, len(x.queue), time.Since(started))
		}
		c := x.queue[i]
		if c.imitated {
			imitated++
		}
		for k := range x.moves {
			m := &x.moves[k]
			if m.tick == longer && !c.settles(m) || c.imitated {
				continue
			}
			next := c.after(x.rules, *m)
			if why := check(&c, &next, *m); why != "" {
				failed++
				t.Errorf("%s:\n%s", why, x.path(i, m))
				break
			}
			x.add(next, i, uint8(k))
		}
		for phase := range 2 {
			if n := x.getBack(c, phase, 0); n > worst {
				worst, slowest = n, i
			}
		}
		x.queue[i] = cell{}
	}
	back := time.Duration(worst) * g.tick
	if limit := goneFor + 30*time.Second; back > limit {
		t.Errorf("the switch alone has the port back after %v, want %v at most", back, limit)
	}
	t.Logf("%d states, %d of them of somebody who imitates a silent switch, in %v; the switch alone has the port back after %v at most, from:\n%s", len(x.queue), imitated, time.Since(started).Round(time.Second), back, x.path(slowest, nil))
}

// settles reports whether a word that is said for long may settle by that: nothing else
// depends on so long a time.
func (c *cell) settles(m *move) bool {
	if c.port.State != belief.Held || c.port.Settled {
		return false
	}
	return m.speaks && c.port.Holder.PVID == c.truth || m.hostile != "" && m.hostile[len(m.hostile)-1] == byte('0'+c.port.Holder.PVID)
}

// getBack is in how many ticks the port leads where it does when the switch is alone, and
// speaks every 30 s.
func (x *explorer) getBack(c cell, phase, depth int) int {
	const most = 100
	if depth >= most {
		return most
	}
	key := c.key()
	if n, ok := x.alone[phase][key]; ok {
		return int(n)
	}
	m := move{speaks: phase == 0 || x.tick == 30*time.Second, tick: x.tick}
	next, n := c.after(x.rules, m), 1
	if !next.attaches(x.rules) {
		next.settle()
		n = min(most, 1+x.getBack(next, 1-phase, depth+1))
	}
	x.alone[phase][key] = int8(n)
	return n
}
