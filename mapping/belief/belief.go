// SPDX-License-Identifier: Apache-2.0

// Package belief decides whose word holds a port: one state machine per port, over
// everything that was heard there. It is pure, knows no rules, and opens nothing: what
// is heard comes in with its times, and where an utterance leads its caller says.
//
// LLDP and CDP are not authenticated, and cables move behind dumb switches without a lost
// carrier. So: attach by a word that is on time, or late without a rival; otherwise wait
// until one word has stood alone.
//
//	state      attaches        the holder's word  it says another  another's word    goodbye   time
//	empty      nothing                                             held              -         silent
//	expecting  nothing         held                                disputed          -         silent
//	silent     nothing         held                                disputed          -
//	held       yes             stays              disputed         stays (1)         left      late
//	late       yes, until      held               disputed         disputed          left      silent
//	           Silence ends
//	left       until Goodbye   held               disputed         disputed          -         silent
//	           ends
//	disputed   what all say    held (2)           disputed         disputed          -         held, or silent (3)
//
// (1) disputed where the holder has not stood alone since the carrier came, or where the
// other word held the port before. (2) where it had stood alone, and has not said
// another word. (3) held by who has stood alone; silent when nobody speaks any more.
//
// A lost carrier makes any state expecting; another device, or the same one made anew,
// makes it empty.
package belief

import (
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/discovery"
)

// The constants of the machine.
const (
	// AloneAfterCarrier is how long a word has to stand alone where the carrier was lost
	// before anything was heard: the wire was touched, so the one that held before has
	// no claim to be waited for.
	AloneAfterCarrier = 30 * time.Second

	// alonePast is what is added to two intervals elsewhere.
	alonePast = 5 * time.Second

	// SilentAfter is how long a port may say nothing before that is what it does: two
	// transmit intervals and some slack.
	SilentAfter = 65 * time.Second
	// SilentAfterCDP is the same where CDP, which is slower, may be all that is spoken.
	SilentAfterCDP = 130 * time.Second

	// twiceApart is how far apart a second speaker is heard twice to count as one
	// that is there, and crowdedFor how long a port then counts as no point-to-point link.
	twiceApart = 30 * time.Second
	crowdedFor = 24 * time.Hour

	// whileWaiting is how often to look whether a frame came that nobody wakes up for.
	whileWaiting = 5 * time.Second

	maxVoices = 16 // words that are told apart on one port
	maxBefore = 8  // words that held it before
)

// Forever is a limit that never ends.
const Forever = time.Duration(1<<63 - 1)

// A State is what is believed of a port.
type State string

// The states.
const (
	Empty     State = "empty"     // nothing was heard, and nothing is remembered
	Expecting State = "expecting" // the carrier is new; who held the port is remembered
	Silent    State = "silent"    // nobody speaks
	Held      State = "held"      // a word holds the port and is on time
	Late      State = "late"      // it is not heard any more
	Left      State = "left"      // its speaker said goodbye
	Disputed  State = "disputed"  // words stand against each other
)

// A Cause says what happened to the word that held a port before, in the states empty and
// expecting.
type Cause string

// The causes.
const (
	CarrierLost    Cause = "carrierLost"
	DeviceReplaced Cause = "deviceReplaced"
	Rebooted       Cause = "rebooted"
)

// A Word is where an utterance leads.
type Word struct {
	Leads []Lead // in ascending order of their tags
	// Named is set where a rule names one of them.
	Named bool
	// Silence and Goodbye are how long the word counts after its last frame and
	// after a goodbye: the longest of what its networks have.
	Silence, Goodbye time.Duration
}

// A Lead is one network to which a port leads.
type Lead struct {
	Tag uint16 // the VLAN ID that frames bear there; 0 for none
	To  string // the network, or the identity where it has no name
}

// A Reader reads utterances by the rules in force.
type Reader interface {
	Word(n *discovery.Neighbor) Word
}

// A Voice is a word and the speaker who says it.
type Voice struct {
	discovery.Neighbor           // its latest utterance that leads there
	Goodbye            time.Time `json:"goodbye,omitzero"` // when it said goodbye, if that was the last heard of it
}

