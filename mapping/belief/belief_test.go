// SPDX-License-Identifier: Apache-2.0

package belief_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/belief/wire"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// An agent listens on one port, as colvind does: it takes a step when something visible
// happens, and when the machine asks for one.
type agent struct {
	ear   *wire.Ear
	port  belief.Port
	rules *wire.Rules
	ifi   discovery.Interface
}

func newAgent(r *wire.Rules) *agent {
	return &agent{ear: &wire.Ear{}, rules: r, ifi: discovery.Interface{
		Index: 2, Name: "eth0", MAC: discovery.MAC{2, 0, 0, 0, 0, 1}, Ethernet: true, Up: true, Carrier: true, CarrierChanges: 1,
	}}
}

func (a *agent) step(now time.Time) {
	a.ear.Expire(now)
	a.port = a.port.Advance(a.rules, a.ear.Evidence(a.ifi, now))
}

// next is when the agent steps if nothing else happens; zero for never.
func (a *agent) next() time.Time {
	at := a.ear.Next()
	if wake := a.port.Wake(a.rules); !wake.IsZero() && (at.IsZero() || wake.Before(at)) {
		at = wake
	}
	return at
}

// run has time go by.
func (a *agent) run(until time.Time) {
	for at := a.next(); !at.IsZero() && at.Before(until); at = a.next() {
		a.step(at)
	}
}

func (a *agent) flap(lost, back time.Time) {
	a.ifi.Carrier, a.ifi.CarrierChanges, a.ear = false, a.ifi.CarrierChanges+1, &wire.Ear{}
	a.step(lost)
	a.ifi.Carrier, a.ifi.CarrierChanges = true, a.ifi.CarrierChanges+1
	a.step(back)
}

// stored is the port as it comes back from a file.
func stored(p belief.Port) (out belief.Port) {
	text, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic(err)
	}
	return out
}

// believed is what a port is, and what attaches, as text.
func (a *agent) believed(now time.Time) string {
	leads, _, _ := a.rules.Attached(&a.port, now)
	if len(leads) == 0 {
		return string(a.port.State)
	}
	text := make([]string, 0, len(leads))
	for _, l := range leads {
		if l.Tag == 0 {
			text = append(text, l.To)
		} else {
			text = append(text, fmt.Sprintf("%d=%s", l.Tag, l.To))
		}
	}
	return string(a.port.State) + " " + strings.Join(text, " ")
}

// said reads who speaks and what: a source, =name where it calls itself something else,
// :port and !chassis where these are not the usual ones, /cdp or /far; then the PVID, with
// the VLANs that are tagged behind plus signs; then a time to live.
func said(t *testing.T, words []string) discovery.Neighbor {
	t.Helper()
	who, how, _ := strings.Cut(words[0], "/")
	who, chassis, _ := strings.Cut(who, "!")
	who, port, _ := strings.Cut(who, ":")
	who, name, named := strings.Cut(who, "=")
	if !named {
		name = who
	}
	base, _, _ := strings.Cut(name, ".")
	source, _, _ := strings.Cut(who, ".")
	n := discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, Source: discovery.MAC{2, 0, 0, 0, 1, source[0]}, Destination: discovery.NearestBridge,
		MSAP: discovery.MSAP{Chassis: discovery.ID("mac:" + base + chassis), Port: discovery.ID("ifname:1" + port)}, SystemName: name, TTL: 120,
	}
	switch how {
	case "cdp":
		n.Protocol, n.TTL, n.Chassis = discovery.ProtocolCDP, 180, discovery.ID("cdp:"+name)
	case "far":
		n.Destination = discovery.NearestCustomerBridge
	case "host":
		n.Port, n.SystemName = "mac:"+discovery.ID(name), ""
	}
	for i, v := range strings.Split(words[1], "+") {
		id, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			n.PVID = uint16(id)
		} else {
			n.VLANs = append(n.VLANs, discovery.VLANName{ID: uint16(id)})
		}
	}
	if len(words) > 2 {
		ttl, err := strconv.Atoi(words[2])
		if err != nil {
			t.Fatal(err)
		}
		n.TTL = uint16(ttl)
	}
	return n
}

