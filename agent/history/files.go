// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/safefile"
)

// Files of the history in the state directory. When the first is full it takes the
// place of the second.
const (
	changesName    = "changes.jsonl"
	oldChangesName = "changes.old.jsonl"
	maxChanges     = 1 << 20
	// maxUnsaved bounds what waits for a disk that is full.
	maxUnsaved = 1000
)

// files keep changes over restarts.
type files struct {
	dir string

	mu      sync.Mutex // a reader must not see half a line
	unsaved [][]byte   // lines
	dropped int        // changes of which there were too many
	err     error      // why they are unsaved
}

// append keeps changes, and those that could not be kept before.
func (h *files) append(changes ...agentapi.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range changes {
		if line, err := json.Marshal(&changes[i]); err == nil { // else its time is one that no clock shows
			h.unsaved = append(h.unsaved, append(line, '\n'))
		}
	}
	if drop := len(h.unsaved) - maxUnsaved; drop > 0 {
		h.unsaved, h.dropped = h.unsaved[drop:], h.dropped+drop
	}
	if len(h.unsaved) == 0 {
		return
	}
	if h.err = h.save(); h.err != nil {
		h.err = fmt.Errorf("record changes: %w", h.err)
		return
	}
	h.unsaved, h.dropped = nil, 0
}

// problem says why changes are not kept.
func (h *files) problem() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

func (h *files) save() (err error) {
	lines := bytes.Join(h.unsaved, nil)
	if h.dropped > 0 {
		note, err := json.Marshal(agentapi.Change{
			Time: time.Now().UTC().Round(0), What: agentapi.ChangeOmitted, Reason: fmt.Sprintf("%d changes could not be kept: the file could not be written", h.dropped),
		})
		if err != nil {
			return err
		}
		lines = append(append(note, '\n'), lines...)
	}
	path := filepath.Join(h.dir, changesName)
	st, err := os.Lstat(path)
	if err == nil && st.Size() > 0 && st.Size()+int64(len(lines)) > maxChanges {
		if err := os.Rename(path, filepath.Join(h.dir, oldChangesName)); err != nil {
			return err
		}
	}
	f, size, err := open(path, os.O_RDWR|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return appendLines(f, size, lines)
}

// open opens a file whose directory need not be the caller's.
func open(path string, flag int) (*os.File, int64, error) {
	f, size, err := safefile.OpenRegular(path, flag)
	if safefile.Refused(err) {
		err = fmt.Errorf("%w; remove it", err)
	}
	return f, size, err
}

// appendLines ends a line first that was cut off when the node lost power. Of lines that
// cannot all be written none is.
func appendLines(f *os.File, size int64, lines []byte) error {
	last := []byte{'\n'}
	if size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
	}
	if last[0] != '\n' {
		lines = append([]byte{'\n'}, lines...)
	}
	if _, err := f.Write(lines); err != nil {
		return errors.Join(err, f.Truncate(size)) // they are written again, all of them
	}
	return nil
}

// since returns what was recorded since t. The loop waits no longer than it takes to
// open the files.
func (h *files) since(t time.Time) (agentapi.Changes, error) {
	h.mu.Lock()
	files, err := openChanges(h.dir)
	h.mu.Unlock()
	if err != nil {
		return agentapi.Changes{}, err
	}
	return readChanges(files, t)
}

// Read reads what agents have recorded in their state directory since t.
// What cannot be understood is skipped and counted.
func Read(dir string, t time.Time) (agentapi.Changes, error) {
	files, err := openChanges(dir)
	if err != nil {
		return agentapi.Changes{}, err
	}
	if len(files) == 0 {
		return agentapi.Changes{}, fmt.Errorf("no agent has recorded changes in %s", dir)
	}
	return readChanges(files, t)
}

// A changesFile is one as it was when it was opened.
type changesFile struct {
	*os.File
	size int64
}

// openChanges opens what there is, the oldest first.
func openChanges(dir string) (files []changesFile, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
			files, err = nil, fmt.Errorf("read changes: %w", err)
		}
	}()
	for _, name := range []string{oldChangesName, changesName} {
		f, size, err := open(filepath.Join(dir, name), os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return files, err
		}
		files = append(files, changesFile{f, min(size, maxFile)})
	}
	return files, nil
}

func closeAll(files []changesFile) {
	for _, f := range files {
		_ = f.Close()
	}
}

func readChanges(files []changesFile, t time.Time) (agentapi.Changes, error) {
	defer closeAll(files)
	out := agentapi.Changes{Changes: []agentapi.Change{}}
	for _, f := range files {
		if err := readLines(&out, io.LimitReader(f, f.size), t); err != nil {
			return agentapi.Changes{}, fmt.Errorf("read changes: %w", err)
		}
	}
	return out, nil
}

// maxFile is what is read of a file at most: the last changes may be above the bound.
const maxFile = maxChanges + maxUnsaved*maxLine

// maxLine is more than the agent writes into a line.
const maxLine = 16 << 10

// readLines adds to out what a file holds.
func readLines(out *agentapi.Changes, r io.Reader, t time.Time) error {
	lines := bufio.NewReaderSize(r, maxLine)
	for long := false; ; {
		line, more, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var c agentapi.Change
		switch skip := long || more; {
		case skip && more: // the rest of the line is yet to come
		case skip || json.Unmarshal(line, &c) != nil || c.What == "":
			out.Damaged++
		case !c.Time.Before(t):
			out.Changes = append(out.Changes, c)
		}
		long = more
	}
}
