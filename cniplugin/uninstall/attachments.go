// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"cmp"
	"slices"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/bootid"
)

// A State is what an attachment waits for.
type State string

// The states of attachments.
const (
	Attached State = "attached" // the container may be there: its end
	Adding   State = "adding"   // the end of its ADD
	// The others wait for "colvin gc".
	Failed   State = "failed"   // its ADD failed or was killed
	Stuck    State = "stuck"    // its DEL fails
	Gone     State = "gone"     // the container is gone, and nobody called DEL
	Rebooted State = "rebooted" // so it is since the node was rebooted
)

// Collectable reports whether "colvin gc" ends such attachments.
func (s State) Collectable() bool { return s != Attached && s != Adding }

// An Attachment is one that was not ended.
type Attachment struct {
	record.Record
	State State
}

// attachments reads what is recorded in directories, and counts what cannot be read.
func attachments(dirs []string) (list []Attachment, unreadable int, why, err error) {
	boot, err := bootid.Read()
	if err != nil {
		return nil, 0, nil, err
	}
	here := record.NewObserver()
	for _, dir := range slices.Compact(slices.Sorted(slices.Values(dirs))) {
		l, err := record.List(dir)
		if err != nil {
			return nil, 0, nil, err
		}
		unreadable, why = unreadable+l.Skipped, cmp.Or(why, l.Why)
		netns := make([]record.Netns, len(l.Records))
		for i := range l.Records {
			netns[i] = l.Records[i].Netns
		}
		for i, sight := range here.Look(netns) {
			r := l.Records[i]
			list = append(list, Attachment{r, stateOf(&r, boot, sight, record.AtWork(dir, r.Key))})
		}
	}
	return list, unreadable, why, nil
}

// stateOf is the state of an attachment, by what helps most.
func stateOf(r *record.Record, boot string, sight record.Sight, atWork bool) State {
	switch {
	case r.BootID != boot:
		return Rebooted
	case sight == record.Gone:
		return Gone
	case !r.Unwanted.IsZero():
		return Stuck
	case r.Failed != "":
		return Failed
	case r.Phase == record.Adding && atWork:
		return Adding
	case r.Phase == record.Adding:
		return Failed
	}
	return Attached
}