// happen has one thing happen at a time.
func (a *agent) happen(t *testing.T, at time.Time, what string) {
	t.Helper()
	a.run(at)
	if first, then, both := strings.Cut(what, ", "); both && strings.Contains(what, "bye") {
		a.happen(t, at, first)
		a.happen(t, at, then)
		return
	}
	switch words := strings.Fields(what); {
	case what == "-":
	case what == "flap":
		a.flap(at, at)
	case what == "down":
		a.ifi.Carrier, a.ifi.CarrierChanges, a.ear = false, a.ifi.CarrierChanges+1, &wire.Ear{}
	case what == "up":
		a.ifi.Carrier, a.ifi.CarrierChanges = true, a.ifi.CarrierChanges+1
	case what == "replaced":
		a.ifi.Instance, a.ear = a.ifi.Instance+1, &wire.Ear{}
	case what == "restart":
		a.ear, a.port = &wire.Ear{}, stored(a.port).Restored(at)
	case what == "reboot":
		a.ear, a.port = &wire.Ear{}, stored(a.port).Suspected(at, belief.Rebooted)
	case what == "lost":
		a.ear.Lose(at)
	case words[1] == "bye":
		n := said(t, []string{words[0], "0"})
		a.ear.Goodbye(n.MSAP, at)
	default:
		for one := range strings.SplitSeq(what, ", ") {
			a.ear.Hear(said(t, strings.Fields(one)), at)
		}
	}
	a.step(at)
}

