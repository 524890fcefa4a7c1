// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/latest"
)

const (
	// A NodeTopology is written at once, but not more often than this in the long run.
	writeBurst = 3
	writeEvery = 15 * time.Second

	// lookEvery is how often the agent looks whether its NodeTopology is still as it was
	// written: nobody else writes it, but an admin may delete it.
	lookEvery = 5 * time.Minute

	// writeTimeout bounds one attempt.
	writeTimeout = 10 * time.Second
)

// writeBackoff is how long the next attempt waits after one that failed.
var writeBackoff = wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.3, Steps: 12, Cap: 4 * time.Second}

// refusedBackoff is how long it waits where an admin has to do something: that takes a
// while, and meanwhile all nodes may be refused.
var refusedBackoff = wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.3, Steps: 12, Cap: time.Minute}

// A writer makes the cluster's object what it should be. It writes nothing where it
// is so already, and tells whether it did.
type writer interface {
	write(ctx context.Context, spec *v1alpha1.NodeTopologySpec) (written bool, err error)
}

// A publisher writes what the node sees, whenever that changes.
type publisher struct {
	to      writer
	trouble trouble // of the last attempt
	log     *slog.Logger
	in      chan *agentapi.State // holds the latest at most

	tooLarge atomic.Pointer[string] // what is not published, in words; empty for nothing

	// Owned by run.
	last      *agentapi.State // nil before the first
	limit     *rate.Limiter
	first     waits                      // after the first failure
	next      waits                      // after the next one
	published *v1alpha1.NodeTopologySpec // nil while it is not known what the cluster has
	look      time.Time                  // when that is to be looked at again
}

// waits are how long the attempt after a failed one waits.
type waits struct {
	failed  wait.Backoff
	refused wait.Backoff // while an admin has to do something
}

func (w *waits) after(err error) time.Duration {
	if permanent(err) {
		return w.refused.Step()
	}
	return w.failed.Step()
}

func newPublisher(to writer, changed func(), log *slog.Logger) *publisher {
	backoff := waits{failed: writeBackoff, refused: refusedBackoff}
	return &publisher{
		to: to, trouble: trouble{changed: changed}, log: log, in: make(chan *agentapi.State, 1),
		limit: rate.NewLimiter(rate.Every(writeEvery), writeBurst), first: backoff, next: backoff,
	}
}

// offer takes what the node knows now.
func (p *publisher) offer(s *agentapi.State) { latest.Put(p.in, s) }

// problem is why the last attempt failed.
func (p *publisher) problem() error {
	_, err := p.trouble.problem()
	return err
}

// leftOut says what is not published, because it is too much; empty where all is.
func (p *publisher) leftOut() string {
	if said := p.tooLarge.Load(); said != nil {
		return *said
	}
	return ""
}

// run publishes until ctx ends.
func (p *publisher) run(ctx context.Context) error {
	again := time.NewTimer(lookEvery)
	defer again.Stop()
	var notBefore time.Time // after a failure
	for {
		select {
		case <-ctx.Done():
			return nil
		case p.last = <-p.in:
		case <-again.C:
		}
		wait := time.Until(notBefore)
		if wait <= 0 {
			wait = p.step(ctx)
			notBefore = time.Time{}
			if p.problem() != nil {
				notBefore = time.Now().Add(wait)
			}
		}
		again.Reset(wait)
	}
}

// step publishes what is not published yet, as far as the limit allows, and returns
// when to do so again.
func (p *publisher) step(ctx context.Context) time.Duration {
	if p.last == nil {
		return lookEvery
	}
	spec, tooLarge := topology(p.last)
	if before := p.tooLarge.Swap(&tooLarge); (before == nil && tooLarge != "") || before != nil && *before != tooLarge {
		p.trouble.changed()
	}
	if left := time.Until(p.look); p.published != nil && left > 0 && equality.Semantic.DeepEqual(p.published, spec) {
		return left // however often the agent offers the same
	}
	if missing := 1 - p.limit.Tokens(); missing > 0 {
		return time.Duration(missing*float64(writeEvery)) + time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	written, err := p.to.write(ctx, spec)
	p.trouble.note(ctx, err)
	if err != nil {
		p.published = nil
		return p.next.after(err)
	}
	if written { // what fails, or changes nothing, costs nothing
		p.limit.Reserve()
		p.log.Debug("topology published")
	}
	p.published, p.next, p.look = spec, p.first, time.Now().Add(lookEvery)
	return lookEvery
}