// A Port is what is believed of one port. It is a value: Advance returns another.
type Port struct {
	Interface string        `json:"interface"`
	Index     int           `json:"index"`
	MAC       discovery.MAC `json:"mac"`
	Instance  uint32        `json:"instance,omitempty"`
	Epoch     uint32        `json:"epoch"` // the carrier epoch that all below was heard in

	State State     `json:"state"`
	Since time.Time `json:"since"`           // when State began
	Cause Cause     `json:"cause,omitempty"` // in empty and expecting, and silent after these
	// Away is since when Holder's word does not hold the port; of no account in held.
	Away time.Time `json:"away,omitzero"`

	// Holder is whose word holds the port, or held it last; nil where nobody did.
	Holder *Voice `json:"holder,omitempty"`
	// HeldSince is when Holder's word came to hold the port.
	HeldSince time.Time `json:"heldSince,omitzero"`
	// Settled is set once Holder's word has stood alone in this epoch.
	Settled bool `json:"settled,omitempty"`
	// Struck is set where Holder's speaker said another word: its own has to stand alone
	// again, like any.
	Struck bool `json:"struck,omitempty"`

	// Voices are all words heard in this epoch, Holder's among them if it was.
	Voices []Voice `json:"voices,omitempty"`
	// Before are the words that held the port before, the latest last.
	Before []discovery.Neighbor `json:"before,omitempty"`

	// Against are the voices that lead elsewhere than Holder and count, the latest to begin
	// last; in disputed, all that did since that began.
	Against []Voice `json:"against,omitempty"`
	// Ends is when a dispute, or the wait for one that is slow to be believed, ends if
	// nothing else is heard; zero where a frame is waited for.
	Ends time.Time `json:"ends,omitzero"`

	// Second is when a second speaker was last heard that leads elsewhere.
	Second time.Time `json:"second,omitzero"`
	// Lost is when frames were last lost, so that nobody can be said to have been alone.
	Lost time.Time `json:"lost,omitzero"`
	// Touched is set where this epoch began with a carrier lost in this boot.
	Touched bool `json:"touched,omitempty"`
	// Seen is up to when the machine has come.
	Seen time.Time `json:"seen"`
}

// Evidence is what was heard on a port, and what became of its device.
type Evidence struct {
	Now       time.Time
	Interface discovery.Interface
	// Utterances are all that was said in this epoch by who can be at the other end of
	// the cable: what a speaker said before too.
	Utterances []discovery.Neighbor
	// Goodbyes are those of them that ended with a goodbye.
	Goodbyes []discovery.Departure
	LostAt   time.Time // when frames were last lost
}

// machine is one step of one port.
type machine struct {
	*Port
	read  Reader
	heard []discovery.Neighbor // all utterances of this step
}

// Advance takes what is believed of a port to what is to be believed of it now.
func (p Port) Advance(read Reader, e Evidence) Port {
	p.Voices = slices.Clone(p.Voices)
	m := machine{Port: &p, read: read, heard: e.Utterances}
	m.device(e.Interface, e.Now)
	if e.LostAt.After(p.Lost) {
		p.Lost = e.LostAt
	}
	if !e.Interface.Operational() {
		p.Seen, p.Against, p.Ends = e.Now, nil, time.Time{}
		return p
	}
	for _, ev := range m.events(e) {
		at := later(ev.at, p.Seen)
		m.pass(at)
		m.settle(at)
		if ev.goodbye {
			m.bye(ev.MSAP, at)
		} else {
			m.hear(ev, at)
		}
	}
	m.pass(e.Now)
	m.settle(e.Now)
	m.sumUp()
	return p
}

// Restored is what may still be believed after the agent was not there: time went by in
// which nobody listened.
func (p Port) Restored(now time.Time) Port {
	p.Lost = now
	return p
}

// Suspected is what is kept of a port whose device may be another, or whose node was
// rebooted: who held it is remembered, and is trusted by nothing.
func (p Port) Suspected(now time.Time, why Cause) Port {
	m := machine{Port: &p}
	m.begin(now, why)
	p.Seen, p.Against, p.Ends = now, nil, time.Time{}
	return p
}

