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
//	expecting  nothing         held (4)                            disputed          -         silent
//	silent     nothing         held (4)                            disputed          -
//	held       yes             stays              disputed         stays (1)         left      late
//	late       yes, until      held               disputed         disputed          left      silent
//	           Silence ends
//	left       until Goodbye   held               disputed         disputed          -         silent
//	           ends
//	disputed   what all say    held (2)           disputed         disputed          -         held, or silent (3)
//
// (1) disputed where the holder has not settled, which is to have stood alone for 605 s since
// the carrier came; or where the other word, or another of its speaker's, held the port
// before. (2) where it had settled, and no speaker of its word has said another. (3) held
// by who has stood alone; silent when nobody speaks any more. Late with a rival there is
// disputed at once. (4) disputed where it was struck: a speaker of it had said another, or it
// was disputed, and had not settled, when all fell silent.
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

	// SettlesAfter is how long a word has to stand alone before another's is no reason to
	// doubt it: two of the longest intervals and some slack.
	SettlesAfter = 605 * time.Second

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

	// unheardAfter is how long nobody may have listened for a word to count on that was not
	// stale then: as long as pods attach without an agent.
	unheardAfter = 15 * time.Minute

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
	Unheard        Cause = "unheard" // nobody listened for too long
)

// A Word is where an utterance leads.
type Word struct {
	Leads []Lead // in ascending order of their tags
	// Named is set where a rule names one of them, and pods can attach to it.
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
	// Settled is set once Holder's word has stood alone in this epoch for longer than the
	// slowest switch is silent.
	Settled bool `json:"settled,omitempty"`
	// SettledAt is when it had.
	SettledAt time.Time `json:"settledAt,omitzero"`
	// Struck is set where Holder's speaker said another word, or all fell silent while it was
	// disputed: its own has to stand alone again, like any. It is still remembered that
	// somebody was there, so that others wait for him.
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
	// Alone is since when Holder's word stands alone, where it holds the port and has not
	// settled.
	Alone time.Time `json:"alone,omitzero"`

	// Second is when a second speaker was last heard that leads elsewhere.
	Second time.Time `json:"second,omitzero"`
	// Forgot is when a voice that may still be there was last dropped among too many.
	Forgot time.Time `json:"forgot,omitzero"`
	// Lost is when frames were last lost, so that nobody can be said to have been alone.
	Lost time.Time `json:"lost,omitzero"`
	// Led is the last word that held the port for a while, by whatever rules.
	Led *discovery.Neighbor `json:"led,omitempty"`
	// Pinned is set where a rule's word about a silent port has attached pods in this epoch.
	Pinned bool `json:"pinned,omitempty"`
	// Down is set while there is no carrier: nobody can be heard, so nobody is silent.
	Down bool `json:"down,omitempty"`
	// Began is since when somebody has listened in this epoch, as far as is known; zero:
	// nobody has.
	Began time.Time `json:"began,omitzero"`
	// Deaf is since when nobody can listen, as far as that was seen; zero: somebody does.
	Deaf time.Time `json:"deaf,omitzero"`
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
	// Listening is since when somebody has listened without a break.
	Listening time.Time
	// Deaf is set while nobody can listen.
	Deaf bool
}

// machine is one step of one port.
type machine struct {
	*Port
	read Reader
	// again is when the holder's word is heard next, if it is in this step. Whoever listens
	// takes a step when a speaker is late, so it was heard in time until then.
	again time.Time
	// stepped is when the step before this one was taken.
	stepped time.Time
}

