// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"time"

	"github.com/colvin-net/colvin/agent/altnames"
)

// A withdrawal is the sink that takes alternative names away. They end with the agent.
type withdrawal struct{ of *altnames.Sink }

// Take implements sink.
func (w withdrawal) Take(_ time.Time, s *Step) time.Duration {
	return w.of.Withdraw(&s.View, s.Snapshot.Interfaces)
}

// Finish takes away what nobody would look after.
func (w withdrawal) Finish() error { return w.of.Clear() }

// giving is the sink that gives the alternative names which withdrawal found wanted.
type giving struct{ of *altnames.Sink }

// Take implements sink.
func (g giving) Take(_ time.Time, s *Step) time.Duration {
	if !s.Current { // then there is another Step when it can be
		return never
	}
	return g.of.Give(s.Snapshot.Interfaces)
}