// Material is the port without what changes while nothing happens: times of frames.
func (p Port) Material() Port {
	if p.Holder != nil {
		p.Holder = &Voice{p.Holder.Timeless(), p.Holder.Goodbye}
	}
	p.Voices, p.Before = slices.Clone(p.Voices), slices.Clone(p.Before)
	for i := range p.Voices {
		p.Voices[i].Neighbor = p.Voices[i].Timeless()
	}
	for i := range p.Before {
		p.Before[i] = p.Before[i].Timeless()
	}
	p.Against, p.Ends, p.Second, p.Lost, p.Seen = nil, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return p
}

// Shift is the port with its times on an axis that began that much later.
func (p Port) Shift(by time.Duration) Port {
	shift := func(times ...*time.Time) {
		for _, t := range times {
			if !t.IsZero() {
				*t = t.Add(by)
			}
		}
	}
	voice := func(v *Voice) { shift(&v.FirstHeard, &v.Before, &v.LastHeard, &v.Goodbye) }
	shift(&p.Since, &p.Away, &p.HeldSince, &p.Ends, &p.Second, &p.Lost, &p.Seen)
	if p.Holder != nil {
		p.Holder = new(*p.Holder)
		voice(p.Holder)
	}
	p.Voices, p.Against, p.Before = slices.Clone(p.Voices), slices.Clone(p.Against), slices.Clone(p.Before)
	for i := range p.Voices {
		voice(&p.Voices[i])
	}
	for i := range p.Against {
		voice(&p.Against[i])
	}
	for i := range p.Before {
		n := &p.Before[i]
		shift(&n.FirstHeard, &n.Before, &n.LastHeard)
	}
	return p
}

// device notices a lost carrier and another device.
func (m *machine) device(ifi discovery.Interface, now time.Time) {
	switch {
	case m.State == "": // a port that was not known before
		m.enter(Empty, now)
		m.Touched = false
	case m.Index != ifi.Index || m.MAC != ifi.MAC || m.Instance != ifi.Instance:
		m.begin(now, DeviceReplaced)
	case m.Epoch != ifi.Epoch(), !ifi.Operational() && (m.State != Empty && m.State != Expecting || len(m.Voices) > 0):
		m.begin(now, CarrierLost)
	}
	m.Interface, m.Index, m.MAC, m.Instance, m.Epoch = ifi.Name, ifi.Index, ifi.MAC, ifi.Instance, ifi.Epoch()
}

// begin starts an epoch. Until something is heard, the gravest cause remains.
func (m *machine) begin(now time.Time, why Cause) {
	waiting := m.State == Empty || m.State == Expecting || m.State == Silent && m.Cause != ""
	if waiting && gravity(m.Cause) > gravity(why) {
		why = m.Cause
	}
	if m.Struck { // it was not believed any more
		m.note(m.Holder.Neighbor)
		m.Holder = nil
	}
	if !waiting {
		m.Away = now
	}
	next := Expecting
	if m.Holder == nil || why == DeviceReplaced {
		next = Empty
	}
	if why == DeviceReplaced {
		m.Second = time.Time{}
	}
	m.enter(next, now)
	m.Cause, m.Settled, m.Struck, m.Voices = why, false, false, nil
	m.Touched = why == CarrierLost
}

func gravity(c Cause) int { return slices.Index([]Cause{CarrierLost, DeviceReplaced, Rebooted}, c) }

func (m *machine) enter(s State, at time.Time) {
	if (m.State == Held || m.State == Late || m.State == Left) && (s == Disputed || s == Silent) {
		m.Away = at
	}
	m.State, m.Since = s, at
	if s != Empty && s != Expecting && s != Silent {
		m.Cause = ""
	}
}

// An event is a frame, or a goodbye.
type event struct {
	discovery.Neighbor
	at      time.Time
	before  time.Time // the frame before it, of the same utterance
	goodbye bool
}

