// SPDX-License-Identifier: Apache-2.0

package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/colvin-net/colvin/internal/atomicfile"
	"github.com/colvin-net/colvin/internal/safefile"
)

// lockPause is how often a lock that is held is tried again. A blocking flock
// could not be given up.
const lockPause = 20 * time.Millisecond

// ErrLocked is returned by Lock when the time is up.
var ErrLocked = errors.New("another plugin or its delegate is still at work on this attachment")

// Lock is the right to work on one attachment. It is a flock: it lasts until
// every process that inherited File has ended.
type Lock struct {
	store *Store
	key   Key
	file  *os.File
}

// Lock waits until ctx is done for the lock on key.
func (s *Store) Lock(ctx context.Context, key Key) (*Lock, error) {
	f, err := waitFor(ctx, s.lockPath(idOf(key)))
	if err != nil {
		return nil, err
	}
	return &Lock{store: s, key: key, file: f}, nil
}

// LockDevice waits until ctx is done for the right to make or remove the VLAN device
// for vid on a device, or with vid 0 to take the device itself away. Whoever has it
// may hold an attachment's lock already, and takes no other. The function returned
// lets go of it.
func (s *Store) LockDevice(ctx context.Context, index int, vid uint16) (func(), error) {
	path := s.devicePath(index, vid)
	f, err := waitFor(ctx, path)
	if err != nil {
		return nil, err
	}
	return func() { _ = errors.Join(os.Remove(path), f.Close()) }, nil
}

// DeviceLocked reports whether somebody has the right that LockDevice gives.
func (s *Store) DeviceLocked(index int, vid uint16) bool {
	return safefile.Held(s.devicePath(index, vid))
}

// AtWork reports whether somebody works on the attachment of that key in a directory of
// records. Whoever may not open its lock sees only that there is one.
func AtWork(dir string, key Key) bool {
	path := (&Store{dir: dir}).lockPath(idOf(key))
	f, _, err := safefile.OpenRegular(path, os.O_RDONLY)
	if err != nil {
		return errors.Is(err, fs.ErrPermission)
	}
	_ = f.Close()
	return safefile.Held(path)
}

func (s *Store) devicePath(index int, vid uint16) string {
	return s.lockPath(fmt.Sprintf("device-%d-%d", index, vid))
}

func (s *Store) lockPath(id string) string { return filepath.Join(s.dir, id+lockSuffix) }

func waitFor(ctx context.Context, path string) (*os.File, error) {
	for {
		f, err := flock(path)
		if !errors.Is(err, ErrLocked) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(lockPause):
		}
	}
}

// flock makes the lock file where needed and takes it if it is free.
func flock(path string) (*os.File, error) {
	f, err := safefile.Flock(path, lockMode)
	if errors.Is(err, safefile.ErrLocked) {
		return nil, fmt.Errorf("lock %s: %w", path, ErrLocked)
	}
	return f, err
}

// File is what a delegate inherits, so that it holds the lock after a kill of
// the plugin.
func (l *Lock) File() *os.File { return l.file }

// Unlock releases the lock. The lock file goes with it: whoever waits for it
// sees that and makes a new one.
func (l *Lock) Unlock() error {
	err := l.remove(lockSuffix)
	return errors.Join(err, l.file.Close())
}

// Read returns the record; fs.ErrNotExist where there is none, ErrDamaged where
// it cannot be understood.
func (l *Lock) Read() (*Record, error) {
	return l.store.read(idOf(l.key) + recordSuffix)
}

// Write writes or replaces the record. It need not survive a power failure: the
// container is gone then, and DEL frees its address without a record, too.
func (l *Lock) Write(r *Record) error {
	if r.Key != l.key {
		return fmt.Errorf("write record of %v under the lock of %v", r.Key, l.key)
	}
	if err := l.admit(); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	data, err := json.Marshal(file{version, *r})
	if err == nil && len(data) > maxSize { // nobody could read it
		err = fmt.Errorf("with the configuration and the result it has %d octets, want at most %d", len(data), maxSize)
	}
	if err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	if err := atomicfile.Write(l.path(recordSuffix), data, atomicfile.Options{Mode: recordMode}); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

func (l *Lock) path(suffix string) string { return filepath.Join(l.store.dir, idOf(l.key)+suffix) }

// Sweep removes the files that killed plugins left beside the records: locks that
// nobody holds, and records that are not whole, be it after a power failure. A
// damaged record is kept while its container may be there: until the next boot.
func (s *Store) Sweep(booted time.Time) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("sweep locks: %w", err)
	}
	var errs []error
	for _, e := range entries {
		id, isLock := strings.CutSuffix(e.Name(), lockSuffix)
		id, isTemp := strings.CutSuffix(id, tempSuffix)
		id, isRecord := strings.CutSuffix(id, recordSuffix)
		if isLock || isTemp || isRecord && s.worthless(e.Name(), booted) {
			errs = append(errs, s.sweep(id, e.Name(), booted))
		}
	}
	return errors.Join(errs...)
}

// worthless reports whether a record says nothing about anything that is there.
func (s *Store) worthless(file string, booted time.Time) bool {
	st, err := os.Lstat(filepath.Join(s.dir, file))
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	_, err = s.read(file)
	return errors.Is(err, ErrDamaged) && (st.Size() == 0 || st.ModTime().Before(booted))
}

// sweep removes a file of the attachment or device id, unless it is at work, or a record
// was written since somebody looked.
func (s *Store) sweep(id, file string, booted time.Time) error {
	f, err := flock(s.lockPath(id))
	if errors.Is(err, ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	if !strings.HasSuffix(file, recordSuffix) || s.worthless(file, booted) {
		err = os.Remove(filepath.Join(s.dir, file))
	}
	if file != id+lockSuffix {
		err = errors.Join(err, os.Remove(s.lockPath(id)))
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// Remove removes the record and what a killed plugin left of it. There need not
// be one.
func (l *Lock) Remove() error {
	return errors.Join(l.remove(tempSuffix), l.remove(recordSuffix))
}

func (l *Lock) remove(suffix string) error {
	if err := os.Remove(l.path(suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove record: %w", err)
	}
	return nil
}
