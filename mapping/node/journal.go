// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
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
	omitted int
}

func newJournal(log *slog.Logger, h *history) *journal {
	return &journal{log: log, history: h, limit: rate.NewLimiter(rate.Every(journalEvery), journalBurst)}
}

// note takes down what changed.
func (j *journal) note(changes []Change) {
	var taken []Change
	for _, c := range changes {
		if !j.limit.Allow() {
			j.omitted++
			continue
		}
		if j.omitted > 0 {
			taken = append(taken, Change{
				Time: c.Time, What: ChangeOmitted, Reason: fmt.Sprintf("%d changes came too fast to record them all", j.omitted), warn: true,
			})
			j.omitted = 0
		}
		taken = append(taken, c)
	}
	for i := range taken {
		taken[i].log(j.log)
	}
	j.history.append(taken...)
}