// events are what was heard since the last step, in the order in which it arrived.
func (m *machine) events(e Evidence) []event {
	var out []event
	for i := range e.Utterances {
		n := &e.Utterances[i]
		known := m.lastHeard(n)
		var before time.Time
		for _, at := range []time.Time{n.FirstHeard, n.Before, n.LastHeard} {
			if at.After(known) && at.After(before) && !at.After(n.LastHeard) {
				out = append(out, event{Neighbor: *n, at: at, before: before})
			}
			before = later(before, at)
		}
	}
	for i := range e.Goodbyes {
		d := &e.Goodbyes[i]
		if !slices.ContainsFunc(m.Voices, func(v Voice) bool { return v.MSAP == d.Neighbor.MSAP && !v.Goodbye.Before(d.At) }) {
			out = append(out, event{Neighbor: d.Neighbor, at: d.At, goodbye: true})
		}
	}
	slices.SortStableFunc(out, func(a, b event) int { return a.at.Compare(b.at) })
	return out
}

// lastHeard is up to when the frames of an utterance's word are known.
func (m *machine) lastHeard(n *discovery.Neighbor) time.Time {
	for i := range m.Voices {
		if v := &m.Voices[i]; sameSpeaker(&v.Neighbor, n) && m.same(&v.Neighbor, n) {
			return v.LastHeard
		}
	}
	return time.Time{}
}

// hear takes one frame.
func (m *machine) hear(e event, at time.Time) {
	v := m.listen(e)
	switch m.State {
	case Empty:
		if m.rank(&v.Neighbor) <= far {
			m.hold(v, at)
		}
	case Expecting, Silent:
		switch {
		case m.Holder != nil && m.same(&v.Neighbor, &m.Holder.Neighbor):
			m.hold(v, at)
		case m.rank(&v.Neighbor) <= far:
			if m.Holder == nil { // who has to stand alone, as anybody
				m.Holder = &v
			}
			m.dispute(at)
		}
	case Held:
		m.hearBeside(v, at)
	case Late, Left:
		switch {
		case m.same(&v.Neighbor, &m.Holder.Neighbor):
			m.hold(v, at)
		case sameSpeaker(&v.Neighbor, &m.Holder.Neighbor):
			m.Struck = true
			m.dispute(at)
		case !m.ownCDP(&v.Neighbor):
			m.dispute(at)
		}
	case Disputed:
		switch {
		case m.Holder == nil:
		case m.same(&v.Neighbor, &m.Holder.Neighbor):
			if m.Settled && !m.Struck {
				m.hold(v, at)
			} else if sameSpeaker(&v.Neighbor, &m.Holder.Neighbor) {
				m.Holder = &v
			}
		case m.contradicts(&v.Neighbor):
			m.Struck = true
		}
	}
}

// hearBeside takes a frame while a word holds the port.
func (m *machine) hearBeside(v Voice, at time.Time) {
	n, holder := &v.Neighbor, &m.Holder.Neighbor
	switch {
	case m.same(n, holder):
		if sameSpeaker(n, holder) {
			m.Holder = &v
		}
	case m.contradicts(n):
		m.Struck = true
		m.dispute(at)
	case m.rank(n) > m.rank(holder): // who is less to be believed contests nobody
	case !m.Settled, m.heldBefore(n):
		m.Settled = false // it has to stand alone itself
		m.dispute(at)
	case m.rank(holder) == low && m.rank(n) < low: // which leads nowhere, so protects nothing
		m.Settled = false
		m.dispute(at)
	}
}

// contradicts reports whether the holder's own speaker says another word.
func (m *machine) contradicts(n *discovery.Neighbor) bool {
	holder := &m.Holder.Neighbor
	if n.Protocol == discovery.ProtocolCDP && holder.Protocol != discovery.ProtocolCDP {
		return ownName(n, holder) && n.PVID != 0 && holder.PVID != 0 && n.PVID != holder.PVID
	}
	return n.Source == holder.Source && !m.same(n, holder) && m.rank(n) <= m.rank(holder)
}

// ownCDP reports whether the holder, which speaks LLDP, says the same by CDP, or nothing
// else: its word is what it says by LLDP.
func (m *machine) ownCDP(n *discovery.Neighbor) bool {
	holder := &m.Holder.Neighbor
	return n.Protocol == discovery.ProtocolCDP && holder.Protocol != discovery.ProtocolCDP && n.Source == holder.Source && !m.contradicts(n)
}

