// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/latest"
)

const (
	// recordsPoll reads the records anew though nothing was notified: namespaces go
	// without a notification.
	recordsPoll = 30 * time.Second
	// recordsSettle is the time between a change and the reading: many containers
	// often come at once.
	recordsSettle = 250 * time.Millisecond
)

// A recordsDir reads the plugin's records whenever they change. It never makes the
// directory, which is root's.
type recordsDir struct {
	dir  string
	log  *slog.Logger
	out  chan *containers.Records // holds the latest at most
	last *containers.Records
	here *record.Observer
	ask  chan chan<- bool
	when time.Time // the last ones became others
}

func newRecordsDir(dir string, log *slog.Logger) *recordsDir {
	return &recordsDir{
		dir: filepath.Clean(dir), log: log, out: make(chan *containers.Records, 1), last: &containers.Records{}, here: record.NewObserver(),
		ask: make(chan chan<- bool),
	}
}

// String names the task.
func (*recordsDir) String() string { return "watch attachment records" }

// Run watches the directory until ctx ends. Without notification the poll remains.
func (d *recordsDir) Run(ctx context.Context) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		d.log.Warn("attachment records cannot be watched; reading them every 30 s", "directory", d.dir, "error", err)
		d.follow(ctx, &fsnotify.Watcher{}, func(string) error { return nil })
		return nil
	}
	defer func() { _ = w.Close() }()
	d.follow(ctx, w, w.Add)
	return nil
}

// follow reads the records whenever a watcher tells of a change, and now and then, until ctx
// ends.
func (d *recordsDir) follow(ctx context.Context, w *fsnotify.Watcher, add func(path string) error) {
	poll := time.Tick(recordsPoll)
	settled := time.After(0) // what changed before the watch began
	for {
		d.watch(add)
		select {
		case <-ctx.Done():
			return
		case e := <-w.Events:
			if settled == nil && d.concerns(e.Name) {
				settled = time.After(recordsSettle)
			}
		case err := <-w.Errors: // events may be lost
			d.log.Debug("watching attachment records", "error", err)
			settled = time.After(recordsSettle)
		case <-settled:
			settled = nil
			d.reload()
		case <-poll:
			d.reload()
		case answer := <-d.ask:
			d.reload()
			answer <- time.Since(d.when) < freshWait
		}
	}
}

// watch watches the directory, and the one above it for the day when it is made.
// It is called again and again: the directory can be replaced.
func (d *recordsDir) watch(add func(path string) error) {
	for _, dir := range []string{filepath.Dir(d.dir), d.dir} {
		_ = add(dir) // where that fails the poll remains
	}
}

// concerns reports whether a change of the file at path is one of the records.
func (d *recordsDir) concerns(path string) bool {
	return path == d.dir || filepath.Ext(path) == ".json"
}

// reload reads the records and hands them over if they changed.
func (d *recordsDir) reload() {
	now := containers.Read(d.dir, d.here)
	if d.last.Equal(now) {
		return
	}
	d.last, d.when = now, time.Now()
	latest.Put(d.out, now)
}

// Renew reads the records for somebody who does not wait for a notification, and reports
// whether they were others a moment ago: then the Loop may not know them yet.
func (d *recordsDir) Renew(ctx context.Context) bool {
	answer := make(chan bool, 1)
	select {
	case d.ask <- answer:
	case <-ctx.Done():
		return false
	}
	select {
	case recent := <-answer:
		return recent
	case <-ctx.Done():
		return false
	}
}

// Updates implements RecordSource.
func (d *recordsDir) Updates() <-chan *containers.Records { return d.out }

// Load reads the records for the first time.
func (d *recordsDir) Load() *containers.Records {
	d.last = containers.Read(d.dir, d.here)
	return d.last
}
