// SPDX-License-Identifier: Apache-2.0

// Package settle says when what changes in several steps has come to rest. It keeps the
// time for nobody: whoever waits has the clock. It uses the standard library only.
package settle

import "time"

// Rest is how long what changes must have come to rest before it counts, but no longer
// than Most: a rule that an admin moves from one RuleSet to another is nowhere for a
// moment. Nodes and controller wait alike.
const (
	Rest = 300 * time.Millisecond
	Most = time.Second
)

// A Window is the time in which changes belong together. The zero Window is of no
// change.
type Window struct{ first, last time.Time }

// Renew returns the Window after one more change.
func (w Window) Renew(now time.Time) Window {
	if w.first.IsZero() {
		w.first = now
	}
	w.last = now
	return w
}

// Left is for how long the changes do not count yet; it is never negative, and 0 where
// there are none.
func (w Window) Left(now time.Time) time.Duration {
	if w.first.IsZero() {
		return 0
	}
	return max(0, min(w.last.Add(Rest).Sub(now), w.first.Add(Most).Sub(now)))
}