// ownName reports whether CDP is of a speaker of LLDP: from its MAC address or under its
// name. Its device ID is another text than the chassis ID.
func ownName(cdp, n *discovery.Neighbor) bool {
	return cdp.Source == n.Source || n.SystemName != "" && cdp.Chassis == discovery.ID("cdp:"+n.SystemName)
}

// bye takes a goodbye of exactly this agent.
func (m *machine) bye(msap discovery.MSAP, at time.Time) {
	for i := range m.Voices {
		if m.Voices[i].MSAP == msap {
			m.Voices[i].Goodbye = at
		}
	}
	if (m.State == Held || m.State == Late) && m.Holder.MSAP == msap && !m.carriedOn(at) {
		m.Holder.Goodbye = at
		m.enter(Left, at)
	}
}

// carriedOn has another speaker who says the same, and is on time, hold the port. It
// reports false where there is none.
func (m *machine) carriedOn(at time.Time) bool {
	for i := range m.Voices {
		v := &m.Voices[i]
		if v.Goodbye.IsZero() && v.LateAt().After(at) && m.same(&v.Neighbor, &m.Holder.Neighbor) {
			m.Holder = new(*v)
			return true
		}
	}
	return false
}

// hold gives the port to a word.
func (m *machine) hold(v Voice, at time.Time) {
	away := true // the word did not hold the port in between
	if m.Holder != nil && m.same(&v.Neighbor, &m.Holder.Neighbor) {
		away = m.State != Late && m.State != Disputed || m.Holder.gone(at)
	} else if m.Holder != nil {
		m.note(m.Holder.Neighbor)
	}
	if away {
		m.HeldSince = at
	}
	if m.State == Empty || m.State == Expecting || m.State == Silent {
		m.Settled = false
	}
	m.Holder, m.Struck = &v, false
	m.enter(Held, at)
}

// win gives the port to a word that has stood alone.
func (m *machine) win(v Voice, at time.Time) {
	m.hold(v, at)
	m.HeldSince, m.Settled = at, true
}

// note remembers a word that held the port.
func (m *machine) note(n discovery.Neighbor) {
	m.Before = slices.DeleteFunc(slices.Clone(m.Before), func(b discovery.Neighbor) bool { return m.same(&b, &n) })
	m.Before = append(m.Before, n)
	if len(m.Before) > maxBefore {
		m.Before = m.Before[len(m.Before)-maxBefore:]
	}
}

func (m *machine) heldBefore(n *discovery.Neighbor) bool {
	return slices.ContainsFunc(m.Before, func(b discovery.Neighbor) bool { return m.same(&b, n) })
}

func (m *machine) dispute(at time.Time) {
	if m.State != Disputed {
		m.enter(Disputed, at)
	}
}

// listen notes a frame among the voices.
func (m *machine) listen(e event) Voice {
	n := e.Neighbor
	n.LastHeard, n.Before = e.at, e.before
	for i := range m.Voices {
		v := &m.Voices[i]
		if !sameSpeaker(&v.Neighbor, &n) || !m.same(&v.Neighbor, &n) {
			continue
		}
		if before := later(n.Before, v.LastHeard); v.Goodbye.IsZero() && !e.at.After(before.Add(n.Interval()*5/2)) {
			n.FirstHeard, n.Before = v.FirstHeard, before
		} else { // it was away
			n.FirstHeard, n.Before = e.at, time.Time{}
		}
		*v = Voice{Neighbor: n}
		m.crowd(v)
		return *v
	}
	n.FirstHeard = e.at
	if len(m.Voices) >= maxVoices {
		m.forget(e.at)
	}
	m.Voices = append(m.Voices, Voice{Neighbor: n})
	return Voice{Neighbor: n}
}

