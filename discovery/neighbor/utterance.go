// SPDX-License-Identifier: Apache-2.0

package neighbor

import (
	"bytes"
	"slices"
	"time"

	"github.com/colvin-net/colvin/discovery"
)

// An utterance is what a speaker says or said, and the last frame in which it did.
type utterance struct {
	raw      []byte
	neighbor discovery.Neighbor
	ofSwitch bool

	gaps  [4]time.Duration // the latest between two of its frames
	count int              // how many there were

	late, gone bool // and a Snapshot shows it
}

// A departure is an utterance whose speaker left.
type departure struct {
	utterance
	at    time.Time
	cause discovery.DepartureCause
}

// hear takes note of when frames of the utterance arrived.
func (u *utterance) hear(at ...time.Time) Outcome {
	n, outcome := &u.neighbor, Refreshed
	for _, at := range at {
		if !at.After(n.LastHeard) {
			continue // it was both delivered and kept back
		}
		if u.late || !at.Before(n.LateAt()) {
			u.late, u.gone, outcome = false, false, Returned
		}
		u.gaps[u.count%len(u.gaps)] = at.Sub(n.LastHeard)
		n.Before, n.LastHeard = n.LastHeard, at
		if u.count++; u.count > 1 {
			n.Longest = slices.Max(u.gaps[:])
		}
	}
	return outcome
}

// restate is the utterance as it was said in a frame that arrived at a time. It keeps
// its times, where it has some.
func (u utterance) restate(frame []byte, n discovery.Neighbor, at time.Time) utterance {
	said := &u.neighbor
	if said.FirstHeard.IsZero() {
		said.FirstHeard, said.LastHeard = at, at
	}
	u.hear(at)
	n.FirstHeard, n.Before, n.LastHeard, n.Longest = said.FirstHeard, said.Before, said.LastHeard, said.Longest
	u.raw, u.neighbor, u.ofSwitch = bytes.Clone(frame), n, ofSwitch(&n)
	u.late, u.gone = false, false
	return u
}

// age reports whether the utterance is late now, or gone, and was not before.
func (u *utterance) age(now time.Time) bool {
	late, gone := !u.neighbor.LateAt().After(now), !u.neighbor.GoneAt().After(now)
	changed := late && !u.late || gone && !u.gone
	u.late, u.gone = u.late || late, u.gone || gone
	return changed
}

// ages is when the utterance will next be late, gone or deleted.
func (u *utterance) ages() time.Time {
	n, next := &u.neighbor, u.neighbor.Expires()
	if at := n.LateAt(); !u.late && at.Before(next) {
		next = at
	}
	if at := n.GoneAt(); !u.gone && at.Before(next) {
		next = at
	}
	return next
}

// forgotten is when a past utterance tells nobody anything any more.
func (u *utterance) forgotten() time.Time {
	return u.neighbor.LastHeard.Add(discovery.LongestSilence)
}

// find returns the index of the utterance whose last frame was identical, or -1.
func find(in []utterance, frame []byte, tag uint16) int {
	for i := range in {
		if u := &in[i]; bytes.Equal(u.raw, frame) && u.neighbor.Tag == tag {
			return i
		}
	}
	return -1
}

func neighborsOf(in []utterance) []discovery.Neighbor {
	out := make([]discovery.Neighbor, len(in))
	for i := range in {
		out[i] = in[i].neighbor
	}
	return out
}

// giveUp is the index of what is given up first among too many: the first that no
// switch said, the first that was said once, as what is invented is, or else the first.
func giveUp[T any](in []T, of func(*T) *utterance) int {
	for i := range in {
		if !of(&in[i]).ofSwitch {
			return i
		}
	}
	for i := range in {
		if of(&in[i]).neighbor.Before.IsZero() {
			return i
		}
	}
	return 0
}

// ofSwitch reports whether a neighbour may be the switch at the other end of the cable.
// What was said in a VLAN anybody in it can have said.
func ofSwitch(n *discovery.Neighbor) bool {
	return n.Tag == 0 && discovery.SpeakerOf(n) == discovery.SpeakerSwitch
}

// sameSpeaker reports whether two neighbours are one speaker.
func sameSpeaker(a, b *discovery.Neighbor) bool {
	return a.Source == b.Source && a.MSAP == b.MSAP && a.Destination == b.Destination && a.Protocol == b.Protocol && a.Tag == b.Tag
}

// sameWords reports whether two neighbours say the same of what decides where a port
// leads, and of what rules can match.
func sameWords(a, b *discovery.Neighbor) bool {
	return a.PVID == b.PVID && a.ManagementVID == b.ManagementVID && slices.Equal(a.VLANs, b.VLANs) &&
		a.SystemName == b.SystemName && a.SystemDescription == b.SystemDescription && a.PortDescription == b.PortDescription &&
		a.Capabilities == b.Capabilities && slices.Equal(a.ManagementAddresses, b.ManagementAddresses)
}
