// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/colvin-net/colvin/cniplugin/record"
)

const (
	// recordsPoll reads the records anew though nothing was notified: namespaces go
	// without a notification.
	recordsPoll = 30 * time.Second
	// recordsSettle is the time between a change and the reading: many containers
	// often come at once.
	recordsSettle = 250 * time.Millisecond
)

// records is what the CNI plugin has recorded. It is immutable.
type records struct {
	list    []heldRecord
	problem string // why not all of them are known
}

// heldRecord is a record and whether its network namespace is known to be gone.
type heldRecord struct {
	record.Record
	gone bool
}

// A recordsDir reads the plugin's records whenever they change. It never makes the
// directory, which is root's.
type recordsDir struct {
	dir  string
	log  *slog.Logger
	out  chan *records // holds the latest at most
	last *records
	here *lookout
}

func newRecordsDir(dir string, log *slog.Logger) *recordsDir {
	return &recordsDir{dir: filepath.Clean(dir), log: log, out: make(chan *records, 1), last: &records{}, here: newLookout()}
}

// String names the task.
func (*recordsDir) String() string { return "watch attachment records" }

// Run watches the directory until ctx ends. Without notification the poll remains.
func (d *recordsDir) Run(ctx context.Context) error {
	var (
		events chan fsnotify.Event
		errs   chan error
	)
	w, err := fsnotify.NewWatcher()
	if err == nil {
		defer func() { _ = w.Close() }()
		events, errs = w.Events, w.Errors
	} else {
		d.log.Warn("attachment records cannot be watched; reading them every 30 s", "directory", d.dir, "error", err)
	}
	poll := time.NewTicker(recordsPoll)
	defer poll.Stop()
	settled := time.After(0) // what changed before the watch began
	for {
		d.watch(w)
		select {
		case <-ctx.Done():
			return nil
		case e := <-events:
			if settled == nil && d.concerns(e.Name) {
				settled = time.After(recordsSettle)
			}
		case err := <-errs: // events may be lost
			d.log.Debug("watching attachment records", "error", err)
			settled = time.After(recordsSettle)
		case <-settled:
			settled = nil
			d.reload()
		case <-poll.C:
			d.reload()
		}
	}
}

// watch watches the directory, and the one above it for the day when it is made.
// It is called again and again: the directory can be replaced.
func (d *recordsDir) watch(w *fsnotify.Watcher) {
	if w == nil {
		return
	}
	for _, dir := range []string{filepath.Dir(d.dir), d.dir} {
		_ = w.Add(dir) // where that fails the poll remains
	}
}

// concerns reports whether a change of the file at path is one of the records.
func (d *recordsDir) concerns(path string) bool {
	return path == d.dir || filepath.Ext(path) == ".json"
}

// reload reads the records and hands them over if they changed.
func (d *recordsDir) reload() {
	now := d.here.read(d.dir)
	if reflect.DeepEqual(d.last, now) {
		return
	}
	d.last = now
	select {
	case <-d.out:
	default:
	}
	d.out <- now
}

// load reads the records for the first time.
func (d *recordsDir) load() *records {
	d.last = d.here.read(d.dir)
	return d.last
}

// recordsProblem says what cannot be read and what an admin does about it.
func recordsProblem(dir string, l record.Listing, err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%v; colvind is not told what containers are attached to. To let it read the records run: install -d -m 2750 -g %s %s",
			err, ownGroup(), dir)
	case err != nil:
		return fmt.Sprintf("%v; colvind does not know what containers are attached to", err)
	case errors.Is(l.Why, fs.ErrPermission):
		return fmt.Sprintf("%d attachment records cannot be read: %v; run: chgrp %[3]s %[4]s/*.json; chmod 0640 %[4]s/*.json",
			l.Skipped, l.Why, ownGroup(), dir)
	case l.Skipped > 0:
		return fmt.Sprintf("%d attachment records cannot be read: %v; the next DEL or GC of their container removes them", l.Skipped, l.Why)
	}
	return ""
}

// ownGroup is the group that the agent runs as.
func ownGroup() string {
	id := strconv.Itoa(os.Getegid())
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

// A lookout is what this program can see of network namespaces.
type lookout struct {
	mount uint64         // its own mount namespace; 0 where that cannot be told
	own   syscall.Stat_t // of that, on the device of the kernel's namespace files
	all   bool           // it sees the processes of the whole machine
	// seen are the namespaces that were there when it looked: their paths mean the
	// same here as where the plugin runs.
	seen map[record.Netns]bool
}

func newLookout() *lookout {
	w := &lookout{}
	if syscall.Stat("/proc/self/ns/mnt", &w.own) == nil {
		w.mount = w.own.Ino
	}
	var st syscall.Stat_t
	w.all = syscall.Stat("/proc/self/ns/pid", &st) == nil && st.Ino == record.InitialPIDNamespace
	return w
}

// read reads the records in dir.
func (w *lookout) read(dir string) *records {
	l, err := record.List(dir)
	out, seen := &records{problem: recordsProblem(dir, l, err)}, map[record.Netns]bool{}
	for i := range l.Records {
		r := &l.Records[i]
		alive, gone := w.look(r.Netns)
		if alive || w.seen[r.Netns] {
			seen[r.Netns] = true
		}
		out.list = append(out.list, heldRecord{*r, gone})
	}
	w.seen = seen
	return out
}

// look reports whether a network namespace is there, or gone for certain. What may
// not be seen, as from another mount or PID namespace, is neither.
func (w *lookout) look(n record.Netns) (alive, gone bool) {
	path := filepath.Clean(n.Path)
	if !filepath.IsAbs(path) {
		return false, false
	}
	sees := w.seen[n] || n.Mount == w.mount && w.mount != 0
	witness := filepath.Dir(path)
	if strings.HasPrefix(path, "/proc/") {
		sees = sees && w.all
		witness = "/proc/1" // hidden together with all others (hidepid)
	}
	var st syscall.Stat_t
	err := syscall.Stat(path, &st)
	switch {
	case err == nil && st.Dev != w.own.Dev: // the mount of a namespace did not reach here
		return false, false
	case err == nil:
		return st.Ino == n.Inode, sees && st.Ino != n.Inode
	case !errors.Is(err, fs.ErrNotExist):
		return false, false
	}
	_, err = os.Stat(witness)
	return false, sees && err == nil
}
