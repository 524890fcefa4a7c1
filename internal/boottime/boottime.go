// SPDX-License-Identifier: Apache-2.0

// Package boottime is a time axis that nobody can set and that goes on while the machine
// is suspended. Times on it look like the time of day, which they were when the process
// started, and have no monotonic clock reading: only what lies between two of them is
// exact. On Linux it is CLOCK_BOOTTIME, elsewhere the monotonic clock.
package boottime

import "time"

// steady is how long it may take at most to read two clocks as one, unless the machine
// is too busy for that.
const steady, tries = time.Millisecond, 10

var anchor = Offset()

// Now is the present time on the axis.
func Now() time.Time { return At(SinceBoot()) }

// At is the time on the axis at which the machine was up for that long.
func At(sinceBoot time.Duration) time.Time { return time.Unix(0, int64(anchor+sinceBoot)) }

// SinceBootAt is how long the machine was up at a time on the axis: the same in all
// processes, until it boots again.
func SinceBootAt(t time.Time) time.Duration { return time.Duration(t.UnixNano()) - anchor }

// FromWall is when it was that time of day, on the axis, unless the time of day was set
// since then.
func FromWall(t time.Time) time.Time { return At(time.Duration(t.UnixNano()) - Offset()) }

// Offset is the time of day, since 1970, at which the machine would have booted. It
// changes when the time of day is set, and only then.
func Offset() time.Duration {
	for try := 1; ; try++ {
		before := SinceBoot()
		wall := time.Duration(time.Now().UnixNano())
		after := SinceBoot()
		if after-before < steady || try == tries {
			return wall - before - (after-before)/2
		}
	}
}