// forget drops the voice that was heard the longest ago, but for the holder's. Where it
// may still be there, nobody can be said to be alone for now.
func (m *machine) forget(at time.Time) {
	oldest := -1
	for i := range m.Voices {
		if m.Holder != nil && m.same(&m.Voices[i].Neighbor, &m.Holder.Neighbor) {
			continue
		}
		if oldest < 0 || m.Voices[i].LastHeard.Before(m.Voices[oldest].LastHeard) {
			oldest = i
		}
	}
	if oldest < 0 {
		oldest = 0
	}
	if m.Voices[oldest].GoneAt().After(at) {
		m.Lost = later(m.Lost, at)
	}
	m.Voices = slices.Delete(m.Voices, oldest, oldest+1)
}

// crowd notices a second speaker that stays.
func (m *machine) crowd(v *Voice) {
	if m.Holder == nil || v.LastHeard.Sub(v.FirstHeard) < twiceApart || v.Source == m.Holder.Source || m.same(&v.Neighbor, &m.Holder.Neighbor) {
		return
	}
	if slices.ContainsFunc(m.Voices, func(o Voice) bool { return m.same(&o.Neighbor, &m.Holder.Neighbor) }) && m.rank(&v.Neighbor) <= cdp {
		m.Second = v.LastHeard
	}
}

// settle notices that the holder's word has stood alone.
func (m *machine) settle(at time.Time) {
	m.Seen = later(m.Seen, at)
	if m.State == Held && !m.Settled {
		stood, heard := m.stands(m.Holder, at)
		m.Settled = heard && !stood.After(at)
	}
}

// stands is when a word will have stood alone for long enough if nothing else is heard, and
// whether it was heard twice since it is alone.
func (m *machine) stands(v *Voice, at time.Time) (when time.Time, heard bool) {
	since := later(v.FirstHeard, m.Lost)
	interval := v.Interval()
	for i := range m.Voices {
		o := &m.Voices[i]
		switch {
		case m.same(&o.Neighbor, &v.Neighbor):
			if o.FirstHeard.Before(v.FirstHeard) && since.Equal(v.FirstHeard) { // who said it first does not matter
				since = later(o.FirstHeard, m.Lost)
			}
		case m.opposes(o, v):
			since = later(since, o.LastHeard)
			if !o.gone(at) {
				interval = max(interval, o.Interval())
			}
		}
	}
	trial := 2*interval + alonePast
	if m.Touched && (m.Holder == nil || !m.heardHere(&m.Holder.Neighbor)) {
		trial = AloneAfterCarrier
	}
	return since.Add(trial), !v.Before.IsZero() && !v.Before.Before(since)
}

// heardHere reports whether a word was heard in this epoch.
func (m *machine) heardHere(n *discovery.Neighbor) bool {
	return slices.ContainsFunc(m.Voices, func(v Voice) bool { return m.same(&v.Neighbor, n) })
}

// opposes reports whether what one voice says speaks against another that is on time.
func (m *machine) opposes(o, v *Voice) bool {
	if o.Protocol == discovery.ProtocolCDP && v.Protocol != discovery.ProtocolCDP {
		return ownName(&o.Neighbor, &v.Neighbor) && o.PVID != 0 && v.PVID != 0 && o.PVID != v.PVID
	}
	return m.rank(&o.Neighbor) <= m.rank(&v.Neighbor)
}

// gone reports whether a speaker is not there any more, as far as can be known.
func (v *Voice) gone(at time.Time) bool { return !v.Goodbye.IsZero() || !v.GoneAt().After(at) }

// goneAt is when it will not be.
func (v *Voice) goneAt() time.Time {
	if !v.Goodbye.IsZero() {
		return v.Goodbye
	}
	return v.GoneAt()
}

// winner is the voice that will come to hold the port next if nothing else is heard, and
// when. Where a frame is still to come, before says since when it is waited for.
func (m *machine) winner(slow bool, at time.Time) (next *Voice, when time.Time, waiting bool) {
	for i := range m.Voices {
		v := &m.Voices[i]
		if slow && m.rank(&v.Neighbor) <= far || !v.Goodbye.IsZero() || !v.LateAt().After(at) {
			continue
		}
		stood, heard := m.stands(v, at)
		for k := range m.Voices {
			if o := &m.Voices[k]; o.Source != v.Source && !m.same(&o.Neighbor, &v.Neighbor) && m.opposes(o, v) {
				stood = later(stood, o.goneAt())
			}
		}
		switch {
		case !heard, stood.After(v.LateAt()):
			waiting = true
		case next == nil || stood.Before(when):
			next, when = v, stood
		}
	}
	return next, when, waiting
}

