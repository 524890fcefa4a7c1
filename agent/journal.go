// SPDX-License-Identifier: Apache-2.0

package agent

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

// A journal logs changes and keeps them, and says how many were left out.
type journal struct {
	log     *slog.Logger
	history *history
	limit   *rate.Limiter
	urgent  *rate.Limiter // for containers and conditions, which no flood on a port may hide
	omitted int
}

func newJournal(log *slog.Logger, h *history) *journal {
	limiter := func() *rate.Limiter { return rate.NewLimiter(rate.Every(journalEvery), journalBurst) }
	return &journal{log: log, history: h, limit: limiter(), urgent: limiter()}
}

func (j *journal) allows(c *agentapi.Change) bool {
	if c.What == agentapi.ChangePod || c.What == agentapi.ChangeCondition {
		return j.urgent.Allow()
	}
	return j.limit.Allow()
}

// note takes down what changed.
func (j *journal) note(changes []noted) {
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
	j.history.append(kept...)
}