// play has happen what a script says, a line each: a second, what, and, behind an arrow,
// what is believed then, and what attaches.
func play(t *testing.T, r wire.Rules, script string) {
	t.Helper()
	a := newAgent(&r)
	var want, got []string
	for line := range strings.Lines(script) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		line = strings.Join(strings.Fields(line), " ")
		event, _, expects := strings.Cut(line, " => ")
		second, what, _ := strings.Cut(event, " ")
		s, err := strconv.Atoi(second)
		if err != nil {
			t.Fatal(err)
		}
		at := start.Add(time.Duration(s) * time.Second)
		a.happen(t, at, what)
		if expects {
			want = append(want, line)
			got = append(got, event+" => "+a.believed(at))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

const hour = time.Hour

// TestTable holds every cell of the table in the package's comment, and what honest
// switches do all day, each to the second.
func TestTable(t *testing.T) {
	usual := wire.Rules{Silence: 24 * hour}
	for _, row := range []struct {
		name   string
		rules  wire.Rules
		script string
	}{
		{"empty: another's word", usual, `
			0 -            => empty
			3 a 1          => held a/1`},
		{"empty: silent after 130 s", usual, `
			0 -            => empty
			129 -          => empty
			130 -          => silent`},
		{"empty after LLDP was heard: 65 s", usual, `
			0 a 1          => held a/1
			10 replaced    => empty
			74 -           => empty
			75 -           => silent`},
		{"empty: who is less to be believed waits", usual, `
			0 -
			1 h/host 0     => empty
			31 h/host 0
			61 h/host 0
			65 -           => empty
			66 -           => held mac:h/mac:h`},
		{"empty: CDP waits for its LLDP", wire.Rules{Silence: 24 * hour, CDP: true}, `
			0 a/cdp 1      => empty
			60 a/cdp 1     => empty
			120 a/cdp 1    => empty
			124 -          => empty
			125 -          => held a/1`},
		{"empty: CDP alone attaches only where rules accept it", usual, `
			0 a/cdp 1
			60 a/cdp 1
			120 a/cdp 1
			125 -          => held`},
		{"expecting: the holder's word", usual, `
			0 a 1
			10 flap        => expecting
			11 a 1         => held a/1`},
		{"expecting: another's word waits 35 s and two frames", usual, `
			0 a 1
			10 flap        => expecting
			12 b 1         => disputed
			41 b 1         => disputed
			46 -           => disputed
			47 -           => held b/1`},
		{"expecting: another's word, second frame late", usual, `
			0 a 1
			10 flap
			12 b 1         => disputed
			42 -           => disputed
			47 b 1         => held b/1`},
		{"a moved cable: 35 s", usual, `
			0 a 1
			10 down        => expecting
			15 up          => expecting
			15 b 1         => disputed
			49 b 1         => disputed
			50 -           => held b/1`},
		{"expecting: silent, and still remembered", usual, `
			0 a 1
			10 flap        => expecting
			74 -           => expecting
			75 -           => silent
			300 a 1        => held a/1`},
		{"expecting: the holder returns in the dispute", usual, `
			0 a 1
			10 flap
			12 b 1         => disputed
			20 a 1         => disputed
			50 a 1         => disputed
			80 a 1         => disputed
			110 a 1        => disputed
			131 -          => disputed
			132 -          => held a/1`},
		{"silent: another's word", usual, `
			0 -
			130 -          => silent
			200 b 1        => disputed
			230 b 1        => disputed
			260 b 1        => disputed
			264 -          => disputed
			265 -          => held b/1`},
		{"expecting: two new words, neither of which waits for 30 s only", usual, `
			0 a 1
			10 flap        => expecting
			12 b 1 240     => disputed
			20 x 1         => disputed
			50 x 1         => disputed
			72 b 1 240     => disputed
			80 x 1         => disputed
			102 -          => disputed
			110 x 1        => disputed
			132 b 1 240    => disputed`},
		{"empty: a host beside a port where CDP alone speaks", wire.Rules{Silence: 24 * hour, CDP: true}, `
			0 a/cdp 1
			1 h/host 0
			31 h/host 0
			60 a/cdp 1
			61 h/host 0
			66 -           => empty
			91 h/host 0
			120 a/cdp 1
			121 h/host 0
			125 -          => held a/1
			151 h/host 0   => held a/1`},
		{"a time to live shorter than two and a half intervals", usual, `
			0 a 1 20
			74 -           => held a/1
			75 -           => late a/1`},
		{"a stack that failed over changes its VLAN", usual, `
			0 a 1
			30 a 1
			60 b=a!2 1     => held a/1
			90 b=a!2 2     => disputed`},
		{"a switch that was overtaken comes back with another word", usual, `
			0 a 1
			30 a 1
			60 a bye       => left
			100 x 7        => disputed
			130 x 7
			160 x 7
			165 -          => held x/7
			200 x 7 1200
			500 x 7 1200
			800 x 7 1200   => held x/7
			810 a 2        => disputed`},
		{"a dispute that ends in silence leaves nobody to be believed at once", usual, `
			0 x=a 7
			20 a 1         => disputed
			30 a bye       => disputed
			85 -           => silent
			90 x=a 7       => disputed`},
		{"struck, and a new carrier: another's word waits for who was there", usual, `
			0 a 1
			30 a 2         => disputed
			40 flap        => expecting
			41 b 7         => disputed
			71 b 7
			75 -           => disputed
			76 -           => held b/7`},
		{"struck, and a new carrier: neither of its words is believed at once", usual, `
			0 a 1
			30 a 2         => disputed
			40 flap        => expecting
			41 a 2         => disputed
			71 a 2
			75 -           => disputed
			76 -           => held a/2
			80 a 1         => disputed
			90 flap        => expecting
			91 a 2         => disputed`},
		{"struck, and silent on a new carrier: its old word has to stand alone, too", usual, `
			0 a 1
			30 a 2         => disputed
			40 flap        => expecting
			105 -          => silent
			300 a 1        => disputed`},
		{"a dispute that ends in silence, and a new carrier", usual, `
			0 x=a 7
			20 a 1         => disputed
			30 a bye       => disputed
			85 -           => silent
			90 flap        => expecting
			91 flap        => expecting
			92 b 9         => disputed`},
		{"silent: the holder's word", wire.Rules{}, `
			0 a 1
			120 -          => silent
			200 a 1        => held a/1`},
		{"held: the holder's word", usual, `
			0 a 1          => held a/1
			30 a 1         => held a/1`},
		{"held: its speaker says another word: struck, 65 s", usual, `
			0 a 1
			30 a 2         => disputed
			60 a 2
			90 a 2
			94 -           => disputed
			95 -           => held a/2`},
		{"held: young, another's word", usual, `
			0 a 1
			20 b 1         => disputed
			30 a 1         => disputed`},
		{"held: settled after 605 s, another's word", usual, `
			0 a 1 1200
			300 a 1 1200
			600 a 1 1200
			605 b 1        => held a/1
			900 a 1 1200   => held a/1`},
		{"held: settled one second later, another's word", usual, `
			0 a 1 1200
			300 a 1 1200
			600 a 1 1200
			604 b 1        => disputed`},
		{"held: who held before", usual, `
			0 a 1
			30 a 1
			60 a 2         => disputed
			90 a 2
			120 a 2
			125 -          => held a/2
			150 a 2
			160 b=a 1      => disputed
			180 a 2        => disputed`},
		{"held: who is less to be believed contests nobody", usual, `
			0 a 1          => held a/1
			5 h/host 0     => held a/1
			10 c/cdp 7     => held a/1`},
		{"held: late after 75 s", usual, `
			0 a 1
			74 -           => held a/1
			75 -           => late a/1`},
		{"held: goodbye", usual, `
			0 a 1
			10 a bye       => left`},
		{"held: goodbye of another agent", usual, `
			0 a 1
			5 b=a:2!2 1
			10 b=a:2!2 bye => held a/1
			11 a:2 bye     => held a/1`},
		{"late: the holder's word", usual, `
			0 a 1
			75 -           => late a/1
			100 a 1        => held a/1`},
		{"late: its speaker says another word", usual, `
			0 a 1
			80 a 2         => disputed
			110 a 2
			140 a 2
			145 -          => held a/2`},
		{"late: another's word", usual, `
			0 a 1
			80 b 1         => disputed
			110 b 1
			140 b 1
			144 -          => disputed
			145 -          => held b/1`},
		{"late: another's word waits until the holder is gone", usual, `
			0 a 1 240
			160 b 1        => disputed
			190 b 1
			220 b 1
			239 -          => disputed
			240 -          => held b/1`},
		{"late: goodbye", usual, `
			0 a 1
			80 a bye       => left`},
		{"late with a rival: disputed at once", usual, `
			0 a 1 1200
			300 a 1 1200
			600 a 1 1200
			620 b 1        => held a/1
			1319 b 1       => held a/1
			1349 b 1       => held a/1
			1350 -         => disputed`},
		{"late: silence refused, gone after 120 s", wire.Rules{}, `
			0 a 1
			119 -          => late a/1
			120 -          => silent`},
		{"late: silence of 10 minutes", wire.Rules{Silence: 10 * time.Minute}, `
			0 a 1
			599 -          => late a/1
			600 -          => silent`},
		{"late: silence for good", wire.Rules{Silence: belief.Forever}, `
			0 a 1
			900000 -       => late a/1`},
		{"left: the holder's word, at once (LLDP restarted)", usual, `
			0 a 1
			30 a bye       => left
			34 a 1         => held a/1`},
		{"left: its speaker says another word", usual, `
			0 a 1
			30 a bye       => left
			34 a 2         => disputed
			64 a 2
			94 a 2
			98 -           => disputed
			99 -           => held a/2`},
		{"left: another's word", usual, `
			0 a 1
			30 a bye       => left
			34 b 1         => disputed
			64 b 1
			94 b 1
			98 -           => disputed
			99 -           => held b/1`},
		{"left: a limit for goodbyes", wire.Rules{Silence: 24 * hour, Goodbye: 10 * time.Minute}, `
			0 a 1
			30 a bye       => left a/1
			629 -          => left a/1
			630 -          => silent`},
		{"left: silent", usual, `
			0 a 1
			30 a bye       => left
			94 -           => left
			95 -           => silent
			300 a 1        => held a/1`},
		{"disputed: the holder's word, which had stood alone", wire.Rules{}, `
			0 a 1 1200
			300 a 1 1200
			600 a 1 1200
			900 a 1 1200
			1700 b 1       => disputed
			1710 a 1       => held a/1`},
		{"disputed: nobody speaks any more", usual, `
			0 a 1
			20 b 1         => disputed
			139 -          => disputed
			140 -          => silent`},
		{"disputed: goodbye drops a candidate", usual, `
			0 a 1
			10 b 1         => disputed
			20 a 1, b bye  => disputed
			21 b bye       => disputed
			50 a 1
			74 -           => disputed
			75 -           => held a/1`},
		{"an honest undo after 15 s", usual, `
			0 a 1
			30 a 1
			60 a 1
			90 a 2         => disputed
			105 a 1        => disputed
			135 a 1
			165 a 1
			184 -          => disputed
			185 -          => held a/1`},
		{"the same switch after a flap, at its first frame", usual, `
			0 a 1
			30 a 1
			60 a 1
			90 a 1
			100 flap       => expecting
			101 a 1        => held a/1`},
		{"the same switch after a reboot of the node", usual, `
			0 a 1
			100 reboot     => expecting
			101 a 1        => held a/1`},
		{"another switch after a reboot of the node", usual, `
			0 a 1
			100 reboot     => expecting
			101 b 1        => disputed
			131 b 1
			161 b 1
			165 -          => disputed
			166 -          => held b/1`},
		{"stack failover, rename, address and port ID: no second", usual, `
			0 a 1
			30 a 1
			60 b=a!2 1     => held a/1
			90 b=a!2 1     => held a/1
			100 -          => held a/1
			105 -          => held a/1
			120 b=a!2 1    => held a/1
			150 b=a.new!2 1 => held a/1
			180 b=a.new!2 1 => held a/1
			190 b=a.new:7!2 1 => held a/1
			220 b=a.new:7!2 1 => held a/1
			900 -          => late a/1`},
		{"stack failover before the first had stood alone", usual, `
			0 a 1
			30 b=a!2 1     => held a/1
			60 b=a!2 1     => held a/1
			80 -           => held a/1
			90 b=a!2 1     => held a/1`},
		{"a renamed switch stays on time", usual, `
			0 a 1
			30 a 1
			60 a.new 1     => held a/1
			90 a.new 1     => held a/1
			120 a.new 1    => held a/1
			150 a.new 1    => held a/1
			151 h/host 0   => held a/1
			152 h/host 0   => held a/1`},
		{"a VLAN added to a trunk: none for the others", usual, `
			0 a 1+20
			30 a 1+20
			60 a 1+20      => held a/1 20=a/20
			90 a 1+20+30   => disputed a/1 20=a/20
			120 a 1+20+30
			150 a 1+20+30
			154 -          => disputed a/1 20=a/20
			155 -          => held a/1 20=a/20 30=a/30`},
		{"a VLAN removed from a trunk: that one at once", usual, `
			0 a 1+20+30
			30 a 1+20+30
			60 a 1+20+30
			90 a 1+20      => disputed a/1 20=a/20
			120 a 1+20
			150 a 1+20
			155 -          => held a/1 20=a/20`},
		{"SONiC's start: at the right port ID", usual, `
			0 a:0 1
			30 a:0 1
			60 a:0 1       => held a/1
			90 flap        => expecting
			95 a:mac 1     => held a/1
			98 a:mac bye   => left
			98 a:0 1       => held a/1
			128 a:0 1      => held a/1`},
		{"SONiC's start: its port ID leads elsewhere", wire.Rules{Silence: 24 * hour, ByPort: true}, `
			0 a:0 1        => held a/1 at ifname:10
			30 a:0 1
			60 a:0 1
			90 flap        => expecting
			95 a:mac 1     => disputed
			98 a:mac bye   => disputed
			98 a:0 1       => disputed
			125 a:0 1      => disputed
			162 -          => disputed
			163 -          => held a/1 at ifname:10`},
		{"LLDP beside CDP of one source", usual, `
			0 a/cdp 1      => empty
			1 a 1          => held a/1
			31 a 1         => held a/1
			60 a/cdp 1     => held a/1
			61 a 1         => held a/1
			91 a 1         => held a/1
			120 a/cdp 1    => held a/1`},
		{"CDP contradicts the LLDP of its source by another VLAN", usual, `
			0 a 1          => held a/1
			30 a 1
			60 a/cdp 2     => disputed`},
		{"CDP beside a late holder", usual, `
			0 a 1
			80 c/cdp 1     => disputed`},
		{"two destinations", usual, `
			0 a 1, a/far 1  => held a/1
			30 a 1, a/far 1 => held a/1
			60 a/far 1      => held a/1
			90 a 1, a/far 1 => held a/1
			100 a bye       => left
			110 a 1         => held a/1
			111 -           => held a/1
			140 a 1, a/far 1 => held a/1`},
		{"two destinations rank by the nearer", usual, `
			0 a 1, a/far 1  => held a/1
			10 x 1          => disputed
			30 a 1, a/far 1 => disputed
			40 x 1          => disputed
			60 a 1, a/far 1 => disputed
			70 x 1          => disputed
			90 a 1, a/far 1 => disputed
			100 x 1         => disputed
			120 a 1, a/far 1 => disputed
			130 x 1         => disputed
			131 -           => disputed`},
		{"alternating port IDs that lead to one network", usual, `
			0 a:1 1, a:2 1  => held a/1
			30 a:1 1        => held a/1
			45 a:2 1        => held a/1
			60 a:1 1        => held a/1
			75 a:2 1        => held a/1
			140 -           => held a/1
			186 -           => held a/1
			187 -           => held a/1
			188 -           => late a/1`},
		{"alternating port IDs that lead to two", wire.Rules{Silence: 24 * hour, ByPort: true}, `
			0 a:1 1         => held a/1 at ifname:11
			15 a:2 1        => disputed
			30 a:1 1        => disputed
			45 a:2 1        => disputed
			60 a:1 1        => disputed
			300 -           => silent`},
		{"a port where CDP alone speaks", wire.Rules{Silence: 24 * hour, CDP: true}, `
			0 a/cdp 1       => empty
			60 a/cdp 1      => empty
			120 a/cdp 1     => empty
			125 -           => held a/1
			180 a/cdp 1     => held a/1
			329 -           => held a/1
			330 -           => late a/1
			360 flap        => expecting
			380 a/cdp 1     => held a/1`},
		{"frames lost restart alone", usual, `
			0 a 1
			30 a 2         => disputed
			60 a 2
			80 lost        => disputed
			90 a 2
			95 -           => disputed
			120 a 2
			144 -          => disputed
			145 -          => held a/2`},
		{"an agent restarted", usual, `
			0 a 1 1200
			300 a 1 1200
			600 a 1 1200
			610 restart    => held a/1
			900 a 1 1200   => held a/1
			910 x 1        => held a/1`},
		{"an agent restarted while disputed", usual, `
			0 a 1
			30 a 2         => disputed
			60 restart     => disputed
			60 a 2         => disputed
			90 a 2
			120 a 2
			124 -          => disputed
			125 -          => held a/2`},
		{"a device made anew in each state", usual, `
			0 a 1          => held a/1
			1 replaced     => empty
			2 a 1          => held a/1
			77 -           => late a/1
			80 replaced    => empty
			81 a 1
			82 a bye       => left
			83 replaced    => empty
			84 a 1         => held a/1
			85 a 2         => disputed
			86 replaced    => empty
			90 a 2         => held a/2
			91 flap        => expecting
			92 replaced    => empty
			93 -           => empty
			157 -          => silent
			158 replaced   => empty`},
		{"carrier lost in each state", usual, `
			0 flap         => empty
			1 a 1          => held a/1
			2 flap         => expecting
			3 flap         => expecting
			68 -           => silent
			69 flap        => expecting
			70 a 1         => held a/1
			145 -          => late a/1
			146 flap       => expecting
			147 a 1        => held a/1
			148 a bye      => left
			149 flap       => expecting
			150 a 1        => held a/1
			151 a 2        => disputed
			152 flap       => expecting
			153 a 2        => disputed`},
		{"a switch that is heard again after hours of punctual frames is on time", wire.Rules{}, `
			0 a 1 1200
			300 a 1 1200
			600 a 1 1200
			900 a 1 1200
			1200 a 1 1200
			1500 a 1 1200
			1800 x 1       => held a/1`},
		{"a goodbye in the name of a slow switch", usual, `
			0 a 1 1200
			300 a 1 1200
			600 a 1 1200
			900 a 1 1200   => held a/1
			901 a bye      => left
			902 x 1        => disputed
			932 x 1
			962 x 1
			967 -          => disputed
			992 x 1
			1022 x 1
			1052 x 1
			1200 a 1 1200  => held a/1`},
	} {
		t.Run(row.name, func(t *testing.T) { play(t, row.rules, row.script) })
	}
}

// TestCrowded holds that a second speaker counts for 24 hours once it was heard twice.
func TestCrowded(t *testing.T) {
	a := newAgent(&wire.Rules{Silence: 48 * hour})
	for s := 0; s <= 300; s += 30 {
		at := start.Add(time.Duration(s) * time.Second)
		a.happen(t, at, "a 1")
		if s == 150 || s == 180 {
			a.happen(t, at, "b 1")
		}
	}
	heard := start.Add(180 * time.Second)
	if until, crowded := a.port.Crowded(heard); !crowded || !until.Equal(heard.Add(24*hour)) {
		t.Errorf("Crowded = %v, %t, want until %v", until, crowded, heard.Add(24*hour))
	}
	at := start.Add(419 * time.Second)
	a.run(at)
	a.step(at)
	if got := a.believed(at); got != "late a/1" {
		t.Errorf("before the holder is gone: %s", got)
	}
	at = start.Add(24*hour + 179*time.Second)
	a.run(at)
	a.step(at)
	if leads, _, _ := a.rules.Attached(&a.port, at); len(leads) > 0 {
		t.Errorf("one second before the end: %v attaches", leads)
	}
	if _, crowded := a.port.Crowded(heard.Add(24 * hour)); crowded {
		t.Error("crowded for more than 24 hours")
	}
}

// TestCrowdedByItself holds that a switch whose stack failed over is no crowd because its
// CDP comes from the new address, too.
func TestCrowdedByItself(t *testing.T) {
	a := newAgent(&wire.Rules{Silence: 24 * hour})
	for s := 0; s <= 60; s += 30 {
		a.happen(t, start.Add(time.Duration(s)*time.Second), "a 1")
	}
	for s := 70; s <= 190; s += 60 {
		a.happen(t, start.Add(time.Duration(s)*time.Second), "b=a/cdp 1, b=a!2 1")
	}
	if until, crowded := a.port.Crowded(start.Add(190 * time.Second)); crowded {
		t.Errorf("crowded until %v", until)
	}
}

// TestVoicesBound holds that seventeen words on a port cost no more than sixteen, and that
// nobody can be said to be alone behind one that had to be dropped.
func TestVoicesBound(t *testing.T) {
	a := newAgent(&wire.Rules{Silence: 24 * hour})
	a.happen(t, start, "a 1")
	for i := range 16 {
		a.happen(t, start.Add(time.Duration(i+1)*time.Second), "x "+strconv.Itoa(100+i))
	}
	at := start.Add(16 * time.Second)
	lost := start.Add(66 * time.Second) // two intervals of the one that was dropped, and 5 s
	if len(a.port.Voices) != 16 || !a.port.Lost.Equal(lost) {
		t.Errorf("%d voices, lost until %v; want 16, until %v", len(a.port.Voices), a.port.Lost, lost)
	}
	if !slices.ContainsFunc(a.port.Voices, func(v belief.Voice) bool { return v.SystemName == "a" }) {
		t.Error("the holder's word is not among the voices")
	}
	a.step(at.Add(time.Second))
	if !a.port.Lost.Equal(lost) {
		t.Errorf("what was dropped is heard again without a frame: lost at %v", a.port.Lost)
	}
}

// TestReconsidered holds that a rule which makes two words of one has the holder stand alone
// again, beside whom the other was all the time.
func TestReconsidered(t *testing.T) {
	rules := &wire.Rules{Silence: 24 * hour}
	a := newAgent(rules)
	for s := 0; s <= 900; s += 30 {
		a.happen(t, start.Add(time.Duration(s)*time.Second), "a 1")
	}
	if !a.port.Settled {
		t.Fatal("not settled")
	}
	p := a.port
	p.Voices = slices.Clone(p.Voices)
	other := p.Voices[0] // what was ignored until now
	other.Source, other.PVID, other.Chassis = discovery.MAC{2, 0, 0, 0, 0, 9}, 2, "mac:02:00:00:00:00:09"
	p.Voices = append(p.Voices, other)
	now := start.Add(901 * time.Second)
	got := p.Advance(rules, belief.Evidence{Now: now, Interface: discovery.Interface{
		Name: p.Interface, Index: p.Index, MAC: p.MAC, Instance: p.Instance, Up: true, Carrier: true, CarrierChanges: p.Epoch,
	}})
	if got.State != belief.Disputed || got.Settled {
		t.Errorf("%s, settled %v", got.State, got.Settled)
	}
}

// TestRestoredLate holds that what went unheard for longer than it counts, while nobody
// listened, is waited for, and what was stale before stays so.
func TestRestoredLate(t *testing.T) {
	a := newAgent(&wire.Rules{Silence: 24 * hour})
	a.happen(t, start, "a 1")
	for after, want := range map[time.Duration]belief.State{
		15*time.Minute - time.Second: belief.Held, 15 * time.Minute: belief.Expecting,
	} {
		if got := a.port.Restored(start.Add(after)); got.State != want {
			t.Errorf("after %v: %s, want %s", after, got.State, want)
		}
	}
	a.step(start.Add(hour))
	if got := a.port.Restored(start.Add(3 * hour)); a.port.State != belief.Late || got.State != belief.Late {
		t.Errorf("stale before: %s, then %s", a.port.State, got.State)
	}
}

// An agent at which nothing happens takes a step every few minutes and then knows three times
// of all frames: that it did not hear of those between does not make their speaker late.
func TestSettlesThoughStepsAreFew(t *testing.T) {
	a := newAgent(&wire.Rules{Silence: belief.Forever})
	const every, renews = 30 * time.Second, 450 * time.Second
	settled := time.Duration(0)
	for at := time.Duration(0); at <= 21*time.Minute && settled == 0; at += every {
		now := start.Add(at)
		a.run(now)
		visible := a.ear.Hear(said(t, []string{"a", "100"}), now)
		if visible || at%renews == 0 {
			a.step(now)
		}
		if a.port.Settled {
			settled = at
		}
	}
	if want := belief.SettlesAfter + every; settled == 0 || settled > want {
		t.Errorf("settled after %v, want %v at most; alone since %v", settled, want, a.port.Alone.Sub(start))
	}
}