// pass lets time go by.
func (m *machine) pass(until time.Time) {
	for range maxSteps {
		at, do := m.due()
		if do == nil || at.After(until) {
			return
		}
		do(later(at, later(m.Since, m.Seen)))
	}
}

// maxSteps bounds how many transitions are made of time alone in one step; a few are.
const maxSteps = 16

// due is what happens next if nothing is heard, and when.
func (m *machine) due() (at time.Time, do func(time.Time)) {
	alone := func(slow bool) {
		if v, when, _ := m.winner(slow, later(m.Seen, m.Since)); v != nil && (do == nil || !when.After(at)) {
			at, do = when, func(t time.Time) { m.win(*v, t) }
		}
	}
	silence := func(t time.Time) { at, do = t, m.fallSilent }
	switch m.State {
	case Empty, Expecting:
		wait := SilentAfterCDP
		if m.Holder != nil && m.Holder.Protocol != discovery.ProtocolCDP {
			wait = SilentAfter
		}
		silence(m.Since.Add(wait))
		alone(true)
	case Silent:
		alone(true)
	case Held:
		at, do = m.holderLateAt(), func(t time.Time) {
			if !m.carriedOn(t) {
				m.enter(Late, t)
			}
		}
	case Late:
		if end, ends := m.SilenceEnds(m.read.Word(&m.Holder.Neighbor).Silence); ends {
			silence(end)
		}
	case Left:
		if limit := m.read.Word(&m.Holder.Neighbor).Goodbye; limit != Forever {
			silence(m.Holder.Goodbye.Add(max(limit, SilentAfter)))
		}
	case Disputed:
		last := m.Since.Add(SilentAfter)
		for i := range m.Voices {
			last = later(last, m.Voices[i].goneAt())
		}
		silence(last)
		alone(false)
	}
	return at, do
}

// holderLateAt is when the holder is late. What it says was heard all the time in between,
// where this step brings a later frame of it: an utterance that is not is another event.
func (m *machine) holderLateAt() time.Time {
	at := m.Holder.LateAt()
	for i := range m.heard {
		if n := &m.heard[i]; sameSpeaker(n, &m.Holder.Neighbor) && Alike(n, &m.Holder.Neighbor) {
			at = later(at, n.LateAt())
		}
	}
	return at
}

func (m *machine) fallSilent(at time.Time) {
	if m.Struck {
		m.note(m.Holder.Neighbor)
		m.Holder, m.Struck = nil, false
	}
	cause := m.Cause
	m.enter(Silent, at)
	m.Cause, m.Touched = cause, false
}

// SilenceEnds is when a word that is late counts no more, where silence is accepted for
// that long after its last frame. It reports false where it always is.
func (p *Port) SilenceEnds(limit time.Duration) (time.Time, bool) {
	if limit == Forever {
		return time.Time{}, false
	}
	return later(p.Holder.GoneAt(), p.Holder.LastHeard.Add(limit)), true
}

// Crowded reports whether more than one speaker is on the wire, so that who is silent need
// not be at its end any more, and until when that counts.
func (p *Port) Crowded(now time.Time) (until time.Time, crowded bool) {
	until = p.Second.Add(crowdedFor)
	return until, !p.Second.IsZero() && now.Before(until)
}

