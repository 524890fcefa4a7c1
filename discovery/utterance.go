// SPDX-License-Identifier: Apache-2.0

package discovery

import "time"

// The bounds of Interval and GoneAt: what makers' defaults and the standard's ranges leave
// (IEEE Std 802.1AB-2016, 9.2.5.7: 30 s; CDP: 60 s), and what a time to live of hours does
// not change.
const (
	shortestInterval    = 30 * time.Second
	shortestCDPInterval = 60 * time.Second
	longestInterval     = 5 * time.Minute
	longestAbsence      = 20 * time.Minute
)

// Interval is how far apart its frames are expected: the longest of the last four gaps
// between them, or, before two gaps are known, a quarter of the time to live.
func (n *Neighbor) Interval() time.Duration {
	interval := n.Longest
	if interval == 0 {
		interval = n.Lifetime() / 4
	}
	shortest := shortestInterval
	if n.Protocol == ProtocolCDP {
		shortest = shortestCDPInterval
	}
	return min(max(interval, shortest), longestInterval)
}

// LateAt is when the next frame is no longer on time: one, and the next, did not come.
func (n *Neighbor) LateAt() time.Time { return n.LastHeard.Add(n.Interval() * 5 / 2) }

// GoneAt is when the speaker counts as gone, unless it is heard before.
func (n *Neighbor) GoneAt() time.Time {
	interval := n.Interval()
	absence := max(interval*5/2, min(n.Lifetime(), 4*interval))
	return n.LastHeard.Add(min(absence, longestAbsence))
}
