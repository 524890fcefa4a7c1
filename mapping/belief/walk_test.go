// SPDX-License-Identifier: Apache-2.0

package belief_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/belief/wire"
)

var (
	walkRuns = flag.Int("walk.runs", defaultRuns, "how many runs TestWalk makes")
	walkSeed = flag.Uint64("walk.seed", 1, "the seed of its first run")
)

// A plan is one run: who is on the wire at first, and what happens. It follows from its
// seed, and what is struck from its events changes nothing else, so that a run that
// fails can be made shorter.
type plan struct {
	seed     uint64
	length   time.Duration
	reads    wire.Rules
	loss     uint64 // frames in 10,000
	switches []speaker
	hosts    []speaker
	events   []event
}

// A speaker is a switch, a host, or who pretends to be one.
type speaker struct {
	said       discovery.Neighbor // LLDP, as it says it now
	interval   time.Duration
	silent     bool // speaks no LLDP
	cdp        bool // speaks CDP
	far        bool // speaks to a second destination, too
	alternates bool // has two port IDs in turn
	fast       bool // speaks as soon as the carrier comes
}

// An event is what happens at a time since the start.
type event struct {
	at    time.Duration
	kind  kind
	lasts time.Duration
	arg   int
	quick bool
}

type kind string

// What happens on a wire.
const (
	vlanChanged   kind = "VLAN changed"
	vlanUndone    kind = "VLAN changed and undone"
	undone        kind = "and undone"
	vlanAdded     kind = "VLAN added to the trunk"
	vlanRemoved   kind = "VLAN removed from the trunk"
	renamed       kind = "switch renamed"
	readdressed   kind = "management address changed"
	portIDChanged kind = "port ID changed"
	failover      kind = "stack failover"
	warmReboot    kind = "warm reboot"
	lldpRestart   kind = "LLDP restarted"
	lldpOff       kind = "LLDP switched off"
	lldpDied      kind = "LLDP died"
	lldpOn        kind = "LLDP switched on"
	sonicStart    kind = "SONiC started"
	flapped       kind = "carrier lost"
	moved         kind = "cable moved, carrier lost"
	movedUnseen   kind = "cable moved behind a dumb switch"
	dropped       kind = "frames dropped"
	restarted     kind = "agent restarted"
	forgot        kind = "agent restarted, memory lost"
	rebooted      kind = "node rebooted"
	suspended     kind = "node suspended"
	replaced      kind = "device made anew"
	hostile       kind = "hostile speaker"
	began         kind = "began"
)

// What a hostile speaker says.
const (
	invents   = iota // a switch of its own
	spoofs           // the switch's own words, with another VLAN
	spoofsIDs        // the same from its own MAC address
	replays          // what any switch said before
	bids             // goodbyes in the switch's name, and invents
	endures          // invents with a time to live of 18 hours
	hastens          // repeats the switch a second after it
	cycles           // one word after another
	overCDP          // CDP in the switch's name
	disguises        // frames that make the switch look like a host
	floods           // spoofs right behind each frame of the switch
	tactics          // how many there are
)

var tacticNames = [tactics]string{
	"invents", "spoofs", "spoofs IDs", "replays", "says goodbye for the switch", "invents with TTL 65535", "repeats the switch", "cycles words",
	"forges CDP", "disguises the switch", "floods behind the switch",
}

func newSwitch(r *rand.Rand, i int) speaker {
	intervals := []time.Duration{30 * time.Second, 30 * time.Second, 30 * time.Second, 5 * time.Second, 10 * time.Second, 60 * time.Second, 300 * time.Second}
	s := speaker{interval: intervals[r.IntN(len(intervals))], fast: r.IntN(3) > 0}
	letter := string(rune('a' + i))
	s.said = discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, Source: discovery.MAC{2, 0, 0, 1, byte(i), 1}, Destination: discovery.NearestBridge,
		MSAP: discovery.MSAP{Chassis: discovery.ID("mac:" + letter), Port: discovery.ID("ifname:" + letter)}, SystemName: "leaf-" + letter,
		PVID: uint16(100 + r.IntN(3)),
	}
	for id := range uint16(r.IntN(3)) {
		s.said.VLANs = append(s.said.VLANs, discovery.VLANName{ID: 20 + id})
	}
	switch ttl := 4 * s.interval; r.IntN(6) {
	case 0:
		s.said.TTL = 3601
	case 1:
		s.said.TTL = uint16(s.interval / time.Second / 2)
	default:
		s.said.TTL = uint16(ttl / time.Second)
	}
	switch r.IntN(12) {
	case 0, 1, 2:
		s.cdp = true
	case 3:
		s.cdp, s.silent = true, true
	case 4:
		s.silent = i > 0
	case 5, 6:
		s.far = true
	case 7:
		s.alternates = true
	case 8:
		s.said.PVID, s.said.VLANs = 0, nil // tells no VLAN
	}
	return s
}

