// SPDX-License-Identifier: Apache-2.0

package nodefile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// ErrLocked is returned by Lock while another agent holds the lock.
var ErrLocked = errors.New("another colvind holds the lock on this node")

// lockMode keeps other users from taking the lock: whoever can read the file
// could.
const lockMode = 0o600

// Held takes the lock for a moment to see whether it is free. Lock therefore
// tries again before it concludes that another agent is there.
const (
	lockTries = 10
	lockPause = 10 * time.Millisecond
)

// Lock takes the agent's lock: proof that an agent is alive, and that it is the
// only one. It is held until the returned file is closed or the process ends.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, lockMode)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := f.Chmod(lockMode); err != nil {
		return nil, errors.Join(fmt.Errorf("lock: %w", err), f.Close())
	}
	for try := 1; ; try++ {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || try == lockTries {
			break
		}
		time.Sleep(lockPause)
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// Held reports whether an agent holds the lock at path. A lock file that cannot
// be opened is held by nobody.
func Held(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close() // which releases the lock if it was free
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
