// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
)

var (
	pinRuns = flag.Int("pins.runs", 60, "how many runs TestWalkOfPins makes")
	pinSeed = flag.Uint64("pins.seed", 1, "the seed of its first run")
)

// TestWalkOfPins lets switches, hosts, speakers of CDP and hostile ones do what they do on a
// port that a rule pins to green. A wrong pin is the admin's word; everything else keeps its
// bounds, which walkOfPins.check has.
func TestWalkOfPins(t *testing.T) {
	seen := map[string]int{}
	for i := range *pinRuns {
		w := newWalkOfPins(t, *pinSeed+uint64(i))
		w.run()
		for k, n := range w.times {
			seen[k] += n
		}
		if t.Failed() {
			t.Fatalf("seed %d, rules:\n%s%s", *pinSeed+uint64(i), w.rules, strings.Join(w.trace, "\n"))
		}
	}
	for _, what := range []string{"pinned", "closed", "agreed", "blue", "remembered", "forgotten", "refused to forget", "waited", "beside a host"} {
		if seen[what] == 0 && *pinRuns >= 100 {
			t.Errorf("no run had it %s", what)
		}
	}
	t.Logf("%v", seen)
}

// A pinSpeaker is somebody on the wire.
type pinSpeaker struct {
	says     discovery.Neighbor
	counts   bool // a switch, or who claims to be one
	interval time.Duration
	on       bool
	next     time.Time
}

type walkOfPins struct {
	*player
	t        *testing.T
	r        *rand.Rand
	rules    string
	literal  bool
	now      bool // silent: now
	cdp      bool // CDP attaches
	speakers []*pinSpeaker

	began      time.Time // the carrier epoch
	attached   bool      // the pin attached in it
	elsewhere  time.Time // when a switch that leads elsewhere was last heard in it; zero: not
	counted    bool      // a switch was heard at any time, and not forgotten
	told       *bool     // whether who holds the port, and was heard twice a minute apart in that, leads elsewhere
	remembered bool      // the last of them did
	problem    bool
	listening  time.Time // since when somebody listens

	times map[string]int
	trace []string
	was   string // the last line about what is usable
}

func newWalkOfPins(t *testing.T, seed uint64) *walkOfPins {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 16))
	w := &walkOfPins{t: t, r: r, literal: r.IntN(2) == 0, now: r.IntN(2) == 0, cdp: r.IntN(4) == 0, times: map[string]int{}}
	pin, silent, cdp := `{node: "node*", interface: "eth*", silent: `, "true", ""
	if w.literal {
		pin = `{node: node1, interface: eth1, silent: `
	}
	if w.now {
		silent = "now"
	}
	if w.cdp {
		cdp = "\n    cdp: true"
	}
	w.rules = fmt.Sprintf(`networks:
  - name: green
    match: [{system: "leaf-*", vlan: 100}, %s%s}]
  - name: blue
    match: [{system: "leaf-*", vlan: 200}]%s
`, pin, silent, cdp)
	w.player = &player{files: map[string]string{"rules.yaml": w.rules}, now: start, node: "node1", boot: "boot-1", attach: true}
	w.loadRules(t, "rules.yaml")
	if err := w.link([]string{"eth1"}); err != nil {
		t.Fatal(err)
	}
	w.began = start
	for i := range 6 {
		w.speakers = append(w.speakers, w.newSpeaker(byte(i+1)))
	}
	return w
}

