// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/altnames"
	"github.com/colvin-net/colvin/agent/history"
	"github.com/colvin-net/colvin/discovery"
)

// lookEvery is how often the loop looks whether what sinks left is still there.
const lookEvery = time.Minute

// never is when there is no reason to do something again.
const never = 24 * time.Hour

// A Loop waits until something changes, has a Step made of it, and hands that on to sinks.
type Loop struct {
	now       func() time.Time // the clock of the Snapshots
	snapshots SnapshotSource
	rules     RuleSource
	records   RecordSource
	cluster   *clusterColours
	metrics   *metricsServer // nil where there is none
	mapper    *mapper
	sinks     []sink // as order lists them
	shown     *shown
	journal   *history.Journal

	wanted  chan chan<- struct{} // who waits for a Step
	waiting []chan<- struct{}    // for the next one
	orders  chan *forgetting
}

// A sink acts on each Step. It keeps its own limits, retries and conditions, and knows no
// other: what those after it need of it is in the Step. What is wrong with it, it says to
// the report.
type sink interface {
	// Take acts on a Step, and returns when it wants one again though nothing happens.
	Take(now time.Time, s *Step) (again time.Duration)
}

// A finisher is a sink that has something to do when the agent ends.
type finisher interface{ Finish() error }

// A leaver is a sink that leaves what others may remove; then it wants a Step.
type leaver interface{ Intact() bool }

// order lists the sinks as they take each Step, and end.
func order(names *altnames.Sink, f *files, m *memoryCopy, c *clusterColours, j *history.Journal, a *routerWatch, r *report, w *shown, p publisher) []sink {
	return []sink{
		withdrawal{names}, // first, and never held back: no name outlives its mapping
		f,                 // memory, then node file: a restarted agent contradicts nothing that the plugin has read
		giving{names},     // after the file: whom a name leads here finds it there
		m,                 // it is for another boot, so nobody need wait for it; before the report, as the next
		c,                 // before the report: what is kept by now is no problem any more
		remainder{j},      // likewise
		a,                 // what it finds, the report tells
		r,                 // after all that act, before all that tell: it makes the State
		w,                 // here before anywhere else
		p,                 // it waits for nobody
		&chronicle{to: j}, // it writes, which nobody need wait for
	}
}

// String names the task.
func (*Loop) String() string { return "map networks" }

// Run maps until ctx ends. Whatever is the reason for another Step, it is made of a fresh
// Snapshot: what is late by now has to be listened for first, and where nobody listens any
// more there is no Step, so that none renews what it does not know.
func (l *Loop) Run(ctx context.Context) error {
	var due time.Time // when there is something to do though nothing happens; zero before the first Step
	wake := time.NewTimer(lookEvery)
	defer wake.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.finish()
		case snapshot := <-l.snapshots.Updates():
			again := l.step(snapshot)
			due = l.now().Add(again)
			wake.Reset(min(lookEvery, again))
			continue
		case r := <-l.rules.Updates():
			l.mapper.rules.Rules = r
		case u := <-l.cluster.updates():
			if l.cluster.learn(u) {
				l.rules.Offer(u.RuleSets)
			}
		case r := <-l.records.Updates():
			l.mapper.containers.records = r
		case <-l.metrics.Changed(): // what is told is another
		case made := <-l.wanted:
			select {
			case r := <-l.records.Updates():
				l.mapper.containers.records = r
			default:
			}
			l.waiting = append(l.waiting, made)
		case f := <-l.orders:
			l.mapper.forgets = append(l.mapper.forgets, f)
		case <-wake.C:
			if now := l.now(); now.Before(due) && l.intact() {
				wake.Reset(min(lookEvery, due.Sub(now)))
				continue
			}
			wake.Reset(lookEvery)
		}
		l.snapshots.Look()
	}
}

// step makes a Step of the snapshot, hands it on, and returns when to do so again though
// nothing happens.
func (l *Loop) step(snapshot *discovery.Snapshot) time.Duration {
	now := l.now()
	s, wake := l.mapper.step(now, snapshot)
	again := never
	for _, k := range l.sinks {
		again = min(again, k.Take(now, s))
	}
	for _, made := range l.waiting {
		close(made)
	}
	l.waiting = nil
	for _, f := range l.mapper.forgets {
		close(f.done)
	}
	l.mapper.forgets = nil
	return max(min(again, wake.Sub(l.now())), time.Millisecond)
}

// intact reports whether what the sinks left is still there.
func (l *Loop) intact() bool {
	for _, k := range l.sinks {
		if k, ok := k.(leaver); ok && !k.Intact() {
			return false
		}
	}
	return true
}

// finish has the sinks end.
func (l *Loop) finish() error {
	var errs []error
	for _, k := range l.sinks {
		if k, ok := k.(finisher); ok {
			errs = append(errs, k.Finish())
		}
	}
	return errors.Join(errs...)
}

// Ready is closed once the first node file is out.
func (l *Loop) Ready() <-chan struct{} { return l.shown.ready }

// State returns what the agent knew after the last change.
func (l *Loop) State() (*agentapi.State, error) { return l.shown.state() }

// Renew has a Step made of what the sources have now, and waits for it. The error says what
// it waited for when ctx ended.
func (l *Loop) Renew(ctx context.Context) error {
	made := make(chan struct{})
	select {
	case l.wanted <- made:
	case <-ctx.Done():
		return errors.New("the last step does not end")
	}
	select {
	case <-made:
		return nil
	case <-ctx.Done():
		return errors.New("nothing is observed, or the step that follows from it does not end")
	}
}

// Changes are what was recorded since t, by earlier runs too.
func (l *Loop) Changes(t time.Time) (agentapi.Changes, error) { return l.journal.Since(t) }

// Forget forgets what was heard on a port, and returns who that was, once the sinks have
// taken what follows from it. The error is a Refusal where there is a reason not to.
func (l *Loop) Forget(ctx context.Context, ifname string) (agentapi.Forgotten, error) {
	f := &forgetting{ifname: ifname, done: make(chan struct{})}
	select {
	case l.orders <- f:
	case <-ctx.Done():
		return agentapi.Forgotten{}, ctx.Err()
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return agentapi.Forgotten{}, ctx.Err()
	}
	if f.err != nil {
		return agentapi.Forgotten{}, agentapi.Refusal{Why: f.err.Error()}
	}
	return agentapi.Forgotten{Interface: ifname, Neighbor: f.who}, nil
}