func newPlan(seed uint64) plan {
	r := rand.New(rand.NewPCG(seed, 0xc01))
	p := plan{
		seed: seed, length: time.Hour + time.Duration(r.IntN(1800))*time.Second, loss: []uint64{0, 0, 50, 200, 500}[r.IntN(5)],
		reads: wire.Rules{
			Silence: []time.Duration{0, 10 * time.Minute, time.Hour, 24 * time.Hour, 24 * time.Hour}[r.IntN(5)],
			Goodbye: []time.Duration{0, 0, 10 * time.Minute, belief.Forever}[r.IntN(4)],
			CDP:     r.IntN(2) == 0, ByPort: r.IntN(8) == 0,
		},
	}
	for i := range 3 {
		p.switches = append(p.switches, newSwitch(r, i))
	}
	for i := range max(0, r.IntN(4)-1) {
		name := string(rune('h' + i))
		p.hosts = append(p.hosts, speaker{interval: 30 * time.Second, said: discovery.Neighbor{
			Protocol: discovery.ProtocolLLDP, Source: discovery.MAC{2, 0, 0, 2, byte(i), 1}, Destination: discovery.NearestBridge, TTL: 120,
			MSAP: discovery.MSAP{Chassis: discovery.ID("mac:" + name), Port: discovery.ID("mac:" + name)},
		}})
	}
	honest := []kind{
		vlanChanged, vlanUndone, vlanAdded, vlanRemoved, renamed, readdressed, portIDChanged, failover, warmReboot, lldpRestart, lldpOff, lldpDied, lldpOn, lldpOn,
		sonicStart, flapped, moved, movedUnseen, dropped, restarted, forgot, rebooted, suspended, replaced,
	}
	for range 2 + r.IntN(9) {
		p.events = append(p.events, event{
			at: time.Duration(r.Int64N(int64(p.length))), kind: honest[r.IntN(len(honest))],
			lasts: time.Duration(1+r.IntN(300)) * time.Second, arg: r.IntN(1 << 20), quick: r.IntN(2) == 0,
		})
	}
	for range max(0, r.IntN(5)-1) {
		at := time.Duration(r.Int64N(int64(p.length)))
		if r.IntN(3) == 0 {
			at = 0
		}
		p.events = append(p.events, event{
			at: at, kind: hostile, lasts: time.Duration(1+r.IntN(2000)) * time.Second, arg: r.IntN(1 << 20), quick: r.IntN(2) == 0,
		})
	}
	slices.SortStableFunc(p.events, func(a, b event) int { return int(a.at - b.at) })
	return p
}

// A hacker is a hostile speaker at work.
type hacker struct {
	event
	tactic   int
	source   discovery.MAC
	until    time.Duration
	next     time.Duration
	interval time.Duration
	spoken   int
}

// A walk is a run on its way.
type walk struct {
	plan
	agent
	now      time.Duration
	upstream int
	sent     uint64 // frames, of all
	nextLLDP time.Duration
	nextCDP  time.Duration
	nextHost time.Duration
	later    []event // what follows from events
	hackers  []hacker
	recorded []discovery.Neighbor // what switches said, for who replays

	quiet     time.Duration // until when the switch says nothing
	off       bool          // for good
	down      time.Duration // until when there is no carrier
	away      time.Duration // until when nobody listens
	awayBy    event
	stepAt    time.Duration // when the agent takes a step; negative: not yet
	wakeAt    time.Duration
	truth     []belief.Lead
	truthAt   time.Duration
	truthBy   kind
	lateAt    map[belief.Lead]time.Duration // when what was true is late
	said      map[belief.Lead]time.Duration // when a switch last said it
	heardAt   time.Duration                 // when the truth was last heard of the switch, in this epoch; negative: never
	heardEach time.Duration                 // and its interval as it is known
	forged    map[string]time.Duration      // when a lead was last heard of somebody else
	episodes  map[belief.Lead]*episode
	blame     string
	refusedBy string
	refuses   bool
	unseen    bool // the wire was moved, and the old word is not over
	failed    bool // the stack failed over, and was not heard since

	wrong, refused map[string]time.Duration
	times          map[string]int
	failure        string
	trace          []string
	tracing        bool
	untagged       bool // what is refused of tagged VLANs does not count
}

// An episode is while a port leads elsewhere by what is attached.
type episode struct {
	at        time.Duration
	truthLeft bool // it began with a change of the truth
	unheard   bool // nothing was heard of the switch before, in this epoch
	excused   bool // its switch had been silent for long enough
	heard     time.Duration
	kind      string
}

const never = time.Duration(-1)

func newWalk(p plan) *walk {
	w := &walk{
		plan: p, agent: *newAgent(new(p.reads)), stepAt: 0, wakeAt: never, heardAt: never, truthBy: began,
		lateAt: map[belief.Lead]time.Duration{}, said: map[belief.Lead]time.Duration{}, forged: map[string]time.Duration{}, episodes: map[belief.Lead]*episode{}, blame: string(began),
		wrong: map[string]time.Duration{}, refused: map[string]time.Duration{}, times: map[string]int{},
	}
	w.switches = slices.Clone(p.switches)
	w.nextLLDP = time.Duration(w.random(1, 0) % uint64(w.current().interval))
	w.nextCDP = time.Duration(w.random(1, 1) % uint64(time.Minute))
	w.truth = w.leads()
	return w
}

