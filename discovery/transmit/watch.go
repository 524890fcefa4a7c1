// SPDX-License-Identifier: Apache-2.0

package transmit

import "time"

const (
	// watchTime is how long a port listens for another speaker of this node: one
	// msgTxInterval and some patience, so that whoever speaks is heard once.
	watchTime = 35 * time.Second
	// watchAgain is when a port watches anew, for a speaker that was started later
	// or has gone. Meanwhile the tap is closed: it costs a copy of each frame that
	// the node sends.
	watchAgain = 10 * time.Minute
)

// A watch finds out whether a second speaker would do harm. It runs when the link
// comes up and then again and again. A reason for silence holds as soon as it is
// found, and until a later watch has ended without finding one, so that nobody
// makes the port waver.
type watch struct {
	time, again time.Duration

	begun   bool      // since the link came up
	first   bool      // the first watch has not ended
	next    time.Time // when the next one begins; zero while one runs
	ends    time.Time // when it ends
	found   string    // what it found
	silence string    // the reason in force
}

// stop is for a port without a link: what was found holds no longer.
func (w *watch) stop() {
	*w = watch{time: w.time, again: w.again}
}

// running reports whether a watch runs now.
func (w *watch) running() bool { return w.begun && w.next.IsZero() }

// advance begins and ends watches.
func (w *watch) advance(now time.Time) {
	switch {
	case !w.begun:
		w.begun, w.first = true, true
		w.begin(now)
	case !w.next.IsZero() && !now.Before(w.next):
		w.begin(now)
	case w.next.IsZero() && !now.Before(w.ends):
		w.end(now)
	}
}

func (w *watch) begin(now time.Time) {
	w.next, w.ends, w.found = time.Time{}, now.Add(w.time), ""
}

func (w *watch) end(now time.Time) {
	w.silence, w.first = w.found, false
	w.next = now.Add(w.again)
}

// find has a reason for silence hold from now on. Nothing more can be found out
// by watching on.
func (w *watch) find(now time.Time, reason string) {
	w.found = reason
	w.end(now)
}

// wake is when advance has something to do.
func (w *watch) wake() time.Time {
	if w.next.IsZero() {
		return w.ends
	}
	return w.next
}