// newSpeaker makes a switch that agrees or not, a host, or a speaker of CDP.
func (w *walkOfPins) newSpeaker(i byte) *pinSpeaker {
	mac := discovery.MAC{0, 0, 0x5e, 0, 0x53, i}
	s := &pinSpeaker{interval: []time.Duration{30, 30, 60, 300}[w.r.IntN(4)] * time.Second, says: discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, Source: mac, MSAP: discovery.MSAP{Chassis: discovery.ID("mac:" + mac.String()), Port: discovery.ID(fmt.Sprint("ifname:p", i))},
	}}
	s.says.TTL = uint16(4 * s.interval / time.Second)
	switch w.r.IntN(6) {
	case 0, 1: // blue, or who claims so
		s.counts, s.says.SystemName, s.says.PVID = true, fmt.Sprint("leaf-", i), 200
	case 2:
		s.counts, s.says.SystemName, s.says.PVID = true, fmt.Sprint("leaf-", i), 100
	case 3: // no rule names it
		s.counts, s.says.SystemName, s.says.PVID = true, fmt.Sprint("desk-", i), uint16(w.r.IntN(2)*100)
	case 4:
		s.says.Port = discovery.ID("mac:" + mac.String())
	case 5:
		s.says.Protocol, s.says.Chassis, s.says.SystemName, s.says.PVID = discovery.ProtocolCDP, discovery.ID(fmt.Sprint("cdp:leaf-", i)), fmt.Sprint("leaf-", i), 200
		s.interval = 60 * time.Second
		s.says.TTL = 180
	}
	return s
}

func (s *pinSpeaker) agrees() bool {
	return s.says.PVID == 100 && strings.HasPrefix(s.says.SystemName, "leaf-")
}

func (w *walkOfPins) log(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%9s ", w.player.now.Sub(start))+fmt.Sprintf(format, args...))
}

// run makes events, and lets time go by between them.
func (w *walkOfPins) run() {
	w.step()
	for range 5 + w.r.IntN(25) {
		w.pass(w.player.now.Add([]time.Duration{time.Second, 20 * time.Second, 2 * time.Minute, 15 * time.Minute}[w.r.IntN(4)] * time.Duration(1+w.r.IntN(4)) / 2))
		if w.t.Failed() {
			return
		}
		w.event()
		w.step()
	}
}

// pass lets time go by: frames come, and the agent wakes up when it wants to.
func (w *walkOfPins) pass(until time.Time) {
	for !w.t.Failed() {
		next := until
		for _, s := range w.speakers {
			if s.on && s.next.Before(next) {
				next = s.next
			}
		}
		if wake := w.view.Wake; !wake.IsZero() && wake.Before(next) {
			next = wake
		}
		if renewal := w.view.Time.Add(7 * time.Minute); renewal.Before(next) { // of the node file
			next = renewal
		}
		for _, q := range w.ports { // the observer tells who is late
			for i := range q.Neighbors {
				if late := q.Neighbors[i].LateAt(); late.After(w.player.now) && late.Before(next) {
					next = late
				}
			}
		}
		if !next.Before(until) {
			w.player.now = until
			return
		}
		if next.After(w.player.now) {
			w.player.now = next
		}
		wakes := !w.view.Wake.IsZero() && !w.view.Wake.After(w.player.now) || w.player.now.Sub(w.view.Time) >= 7*time.Minute
		for i := range w.ports[0].Neighbors {
			wakes = wakes || w.ports[0].Neighbors[i].LateAt().Equal(w.player.now)
		}
		for _, s := range w.speakers {
			if s.on && !s.next.After(w.player.now) {
				wakes = w.speak(s) || wakes
			}
		}
		w.depart("eth1", discovery.AgedOut, func(n discovery.Neighbor) bool {
			expired := !n.Expires().After(w.player.now)
			wakes = wakes || expired
			return expired
		})
		if wakes {
			w.step()
		}
	}
}

