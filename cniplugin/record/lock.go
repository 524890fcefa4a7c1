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
	"syscall"
	"time"

	"github.com/colvin-net/colvin/internal/atomicfile"
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
	for {
		l, err := s.TryLock(key)
		if !errors.Is(err, ErrLocked) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(lockPause):
		}
	}
}

// TryLock takes the lock on key if it is free.
func (s *Store) TryLock(key Key) (*Lock, error) {
	path := filepath.Join(s.dir, key.id()+lockSuffix)
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock record: %w", err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			_ = f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				err = ErrLocked
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if isFile(path, f) {
			return &Lock{store: s, key: key, file: f}, nil
		}
		_ = f.Close() // its holder removed it between our open and flock
	}
}

// isFile reports whether the file at path is still f.
func isFile(path string, f *os.File) bool {
	there, err := os.Lstat(path)
	if err != nil {
		return false
	}
	here, err := f.Stat()
	return err == nil && os.SameFile(there, here)
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
	return l.store.read(l.key.id() + recordSuffix)
}

// Create writes the record and returns when it is on the disk.
func (l *Lock) Create(r *Record) error { return l.write(r, true) }

// Update replaces the record. It need not survive a power failure: the phase
// that then remains is the careful one.
func (l *Lock) Update(r *Record) error { return l.write(r, false) }

func (l *Lock) write(r *Record, sync bool) error {
	if r.Key != l.key {
		return fmt.Errorf("write record of %v under the lock of %v", r.Key, l.key)
	}
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	if err := atomicfile.Write(l.path(recordSuffix), data, atomicfile.Options{Mode: 0o600, Sync: sync}); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

func (l *Lock) path(suffix string) string { return filepath.Join(l.store.dir, l.key.id()+suffix) }

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
