// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin"
	"github.com/colvin-net/colvin/cniplugin/record"
)

// lookFor is how long containers are looked into, however many there are.
const lookFor = 10 * time.Second

// A shownAttachment is an attachment and what is seen of its interface.
type shownAttachment struct {
	agentapi.ContainerAttachment
	// Unseen is why nobody looked for the interface in the container: its status is about
	// its device alone then.
	Unseen string `json:"unseen,omitempty"`
}

// lookInside looks for the interfaces of all that should have one.
func (a *app) lookInside(ctx context.Context, attached []agentapi.ContainerAttachment, dir string) []shownAttachment {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	out := make([]shownAttachment, len(attached))
	for i := range attached {
		out[i].ContainerAttachment = attached[i]
	}
	l, err := record.ListWhole(dir)
	why := cmp.Or(errors.Join(err, l.Why), fmt.Errorf("%s has no record of it", dir)).Error()
	at := map[record.Key]*shownAttachment{}
	for i := range out {
		if o := &out[i]; o.Attached() && o.Orphaned == "" && o.Returned == nil {
			at[o.Key], o.Unseen = o, why
		}
	}
	var records []record.Record
	for _, r := range l.Records {
		if at[r.Key] != nil {
			records = append(records, r)
		}
	}
	for i, f := range cniplugin.Inspect(ctx, records) {
		at[records[i].Key].see(f, a.now())
	}
	return out
}

// see makes the status that of the interface, where it cannot be reached whatever its
// device leads to.
func (at *shownAttachment) see(f cniplugin.Finding, now time.Time) {
	at.Unseen = ""
	status := at.Status
	switch f.Sight {
	case cniplugin.Unseen:
		at.Unseen = f.Why
		return
	case cniplugin.Whole:
		return
	case cniplugin.Down:
		if at.Status == agentapi.ContainerMoved || at.Status == agentapi.ContainerDown { // it is worse, or known already
			return
		}
		status = agentapi.ContainerDown
	case cniplugin.Altered:
		status = agentapi.ContainerAltered
	case cniplugin.Missing:
		if at.Taken && at.Status == agentapi.ContainerDown { // it is known where it is
			return
		}
		status, at.Exposed = agentapi.ContainerMissing, false
	}
	before := ""
	switch at.Status { // it helps nobody to mend one and not the other
	case agentapi.ContainerDown:
		before = "; " + at.Reason
	case agentapi.ContainerMoved:
		before = fmt.Sprintf("; %s leads to %s", at.Device.Name, at.LeadsTo())
	default:
	}
	at.Status, at.Reason, at.Since = status, f.Why+before, now.UTC().Round(0)
}
