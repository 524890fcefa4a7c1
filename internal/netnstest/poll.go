// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"context"
	"fmt"
	"time"
)

const (
	pollInterval = 20 * time.Millisecond

	// patience ends a wait whose context has no end.
	patience = 10 * time.Second
)

// poll calls try until it is done, and returns its error. When the context or
// patience ends first, the last error says what was missing.
func poll(ctx context.Context, try func() (done bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.Tick(pollInterval)
	for {
		done, last := try()
		if done {
			return last
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), last)
		case <-tick:
		}
	}
}