// Advance takes what is believed of a port to what is to be believed of it now.
func (p Port) Advance(read Reader, e Evidence) Port {
	p.Voices = slices.Clone(p.Voices)
	m := machine{Port: &p, read: read, stepped: p.Seen}
	m.device(e.Interface, e.Now)
	p.Lost = later(p.Lost, e.LostAt)
	m.listening(e)
	if !e.Interface.Operational() {
		p.Down, p.Seen, p.Against, p.Ends = true, e.Now, nil, time.Time{}
		return p
	}
	if p.Down && (p.State == Empty || p.State == Expecting) {
		p.Since = e.Now
	}
	p.Down = false
	if p.Began.IsZero() && !e.Deaf {
		p.Began = e.Listening
	}
	events := m.events(e)
	for i, ev := range events {
		at := later(ev.at, p.Seen)
		m.again = m.heardNext(events[i:])
		m.pass(at)
		m.settle(at)
		if ev.goodbye {
			m.bye(ev.MSAP, at)
		} else {
			m.hear(ev, at)
		}
		if m.State == Held && !ev.goodbye {
			m.lead(&events[i].Neighbor, at)
		}
	}
	m.again = time.Time{}
	m.pass(e.Now)
	m.settle(e.Now)
	m.reconsider(e.Now)
	m.sumUp()
	return p
}

// listening notes whether somebody listens. While nobody does nobody is silent, and after a
// long time of that it is as if nothing had been heard.
func (m *machine) listening(e Evidence) {
	since := e.Listening
	switch {
	case e.Deaf && m.Deaf.IsZero():
		m.Deaf = e.Now
		fallthrough
	case e.Deaf:
		since = e.Now
	case !m.Deaf.IsZero() && e.Now.Sub(m.Deaf) >= unheardAfter && m.unspoken():
		m.begin(e.Now, Unheard)
		fallthrough
	default:
		m.Deaf = time.Time{}
	}
	if m.State == Empty || m.State == Expecting {
		m.Since = later(m.Since, since)
	}
}

// unspoken reports whether the port is in a state in which nobody need be a switch.
func (m *machine) unspoken() bool {
	return m.State == Silent || m.State == Disputed || m.Holder != nil && m.rank(&m.Holder.Neighbor) >= cdp
}

// Restored is what may still be believed after the agent was not there: time went by in
// which nobody listened.
func (p Port) Restored(now time.Time) Port {
	p.Lost = now
	silent := p.State == Silent || p.State == Disputed
	held := p.State == Held || p.State == Late && p.Seen.Before(p.Holder.GoneAt())
	if p.State == Empty || p.State == Expecting {
		p.Since = now
	}
	if now.Sub(p.Seen) >= unheardAfter && (silent || held && !now.Before(p.Holder.GoneAt())) {
		m := machine{Port: &p}
		m.begin(now, Unheard) // whether it fell silent, or said something else, nobody knows
		p.Seen, p.Against, p.Ends = now, nil, time.Time{}
	}
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

// Forgotten is the port of which nothing is remembered, by the word of an admin who says that
// it is over. What limits how far anybody can be believed there stays, and so do the voices:
// none of them speaks, or leads anywhere, and what they said before is no news.
func (p Port) Forgotten(now time.Time) Port {
	return Port{
		Interface: p.Interface, Index: p.Index, MAC: p.MAC, Instance: p.Instance, Epoch: p.Epoch,
		State: Empty, Since: now, Seen: now, Voices: p.Voices, Second: p.Second, Lost: p.Lost, Began: p.Began, Deaf: p.Deaf,
	}
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
	p.Against, p.Ends, p.Alone, p.Second, p.Lost, p.Seen = nil, time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
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
	shift(&p.Since, &p.Away, &p.HeldSince, &p.SettledAt, &p.Ends, &p.Alone, &p.Second, &p.Forgot, &p.Lost, &p.Began, &p.Deaf, &p.Seen)
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
	case m.Index != ifi.Index || m.Instance != ifi.Instance:
		m.begin(now, DeviceReplaced)
	case m.MAC != ifi.MAC: // whoever may give a device an address can do so
		if m.begin(now, DeviceReplaced); m.Holder != nil {
			m.State = Expecting
		}
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
	m.Cause, m.Settled, m.Voices = why, false, nil
	if why != Unheard { // else the carrier is the same
		m.Pinned, m.Began = false, time.Time{}
	}
	m.Touched = why == CarrierLost
}

func gravity(c Cause) int {
	return slices.Index([]Cause{Unheard, CarrierLost, DeviceReplaced, Rebooted}, c)
}

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
	// withheld is set where it was heard before the last step and is new to the machine: a
	// rule ignored it until now.
	withheld bool
	// skipped is set where frames may have come before it that are not known any more.
	skipped bool
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
				out = append(out, event{Neighbor: *n, at: at, before: before, withheld: known.IsZero() && n.FirstHeard.Before(m.Seen), skipped: at.Equal(n.Before)})
			}
			before = later(before, at)
		}
	}
	for i := range e.Goodbyes {
		d := &e.Goodbyes[i]
		over := func(v Voice) bool {
			return v.MSAP == d.Neighbor.MSAP && (!v.Goodbye.Before(d.At) || v.LastHeard.After(d.At))
		}
		if !slices.ContainsFunc(m.Voices, over) {
			out = append(out, event{Neighbor: d.Neighbor, at: d.At, goodbye: true})
		}
	}
	slices.SortStableFunc(out, func(a, b event) int { return a.at.Compare(b.at) })
	return out
}

