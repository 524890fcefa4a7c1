// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"time"

	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// agentGone is for how long the plugin attaches by the word of an agent that is dead or
// frozen: long enough to replace one, and to find out why it does not start.
const agentGone = 15 * time.Minute

// leaseSlack is by how much two deadlines may differ and be the same: they are told by
// clocks of which one can be slewed.
const leaseSlack = 100 * time.Millisecond

// A lease is until when the plugin may attach by what was seen at one moment.
type lease struct {
	seen  time.Time     // that moment
	since time.Duration // the same since boot
}

// newLease is for what was seen at a time that is not in the future. What a step did long
// after that counts no longer for it: the agent may have been frozen in between.
func newLease(seen, now time.Time, sinceBoot time.Duration) lease {
	return lease{seen: seen, since: sinceBoot - max(0, now.Sub(seen))}
}

// until is the deadline of an uplink; nothing where there is nothing to end.
func (l lease) until(a *mapping.Uplink) time.Duration {
	if !a.Usable {
		return 0
	}
	granted := agentGone
	if !a.Until.IsZero() {
		granted = min(granted, a.Until.Sub(l.seen))
	}
	return max(l.since+granted, 1) // not 0, which would be none
}

// A renewal is what is to be done about the deadlines in a file.
type renewal struct {
	due   bool          // the file must be written again
	again time.Duration // when to look again, where nothing is due
}

// renew compares the deadlines of two files of the same content, of which one was written
// at a time since boot and the other should be. A deadline is renewed when less than half
// of it is left.
func renew(written, file *nodefile.File, at, now time.Duration) renewal {
	r := renewal{again: never}
	for i := range written.Networks {
		for j := range written.Networks[i].Uplinks {
			was, want := written.Networks[i].Uplinks[j].Until, file.Networks[i].Uplinks[j].Until
			left, half := was-now, (was-at)/2
			switch {
			case want < was-leaseSlack:
				r.due = true
			case was == 0: // not usable
			case left > half:
				r.again = min(r.again, left-half)
			case want > was+leaseSlack:
				r.due = true
			case left > 0: // there is no more to grant now
				r.again = min(r.again, max(left/2, time.Second))
			}
		}
	}
	return r
}
