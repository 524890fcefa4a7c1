// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"log/slog"
	"os"
	"testing"

	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// TestWatchRecords has a directory come, change and go while it is watched.
func TestWatchRecords(t *testing.T) {
	b := newBench(t)
	d := newRecordsDir(b.config.RecordDirectory, slog.New(slog.DiscardHandler))
	d.Load()
	ctx, cancel := context.WithTimeout(t.Context(), recordsPoll/2) // less than the safety net takes
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	await := func(n int) {
		t.Helper()
		for {
			select {
			case r := <-d.out:
				if all, _ := containers.Judge(r, containers.Seen{View: &mapping.View{}, Snapshot: &discovery.Snapshot{}}, nil); len(all) == n {
					return
				}
			case <-ctx.Done():
				t.Fatalf("%d records are not seen", n)
			}
		}
	}
	if d.Renew(ctx) {
		t.Error("nothing was recorded, and the records are others")
	}
	b.attach("c1", record.Netns{})
	if !d.Renew(ctx) {
		t.Error("a container was recorded, and the records are no others")
	}
	select {
	case r := <-d.out:
		d.out <- r
	default:
		t.Error("what was asked for is not handed over at once")
	}
	await(1)
	b.attach("c2", record.Netns{})
	await(2)
	if err := os.RemoveAll(d.dir); err != nil {
		t.Fatal(err)
	}
	await(0)
	b.attach("c3", record.Netns{})
	await(1)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if d.Renew(ctx) {
		t.Error("nobody reads any more, and the records are others")
	}
}