// heardNext is when the word that holds the port is heard next.
func (m *machine) heardNext(events []event) time.Time {
	if m.State == Held {
		for i := range events {
			if ev := &events[i]; !ev.goodbye && m.same(&ev.Neighbor, &m.Holder.Neighbor) {
				return ev.at
			}
		}
	}
	return time.Time{}
}

// lastHeard is up to when the frames of an utterance are known: up to the last of those that
// led where it leads, for what its speaker said before that is no news.
func (m *machine) lastHeard(n *discovery.Neighbor) time.Time {
	for i := range m.Voices {
		if v := &m.Voices[i]; sameSpeaker(&v.Neighbor, n) && m.same(&v.Neighbor, n) {
			return v.LastHeard
		}
	}
	forgotten := len(m.Voices) >= maxVoices && !n.LastHeard.After(m.Seen) &&
		(m.rank(n) == low || !slices.ContainsFunc(m.Voices, func(v Voice) bool { return m.rank(&v.Neighbor) == low })) // who is dropped before
	if forgotten || !n.LateAt().After(m.Seen) { // it is no news
		return n.LastHeard
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
		case m.Holder != nil && !m.Struck && m.same(&v.Neighbor, &m.Holder.Neighbor) && !m.better(&v, at):
			m.hold(v, at)
		case m.rank(&v.Neighbor) <= far:
			if m.Holder == nil { // who has to stand alone, as anybody
				m.Holder, m.Settled = &v, false
			} else if m.takesBack(&v.Neighbor) {
				m.Struck = true
			}
			m.doubt(&v.Neighbor)
			m.dispute(at)
		}
	case Held:
		m.hearBeside(v, at)
	case Late, Left:
		switch {
		case m.same(&v.Neighbor, &m.Holder.Neighbor):
			m.hold(v, at)
		case m.takesBack(&v.Neighbor):
			m.Struck = true
			m.dispute(at)
		case !m.ownCDP(&v.Neighbor):
			m.doubt(&v.Neighbor)
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
		default:
			m.doubt(&v.Neighbor)
		}
	}
}

// doubt has the holder's word stand alone itself again where another's has as good a claim:
// it held the port before, or the holder's leads nowhere, so protects nothing.
func (m *machine) doubt(n *discovery.Neighbor) (doubted bool) {
	if m.heldBefore(n) || m.rank(&m.Holder.Neighbor) == low && m.rank(n) < low {
		m.Settled, doubted = false, true
	}
	return doubted
}

// better reports whether somebody is there who is more to be believed, but slow to be.
func (m *machine) better(v *Voice, at time.Time) bool {
	return slices.ContainsFunc(m.Voices, func(o Voice) bool { return m.rank(&o.Neighbor) < m.rank(&v.Neighbor) && !o.gone(at) })
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
	case m.doubt(n), !m.Settled:
		m.dispute(at)
	}
}

