// SPDX-License-Identifier: Apache-2.0

// Package transmit is the send side of LLDP on one port: when a frame is due,
// what it says, and where Colvin had better be silent. It opens no sockets and
// starts no timers; the caller brings facts and the time, and writes the frames.
package transmit

import (
	"fmt"
	"math"
	"time"
)

// The defaults of IEEE Std 802.1AB-2016.
const (
	msgTxInterval = 30 * time.Second // 9.2.5.7
	msgTxHold     = 4                // 9.2.5.6
	msgFastTx     = time.Second      // 9.2.5.5
	reinitDelay   = 2 * time.Second  // 9.2.5.10
	txCreditMax   = 5                // 9.2.5.17
	txFastInit    = 4                // 9.2.5.19
)

// txTick is the time in which a port earns one credit (9.2.5.18).
const txTick = time.Second

// Timers are the parameters of the transmit machines.
type Timers struct {
	Interval  time.Duration // msgTxInterval: between frames
	Hold      int           // msgTxHold: for how many intervals a frame is valid
	Fast      time.Duration // msgFastTx: between frames when a neighbour is new
	FastInit  int           // txFastInit: how many of these
	CreditMax int           // txCreditMax: frames in a row
	Reinit    time.Duration // reinitDelay: from a shutdown frame to the next
}

// defaultTimers are the timers with the values that the standard recommends.
func defaultTimers() Timers {
	return Timers{
		Interval: msgTxInterval, Hold: msgTxHold, Fast: msgFastTx, FastInit: txFastInit,
		CreditMax: txCreditMax, Reinit: reinitDelay,
	}
}

// TTL is the time to live in seconds that frames tell: txTTL (9.2.5.22).
func (t Timers) TTL() uint16 {
	seconds := t.Interval*time.Duration(t.Hold)/time.Second + 1
	return uint16(min(seconds, math.MaxUint16))
}

// An event is what happens to a port.
type event int

// The events.
const (
	tick        event = iota // time has passed
	enable                   // portEnabled, and adminStatus allows to transmit
	disable                  // adminStatus no longer allows it
	portDown                 // portEnabled is false: no frame can leave
	newNeighbor              // newNeighbor: somebody is there who was not before
	localChange              // localChange: we have something else to say
)

// String returns the event's name.
func (e event) String() string {
	names := [...]string{"tick", "enable", "disable", "port down", "new neighbour", "local change"}
	if e < 0 || int(e) >= len(names) {
		return fmt.Sprintf("event %d", int(e))
	}
	return names[e]
}

// An action is what a step asks for.
type action int

// The actions.
const (
	noEvent      action = iota
	sendFrame           // mibConstrInfoLLDPDU, txFrame
	sendShutdown        // mibConstrShutdownLLDPDU, txFrame
)

// String returns the action's name.
func (a action) String() string {
	names := [...]string{"none", "send frame", "send shutdown"}
	if a < 0 || int(a) >= len(names) {
		return fmt.Sprintf("action %d", int(a))
	}
	return names[a]
}

type phase int

const (
	initialize phase = iota // TX_LLDP_INITIALIZE: silent
	idle                    // TX_IDLE
	shutdown                // TX_SHUTDOWN_FRAME: was sent, reinitDelay runs
)

// A state is the state of the transmit machine and of its timer machine (IEEE
// Std 802.1AB-2016, 9.2.8 and 9.2.9), joined into one. The zero state is that of
// a port that never sent.
//
// It differs from the standard in two ways. Credits are not restored when the
// port is initialized, and a shutdown frame costs one, so that neither a flapping
// link nor somebody who keeps switching makes a port send more than its share.
// And who has said nothing says no goodbye.
type state struct {
	phase   phase
	enabled bool      // what to go back to after a shutdown
	said    bool      // a frame was sent since the last goodbye
	due     time.Time // idle: when txTTR is 0; shutdown: when txShutdownWhile is 0
	fast    int       // txFast
	pending bool      // txNow: a frame is wanted, whether there is a credit or not

	spent int       // txCreditMax - txCredit; more than txCreditMax is a debt
	tick  time.Time // when the last of the earned credits was earned
}

// step does what an event asks for at a time that never goes back.
func (t Timers) step(s state, e event, now time.Time) (state, action) {
	s.earn(now)
	switch e {
	case enable:
		s.enabled = true
	case disable:
		s.enabled = false
	case portDown:
		s.phase, s.enabled, s.said, s.pending = initialize, false, false, false
		return s, noEvent
	case tick, newNeighbor, localChange:
	}
	if s.phase == idle && !s.enabled {
		return t.goodbye(s, now)
	}
	if s.phase == shutdown && !now.Before(s.due) {
		s.phase = initialize
	}
	if s.phase == initialize && s.enabled {
		s.phase, s.fast, s.due = idle, 0, now // TX_TIMER_INITIALIZE: txTTR is 0
	}
	if s.phase != idle {
		return s, noEvent
	}
	return t.transmit(t.signal(s, e, now), now)
}

// goodbye is TX_SHUTDOWN_FRAME.
func (t Timers) goodbye(s state, now time.Time) (state, action) {
	s.pending = false
	if !s.said {
		s.phase = initialize
		return s, noEvent
	}
	s.phase, s.said, s.due = shutdown, false, now.Add(t.Reinit)
	s.spend(now)
	return s, sendShutdown
}

// signal is the timer machine: it decides whether a frame is wanted now, and when
// the next one is.
func (t Timers) signal(s state, e event, now time.Time) state {
	expires := !now.Before(s.due)
	if e == newNeighbor { // TX_FAST_START
		expires = true
		if s.fast == 0 {
			s.fast = t.FastInit
		}
	}
	if expires && s.fast > 0 { // TX_TIMER_EXPIRES
		s.fast--
	}
	if !expires && e != localChange {
		return s
	}
	s.pending, s.due = true, now.Add(t.Interval) // SIGNAL_TX
	if s.fast > 0 {
		s.due = now.Add(t.Fast)
	}
	return s
}

// transmit is TX_INFO_FRAME.
func (t Timers) transmit(s state, now time.Time) (state, action) {
	if !s.pending || s.spent >= t.CreditMax {
		return s, noEvent
	}
	s.pending, s.said = false, true
	s.spend(now)
	return s, sendFrame
}

// earn is txAddCredit, for all the ticks that have passed.
func (s *state) earn(now time.Time) {
	if s.spent == 0 {
		return
	}
	ticks := now.Sub(s.tick) / txTick
	s.tick = s.tick.Add(ticks * txTick)
	s.spent -= int(min(ticks, time.Duration(s.spent)))
}

func (s *state) spend(now time.Time) {
	if s.spent == 0 {
		s.tick = now
	}
	s.spent++
}

// Wake is when the next tick is needed, unless an event comes before.
func (t Timers) Wake(s state) (time.Time, bool) {
	switch {
	case s.phase == shutdown && s.enabled:
		return s.due, true
	case s.phase != idle:
		return time.Time{}, false
	case s.pending: // for want of credit
		owed := time.Duration(s.spent - t.CreditMax + 1)
		return s.tick.Add(owed * txTick), true
	default:
		return s.due, true
	}
}