// Wake is when something changes though nothing is heard; zero where nothing does.
func (p *Port) Wake(read Reader) time.Time {
	m := machine{Port: p, read: read}
	var at time.Time
	if m.State != Held && m.State != "" { // whoever listens notices that a speaker is late
		at, _ = m.due()
	}
	for i := range p.Against { // who is told no more once he is gone
		if gone := p.Against[i].goneAt(); gone.After(p.Seen) && (at.IsZero() || gone.Before(at)) {
			at = gone
		}
	}
	if m.State != Held && m.State != Late && m.State != Left && m.State != "" {
		if _, _, waiting := m.winner(m.State != Disputed, p.Seen); waiting {
			if soon := p.Seen.Add(whileWaiting); at.IsZero() || soon.Before(at) {
				at = soon
			}
		}
	}
	if !at.IsZero() && !at.After(p.Seen) {
		at = p.Seen.Add(time.Second)
	}
	return at
}

// sumUp notes what others want to know of the voices.
func (m *machine) sumUp() {
	m.Against, m.Ends = nil, time.Time{}
	for i := range m.Voices {
		v := &m.Voices[i]
		since := m.Seen
		if m.State == Disputed {
			since = m.Since
		}
		switch {
		case !v.goneAt().After(since), m.outranked(v):
		case m.Holder != nil && m.same(&v.Neighbor, &m.Holder.Neighbor):
		case m.State != Disputed && m.Holder != nil && v.Source == m.Holder.Source: // it says so no more
		default:
			m.Against = append(m.Against, *v)
		}
	}
	slices.SortStableFunc(m.Against, func(a, b Voice) int { return a.FirstHeard.Compare(b.FirstHeard) })
	if m.State == Held || m.State == Late || m.State == Left {
		return
	}
	if v, when, _ := m.winner(m.State != Disputed, m.Seen); v != nil {
		m.Ends = when
	}
}

// outranked reports whether somebody on time is more to be believed.
func (m *machine) outranked(v *Voice) bool {
	for i := range m.Voices {
		o := &m.Voices[i]
		if !o.gone(m.Seen) && m.rank(&o.Neighbor) < m.rank(&v.Neighbor) && !m.opposes(v, o) {
			return true
		}
	}
	return false
}

// Shared are the networks that all words of a disputed port lead to.
func (p *Port) Shared(read Reader) []Lead {
	if p.State != Disputed || p.Holder == nil || len(p.Against) == 0 {
		return nil
	}
	shared := slices.Clone(read.Word(&p.Holder.Neighbor).Leads)
	for i := range p.Against {
		said := read.Word(&p.Against[i].Neighbor).Leads
		shared = slices.DeleteFunc(shared, func(l Lead) bool { return !slices.Contains(said, l) })
	}
	return shared
}

// The ranks of speakers, the most to be believed first.
const (
	near = iota // LLDP
	far         // LLDP that may have come through other bridges (IEEE Std 802.1AB-2016, 7.1)
	cdp         // which the switches of other makers forward
	low         // LLDP as the agents of hosts speak it: no VLAN, and a MAC address for a port
)

func (m *machine) rank(n *discovery.Neighbor) int {
	switch {
	case n.Protocol == discovery.ProtocolCDP:
		return cdp
	case n.PVID == 0 && len(n.VLANs) == 0 && strings.HasPrefix(string(n.Port), "mac:") && !m.read.Word(n).Named:
		return low
	case n.Destination == discovery.NearestNonTPMRBridge || n.Destination == discovery.NearestCustomerBridge:
		return far
	default:
		return near
	}
}

// same reports whether two utterances are one word: whether they lead to the same.
func (m *machine) same(a, b *discovery.Neighbor) bool {
	if Alike(a, b) {
		return true
	}
	if m.read == nil {
		return false
	}
	return slices.Equal(m.read.Word(a).Leads, m.read.Word(b).Leads)
}

func sameSpeaker(a, b *discovery.Neighbor) bool {
	return a.Source == b.Source && a.Protocol == b.Protocol
}

// Alike reports whether two utterances say the same of what decides where they lead.
func Alike(a, b *discovery.Neighbor) bool {
	return a.MSAP == b.MSAP && a.PVID == b.PVID && a.Protocol == b.Protocol && a.SystemName == b.SystemName &&
		a.SystemDescription == b.SystemDescription && a.PortDescription == b.PortDescription && a.Capabilities == b.Capabilities &&
		slices.Equal(a.VLANs, b.VLANs) && slices.Equal(a.ManagementAddresses, b.ManagementAddresses)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
