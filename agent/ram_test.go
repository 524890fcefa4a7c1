// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestMemoryIsTrimmed holds when memory is given back, as docs/performance.md says, and that
// a failure is no reason not to try again.
func TestMemoryIsTrimmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var trimmed []time.Duration
		started := time.Now()
		m := memoryTrimmer{
			trim: func() error {
				trimmed = append(trimmed, time.Since(started))
				if len(trimmed) == 2 {
					return errors.New("no pages")
				}
				return nil
			},
			log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}
		ctx, cancel := context.WithTimeout(t.Context(), 32*time.Minute)
		defer cancel()
		if err := m.Run(ctx); err != nil || time.Since(started) != 32*time.Minute {
			t.Errorf("ended after %v: %v", time.Since(started), err)
		}
		if want := []time.Duration{30 * time.Second, 15*time.Minute + 30*time.Second, 30*time.Minute + 30*time.Second}; !slices.Equal(trimmed, want) {
			t.Errorf("trimmed after %v, want %v", trimmed, want)
		}
		if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, `error="no pages"`) {
			t.Errorf("log:\n%s", said)
		}
	})
}

// TestGiveBack holds that the system gets back what the heap does not need any more.
func TestGiveBack(t *testing.T) {
	const much = 64 << 20
	garbage := make([]byte, much)
	for i := 0; i < len(garbage); i += 4 << 10 {
		garbage[i] = 1
	}
	runtime.KeepAlive(garbage)
	runtime.GC() // garbage is free now, and in memory
	if err := giveBack(); err != nil {
		t.Fatal(err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if kept := m.HeapIdle - m.HeapReleased; kept > much/4 {
		t.Errorf("%d octets are kept that nobody needs", kept)
	}
}
