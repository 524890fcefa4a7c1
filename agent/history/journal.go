// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/colvin-net/colvin/agent/agentapi"
)

// What changes is logged line by line, but not more than this in the long run:
// whoever floods a port must not fill the log, nor the history.
const (
	journalEvery = time.Second
	journalBurst = 100
)

// A Journal logs changes and keeps them, and says how many were left out.
type Journal struct {
	log     *slog.Logger
	files   files
	limit   *rate.Limiter
	urgent  *rate.Limiter // for containers and conditions, which no flood on a port may hide
	routers *rate.Limiter // for what routers announce, which may hide nothing else
	omitted int
}

// NewJournal returns a Journal that keeps its files in the directory.
func NewJournal(log *slog.Logger, dir string) *Journal {
	limiter := func() *rate.Limiter { return rate.NewLimiter(rate.Every(journalEvery), journalBurst) }
	return &Journal{log: log, files: files{dir: dir}, limit: limiter(), urgent: limiter(), routers: limiter()}
}

func (j *Journal) allows(c *agentapi.Change) bool {
	switch c.What {
	case agentapi.ChangePod, agentapi.ChangeCondition:
		return j.urgent.Allow()
	case agentapi.ChangePrefix:
		return j.routers.Allow()
	default:
		return j.limit.Allow()
	}
}

// Note takes down what became different between two States. known are the containers
// before, of which an earlier run may have told.
func (j *Journal) Note(before, after *agentapi.State, known []agentapi.ContainerAttachment) {
	j.note(diff(before, after, known))
}

// KeepUnsaved keeps what could not be kept before.
func (j *Journal) KeepUnsaved() { j.files.append() }

// Problem says why changes are not kept.
func (j *Journal) Problem() error { return j.files.problem() }

// Since returns what was recorded since t, by earlier runs too.
func (j *Journal) Since(t time.Time) (agentapi.Changes, error) { return j.files.since(t) }

func (j *Journal) note(changes []noted) {
	var taken []noted
	for _, c := range changes {
		if !j.allows(&c.Change) {
			j.omitted++
			continue
		}
		if j.omitted > 0 {
			taken = append(taken, noted{agentapi.Change{
				Time: c.Time, What: agentapi.ChangeOmitted, Reason: fmt.Sprintf("%d changes came too fast to record them all", j.omitted),
			}, true})
			j.omitted = 0
		}
		taken = append(taken, c)
	}
	var kept []agentapi.Change
	for i := range taken {
		taken[i].log(j.log)
		kept = append(kept, taken[i].Change)
	}
	j.files.append(kept...)
}
