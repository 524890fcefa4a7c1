// SPDX-License-Identifier: Apache-2.0

// Package leftovers knows the files that agents leave in their directories, and removes
// them from a node that Colvin is to leave. What agents left in the kernel is for altnames.
package leftovers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/atomicfile"
	"github.com/colvin-net/colvin/internal/safefile"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// The files of an agent, as in docs/formats.md; of its lock whoever removes it may be the
// holder, so it is the last.
var (
	runFiles   = []string{nodefile.FileName, "memory.json", agentapi.SocketName, agentlock.Name}
	stateFiles = []string{
		"memory.json", "colours.json", "colours.cluster.json", "rules.last-good.json", "altnames.json", "changes.jsonl", "changes.old.jsonl",
	}
)

// forms are what may be added to a name: nothing, or what a killed agent left, and what was
// set aside.
var forms = []string{"", atomicfile.TempSuffix, statefile.DamagedSuffix, statefile.LaterSuffix}

// Find lists what is there, in the order in which it is to be removed.
func Find(runDirectory, stateDirectory string) ([]string, error) {
	found, err := find(stateDirectory, stateFiles)
	if err != nil {
		return nil, err
	}
	run, err := find(runDirectory, runFiles)
	return append(found, run...), err
}

func find(dir string, names []string) (found []string, err error) {
	for _, name := range names {
		for _, form := range forms {
			path := filepath.Join(dir, name+form)
			_, err := os.Lstat(path)
			switch {
			case err == nil:
				found = append(found, path)
			case !errors.Is(err, fs.ErrNotExist):
				return nil, err
			}
		}
	}
	return found, nil
}

// Remove removes what Find finds, and the directories where nothing else is in them. The
// caller makes sure that no agent runs.
//
// It may be root and the agent not: what lies in directories that somebody else could have
// put there is left alone.
func Remove(runDirectory, stateDirectory string) (removed []string, err error) {
	for _, dir := range []string{runDirectory, stateDirectory} {
		_, err := safefile.Private(dir, safefile.Trust{AnyOwner: true, Sticky: true})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("look at the agent's directories: %w", err)
		}
	}
	found, err := Find(runDirectory, stateDirectory)
	if err != nil {
		return nil, err
	}
	for _, path := range found {
		if err := os.Remove(path); err != nil {
			return removed, err
		}
		removed = append(removed, path)
	}
	return removed, errors.Join(RemoveEmpty(runDirectory), RemoveEmpty(stateDirectory))
}

// RemoveEmpty removes a directory, unless something is in it, or it is the place of a mount,
// as all directories of the node are in a pod.
func RemoveEmpty(dir string) error {
	err := syscall.Rmdir(dir)
	for _, stays := range []syscall.Errno{syscall.ENOENT, syscall.ENOTEMPTY, syscall.EBUSY, syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.ENOTDIR} {
		if errors.Is(err, stays) {
			return nil
		}
	}
	if err != nil {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}
