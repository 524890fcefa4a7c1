// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"log/slog"

	"github.com/colvin-net/colvin/internal/sdnotify"
)

// A starter is a Task that takes a while until others can rely on it.
type starter interface {
	// Ready is closed from then on.
	Ready() <-chan struct{}
}

var (
	_ starter = (*Loop)(nil)
	_ starter = (*Server)(nil)
)

// An announcer tells the service manager when all tasks are ready, and when they end.
type announcer struct {
	tasks  []Task
	notify func(state string) error // sdnotify.Notify
	log    *slog.Logger
}

// String names the task.
func (announcer) String() string { return "announce readiness" }

// Run announces until ctx ends. That nobody hears it ends nothing.
func (a announcer) Run(ctx context.Context) error {
	if awaitAll(ctx, a.tasks) {
		a.announce(sdnotify.Ready)
		<-ctx.Done()
	}
	a.announce(sdnotify.Stopping)
	return nil
}

func (a announcer) announce(state string) {
	if err := a.notify(state); err != nil {
		a.log.Warn("service manager is not told", "error", err)
	}
}

// awaitAll waits until every task is ready, and reports whether that was before ctx ended.
func awaitAll(ctx context.Context, tasks []Task) bool {
	for _, t := range tasks {
		s, ok := t.(starter)
		if !ok {
			continue
		}
		select {
		case <-s.Ready():
		case <-ctx.Done():
			return false
		}
	}
	return true
}
