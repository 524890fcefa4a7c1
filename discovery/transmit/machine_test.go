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
	events map[time.Duration]event
	until  time.Duration
	want   []string // action@time
}

const sec = time.Second

var scripts = []script{
	{
		"interval",
		map[time.Duration]event{0: enable},
		100 * sec,
		[]string{"send frame@0s", "send frame@30s", "send frame@1m0s", "send frame@1m30s"},
	},
	{
		"a new neighbour",
		map[time.Duration]event{0: enable, 10 * sec: newNeighbor},
		50 * sec,
		[]string{"send frame@0s", "send frame@10s", "send frame@11s", "send frame@12s", "send frame@13s", "send frame@43s"},
	},
	{
		"another during the fast start does not prolong it",
		map[time.Duration]event{0: enable, 10 * sec: newNeighbor, 10*sec + sec/2: newNeighbor},
		30 * sec,
		[]string{"send frame@0s", "send frame@10s", "send frame@10.5s", "send frame@11.5s", "send frame@12.5s"},
	},
	{
		"a change",
		map[time.Duration]event{0: enable, 10 * sec: localChange},
		45 * sec,
		[]string{"send frame@0s", "send frame@10s", "send frame@40s"},
	},
	{
		"changes beyond the credit",
		map[time.Duration]event{
			0: enable, 100 * time.Millisecond: localChange, 200 * time.Millisecond: localChange, 300 * time.Millisecond: localChange,
			400 * time.Millisecond: localChange, 500 * time.Millisecond: localChange, 600 * time.Millisecond: localChange,
		},
		10 * sec, // the last two are one frame, as soon as there is a credit
		[]string{"send frame@0s", "send frame@100ms", "send frame@200ms", "send frame@300ms", "send frame@400ms", "send frame@1s"},
	},
	{
		"shutdown",
		map[time.Duration]event{0: enable, 10 * sec: disable, 10*sec + sec/2: enable},
		30 * sec,
		[]string{"send frame@0s", "send shutdown@10s", "send frame@12s"},
	},
	{
		"shutdown, enabled later",
		map[time.Duration]event{0: enable, 10 * sec: disable, 20 * sec: enable},
		30 * sec,
		[]string{"send frame@0s", "send shutdown@10s", "send frame@20s"},
	},
	{
		"news while shut down",
		map[time.Duration]event{0: enable, 10 * sec: disable, 11 * sec: localChange, 13 * sec: newNeighbor},
		60 * sec,
		[]string{"send frame@0s", "send shutdown@10s"},
	},
	{
		"nothing said, no goodbye",
		map[time.Duration]event{0: newNeighbor, 1 * sec: disable, 2 * sec: localChange},
		60 * sec,
		nil,
	},
	{
		"link down",
		map[time.Duration]event{0: enable, 10 * sec: portDown, 11 * sec: disable, 12 * sec: enable},
		45 * sec,
		[]string{"send frame@0s", "send frame@12s", "send frame@42s"},
	},
	{
		"link down during reinitDelay",
		map[time.Duration]event{0: enable, 10 * sec: disable, 11 * sec: portDown, 11*sec + sec/2: enable},
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
	timers, state, start := defaultTimers(), state{}, time.Unix(0, 0)
	step := func(e event, at time.Duration) {
		var a action
		if state, a = timers.step(state, e, start.Add(at)); a != noEvent {
			out = append(out, fmt.Sprintf("%s@%s", a, at))
		}
	}
	for at := range sc.until / time.Millisecond {
		now := at * time.Millisecond
		if wake, ok := timers.Wake(state); ok && !start.Add(now).Before(wake) {
			step(tick, now)
		}
		if e, ok := sc.events[now]; ok {
			step(e, now)
		}
	}
	return out
}

func TestTTL(t *testing.T) {
	timers := defaultTimers()
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
		timers, state := defaultTimers(), state{}
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
					sent = stepNow(timers, &state, tick, sent)
					continue
				}
			}
			time.Sleep(wait)
			sent = stepNow(timers, &state, event(random.IntN(int(localChange)+1)), sent)
		}
		checkRate(t, sent)
	})
}

func stepNow(timers Timers, state *state, e event, sent []time.Time) []time.Time {
	var a action
	*state, a = timers.step(*state, e, time.Now())
	if a != noEvent {
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
	for e := tick; e <= localChange+1; e++ {
		names = append(names, e.String())
	}
	for a := noEvent; a <= sendShutdown+1; a++ {
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