// contradicts reports whether a speaker of the holder's word says another.
func (m *machine) contradicts(n *discovery.Neighbor) bool {
	holder := &m.Holder.Neighbor
	if n.Protocol == discovery.ProtocolCDP && holder.Protocol != discovery.ProtocolCDP {
		return ownCDPOf(n, holder) && n.PVID != 0 && holder.PVID != 0 && n.PVID != holder.PVID
	}
	return m.saysHolders(n) && !m.same(n, holder) && m.rank(n) <= m.rank(holder)
}

// takesBack reports whether a speaker of the holder's word, which is not on time, says
// another by whatever rank.
func (m *machine) takesBack(n *discovery.Neighbor) bool {
	return sameSpeaker(n, &m.Holder.Neighbor) || m.contradicts(n)
}

// saysHolders reports whether a speaker says the holder's word, or said so: where several
// do, such as the members of a stack one after the other, each can take it back.
func (m *machine) saysHolders(n *discovery.Neighbor) bool {
	holder := &m.Holder.Neighbor
	return n.Source == holder.Source || slices.ContainsFunc(m.Voices, func(v Voice) bool {
		return sameSpeaker(&v.Neighbor, n) && m.same(&v.Neighbor, holder)
	})
}

// ownCDP reports whether the holder, which speaks LLDP, says the same by CDP, or nothing
// else: its word is what it says by LLDP.
func (m *machine) ownCDP(n *discovery.Neighbor) bool {
	holder := &m.Holder.Neighbor
	return n.Protocol == discovery.ProtocolCDP && holder.Protocol != discovery.ProtocolCDP && n.Source == holder.Source && !m.contradicts(n)
}

