// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

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

// TestFollowRecords holds when records are read: a while after the first of several changes,
// now and then though nothing was told of, and when somebody asks.
func TestFollowRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		var log bytes.Buffer
		d := newRecordsDir(b.config.RecordDirectory, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		w := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		watched := map[string]int{}
		started, containers := time.Now(), 0
		attach := func() {
			containers++
			b.attach(fmt.Sprint("c", containers), record.Netns{})
		}
		expect := func(what string, want time.Duration) {
			t.Helper()
			<-d.out
			if after := time.Since(started); after != want {
				t.Errorf("%s: read after %v, want %v", what, after, want)
			}
			synctest.Wait()
		}
		event := func(name string) { w.Events <- fsnotify.Event{Name: name} }
		attach()
		go func() {
			defer close(done)
			d.follow(ctx, w, func(path string) error { watched[path]++; return nil })
		}()
		expect("what was there before", 0)

		const poll = 30 * time.Second
		attach()
		event(filepath.Join(d.dir, "x.lock"))
		event(filepath.Join(filepath.Dir(d.dir), "other"))
		expect("nothing told", poll)

		attach()
		event(filepath.Join(d.dir, "x.json"))
		time.Sleep(200 * time.Millisecond)
		event(filepath.Join(d.dir, "y.json"))
		expect("several changes", poll+250*time.Millisecond)
		time.Sleep(time.Second)

		attach()
		event(d.dir)
		expect("the directory was made", poll+1500*time.Millisecond)
		time.Sleep(time.Second)

		attach()
		w.Errors <- errors.New("events were lost")
		expect("events were lost", poll+2750*time.Millisecond)
		if said := log.String(); !strings.Contains(said, `error="events were lost"`) {
			t.Errorf("log:\n%s", said)
		}

		if !d.Renew(ctx) {
			t.Error("what was read a moment ago is no news")
		}
		time.Sleep(freshWait)
		if d.Renew(ctx) {
			t.Error("what was read a second ago is news")
		}
		attach()
		if !d.Renew(ctx) {
			t.Error("what is there now is no news")
		}
		expect("asked", poll+2750*time.Millisecond+freshWait)
		if len(watched) != 2 || watched[d.dir] < 5 || watched[filepath.Dir(d.dir)] != watched[d.dir] {
			t.Errorf("watched, and how often: %v", watched)
		}
		cancel()
		<-done
	})
}

// TestRenewIsGivenUp holds that nobody waits for who does not read records any more.
func TestRenewIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newRecordsDir(t.TempDir(), slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { <-d.ask }() // and gives no answer
		if d.Renew(ctx) || ctx.Err() == nil {
			t.Error("without an answer there is news")
		}
	})
}
