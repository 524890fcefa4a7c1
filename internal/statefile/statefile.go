// SPDX-License-Identifier: Apache-2.0

// Package statefile reads and writes files that outlive a restart: JSON that says its
// version. What is in a file, and what it means that one cannot be read, is for its
// owner to know. It uses the standard library only, as atomicfile does.
package statefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/colvin-net/colvin/internal/atomicfile"
	"github.com/colvin-net/colvin/internal/safefile"
)

// What the names of files end with that were set aside.
const (
	DamagedSuffix = ".damaged"
	LaterSuffix   = ".later" // of a later version
)

// ErrLater is returned for what a later version of Colvin has written: it is not
// damaged, and whoever wrote it may come back.
var ErrLater = errors.New("a later version of Colvin wrote it; install that one again")

// A damage is that what is in a file cannot be understood.
type damage struct{ error }

func (d damage) Unwrap() error { return d.error }

// A Dir is the path of a directory of such files.
type Dir string

// Path returns the path of one of the files.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name) }

// SetAside renames a file that cannot be understood, and returns an error that says so
// and why. What a later version wrote is no damage, and goes by another name.
func (d Dir) SetAside(name string, why error) error {
	suffix, what := DamagedSuffix, "was damaged and"
	if errors.Is(why, ErrLater) {
		suffix, what = LaterSuffix, "is of another version and"
	}
	aside := d.Path(name) + suffix
	if err := os.Rename(d.Path(name), aside); err != nil {
		return fmt.Errorf("set %s aside: %w", d.Path(name), err)
	}
	return fmt.Errorf("%s %s is now %s: %w", d.Path(name), what, aside, why)
}

// Recover sets a file aside whose content was the reason for err, and returns what there
// is to say; an error of reading leaves the file alone.
func (d Dir) Recover(name string, err error) error {
	if _, content := errors.AsType[damage](err); content {
		return d.SetAside(name, err)
	}
	return err
}

// A Format is one kind of file. T is its content, which has the version in the key
// "version".
type Format[T any] struct {
	Name    string
	Version int   // that is written
	Limit   int64 // what is written and read at most, in octets
	// Volatile is set where the content means nothing after a power failure, so that
	// writing need not wait for the disk.
	Volatile bool
	// Earlier reads what earlier versions wrote; nil where none is read.
	Earlier func(version int, data []byte) (T, error)
}

// Read reads the file in dir; where there is none the content is the zero value. The
// version is looked at before anything else is: of another one the rest may well look
// different.
func (f Format[T]) Read(dir Dir) (content T, err error) {
	path := dir.Path(f.Name)
	data, err := safefile.ReadRegular(path, f.Limit)
	if errors.Is(err, fs.ErrNotExist) {
		return content, nil
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err // the path is named below
	}
	if err == nil {
		if content, err = f.Decode(data); err != nil {
			err = damage{err}
		}
	}
	if err != nil {
		var none T
		return none, fmt.Errorf("read %s: %w", path, err)
	}
	return content, nil
}

// Decode reads content as it stands in a file.
func (f Format[T]) Decode(data []byte) (content T, err error) {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return content, err
	}
	switch {
	case head.Version > f.Version:
		return content, fmt.Errorf("format version %d, want %d at most: %w", head.Version, f.Version, ErrLater)
	case head.Version < f.Version && f.Earlier != nil:
		return f.Earlier(head.Version, data)
	case head.Version < f.Version:
		return content, fmt.Errorf("format version %d, want %d", head.Version, f.Version)
	}
	err = json.Unmarshal(data, &content)
	return content, err
}

// Encode returns content as it stands in a file.
func (f Format[T]) Encode(content T) ([]byte, error) {
	data, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	if data = append(data, '\n'); int64(len(data)) > f.Limit {
		return nil, fmt.Errorf("it would be %d octets, want at most %d", len(data), f.Limit)
	}
	return data, nil
}

// Write replaces the file in dir. The content states its version.
func (f Format[T]) Write(dir Dir, content T) error {
	data, err := f.Encode(content)
	if err == nil {
		err = atomicfile.Write(dir.Path(f.Name), data, atomicfile.Options{Mode: 0o600, Sync: !f.Volatile})
	}
	if err != nil {
		return fmt.Errorf("save %s: %w", f.Name, err)
	}
	return nil
}