// ownCDPOf reports whether CDP is of a speaker of LLDP: from its MAC address. Its device ID is
// another text than the chassis ID, and its name anybody in the VLAN can bear, as CDP
// crosses the switches of other makers.
func ownCDPOf(cdp, n *discovery.Neighbor) bool {
	return cdp.Source == n.Source
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

// rival reports whether somebody else is there who would contest a word that is late.
func (m *machine) rival(at time.Time) bool {
	return slices.ContainsFunc(m.Voices, func(v Voice) bool {
		return v.Source != m.Holder.Source && !m.same(&v.Neighbor, &m.Holder.Neighbor) && !v.gone(at) && !m.ownCDP(&v.Neighbor)
	})
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
	m.HeldSince, m.Settled = at, false
}

// note remembers a word that held the port.
func (m *machine) note(n discovery.Neighbor) {
	m.Before = slices.DeleteFunc(slices.Clone(m.Before), func(b discovery.Neighbor) bool { return m.same(&b, &n) })
	m.Before = append(m.Before, n)
	if len(m.Before) > maxBefore {
		m.Before = m.Before[len(m.Before)-maxBefore:]
	}
}

// heldBefore reports whether a word held the port before, or another of its speaker's did.
func (m *machine) heldBefore(n *discovery.Neighbor) bool {
	return slices.ContainsFunc(m.Before, func(b discovery.Neighbor) bool { return sameSpeaker(&b, n) || m.same(&b, n) })
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
		if before := later(n.Before, v.LastHeard); v.Goodbye.IsZero() && (e.withheld || m.onTime(&e, v, before)) {
			n.FirstHeard, n.Before = v.FirstHeard, before
		} else { // it was away
			n.FirstHeard, n.Before = e.at, time.Time{}
		}
		if m.rank(&n) == far && m.rank(&v.Neighbor) == near {
			n.Destination = v.Destination // it speaks to both
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

// onTime reports whether a speaker was not late when a frame came. Of those that came since
// the last step only some are known: whoever listens takes a step when a speaker is late.
func (m *machine) onTime(e *event, v *Voice, before time.Time) bool {
	return !e.at.After(before.Add(e.Interval()*5/2)) || e.skipped && m.stepped.Before(v.LateAt())
}

// forget drops the voice that was heard the longest ago, but for the holder's, and hosts, which
// lead nowhere, before others. Where one of these may still be there, nobody can be said to be
// alone until it could have been heard twice.
func (m *machine) forget(at time.Time) {
	drop := -1
	for i := range m.Voices {
		v := &m.Voices[i]
		if m.Holder != nil && (v.Source == m.Holder.Source || m.same(&v.Neighbor, &m.Holder.Neighbor)) {
			continue
		}
		if drop < 0 || m.forgets(v, &m.Voices[drop]) {
			drop = i
		}
	}
	drop = max(drop, 0)
	if v := &m.Voices[drop]; v.GoneAt().After(at) && m.rank(&v.Neighbor) < low {
		until := v.LastHeard.Add(trial(v))
		if gone := v.GoneAt(); gone.Before(until) {
			until = gone
		}
		m.Lost, m.Forgot = later(m.Lost, later(until, at)), at
	}
	m.Voices = slices.Delete(m.Voices, drop, drop+1)
}

// forgets reports whether one voice is dropped rather than another.
func (m *machine) forgets(v, o *Voice) bool {
	if host := m.rank(&v.Neighbor) == low; host != (m.rank(&o.Neighbor) == low) {
		return host
	}
	return v.LastHeard.Before(o.LastHeard)
}

// crowd notices a second speaker that stays.
func (m *machine) crowd(v *Voice) {
	if m.Holder == nil || v.LastHeard.Sub(v.FirstHeard) < twiceApart || v.Source == m.Holder.Source || m.same(&v.Neighbor, &m.Holder.Neighbor) {
		return
	}
	if v.Protocol == discovery.ProtocolCDP && m.Holder.SystemName != "" && v.Chassis == discovery.ID("cdp:"+m.Holder.SystemName) { // the same switch, from another address
		return
	}
	if slices.ContainsFunc(m.Voices, func(o Voice) bool { return m.same(&o.Neighbor, &m.Holder.Neighbor) }) && m.rank(&v.Neighbor) <= cdp {
		m.Second = v.LastHeard
	}
}

// settle notices that the holder's word has stood alone for so long that no switch can be
// there that was not heard yet, however slow.
func (m *machine) settle(at time.Time) {
	m.Seen = later(m.Seen, at)
	if m.State == Held && !m.Settled {
		since, heard := m.alone(m.Holder)
		if m.Settled = heard && !since.Add(SettlesAfter).After(at); m.Settled {
			m.SettledAt = at
		}
	}
}

// reconsider disputes a holder beside whom somebody was there all the time that it settled,
// who said the same by the rules of then, or was ignored.
func (m *machine) reconsider(at time.Time) {
	if m.State != Held || !m.Settled {
		return
	}
	for i := range m.Voices {
		v := &m.Voices[i]
		if v.FirstHeard.Before(m.SettledAt) && v.Source != m.Holder.Source && v.Goodbye.IsZero() && v.LateAt().After(at) &&
			!m.same(&v.Neighbor, &m.Holder.Neighbor) && m.rank(&v.Neighbor) <= m.rank(&m.Holder.Neighbor) {
			m.Settled = false
			m.dispute(at)
			return
		}
	}
}

// alone is since when a word stands alone, and whether it was heard twice since then.
func (m *machine) alone(v *Voice) (since time.Time, heard bool) {
	since, _ = m.aloneAmong(v)
	return since, heardTwice(v, since)
}

func heardTwice(v *Voice, since time.Time) bool { return !v.Before.IsZero() && !v.Before.Before(since) }

// aloneAmong is since when a word stands alone, and whose words oppose it.
func (m *machine) aloneAmong(v *Voice) (since time.Time, against []*Voice) {
	first := v.FirstHeard
	for i := range m.Voices {
		o := &m.Voices[i]
		if !m.opposes(o, v) {
			continue
		}
		if !m.same(&o.Neighbor, &v.Neighbor) {
			against = append(against, o)
			since = later(since, o.LastHeard)
		} else if o.FirstHeard.Before(first) { // who said it first does not matter
			first = o.FirstHeard
		}
	}
	return later(later(since, first), m.Lost), against
}

// stands is when a word will have stood alone for long enough to hold the port if nothing
// else is heard, and whether it was heard twice since it is alone.
func (m *machine) stands(v *Voice) (when time.Time, heard bool) {
	since, against := m.aloneAmong(v)
	if heard = heardTwice(v, since); m.Touched && len(against) == 0 {
		when = since.Add(AloneAfterCarrier)
	} else {
		when = since.Add(trial(v))
	}
	if m.Holder != nil && !m.heardHere(&m.Holder.Neighbor) { // who held it before has time to speak
		when = later(when, since.Add(m.Holder.Interval()+alonePast))
	}
	for _, o := range against { // whose own interval counts until it is gone, for anybody can say goodbye in its name
		if at, gone := since.Add(trial(o)), m.goneAt(o); at.After(gone) {
			when = later(when, gone)
		} else {
			when = later(when, at)
		}
	}
	return when, heard
}

// heardHere reports whether a word was heard in this epoch.
func (m *machine) heardHere(n *discovery.Neighbor) bool {
	return slices.ContainsFunc(m.Voices, func(v Voice) bool { return m.same(&v.Neighbor, n) })
}

// goneAt is when a speaker who opposes another is gone, whatever was said in its name. That
// the holder was not heard while frames were lost proves nothing.
func (m *machine) goneAt(o *Voice) time.Time {
	gone := o.GoneAt()
	if m.Holder != nil && m.Lost.After(o.LastHeard) && m.same(&o.Neighbor, &m.Holder.Neighbor) {
		gone = gone.Add(m.Lost.Sub(o.LastHeard))
	}
	return gone
}

func trial(v *Voice) time.Duration { return 2*v.Interval() + alonePast }

// opposes reports whether what one voice says speaks against another that is on time.
func (m *machine) opposes(o, v *Voice) bool {
	if o.Protocol == discovery.ProtocolCDP && m.rank(&v.Neighbor) < cdp {
		contradicts := ownCDPOf(&o.Neighbor, &v.Neighbor) && o.PVID != 0 && v.PVID != 0 && o.PVID != v.PVID
		// Where a rule has CDP attach, and it did, nothing less than its silence ends that.
		return contradicts || m.Holder != nil && m.same(&o.Neighbor, &m.Holder.Neighbor) && m.read.Word(&o.Neighbor).Named
	}
	return m.rank(&o.Neighbor) <= m.rank(&v.Neighbor)
}

// Gone reports whether a speaker is not there any more, as far as can be known.
func (v *Voice) Gone(at time.Time) bool { return v.gone(at) }

func (v *Voice) gone(at time.Time) bool { return !v.Goodbye.IsZero() || !v.GoneAt().After(at) }

// goneAt is when it will not be.
func (v *Voice) goneAt() time.Time {
	if !v.Goodbye.IsZero() {
		return v.Goodbye
	}
	return v.GoneAt()
}

// ledAfter is how long a word has to have held a port to be remembered as where it led.
const ledAfter = time.Minute

// lead notes a word that is heard and has held the port for a while. What CDP tells need not
// come from the other end of the cable, and a host leads nowhere.
func (m *machine) lead(n *discovery.Neighbor, at time.Time) {
	holder := &m.Holder.Neighbor
	if at.Sub(m.HeldSince) >= ledAfter && m.rank(holder) <= far && m.same(n, holder) && (m.Led == nil || !Alike(m.Led, holder)) {
		m.Led = new(holder.Timeless())
	}
}

// IsHost reports whether who holds the port speaks as the agents of hosts do, and leads nowhere.
func (p *Port) IsHost(read Reader) bool {
	m := machine{Port: p, read: read}
	return p.Holder != nil && m.rank(&p.Holder.Neighbor) == low
}

// winner is the voice that will come to hold the port next if nothing else is heard, and
// when; waiting says that another would, once a frame of its own still to come is heard.
func (m *machine) winner(slow bool, at time.Time) (next *Voice, when time.Time, waiting bool) {
	for i := range m.Voices {
		v := &m.Voices[i]
		if slow && m.rank(&v.Neighbor) <= far || !v.Goodbye.IsZero() || !v.LateAt().After(at) {
			continue
		}
		stood, heard := m.stands(v)
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
	// While frames were lost, as when no agent ran, nobody can be said to have been silent.
	silence := func(t time.Time) { at, do = later(t, m.Lost.Add(SilentAfter)), m.fallSilent }
	switch m.State {
	case Empty, Expecting:
		wait := SilentAfterCDP
		if m.Holder != nil && m.Holder.Protocol != discovery.ProtocolCDP {
			wait = SilentAfter
		}
		silence(later(m.Since, m.Lost).Add(wait))
		alone(true)
	case Silent:
		alone(true)
	case Held:
		if at = m.Holder.LateAt(); m.again.After(at) {
			return at, nil
		}
		do = func(t time.Time) {
			switch {
			case m.carriedOn(t):
			case m.rival(t):
				m.dispute(t)
			default:
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

func (m *machine) fallSilent(at time.Time) {
	if m.State == Disputed && !m.Settled && m.Holder != nil { // nor is it to be believed at once
		m.Struck = true
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

// Unsettled reports whether frames were lost since the holder came to hold the port, and it
// has not settled: others may be there that were not heard.
func (p *Port) Unsettled() bool {
	return (p.State == Held || p.State == Late) && !p.Settled && p.Lost.After(p.HeldSince)
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
	if m.State == "" {
		return time.Time{}
	}
	at := m.wake()
	for i := range p.Against { // who is told no more once he is gone
		if gone := p.Against[i].goneAt(); gone.After(p.Seen) && (at.IsZero() || gone.Before(at)) {
			at = gone
		}
	}
	return at
}

// wake is when the machine takes a step though nothing is heard.
func (m *machine) wake() time.Time {
	if m.State == Held {
		return m.wakeHeld()
	}
	at, _ := m.due()
	if m.State != Late && m.State != Left {
		if _, _, waiting := m.winner(m.State != Disputed, m.Seen); waiting {
			if soon := m.Seen.Add(whileWaiting); at.IsZero() || soon.Before(at) {
				at = soon
			}
		}
	}
	if !at.IsZero() && !at.After(m.Seen) {
		at = m.Seen.Add(time.Second)
	}
	return at
}

// wakeHeld is when something changes while a word holds the port. That its speaker is late
// is noticed by whoever listens, unless its entry is deleted before, or lost by a restart.
func (m *machine) wakeHeld() (at time.Time) {
	if !m.Settled { // so that a restart finds that it is
		since, against := m.aloneAmong(m.Holder)
		at = later(since.Add(SettlesAfter), m.Seen.Add(whileWaiting))
		if len(against) > 0 { // who says one thing in several ways may be on time by another than the last
			at = m.Seen.Add(whileWaiting)
		}
	}
	unnoticed := m.Holder.Expires().Before(m.Holder.LateAt()) || m.Lost.After(m.Holder.LastHeard)
	if late := m.Holder.LateAt(); unnoticed && (at.IsZero() || late.Before(at)) {
		at = later(late, m.Seen.Add(time.Second))
	}
	return at
}

// sumUp notes what others want to know of the voices.
func (m *machine) sumUp() {
	m.Against, m.Ends, m.Alone = nil, time.Time{}, time.Time{}
	if m.State == Held && !m.Settled {
		m.Alone, _ = m.alone(m.Holder)
	}
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
		if o.Goodbye.IsZero() && o.LateAt().After(m.Seen) && m.rank(&o.Neighbor) < m.rank(&v.Neighbor) && !m.opposes(v, o) {
			return true
		}
	}
	return false
}

// ForgotSome reports whether not all that was said in a dispute is known any more.
func (p *Port) ForgotSome() bool { return p.State == Disputed && !p.Forgot.Before(p.Since) }

// Shared are the networks that all words of a disputed port lead to.
func (p *Port) Shared(read Reader) []Lead {
	if p.State != Disputed || p.Holder == nil || len(p.Against) == 0 || p.ForgotSome() {
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
