// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// The node file is written at once, but not more often than this in the long
// run: whoever floods a port must not wear out the disk.
const (
	writeEvery = time.Second
	writeBurst = 10

	// What is no longer true goes sooner.
	urgentEvery = 100 * time.Millisecond
)

// files is the sink that keeps memory and node file in the run directory as they should be.
type files struct {
	path string // of the node file
	kept memories
	now  func() time.Time
	boot func() time.Duration // since the machine was started
	// isolation is the node's, which the plugin goes by where its configuration has none.
	isolation string
	log       *slog.Logger
	limit     *rate.Limiter
	urgent    *rate.Limiter // for what takes something away

	memory    mapping.Memory // what should be saved
	material  mapping.Memory // what is material of it
	file      *nodefile.File // what the node file should hold; nil before the first Step
	written   *nodefile.File // what it holds; nil where that is not known
	stat      os.FileInfo    // of the file as written; nil where that is not known, and no file is the same
	lease     lease          // of file
	granted   time.Duration  // since boot, when what was written was seen
	saved     mapping.Memory // what was material of the memory saved with it
	unwritten error          // why the files are not up to date
	writes    uint64
}

// newFiles returns the files with a node file at path. A limit that is not nil replaces
// both.
func newFiles(path string, kept memories, boot func() time.Duration, limit *rate.Limiter, log *slog.Logger) *files {
	f := &files{path: path, kept: kept, now: time.Now, boot: boot, log: log, limit: limit, urgent: limit}
	if limit == nil {
		f.limit = rate.NewLimiter(rate.Every(writeEvery), writeBurst)
		f.urgent = rate.NewLimiter(rate.Every(urgentEvery), writeBurst)
	}
	return f
}

// Take implements sink.
func (f *files) Take(now time.Time, s *Step) time.Duration {
	f.lease = newLease(s.View.Time, now, f.boot())
	f.memory, f.material = s.Memory, s.material()
	f.file = nodeFile(s.Input, s.View, containers.Moved(s.Attached), &s.RuleStatus, f.lease)
	f.file.Isolation = f.isolation
	again := f.write(now)
	s.Out, s.Current, s.Writes = f.written != nil, f.written != nil && sameContent(f.written, f.file), f.writes
	return again
}

// write brings the files up to date and returns when to look again.
func (f *files) write(now time.Time) time.Duration {
	todo := renewal{due: true}
	if f.Intact() && sameContent(f.written, f.file) {
		todo = f.renewal()
		if !todo.due && reflect.DeepEqual(f.saved, f.material) {
			return todo.again
		}
	}
	limit := f.limit
	if takesAway(f.written, f.file) {
		limit = f.urgent
	}
	r := limit.ReserveN(now, 1)
	if delay := r.DelayFrom(now); delay > 0 {
		r.CancelAt(now)
		return delay
	}
	// First what a restarted agent must not contradict, then what the plugin
	// reads. Where the first fails the second is still due: it takes away what is
	// not true any more.
	memoryErr := f.saveMemory(f.file.Written)
	err := errors.Join(memoryErr, f.save(todo.due))
	if memoryErr != nil {
		f.saved = mapping.Memory{} // still due
	}
	if err != nil {
		if f.unwritten == nil {
			f.log.Error("files cannot be written; trying again", "error", err)
		}
		f.unwritten = err
		return writeEvery
	}
	f.unwritten = nil
	f.writes++
	return f.renewal().again
}

// renewal is what is to be done about the deadlines of a file whose content is right.
func (f *files) renewal() renewal { return renew(f.written, f.file, f.granted, f.boot()) }

// saveMemory saves the memory. Where it cannot be saved the old one goes, if it says
// something else: a restarted agent that knows nothing contradicts nobody.
func (f *files) saveMemory(now time.Time) error {
	err := f.kept.save(f.memory, now)
	if err != nil && !reflect.DeepEqual(f.saved, f.material) {
		err = errors.Join(err, f.kept.forget())
	}
	return err
}

// save writes the node file. Where it cannot be written the old one goes: no
// answer is better than one that is not true any more. One that is true stays, until
// its deadlines.
func (f *files) save(renewed bool) error {
	same := f.Intact() && sameContent(f.written, f.file)
	if same && !renewed {
		f.saved = f.material
		return nil
	}
	err := nodefile.Write(f.path, f.file)
	if err != nil && same && !takesAway(f.written, f.file) {
		return err
	}
	f.written, f.stat = nil, nil
	if err != nil {
		return errors.Join(err, remove(f.path))
	}
	stat, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("look at node file: %w", err)
	}
	f.written, f.saved, f.stat, f.granted = f.file, f.material, stat, f.lease.since
	return nil
}

// Finish writes what a limit still held back, and how long the memory was true.
func (f *files) Finish() error {
	if f.file == nil {
		return nil
	}
	now := f.now()
	if now.Before(f.file.Written) { // the clock was set back
		now = f.file.Written
	}
	// Who ends renews nothing.
	return errors.Join(f.saveMemory(now), f.save(takesAway(f.written, f.file)))
}

// Intact reports whether the node file is still the one that was written: a
// cleaner may have removed it.
func (f *files) Intact() bool {
	now, _ := os.Stat(f.path)
	return os.SameFile(now, f.stat) && now.Size() == f.stat.Size() && now.ModTime().Equal(f.stat.ModTime())
}

// Unwritten says why the files are not up to date.
func (f *files) Unwritten() error { return f.unwritten }

// takesAway reports whether something that was usable no longer is, or not for as long.
func takesAway(before, after *nodefile.File) bool {
	if before == nil {
		return false
	}
	for _, n := range before.Networks {
		for _, a := range n.Uplinks {
			if a.Usable && !slices.ContainsFunc(after.Lookup(n.Name), func(b nodefile.Uplink) bool {
				return b.Usable && b.Identity == a.Identity && b.Device == a.Device && b.VID == a.VID && b.Until >= a.Until-leaseSlack
			}) {
				return true
			}
		}
	}
	return false
}

// sameContent compares all but times: that of writing, and deadlines.
func sameContent(a, b *nodefile.File) bool {
	if a == b {
		return true
	}
	c, d := *a, *b
	c.Written, c.Networks, c.KnownNames = d.Written, nil, nil // there can be thousands of these
	d.Networks, d.KnownNames = nil, nil
	return slices.Equal(a.KnownNames, b.KnownNames) && slices.EqualFunc(a.Networks, b.Networks, sameNetwork) && reflect.DeepEqual(&c, &d)
}

func sameNetwork(a, b nodefile.Network) bool {
	return a.Name == b.Name && slices.EqualFunc(a.Uplinks, b.Uplinks, func(a, b nodefile.Uplink) bool { return a.SameBeside(&b) })
}
