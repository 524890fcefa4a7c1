// SPDX-License-Identifier: Apache-2.0

package transmit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A script is events at seconds since the start, and what is wanted of them.
type script struct {
	name   string
	events map[time.Duration]Event
	until  time.Duration
	want   []string // action@time
}

const sec = time.Second

var scripts = []script{
	{
		"interval",
		map[time.Duration]Event{0: Enable},
		100 * sec,
		[]string{"send frame@0s", "send frame@30s", "send frame@1m0s", "send frame@1m30s"},
	},
	{
		"a new neighbour",
		map[time.Duration]Event{0: Enable, 10 * sec: NewNeighbor},
		50 * sec,
		[]string{"send frame@0s", "send frame@10s", "send frame@11s", "send frame@12s", "send frame@13s", "send frame@43s"},
	},
	{
		"another during the fast start does not prolong it",
		map[time.Duration]Event{0: Enable, 10 * sec: NewNeighbor, 10*sec + sec/2: NewNeighbor},
		30 * sec,
		[]string{"send frame@0s", "send frame@10s", "send frame@10.5s", "send frame@11.5s", "send frame@12.5s"},
	},
	{
		"a change",
		map[time.Duration]Event{0: Enable, 10 * sec: LocalChange},
		45 * sec,
		[]string{"send frame@0s", "send frame@10s", "send frame@40s"},
	},
	{
		"changes beyond the credit",
		map[time.Duration]Event{
			0: Enable, 100 * time.Millisecond: LocalChange, 200 * time.Millisecond: LocalChange, 300 * time.Millisecond: LocalChange,
			400 * time.Millisecond: LocalChange, 500 * time.Millisecond: LocalChange, 600 * time.Millisecond: LocalChange,
		},
		10 * sec, // the last two are one frame, as soon as there is a credit
		[]string{"send frame@0s", "send frame@100ms", "send frame@200ms", "send frame@300ms", "send frame@400ms", "send frame@1s"},
	},
	{
		"shutdown",
		map[time.Duration]Event{0: Enable, 10 * sec: Disable, 10*sec + sec/2: Enable},
		30 * sec,
		[]string{"send frame@0s", "send shutdown@10s", "send frame@12s"},
	},
	{
		"shutdown, enabled later",
		map[time.Duration]Event{0: Enable, 10 * sec: Disable, 20 * sec: Enable},
		30 * sec,
		[]string{"send frame@0s", "send shutdown@10s", "send frame@20s"},
	},
	{
		"news while shut down",
		map[time.Duration]Event{0: Enable, 10 * sec: Disable, 11 * sec: LocalChange, 13 * sec: NewNeighbor},
		60 * sec,
		[]string{"send frame@0s", "send shutdown@10s"},
	},
	{
		"nothing said, no goodbye",
		map[time.Duration]Event{0: NewNeighbor, 1 * sec: Disable, 2 * sec: LocalChange},
		60 * sec,
		nil,
	},
	{
		"link down",
		map[time.Duration]Event{0: Enable, 10 * sec: PortDown, 11 * sec: Disable, 12 * sec: Enable},
		45 * sec,
		[]string{"send frame@0s", "send frame@12s", "send frame@42s"},
	},
	{
		"link down during reinitDelay",
		map[time.Duration]Event{0: Enable, 10 * sec: Disable, 11 * sec: PortDown, 11*sec + sec/2: Enable},
		20 * sec,
		[]string{"send frame@0s", "send shutdown@10s", "send frame@11.5s"},
	},
}

func TestStep(t *testing.T) {
	for _, tt := range scripts {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, play(tt)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

// play runs the machine with a timer that fires when Wake says.
func play(sc script) []string {
	var out []string
	timers, state, start := DefaultTimers(), State{}, time.Unix(0, 0)
	step := func(e Event, at time.Duration) {
		var a Action
		if state, a = timers.Step(state, e, start.Add(at)); a != None {
			out = append(out, fmt.Sprintf("%s@%s", a, at))
		}
	}
	for at := range sc.until / time.Millisecond {
		now := at * time.Millisecond
		if wake, ok := timers.Wake(state); ok && !start.Add(now).Before(wake) {
			step(Tick, now)
		}
		if e, ok := sc.events[now]; ok {
			step(e, now)
		}
	}
	return out
}

func TestTTL(t *testing.T) {
	timers := DefaultTimers()
	if got := timers.TTL(); got != 121 {
		t.Errorf("TTL = %d, want 121", got)
	}
	timers.Interval = time.Hour
	timers.Hold = 100
	if got := timers.TTL(); got != 65535 {
		t.Errorf("TTL = %d, want 65535", got)
	}
}

// TestCredit throws random events at the machine: whatever happens, no more than
// txCreditMax frames leave in a row, and no more than one a second in the long
// run. A shutdown frame is never held back, so it may be one more.
func TestCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		timers, state := DefaultTimers(), State{}
		var sent []time.Time
		pace := time.Second
		for range 20000 {
			if random.IntN(100) == 0 {
				pace = time.Duration(1 + random.IntN(int(3*time.Second)))
			}
			wait := time.Duration(random.Int64N(int64(pace)))
			if wake, ok := timers.Wake(state); ok {
				if d := time.Until(wake); d < 0 {
					t.Fatalf("Wake is %s ago", -d)
				} else if d < wait {
					time.Sleep(d)
					sent = stepNow(timers, &state, Tick, sent)
					continue
				}
			}
			time.Sleep(wait)
			sent = stepNow(timers, &state, Event(random.IntN(int(LocalChange)+1)), sent)
		}
		checkRate(t, sent)
	})
}

func stepNow(timers Timers, state *State, e Event, sent []time.Time) []time.Time {
	var a Action
	*state, a = timers.Step(*state, e, time.Now())
	if a != None {
		sent = append(sent, time.Now())
	}
	return sent
}

// checkRate looks at every run of frames that could break the limits first.
func checkRate(t *testing.T, sent []time.Time) {
	t.Helper()
	if len(sent) < 1000 {
		t.Fatalf("%d frames prove nothing", len(sent))
	}
	worst := 0
	for first := range sent {
		for last := first; last < len(sent) && last < first+200; last++ {
			earned := int(sent[last].Sub(sent[first]) / time.Second)
			worst = max(worst, last-first+1-earned)
		}
	}
	if worst > txCreditMax+1 {
		t.Errorf("%d frames more than one a second, want %d at most", worst, txCreditMax+1)
	}
	if !slices.IsSortedFunc(sent, time.Time.Compare) {
		t.Error("time goes back")
	}
}

func TestNames(t *testing.T) {
	var names []string
	for e := Tick; e <= LocalChange+1; e++ {
		names = append(names, e.String())
	}
	for a := None; a <= SendShutdown+1; a++ {
		names = append(names, a.String())
	}
	want := []string{
		"tick", "enable", "disable", "port down", "new neighbour", "local change", "event 6",
		"none", "send frame", "send shutdown", "action 3",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}