// speak has somebody send a frame, and reports whether the agent wakes up for it: not for
// what it knows, in time.
func (w *walkOfPins) speak(s *pinSpeaker) (news bool) {
	s.next = w.player.now.Add(s.interval)
	if !w.links[0].Operational() || w.problem {
		return false
	}
	n := s.says
	n.FirstHeard, n.LastHeard = w.player.now, w.player.now
	news = !slices.ContainsFunc(w.ports[0].Neighbors, func(o discovery.Neighbor) bool {
		return o.Source == n.Source && o.PVID == n.PVID && w.player.now.Before(o.LateAt())
	})
	if news {
		w.log("heard %s %s %d", n.Chassis, n.SystemName, n.PVID)
	}
	utter(&w.ports[0], n)
	if s.counts || w.cdp && n.Protocol == discovery.ProtocolCDP {
		w.counted = true
	}
	if s.counts && !s.agrees() {
		w.elsewhere = w.player.now
	}
	b, held := w.memory.Port(w.links[0].Index)
	if held && b.State == belief.Held && b.Holder.Source == n.Source && !news && s.counts && w.player.now.Sub(b.HeldSince) >= time.Minute {
		w.told = new(!s.agrees())
	}
	return news
}

// anew is a new epoch, or a port of which nothing is known.
func (w *walkOfPins) anew() {
	w.began, w.attached, w.elsewhere, w.told = w.player.now, false, time.Time{}, nil
}

func (w *walkOfPins) event() {
	s := w.speakers[w.r.IntN(len(w.speakers))]
	switch k := w.r.IntN(20); {
	case k < 8 && !s.on:
		s.on, s.next = true, w.player.now.Add(time.Duration(w.r.IntN(5))*time.Second)
		w.log("%s %d begins", s.says.Chassis, s.says.PVID)
	case k < 8:
		s.on = false
		w.log("%s falls silent", s.says.Chassis)
		if w.r.IntN(2) == 0 && w.links[0].Operational() {
			w.log("and says goodbye")
			w.depart("eth1", discovery.SaidGoodbye, func(n discovery.Neighbor) bool { return n.MSAP == s.says.MSAP })
		}
	case k < 10 && s.counts: // another VLAN
		s.says.PVID = []uint16{0, 100, 200}[w.r.IntN(3)]
		w.log("%s says %d", s.says.Chassis, s.says.PVID)
	case k < 12:
		w.log("carrier lost")
		w.told = nil // what the agent has not looked at is lost
		if err := w.carrier("eth1", false); err != nil {
			w.t.Fatal(err)
		}
		w.step()
		w.pass(w.player.now.Add(time.Duration(w.r.IntN(30)) * time.Second))
		if err := w.carrier("eth1", true); err != nil {
			w.t.Fatal(err)
		}
		w.anew()
	case k < 13:
		w.log("agent restarted")
		w.told, w.listening = nil, w.player.now
		w.restart()
	case k < 14:
		w.log("rebooted")
		w.boot += "'"
		w.restart()
		w.anew()
	case k < 15:
		w.problem = !w.problem
		w.listening = w.player.now
		if !w.problem {
			w.reopen("eth1")
		}
		w.log("problem: %v", w.problem)
	case k < 18:
		w.forget()
	}
	w.ports[0].Problem = map[bool]string{true: "no socket"}[w.problem]
}

func (w *walkOfPins) forget() {
	w.step() // as the agent does
	in := w.input()
	memory, who, err := w.memory.Forget(in.World, in.Snapshot, "eth1")
	w.log("forget: %s, %v", who, err)
	if err != nil {
		w.times["refused to forget"]++
		return
	}
	const gone = 75 * time.Second
	for _, n := range w.ports[0].Neighbors {
		if k := slices.IndexFunc(w.speakers, func(s *pinSpeaker) bool { return s.says.Source == n.Source && s.counts }); k >= 0 && w.player.now.Sub(n.LastHeard) < gone {
			w.fail("%s is forgotten, which was heard %s ago", n.Chassis, w.player.now.Sub(n.LastHeard))
		}
	}
	if who != "" {
		w.times["forgotten"]++
	}
	w.memory = memory
	w.attached, w.elsewhere, w.counted, w.remembered, w.told = false, time.Time{}, false, false, nil
	w.began = w.player.now
}

