// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"
)

// A memoryTrimmer gives back memory that is not needed, once the node has settled, and now and
// then after that.
type memoryTrimmer struct {
	trim func() error // giveBack
	log  *slog.Logger
}

const (
	firstTrim = 30 * time.Second
	nextTrim  = 15 * time.Minute
)

// String names the task.
func (memoryTrimmer) String() string { return "give back memory" }

// Run gives back until ctx ends.
func (t memoryTrimmer) Run(ctx context.Context) error {
	for wait := firstTrim; ; wait = nextTrim {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		if err := t.trim(); err != nil {
			t.log.Debug("memory of the program is not given back", "error", err)
		}
	}
}

// giveBack gives back what the heap does not need, and what nobody needs of the program.
func giveBack() error {
	debug.FreeOSMemory()
	return unmapProgram()
}
