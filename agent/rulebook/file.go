// SPDX-License-Identifier: Apache-2.0

package rulebook

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/colvin-net/colvin/internal/filewatch"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A file is the rules file. What stands there counts once it was closed after writing, or
// put into its place, and two looks found the same. Whoever puts a whole file there has
// finished; whoever writes in place may have come to an end before the end.
type file struct {
	path string
	full func(path string) bool // filewatch.Full, but in tests

	read *rules.Source // what counts; nil without one
	err  error         // why what is there does not

	came    arrival
	writing time.Time // since when somebody writes; zero for nobody
	glimpse []byte    // what the last look found, where it was new
	doubt   *doubt    // of what is there now
}

// An arrival is how the content of the file came to be, as far as that was seen.
type arrival int

const (
	found    arrival = iota // before the agent started, or where the file system tells nothing
	written                 // in place
	replaced                // by another file
	touched                 // opened for writing and closed, and nothing was written
)

// A doubt is about content that may be cut off.
type doubt struct {
	data     []byte
	modified time.Time
	why      error
}

// notice takes note of an event, and reports whether it is time for a look.
func (f *file) notice(e filewatch.Event, now time.Time) bool {
	f.glimpse = nil
	switch e {
	case filewatch.Writing:
		if f.writing.IsZero() {
			f.writing = now
		}
		return false
	case filewatch.Lost: // nobody knows whether it is being written
		f.writing, f.came = time.Time{}, found
		return false
	case filewatch.Replaced:
		f.came = replaced
	case filewatch.Closed:
		f.came = touched
		if !f.writing.IsZero() {
			f.came = written
		}
	}
	f.writing, f.doubt = time.Time{}, nil
	return true
}

// look takes what is in the file, and reports whether that is settled: else another look
// must find the same, unless this one is sure. What is in force is what the file says by
// the rules in force, nil where that is nothing.
func (f *file) look(sure bool, inForce []byte) (settled bool) {
	data, err := os.ReadFile(f.path)
	now := rules.Source{Name: f.path, Data: data}
	switch {
	case err != nil:
		f.doubt, f.err = nil, f.unreadable(err)
	case f.read != nil && f.read.Equal(now):
		f.doubt, f.err = nil, nil
	case !sure && (f.glimpse == nil || !bytes.Equal(f.glimpse, data)):
		f.glimpse = append([]byte{}, data...) // not nil
		return false
	default:
		if f.err = f.doubts(data, inForce); f.err == nil {
			f.read = &now
		}
	}
	f.glimpse, f.came = nil, found // what comes next unseen did not come that way
	return true
}

// unreadable keeps what was read before where the file cannot be read.
func (f *file) unreadable(err error) error {
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read rules: %w; the rules read before stay in force", err)
	case f.read == nil:
		return nil // there never were any rules, which is no mistake
	}
	return fmt.Errorf("read rules: %w; the rules read before stay in force: to have none, put a file there that says so: networks: []", err)
}

// doubts returns why new content is not taken, or nil. A doubt stays until the file is
// written again or touched: room on the disk does not mend what was cut.
func (f *file) doubts(data, inForce []byte) error {
	if f.came == replaced || f.came == touched {
		return nil
	}
	modified := f.modified()
	if d := f.doubt; d != nil && bytes.Equal(d.data, data) {
		if f.came == found && modified.After(d.modified) {
			return nil // touched, where nothing is told of it
		}
		return d.why
	}
	var why error
	switch {
	case rules.LooksCut(data, inForce):
		why = fmt.Errorf("%s looks cut off: it is the beginning of the rules in force, which stay in force; write it again, or touch it if it is meant to end there", f.path)
	case (f.came == written || inForce != nil) && f.full(f.path): // at first any rules are better than none
		why = fmt.Errorf("%s was written while there is no room on its file system, so it may be cut off, and the rules read before stay in force; make room and write it again, or touch it if it is whole", f.path)
	default:
		f.doubt = nil
		return nil
	}
	f.doubt = &doubt{data, modified, why}
	return why
}

func (f *file) modified() time.Time {
	info, err := os.Stat(f.path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// unfinished says since when the file is being written, where that takes long.
func (f *file) unfinished(now time.Time) {
	if now.Sub(f.writing) >= rulesPoll {
		f.err = fmt.Errorf("%s is being written since %s, and counts once it is closed; the rules read before stay in force: if nobody writes any more, touch it", f.path, f.writing.Format(time.TimeOnly))
	}
}