func (w *walkOfPins) fail(format string, args ...any) {
	w.t.Errorf("after %s: "+format, append([]any{w.player.now.Sub(start)}, args...)...)
}

func (w *walkOfPins) step() {
	w.resolve()
	if w.told != nil {
		w.remembered, w.told = *w.told, nil
	}
	if w.remembered {
		w.times["remembered"]++
	}
	w.check()
	if w.r.IntN(40) == 0 {
		w.compareController(w.t)
	}
}

// check holds the bounds.
func (w *walkOfPins) check() {
	var usable []string
	var pin *mapping.Uplink
	for i := range w.view.Uplinks {
		a := &w.view.Uplinks[i]
		if a.Usable && a.Name != "" {
			usable = append(usable, a.Name)
		}
		if a.VLANSource == mapping.VLANPinned {
			pin = a
		}
	}
	if is := fmt.Sprintf("usable %v; %v", usable, w.memory.Ports[0].State); is != w.was {
		w.was = is
		w.log("%s", is)
	}
	pinned := pin != nil && pin.Usable
	now := w.player.now
	switch {
	case len(usable) > 1:
		w.fail("two ways attach at once: %v", usable)
	case w.literal && slices.ContainsFunc(usable, func(name string) bool { return name != "green" }):
		w.fail("a port that a rule names literally leads pods to %v", usable)
	case w.attached && slices.ContainsFunc(usable, func(name string) bool { return name != "green" }):
		w.fail("pods are led to %v where they attached by a pin", usable)
	case pinned && pin.Name != "green":
		w.fail("the pin leads to %s", pin.Name)
	case pinned && !w.elsewhere.IsZero() && now.Sub(w.elsewhere) < 65*time.Second && !w.departed():
		w.fail("the pin attaches %s after a switch was heard that leads elsewhere", now.Sub(w.elsewhere))
	case pinned && !w.now && now.Sub(w.began) < 65*time.Second:
		w.fail("the pin attaches %s after the epoch began", now.Sub(w.began))
	case pinned && !w.now && !w.attached && now.Sub(w.listening) < 65*time.Second:
		w.fail("the pin attaches for the first time %s after somebody began to listen", now.Sub(w.listening))
	case pinned && !w.literal && w.remembered:
		w.fail("a pin by pattern attaches where a switch led elsewhere")
	case pinned && w.problem:
		w.fail("the pin attaches where nobody can listen")
	case !pinned && !w.counted && !w.problem && w.links[0].Operational() && now.Sub(w.began) > 200*time.Second && now.Sub(w.listening) > 200*time.Second:
		w.fail("the pin does not attach where no switch was ever heard")
	}
	w.count(usable, pin, pinned)
	w.attached = w.attached || pinned
}

// departed reports whether every switch that leads elsewhere said goodbye or is gone.
func (w *walkOfPins) departed() bool {
	return !slices.ContainsFunc(w.ports[0].Neighbors, func(n discovery.Neighbor) bool {
		k := slices.IndexFunc(w.speakers, func(s *pinSpeaker) bool { return s.says.Source == n.Source && s.counts })
		return k >= 0 && !(n.PVID == 100 && strings.HasPrefix(n.SystemName, "leaf-"))
	})
}

func (w *walkOfPins) count(usable []string, pin *mapping.Uplink, pinned bool) {
	host := slices.ContainsFunc(w.ports[0].Neighbors, func(n discovery.Neighbor) bool { return strings.HasPrefix(string(n.Port), "mac:") })
	for what, is := range map[string]bool{
		"pinned": pinned, "closed": w.attached && !pinned && len(usable) == 0, "agreed": slices.Contains(usable, "green") && !pinned,
		"blue": slices.Contains(usable, "blue"), "waited": pin != nil && !pinned && !w.attached, "beside a host": pinned && host,
	} {
		if is {
			w.times[what]++
		}
	}
}
