// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/history"
)

// A remainder is the sink that keeps changes which could not be kept before.
type remainder struct{ of *history.Journal }

// Take implements sink.
func (r remainder) Take(time.Time, *Step) time.Duration {
	r.of.KeepUnsaved()
	return never
}

// Finish tries once more: who starts next does not know them.
func (r remainder) Finish() error {
	r.of.KeepUnsaved()
	return r.of.Problem()
}

// Unwritten says why changes are not kept.
func (r remainder) Unwritten() error { return r.of.Problem() }

// A chronicle is the sink that notes what became different from one State to the next.
type chronicle struct {
	to   *history.Journal
	last *agentapi.State
}

// Take implements sink.
func (c *chronicle) Take(_ time.Time, s *Step) time.Duration {
	c.to.Note(c.last, s.State, s.Before)
	c.last = s.State
	if c.to.Problem() != nil { // to be told, and kept after all
		return lookEvery
	}
	return never
}
