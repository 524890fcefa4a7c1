// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/cniplugin/record"
)

// TestPollRecords holds that a machine which cannot tell of changes has its records read now and
// then, and that this is logged.
func TestPollRecords(t *testing.T) {
	var usual unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &usual); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		var log bytes.Buffer
		d := newRecordsDir(b.config.RecordDirectory, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: usual.Max}); err != nil {
			t.Fatal(err)
		}
		go func() { done <- d.Run(ctx) }()
		synctest.Wait()
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &usual); err != nil {
			t.Fatal(err)
		}
		if said := log.String(); !strings.Contains(said, `level=WARN msg="attachment records cannot be watched; reading them every 30 s" directory=`+d.dir) {
			t.Errorf("log:\n%s", said)
		}
		started := time.Now()
		b.attach("c1", record.Netns{})
		for range 2 { // the first tells of no descriptor
			if <-d.out; time.Since(started) > 0 {
				break
			}
		}
		if after := time.Since(started); after != 30*time.Second {
			t.Errorf("read after %v", after)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
