// SPDX-License-Identifier: Apache-2.0

package node

import (
	"log/slog"
	"time"

	"golang.org/x/time/rate"
)

// What changes is logged line by line, but not more than this in the long run:
// whoever floods a port must not fill the log.
const (
	journalEvery = time.Second
	journalBurst = 100
)

// A journal says which changes may be logged, and logs how many were left out.
type journal struct {
	log     *slog.Logger
	limit   *rate.Limiter
	omitted int
}

func newJournal(log *slog.Logger) *journal {
	return &journal{log: log, limit: rate.NewLimiter(rate.Every(journalEvery), journalBurst)}
}

// takes reports whether a change may be logged now.
func (j *journal) takes() bool {
	if !j.limit.Allow() {
		j.omitted++
		return false
	}
	if j.omitted > 0 {
		j.log.Warn("changes came too fast to log them all", "omitted", j.omitted)
		j.omitted = 0
	}
	return true
}
