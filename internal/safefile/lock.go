// SPDX-License-Identifier: Apache-2.0

package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ErrLocked is returned by Flock while somebody else holds the lock.
var ErrLocked = errors.New("somebody else holds the lock")

// Flock makes the lock file at path where needed and takes it if it is free. The lock
// is held until the file is closed, by every process that inherited it. Whoever can open
// the file could hold it, so it has the mode given, also if it was there before.
func Flock(path string, mode fs.FileMode) (*os.File, error) {
	for {
		f, st, err := open(path, os.O_RDWR|os.O_CREATE, mode)
		if err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		if st.Mode().Perm() != mode {
			err = f.Chmod(mode)
		}
		if err == nil {
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if isAt(path, st) {
			return f, nil
		}
		_ = f.Close() // its holder removed it between our open and flock
	}
}

// isAt reports whether the file at path is still the one that was opened.
func isAt(path string, opened fs.FileInfo) bool {
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(there, opened)
}

// Held reports whether somebody holds the lock at path, which it takes for a moment to
// see. A lock file that cannot be opened is held by nobody, as far as can be told.
func Held(path string) bool {
	f, _, err := open(path, os.O_RDONLY, 0)
	if err != nil {
		return false
	}
	defer f.Close() // which releases the lock if it was free
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