// random is a number that depends on nothing but what it is for.
func (w *walk) random(of, n uint64) uint64 {
	x := w.seed*0x9e3779b97f4a7c15 + of*0xbf58476d1ce4e5b9 + n*0x94d049bb133111eb
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

func (w *walk) current() *speaker { return &w.switches[w.upstream] }

func (w *walk) leads() []belief.Lead {
	n := w.current().said
	if s := w.current(); s.silent && s.cdp {
		n.VLANs = nil
	}
	return w.rules.Word(&n).Leads
}

func clock(d time.Duration) time.Time { return start.Add(d) }

func (w *walk) tell(format string, args ...any) {
	if w.tracing {
		w.trace = append(w.trace, fmt.Sprintf("%9.1f  ", w.now.Seconds())+fmt.Sprintf(format, args...))
	}
}

// run makes the run, and reports whether all was within bounds.
func (w *walk) run() bool {
	events := w.events
	for w.failure == "" {
		at := w.length
		sooner := func(t time.Duration) {
			if t >= 0 && t < at {
				at = t
			}
		}
		if len(events) > 0 {
			sooner(events[0].at)
		}
		if len(w.later) > 0 {
			sooner(w.later[0].at)
		}
		sooner(w.nextLLDP)
		sooner(w.nextCDP)
		if len(w.hosts) > 0 {
			sooner(w.nextHost)
		}
		for i := range w.hackers {
			sooner(w.hackers[i].next)
		}
		sooner(w.stepAt)
		if w.stepAt < 0 && w.listens() {
			sooner(w.wakeAt)
			if next := w.ear.Next(); !next.IsZero() {
				sooner(max(w.now, next.Sub(start)))
			}
		}
		if w.away > w.now {
			sooner(w.away)
		}
		if w.down > w.now {
			sooner(w.down)
		}
		if at > w.now {
			w.account(at)
		}
		wasAway, wasDown := w.away > w.now, w.down > w.now
		if w.now = at; at >= w.length {
			break
		}
		switch {
		case wasAway && w.away <= w.now:
			w.comeBack()
		case wasDown && w.down <= w.now:
			w.carrier(true)
		case len(w.later) > 0 && w.later[0].at <= at:
			e := w.later[0]
			w.later = w.later[1:]
			w.happen(e)
		case len(events) > 0 && events[0].at <= at:
			w.happen(events[0])
			events = events[1:]
		case w.nextLLDP <= at:
			w.speak()
		case w.nextCDP <= at:
			w.speakCDP()
		case len(w.hosts) > 0 && w.nextHost <= at:
			for i := range w.hosts {
				w.deliver(w.hosts[i].said, "host", false)
			}
			w.nextHost += 30 * time.Second
		case w.hack():
		case w.stepAt >= 0 && w.stepAt <= at:
			w.takeStep()
		default:
			w.ear.Expire(clock(at))
			w.wakeUp()
			w.wakeAt = never
		}
	}
	return w.failure == ""
}

func (w *walk) listens() bool { return w.away <= w.now }

// wakeUp has the agent take a step, mostly at once.
func (w *walk) wakeUp() {
	if w.stepAt >= 0 || !w.listens() {
		return
	}
	w.stepAt = w.now
	if n := w.random(2, uint64(w.now)); n%8 == 0 {
		w.stepAt += time.Duration(n/8%2000) * time.Millisecond
	}
}

func (w *walk) takeStep() {
	w.stepAt = never
	before, shared := w.port.State, w.port.Shared(w.rules)
	w.step(clock(w.now))
	w.wakeAt = never
	if wake := w.port.Wake(w.rules); !wake.IsZero() {
		w.wakeAt = max(wake.Sub(start), w.now)
	}
	if w.tracing {
		if w.port.State != before || !slices.Equal(shared, w.port.Shared(w.rules)) {
			w.tell("  step: %s -> %s settled=%t struck=%t", before, w.believed(clock(w.now)), w.port.Settled, w.port.Struck)
		}
	}
}

// speak has the switch say its LLDP.
func (w *walk) speak() {
	s := w.current()
	k := w.sent
	w.sent++
	jitter := time.Duration(w.random(3, k)%2000)*time.Millisecond - time.Second
	w.nextLLDP = w.now + max(time.Second, s.interval+jitter)
	if s.silent || w.off || w.now < w.quiet {
		return
	}
	n := s.said
	if s.alternates && k%2 == 1 {
		n.Port += "-member"
	}
	w.honest(n)
	if s.far {
		n.Destination = discovery.NearestCustomerBridge
		w.honest(n)
	}
	for i := range w.hackers {
		switch h := &w.hackers[i]; h.tactic {
		case floods:
			h.next = w.now + 4*time.Millisecond
		case hastens:
			h.next = w.now + time.Second
		}
	}
}

func (w *walk) speakCDP() {
	w.nextCDP = w.now + time.Minute
	s := w.current()
	if !s.cdp || w.off || w.now < w.quiet {
		return
	}
	w.honest(asCDP(s.said))
}

func asCDP(n discovery.Neighbor) discovery.Neighbor {
	n.Protocol, n.TTL, n.Chassis, n.VLANs = discovery.ProtocolCDP, 180, discovery.ID("cdp:"+n.SystemName), nil
	return n
}

// honest delivers what the switch says, if the frame is not lost.
func (w *walk) honest(n discovery.Neighbor) {
	if w.random(4, w.sent*2+uint64(n.Destination[5]&1))%10_000 < w.loss {
		w.tell("lost: %s", text(&n))
		return
	}
	if !w.deliver(n, "switch", false) {
		return
	}
	if i := slices.IndexFunc(w.recorded, func(o discovery.Neighbor) bool { return belief.Alike(&o, &n) }); i < 0 {
		w.recorded = append(w.recorded, n)
	}
	for _, l := range w.rules.Word(&n).Leads {
		w.said[l] = w.now
	}
	s := w.current()
	if (n.Protocol == discovery.ProtocolCDP) == (s.silent && s.cdp) && slices.Equal(w.rules.Word(&n).Leads, w.truth) {
		w.heardAt, w.failed = w.now, false
		w.heardEach = w.ear.Interval(w.rules, &n)
		for _, e := range w.episodes {
			if e.heard < 0 {
				e.heard = w.now
			}
		}
	}
}

// deliver reports whether somebody listens.
func (w *walk) deliver(n discovery.Neighbor, of string, forged bool) bool {
	if !w.listens() || w.now < w.down {
		return false
	}
	if of != "switch" {
		for _, l := range w.rules.Word(&n).Leads {
			w.forged[leadText(l)] = w.now
		}
	}
	if w.ear.Hear(n, clock(w.now)) {
		w.tell("%s: %s", of, text(&n))
		if forged {
			w.blame = of
		}
		w.wakeUp()
	}
	return true
}

func leadText(l belief.Lead) string { return fmt.Sprint(l.Tag, " ", l.To) }

func text(n *discovery.Neighbor) string {
	words := []string{fmt.Sprintf("%s from %s %s %s %s PVID %d TTL %d", n.Protocol, n.Source, n.Chassis, n.Port, n.SystemName, n.PVID, n.TTL)}
	for _, v := range n.VLANs {
		words = append(words, fmt.Sprint("+", v.ID))
	}
	if n.Destination != discovery.NearestBridge {
		words = append(words, "far")
	}
	return strings.Join(words, " ")
}

// hack has whoever is due say something hostile.
func (w *walk) hack() bool {
	for i := range w.hackers {
		if h := &w.hackers[i]; h.next <= w.now {
			if h.next = w.now + h.interval; h.next > h.until {
				w.hackers = slices.Delete(w.hackers, i, i+1)
				return true
			}
			w.sayHostile(h)
			return true
		}
	}
	return false
}

func (w *walk) sayHostile(h *hacker) {
	of := "hostile: " + tacticNames[h.tactic]
	s := w.current().said
	other := s
	other.PVID = 100 + (s.PVID+1+uint16(h.arg%2))%3
	own := other
	own.Source, own.Chassis, own.SystemName, own.TTL, own.VLANs = h.source, "mac:evil", "leaf-a", 120, nil
	h.spoken++
	switch h.tactic {
	case invents:
		w.deliver(own, of, true)
	case spoofs, floods:
		w.deliver(other, of, true)
	case spoofsIDs:
		other.Source = h.source
		w.deliver(other, of, true)
	case replays:
		if len(w.recorded) > 0 {
			n := w.recorded[h.arg%len(w.recorded)]
			w.deliver(n, of, true)
		}
	case bids:
		w.goodbye(s.MSAP)
		w.deliver(own, of, true)
	case endures:
		own.TTL = 65535
		w.deliver(own, of, true)
	case hastens:
		w.deliver(s, of, true)
	case cycles:
		own.PVID = 100 + uint16(h.spoken/3)
		if own.PVID == s.PVID && own.SystemName == s.SystemName {
			own.PVID += 50
		}
		w.deliver(own, of, true)
	case overCDP:
		w.deliver(asCDP(other), of, true)
	case disguises:
		s.Capabilities.Enabled = discovery.CapabilityStation
		w.deliver(s, of, false)
	}
}

func (w *walk) goodbye(msap discovery.MSAP) {
	if w.listens() && w.now >= w.down && w.ear.Goodbye(msap, clock(w.now)) {
		w.tell("goodbye of %s %s", msap.Chassis, msap.Port)
		w.wakeUp()
	}
}

// turn changes where the port leads, if it does.
func (w *walk) turn(by kind) {
	leads := w.leads()
	if slices.Equal(leads, w.truth) {
		return
	}
	w.truth, w.truthAt, w.truthBy = leads, w.now, by
	if w.heardAt = never; by == vlanChanged || by == vlanUndone || by == vlanAdded || by == vlanRemoved {
		w.blame = string(by)
	}
	if w.failed || by == movedUnseen { // nobody can know that it is the same switch
		w.unseen = true
	}
	clear(w.episodes) // what is wrong now began now
}

func (w *walk) carrier(up bool) {
	if w.ifi.Carrier == up {
		return
	}
	w.ifi.Carrier, w.ifi.CarrierChanges = up, w.ifi.CarrierChanges+1
	w.ear, w.heardAt, w.unseen = &wire.Ear{}, never, false
	w.wakeUp()
	if up && w.current().fast {
		w.nextLLDP, w.nextCDP = w.now+time.Second, w.now+time.Second
	}
	if up && w.listens() { // whoever listens notices both, sooner or later
		w.stepAt = w.now
	}
}

func (w *walk) comeBack() {
	e := w.awayBy
	w.tell("back after %s", e.kind)
	now := clock(w.now)
	for _, e := range w.episodes { // who is still there has to be heard again
		e.heard = never
	}
	switch e.kind {
	case restarted:
		w.ear, w.port = &wire.Ear{}, stored(w.port).Restored(now)
		if !slices.ContainsFunc(w.port.Voices, func(v belief.Voice) bool { return slices.Equal(w.rules.Word(&v.Neighbor).Leads, w.truth) }) {
			w.heardAt = never // among too many it was forgotten
		}
	case forgot:
		w.ear, w.port, w.heardAt = &wire.Ear{}, belief.Port{}, never
	case rebooted:
		w.ear, w.port, w.heardAt = &wire.Ear{}, stored(w.port).Suspected(now, belief.Rebooted), never
		w.ifi.CarrierChanges = 1
	default: // suspended
		w.ear.Lose(now)
		w.ear.Expire(now)
	}
	w.stepAt = w.now
}

func (w *walk) happen(e event) {
	s := w.current()
	w.tell("** %s (%.0fs, %d, %t)", e.kind, e.lasts.Seconds(), e.arg, e.quick)
	if e.kind != hostile {
		w.blame = string(e.kind)
	}
	switch e.kind {
	case vlanChanged, vlanUndone:
		if s.said.PVID == 0 {
			return
		}
		before := s.said.PVID
		s.said.PVID = 100 + (before+1+uint16(e.arg%2))%3
		if e.kind == vlanUndone {
			w.afterwards(event{at: w.now + 15*time.Second, kind: undone, arg: int(before)<<8 | w.upstream, quick: true})
		}
		w.turn(e.kind)
		w.toldSoon(e)
	case undone:
		w.blame = string(vlanUndone)
		if w.switches[e.arg&0xff].said.PVID = uint16(e.arg >> 8); e.arg&0xff == w.upstream {
			w.turn(vlanUndone)
			w.toldSoon(e)
		}
	case vlanAdded:
		id := uint16(30 + e.arg%3)
		if len(s.said.VLANs) < 5 && s.said.PVID != 0 && !slices.ContainsFunc(s.said.VLANs, func(v discovery.VLANName) bool { return v.ID == id }) {
			s.said.VLANs = append(slices.Clone(s.said.VLANs), discovery.VLANName{ID: id})
			slices.SortFunc(s.said.VLANs, func(a, b discovery.VLANName) int { return int(a.ID) - int(b.ID) })
		}
		w.turn(e.kind)
		w.toldSoon(e)
	case vlanRemoved:
		if len(s.said.VLANs) > 0 {
			s.said.VLANs = slices.Clone(s.said.VLANs[1:])
		}
		w.turn(e.kind)
		w.toldSoon(e)
	case renamed:
		base, _, _ := strings.Cut(s.said.SystemName, ".")
		s.said.SystemName = fmt.Sprint(base, ".", e.arg%100)
		w.toldSoon(e)
	case readdressed:
		s.said.ManagementAddresses = []string{fmt.Sprint("192.0.2.", e.arg%100)}
		w.toldSoon(e)
	case portIDChanged:
		if w.rules.ByPort || s.said.PVID == 0 {
			return
		}
		old := s.said.MSAP
		s.said.Port = discovery.ID(fmt.Sprint("ifname:p", e.arg%100))
		if e.quick && !w.off && !s.silent && w.now >= w.quiet { // lldpd takes leave of the old one
			w.goodbye(old)
			w.nextLLDP = w.now
		}
	case failover:
		if s.said.PVID != 0 {
			s.said.Chassis, s.said.Source[5] = discovery.ID(fmt.Sprint("mac:stack", e.arg%100)), s.said.Source[5]+1
			w.failed = true
		}
	case warmReboot:
		w.quiet = w.now + max(90*time.Second, e.lasts)
		w.nextLLDP = max(w.nextLLDP, w.quiet)
	case lldpRestart:
		if !w.off && !s.silent && w.now >= w.quiet {
			w.goodbye(s.said.MSAP)
		}
		w.quiet = w.now + max(2*time.Second, e.lasts/4)
		w.nextLLDP = w.quiet
	case lldpOff:
		if !w.off && !s.silent && w.now >= w.quiet {
			w.goodbye(s.said.MSAP)
		}
		w.off = true
	case lldpDied:
		w.off = true
	case lldpOn:
		w.off = false
	case sonicStart:
		w.down = w.now + min(e.lasts/4, time.Minute)
		w.carrier(false)
		if !s.silent && !w.off && w.now >= w.quiet && s.said.PVID != 0 && !w.rules.ByPort {
			w.afterwards(event{at: w.down + 500*time.Millisecond, kind: "SONiC says its MAC address"})
		}
	case "SONiC says its MAC address":
		n := s.said
		n.Port = "mac:" + s.said.Chassis
		w.deliver(n, "switch", false)
		w.nextLLDP, w.blame = w.now+3*time.Second, string(sonicStart)
		w.afterwards(event{at: w.now + 2*time.Second, kind: "SONiC takes it back"})
	case "SONiC takes it back":
		w.blame = string(sonicStart)
		w.goodbye(discovery.MSAP{Chassis: s.said.Chassis, Port: "mac:" + s.said.Chassis})
		w.nextLLDP = w.now
	case flapped:
		w.down = w.now + min(e.lasts/4, time.Minute)
		w.carrier(false)
	case moved, movedUnseen:
		for _, l := range w.truth {
			w.lateAt[l] = w.ear.LateAt(w.rules, l).Sub(start)
		}
		w.upstream = (w.upstream + 1 + e.arg%2) % len(w.switches)
		w.off, w.quiet = false, 0
		if e.kind == moved {
			w.down = w.now + e.lasts/8
			w.carrier(false)
		}
		w.turn(e.kind)
		w.nextLLDP = w.now + time.Duration(w.random(5, uint64(e.arg))%uint64(w.current().interval))
	case dropped:
		if w.listens() && w.now >= w.down {
			w.ear.Lose(clock(w.now))
			w.wakeUp()
		}
	case restarted, forgot, rebooted, suspended:
		if w.listens() {
			w.takeStep() // the deadlines of the node file want one every few minutes
		}
		w.away, w.awayBy, w.stepAt = w.now+e.lasts, e, never
		if e.kind == suspended {
			w.away = w.now + 10*e.lasts
		}
	case replaced:
		w.ifi.Instance, w.ear, w.heardAt = w.ifi.Instance+1, &wire.Ear{}, never
		w.wakeUp()
	case hostile:
		h := hacker{event: e, tactic: e.arg % int(tactics), source: discovery.MAC{2, 0, 0, 3, byte(e.arg >> 4), 1}, until: w.now + e.lasts}
		h.interval = []time.Duration{5 * time.Second, 30 * time.Second, 30 * time.Second, 55 * time.Second, 100 * time.Second}[e.arg>>8%5]
		if h.tactic == floods {
			h.interval = 5 * time.Second
		}
		h.next = w.now
		w.hackers = append(w.hackers, h)
	case began:
	}
}

func (w *walk) afterwards(e event) { w.later = append(w.later, e) }

// toldSoon has the switch tell what changed after the transmit delay, as some do.
func (w *walk) toldSoon(e event) {
	if e.quick {
		w.nextLLDP = min(w.nextLLDP, w.now+2*time.Second)
	}
}

// account accounts for the time until something happens next.
func (w *walk) account(until time.Duration) {
	if !w.listens() {
		return
	}
	leads, end, ends := w.rules.Attached(&w.port, clock(w.now))
	if !w.ifi.Operational() {
		leads = nil
	}
	to := until
	if ends && len(leads) > 0 {
		to = min(to, end.Sub(start))
	}
	for l := range w.episodes {
		if !slices.Contains(leads, l) {
			delete(w.episodes, l)
		}
	}
	for _, l := range leads {
		if !slices.Contains(w.truth, l) {
			w.astray(l, to)
		} else {
			delete(w.episodes, l)
		}
	}
	if w.port.State == belief.Held && len(leads) > 0 && len(w.episodes) == 0 {
		w.unseen = false
	}
	w.accountRefused(leads, to, until)
}

func (w *walk) accountRefused(leads []belief.Lead, to, until time.Duration) {
	s := w.current()
	well := w.ifi.Operational() && !w.off && w.now >= w.quiet && (!s.silent || s.cdp && w.rules.CDP)
	served := to == until
	for _, l := range w.truth {
		served = served && (slices.Contains(leads, l) || w.untagged && l.Tag != 0)
	}
	if !well || served {
		w.refuses = w.refuses && !served
		return
	}
	if !w.refuses {
		w.refuses, w.refusedBy = true, w.blame
		w.times["refused: "+w.blame]++
	}
	w.refused[w.refusedBy] += until - max(w.now, min(to, until))
	if to == until {
		w.refused[w.refusedBy] += until - w.now
	}
}

// slack is how late a step may be.
const slack = 2100 * time.Millisecond

// astray accounts for a lead that is attached and wrong.
func (w *walk) astray(l belief.Lead, until time.Duration) {
	e := w.episodes[l]
	if e == nil {
		e = &episode{at: w.now, truthLeft: w.truthAt == w.now, unheard: w.heardAt < 0, heard: never}
		for i := range w.port.Voices { // as the machine knows it
			if v := &w.port.Voices[i]; slices.Equal(w.rules.Word(&v.Neighbor).Leads, w.truth) {
				w.heardEach = min(w.heardEach, v.Interval())
			}
		}
		e.excused = w.heardAt >= 0 && w.now-w.heardAt >= 2*w.heardEach-slack
		w.episodes[l] = e
	}
	kind, ok := w.excuse(l, e)
	if e.kind != kind {
		e.kind = kind
		w.times["wrong: "+kind]++
	}
	w.wrong[kind] += until - w.now
	if !ok {
		w.failure = fmt.Sprintf("%s attaches %s while the port leads to %v: %s", w.port.State, leadText(l), w.truth, kind)
		w.tell("** %s", w.failure)
	}
}

// excuse says which of the bounds allows a wrong lead, if one does.
func (w *walk) excuse(l belief.Lead, e *episode) (string, bool) {
	s := w.current()
	forged, isForged := w.forged[leadText(l)]
	lately := isForged && w.now-forged <= 20*time.Minute
	if !s.silent || !s.cdp {
		isForged = lately && forged >= w.truthAt
	}
	over := e.heard >= 0 && w.now > e.heard+slack
	if !e.truthLeft { // a frame that makes nothing visible is looked for every 5 s
		over = e.heard >= 0 && w.now > e.heard+slack+5*time.Second
	}
	unseen := w.unseen
	switch {
	case s.silent && s.cdp && isForged:
		return "LLDP is forged beside a switch that speaks CDP alone (unbounded)", true
	case unseen && isForged && w.heardAt >= 0 && over:
		return "imitated after the wire moved (unbounded)", true
	case unseen && (over || !e.truthLeft) && w.now <= max(w.ear.LateAt(w.rules, l).Sub(start), w.port.Holder.LateAt().Sub(start), w.lateAt[l])+slack:
		return "uplink moved behind a dumb switch: 2.5 intervals of the old", true
	case over && unseen && e.truthLeft && (w.off || w.now < w.quiet):
		return "uplink moved to a silent switch: silence", true
	case over && !unseen && w.port.Settled && lately && w.port.Holder.PVID != 0 && !w.heldBefore():
		return "a stranger was alone for 605 s before the switch spoke (unbounded)", true
	case over:
		return "after the switch was heard", false
	case e.truthLeft && unseen && (s.silent && !s.cdp):
		return "uplink moved to a silent switch: silence", w.withinSilence(l)
	case e.truthLeft && unseen:
		return "uplink moved behind a dumb switch: until the new one is heard", true
	case e.truthLeft && w.off:
		return "VLAN changed at a silent switch: silence", w.withinSilence(l)
	case e.truthLeft && w.now < w.quiet:
		return "VLAN changed at a switch that reboots: until its next frame", true
	case e.truthLeft:
		return "VLAN changed: until the next frame that arrives", true
	case e.unheard && (w.off || s.silent):
		return "a silent switch is imitated (unbounded)", true
	case e.unheard:
		return "nothing heard of the switch yet: until its first frame", true
	case e.excused && (w.off || w.now < w.quiet):
		return "a silent switch is imitated (unbounded)", true
	case e.excused && w.heardEach < s.interval:
		return "a switch is taken over whose interval seemed shorter than it is: until its next frame", true
	case e.excused:
		return "a switch that was silent for too long is taken over: until its next frame", true
	}
	if w.port.Settled && lately && w.port.Holder.PVID != 0 && !w.heldBefore() {
		return "a stranger was alone for 605 s before the switch spoke (unbounded)", true
	}
	return "the switch was heard just before", false
}

// heldBefore reports whether the switch is known to have held the port.
func (w *walk) heldBefore() bool {
	return slices.ContainsFunc(w.port.Before, func(b discovery.Neighbor) bool {
		return b.Source == w.current().said.Source || slices.Equal(w.rules.Word(&b).Leads, w.truth)
	})
}

// withinSilence reports whether silence still bears with a word, counted from when it was
// last said, by a switch or in imitation. A goodbye has a limit of its own.
func (w *walk) withinSilence(l belief.Lead) bool {
	last := max(w.said[l], w.forged[leadText(l)])
	return w.port.State == belief.Left || w.now <= last+max(w.rules.Silence, 20*time.Minute)+slack
}

// TestWalk has switches, hosts and hostile speakers do at random what they do, and knows
// the truth: what attaches to another network does so within the bounds that
// docs/security.md states, or the test fails.
func TestWalk(t *testing.T) {
	wrong, refused, times := map[string]time.Duration{}, map[string]time.Duration{}, map[string]int{}
	var walked time.Duration
	begin, failed := time.Now(), 0
	for i := range *walkRuns {
		p := newPlan(*walkSeed + uint64(i))
		w := newWalk(p)
		if !w.run() {
			if failed++; failed <= 5 {
				t.Errorf("seed %d: %s", p.seed, shorten(p))
			}
		}
		walked += w.length
		add(wrong, w.wrong)
		add(refused, w.refused)
		add(times, w.times)
	}
	t.Logf("%d runs, %.0f simulated hours, %v, %d failed", *walkRuns, walked.Hours(), time.Since(begin).Round(time.Second), failed)
	report(t, "wrong", wrong, times)
	report(t, "refused", refused, times)
}

// allowed is for how long, of 24 hours with what happens all day, a port may refuse what it
// leads to untagged though its switch speaks, for each time that it happens: for no second
// where the issue says so. Steps are late by up to 2 s.
var allowed = map[kind]time.Duration{
	began:         35 * time.Second, // until the first frame
	vlanAdded:     0,
	vlanRemoved:   0,
	renamed:       0,
	readdressed:   0,
	portIDChanged: 2 * time.Second, // between goodbye to the old and the new
	failover:      0,
	warmReboot:    0,
	lldpRestart:   2 * time.Second,
	flapped:       5 * time.Second,
	sonicStart:    5 * time.Second, // between goodbye and the right port ID
	moved:         40 * time.Second,
	restarted:     0,
	forgot:        35 * time.Second,
	rebooted:      35 * time.Second,
	replaced:      35 * time.Second,
	suspended:     0,
	dropped:       0,
	vlanChanged:   70 * time.Second,
	vlanUndone:    100 * time.Second,
}

// newDay is 24 hours of a port with honest events, one every 20 minutes.
func newDay(seed uint64) plan {
	r := rand.New(rand.NewPCG(seed, 0xda1))
	p := plan{seed: seed, length: 24 * time.Hour, reads: wire.Rules{Silence: 24 * time.Hour}}
	for i := range 3 {
		s := newSwitch(r, i)
		s.silent, s.alternates, s.interval, s.fast, s.said.TTL = false, false, 30*time.Second, true, 120
		s.cdp, s.far = i == 1, i == 2
		s.said.PVID, s.said.VLANs = uint16(100+i), []discovery.VLANName{{ID: 20}}
		p.switches = append(p.switches, s)
	}
	kinds := slices.Sorted(maps.Keys(allowed))
	for at := 20 * time.Minute; at < p.length; at += 20 * time.Minute {
		p.events = append(p.events, event{
			at: at + time.Duration(r.Int64N(int64(time.Minute))), kind: kinds[r.IntN(len(kinds))],
			lasts: time.Duration(1+r.IntN(100)) * time.Second, arg: r.IntN(1 << 20), quick: true,
		})
	}
	return p
}

// TestDay holds that honest operation is quick: 64 ports for 24 hours.
func TestDay(t *testing.T) {
	refused, times, happened := map[string]time.Duration{}, map[string]int{}, map[string]int{}
	for i := range 64 {
		w := newWalk(newDay(uint64(i)))
		w.untagged = true
		if !w.run() {
			t.Errorf("seed %d: %s", w.seed, w.failure)
		}
		add(refused, w.refused)
		add(times, w.times)
		for _, e := range w.events {
			happened[string(e.kind)]++
		}
	}
	happened[string(began)] += 64
	for _, k := range slices.Sorted(maps.Keys(allowed)) {
		n, total := happened[string(k)], refused[string(k)]
		delete(refused, string(k))
		t.Logf("%-32s %4d times  %6.1f s refused in all, %5.1f s each, %3.0f s allowed", k, n, total.Seconds(), total.Seconds()/float64(n), allowed[k].Seconds())
		if total > time.Duration(n)*allowed[k] {
			t.Errorf("%s: %v refused in %d times, want %v each at most", k, total, n, allowed[k])
		}
	}
	for k, total := range refused {
		t.Errorf("%s: %v refused", k, total)
	}
}

func add[V int | time.Duration](to, from map[string]V) {
	for k, v := range from {
		to[k] += v
	}
}

func report(t *testing.T, what string, spent map[string]time.Duration, times map[string]int) {
	t.Helper()
	for _, k := range slices.Sorted(maps.Keys(spent)) {
		n := times[what+": "+k]
		t.Logf("%s  %9.0f s  %6d times  %7.1f s each  %s", what, spent[k].Seconds(), n, spent[k].Seconds()/float64(max(n, 1)), k)
	}
}

// shorten finds fewer events that fail, and tells what happens.
func shorten(p plan) string {
	for again := true; again; {
		again = false
		try := func(q plan) {
			if !again && !newWalk(q).run() {
				p, again = q, true
			}
		}
		for i := 0; i < len(p.events) && !again; i++ {
			q := p
			q.events = slices.Delete(slices.Clone(p.events), i, i+1)
			try(q)
		}
		if len(p.hosts) > 0 {
			q := p
			q.hosts = nil
			try(q)
		}
		if p.loss > 0 {
			q := p
			q.loss = 0
			try(q)
		}
	}
	w := newWalk(p)
	w.tracing = true
	w.run()
	var told strings.Builder
	fmt.Fprintf(&told, "%s; %+v\n", w.failure, w.reads)
	for i := range w.switches {
		s := &p.switches[i]
		fmt.Fprintf(&told, "  %s every %v silent=%t cdp=%t far=%t alternates=%t\n", text(&s.said), s.interval, s.silent, s.cdp, s.far, s.alternates)
	}
	last := ""
	for _, line := range w.trace {
		if what := line[min(9, len(line)):]; what != last || strings.Contains(what, "step") {
			told.WriteString(line + "\n")
			last = what
		}
	}
	return told.String()
}
