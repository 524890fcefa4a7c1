// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/mapping"
)

// A reporter is a part of the agent that says what is wrong with it.
type reporter interface{ Conditions() []mapping.Condition }

// A report makes the State of a Step: it adds the conditions that only the agent's parts
// know.
type report struct {
	version string
	started time.Time
	of      []reporter
}

// Take implements sink.
func (r *report) Take(_ time.Time, s *Step) time.Duration {
	for _, part := range r.of {
		s.View.Conditions = append(s.View.Conditions, part.Conditions()...)
	}
	s.State = &agentapi.State{
		Version: r.version, Node: s.Node, BootID: s.BootID, Started: r.started,
		Rules: s.RuleStatus.Rules, Snapshot: s.Snapshot, Memory: s.Memory, View: s.View, Attachments: s.Attached, Writes: s.Writes,
	}
	if !s.RuleStatus.Unknown() {
		s.State.Basis = &agentapi.Basis{Sources: s.RuleStatus.From, Colours: s.Colours}
	}
	return never
}

// unwritten are parts that write files. What keeps them from it is one condition, since
// one full disk mostly does.
type unwritten []interface{ Unwritten() error }

// Conditions implements reporter.
func (u unwritten) Conditions() []mapping.Condition {
	var errs []error
	for _, part := range u {
		errs = append(errs, part.Unwritten())
	}
	if err := errors.Join(errs...); err != nil {
		return []mapping.Condition{{Type: mapping.FilesUnwritable, Message: err.Error()}}
	}
	return nil
}

// shown is the State for whoever asks the agent.
type shown struct {
	last  atomic.Pointer[agentapi.State]
	ready chan struct{} // closed once there are a State and a node file
	first sync.Once
}

func newShown() *shown { return &shown{ready: make(chan struct{})} }

// Take implements sink.
func (w *shown) Take(_ time.Time, s *Step) time.Duration {
	w.last.Store(s.State)
	if s.Out {
		w.first.Do(func() { close(w.ready) })
	}
	return never
}

func (w *shown) state() (*agentapi.State, error) {
	if s := w.last.Load(); s != nil {
		return s, nil
	}
	return nil, agentapi.ErrNotReady
}
