// SPDX-License-Identifier: Apache-2.0

// Package agentlock is the lock that says an agent is alive on this node, and that it is
// the only one. Whoever asks needs neither the agent nor its files. It uses the standard
// library only, because the CNI plugin links it.
package agentlock

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/colvin-net/colvin/internal/safefile"
)

// Name is the lock file in the agent's run directory.
const Name = "agent.lock"

// ErrLocked is returned by Take while another agent holds the lock.
var ErrLocked = errors.New("another colvind holds the lock on this node")

// lockMode keeps other users from taking the lock: whoever can read the file
// could.
const lockMode = 0o600

// Held takes the lock for a moment to see whether it is free. Take therefore
// tries again before it concludes that another agent is there.
const (
	lockTries = 10
	lockPause = 10 * time.Millisecond
)

// Take takes the lock at path. It is held until the returned file is closed or the
// process ends.
func Take(path string) (*os.File, error) {
	for try := 1; ; try++ {
		f, err := safefile.Flock(path, lockMode)
		if !errors.Is(err, safefile.ErrLocked) {
			return f, err
		}
		if try == lockTries {
			return nil, fmt.Errorf("lock %s: %w", path, ErrLocked)
		}
		time.Sleep(lockPause)
	}
}

// Held reports whether an agent holds the lock at path.
func Held(path string) bool { return safefile.Held(path) }
