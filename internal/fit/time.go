// SPDX-License-Identifier: Apache-2.0

package fit

import (
	"fmt"
	"time"
)

// units are those in which people count, once there are two of one.
var units = []struct {
	length       time.Duration
	word, letter string
}{
	{24 * time.Hour, " days", "d"},
	{time.Hour, " h", "h"},
	{time.Minute, " min", "m"},
}

// Span rounds a duration for prose: 1m30s, 5 min, 3 h or 2 days. None is negative.
func Span(d time.Duration) string {
	for _, u := range units {
		if d >= 2*u.length {
			return fmt.Sprintf("%d%s", d/u.length, u.word)
		}
	}
	return max(d, 0).Round(time.Second).String()
}

// Age rounds a duration to what fits a column: 90s, 5m, 3h or 2d. None is negative.
func Age(d time.Duration) string {
	for _, u := range units {
		if d >= 2*u.length {
			return fmt.Sprintf("%d%s", d/u.length, u.letter)
		}
	}
	return fmt.Sprintf("%ds", max(d, 0)/time.Second)
}

// Stamp is a moment in the time zone of whoever reads it.
func Stamp(t time.Time) string { return t.Local().Format(time.DateTime) }
