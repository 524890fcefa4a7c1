// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"
)

// What List reads at most. The reader may be an agent that must not be filled up.
const (
	maxRecords = 4096
	maxEntries = 4 * maxRecords // with lock and temporary files
	maxListed  = 64 << 20
	maxText    = 16 << 10 // of one record, without what List leaves out: room for several keys of identities
)

// Listing is what somebody who only looks finds in a directory of records.
type Listing struct {
	// Records are ordered by key. What the delegate got and returned is left out.
	Records []Record
	// Skipped are the records that could not be read, and Why is the error of one of
	// them.
	Skipped int
	Why     error
}

func (l *Listing) skip(n int, why error) {
	if l.Skipped == 0 {
		l.Why = why
	}
	l.Skipped += n
}

// List reads the records in dir. It changes nothing, takes no lock and needs no
// more than permission to read. Where there is no such directory there are none.
func List(dir string) (Listing, error) { return list(dir, (*Record).summarize) }

// ListWhole is List that leaves nothing of the records out.
func ListWhole(dir string) (Listing, error) { return list(dir, func(*Record) {}) }

func list(dir string, keep func(*Record)) (Listing, error) {
	var l Listing
	entries, err := entriesOf(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil
	case err != nil:
		return l, fmt.Errorf("list records: %w", err)
	case len(entries) == maxEntries:
		l.skip(1, fmt.Errorf("%s holds more than %d files", dir, maxEntries))
	}
	s := &Store{dir: dir}
	var size int64
	for i, e := range entries {
		if !strings.HasSuffix(e.Name(), recordSuffix) {
			continue
		}
		if st, err := e.Info(); err == nil {
			size += st.Size()
		}
		if len(l.Records) == maxRecords || size > maxListed {
			l.skip(len(entries)-i, fmt.Errorf("%s holds more than %d records or %d bytes", dir, maxRecords, maxListed))
			break
		}
		r, err := s.read(e.Name())
		if err == nil {
			err = r.checkText()
		}
		switch {
		case err == nil:
			keep(r)
			l.Records = append(l.Records, *r)
		case !errors.Is(err, fs.ErrNotExist): // removed meanwhile
			l.skip(1, err)
		}
	}
	order(l.Records)
	return l, nil
}

// Aged is a record and when it was written.
type Aged struct {
	Record
	Written time.Time
}

// Some reads a few records, others each time: for who cannot read them all each time.
func Some(dir string, most int) ([]Aged, error) {
	entries, err := entriesOf(dir)
	if err != nil {
		return nil, fmt.Errorf("list records: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !strings.HasSuffix(e.Name(), recordSuffix) })
	if len(entries) == 0 {
		return nil, nil
	}
	s := &Store{dir: dir}
	var out []Aged
	for i, first := 0, rand.IntN(len(entries)); i < min(most, len(entries)); i++ {
		e := entries[(first+i)%len(entries)]
		st, err := e.Info()
		if err != nil {
			continue
		}
		if r, err := s.read(e.Name()); err == nil {
			out = append(out, Aged{*r, st.ModTime()})
		}
	}
	return out, nil
}

func entriesOf(dir string) ([]fs.DirEntry, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(maxEntries)
	if errors.Is(err, io.EOF) { // it is empty
		return nil, nil
	}
	return entries, err
}

// summarize leaves of a record what List returns.
func (r *Record) summarize() { r.DelegateConf, r.Result = nil, nil }

// checkText refuses a record with more text than any container has.
func (r *Record) checkText() error {
	size := 0
	for _, s := range append([]string{
		r.Name, r.ContainerID, r.IfName, r.BootID, r.Netns.Path, r.Args, r.Path, r.Pod.Namespace, r.Pod.Name, r.Pod.UID, r.Network, r.Identity,
		r.Device.Name, r.Device.MAC, r.Parent.Name, r.Parent.MAC, r.Port.Name, r.Port.MAC, r.DelegateType, r.Failed, r.Stuck, r.Chosen.Name, r.Chosen.MAC,
	}, r.OtherIdentities...) {
		size += len(s)
	}
	if size > maxText {
		return fmt.Errorf("read record of %.40q: %w: it holds %d bytes of text, want at most %d", r.Name, ErrDamaged, size, maxText)
	}
	return nil
}
