// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"io/fs"
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

// files is the sink that keeps the memory and the node file as they should be.
type files struct {
	path   string // of the node file
	store  store
	log    *slog.Logger
	now    func() time.Time
	limit  *rate.Limiter
	urgent *rate.Limiter // for what takes something away

	memory    mapping.Memory // what should be saved
	file      *nodefile.File // what the node file should hold; nil before the first Step
	written   *nodefile.File // what it holds; nil where that is not known
	stat      os.FileInfo    // of the file as written
	saved     mapping.Memory // what was material of the memory saved with it
	unwritten error          // why the files are not up to date
	writes    uint64
}

// newFiles returns the files with a node file at path. A limit that is not nil replaces
// both.
func newFiles(path string, s store, limit *rate.Limiter, log *slog.Logger) *files {
	f := &files{path: path, store: s, log: log, now: time.Now, limit: limit, urgent: limit}
	if limit == nil {
		f.limit = rate.NewLimiter(rate.Every(writeEvery), writeBurst)
		f.urgent = rate.NewLimiter(rate.Every(urgentEvery), writeBurst)
	}
	return f
}

// Take implements sink.
func (f *files) Take(now time.Time, s *Step) time.Duration {
	f.memory, f.file = s.Memory, nodeFile(s.Input, s.View, containers.Moved(s.Attached), &s.RuleStatus)
	again := f.write(now)
	s.Out, s.Current, s.Writes = f.written != nil, f.written != nil && sameContent(f.written, f.file), f.writes
	return again
}

// write brings the files up to date and returns when to look again.
func (f *files) write(now time.Time) time.Duration {
	material := f.memory.Material()
	if f.Intact() && sameContent(f.written, f.file) && reflect.DeepEqual(f.saved, material) {
		return never
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
	err := errors.Join(memoryErr, f.save(material))
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
	return never
}

// saveMemory saves the memory. Where it cannot be saved the old one goes, if it says
// something else: a restarted agent that knows nothing contradicts nobody.
func (f *files) saveMemory(now time.Time) error {
	err := f.store.saveMemory(f.memory, now)
	if err != nil && !reflect.DeepEqual(f.saved, f.memory.Material()) {
		err = errors.Join(err, f.store.forgetMemory())
	}
	return err
}

// save writes the node file. Where it cannot be written the old one goes: no
// answer is better than one that is not true any more. One that is true stays.
func (f *files) save(material mapping.Memory) error {
	if f.Intact() && sameContent(f.written, f.file) {
		f.saved = material
		return nil
	}
	f.written, f.stat = nil, nil
	if err := nodefile.Write(f.path, f.file); err != nil {
		if gone := os.Remove(f.path); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return err
	}
	stat, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("look at node file: %w", err)
	}
	f.written, f.saved, f.stat = f.file, material, stat
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
	return errors.Join(f.saveMemory(now), f.save(f.memory.Material()))
}

// Intact reports whether the node file is still the one that was written: a
// cleaner may have removed it.
func (f *files) Intact() bool {
	if f.written == nil {
		return false
	}
	now, err := os.Stat(f.path)
	return err == nil && os.SameFile(now, f.stat) && now.Size() == f.stat.Size() && now.ModTime().Equal(f.stat.ModTime())
}

// Unwritten says why the files are not up to date.
func (f *files) Unwritten() error { return f.unwritten }

// takesAway reports whether something that was usable no longer is.
func takesAway(before, after *nodefile.File) bool {
	if before == nil {
		return false
	}
	for _, n := range before.Networks {
		for _, a := range n.Uplinks {
			if a.Usable && !slices.ContainsFunc(after.Lookup(n.Name), func(b nodefile.Uplink) bool {
				return b.Usable && b.Identity == a.Identity && b.Device == a.Device && b.VID == a.VID
			}) {
				return true
			}
		}
	}
	return false
}

// sameContent compares all but the time of writing.
func sameContent(a, b *nodefile.File) bool {
	c := *a
	c.Written = b.Written
	return reflect.DeepEqual(&c, b)
}
