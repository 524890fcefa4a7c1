// SPDX-License-Identifier: Apache-2.0

package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/colvin-net/colvin/internal/safefile"
)

// A plugin that is removed while a container is attached leaves it with nobody who could
// detach it. So whoever removes it has the records frozen meanwhile: a plugin first takes
// its lock, then sees whether they are frozen, and then writes; and who removes it first
// freezes them, then sees who holds a lock, and then reads them. Of the two, one sees the
// other. A plugin that comes later sees that its program is gone.

// ErrUninstalled is returned by Write for an attachment that nobody could end.
var ErrUninstalled = errors.New("the plugin is being removed from this node, or was since it was called")

// uninstallLock is held while records are frozen. A file that a killed process left freezes
// nothing.
const uninstallLock = "uninstall" + lockSuffix

// freezeWait is more than plugins take that look whether the lock is free.
const freezeWait = time.Second

// Freeze keeps attachments from being recorded that are not yet. The function returned ends
// that.
func (s *Store) Freeze(ctx context.Context) (release func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, freezeWait)
	defer cancel()
	path := filepath.Join(s.dir, uninstallLock)
	f, err := waitFor(ctx, path)
	if errors.Is(err, ErrLocked) {
		err = fmt.Errorf("somebody else is removing the plugin (and holds %s)", path)
	}
	if err != nil {
		return nil, err
	}
	return func() error { return errors.Join(os.Remove(path), f.Close()) }, nil
}

// Busy lists the locks that somebody holds: of attachments and devices on which a plugin or
// its delegate is at work.
func (s *Store) Busy() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list locks: %w", err)
	}
	var busy []string
	for _, e := range entries {
		path := filepath.Join(s.dir, e.Name())
		if strings.HasSuffix(path, lockSuffix) && e.Name() != uninstallLock && safefile.Held(path) {
			busy = append(busy, path)
		}
	}
	return busy, nil
}

// admit refuses a record that is not there yet where nobody could end the attachment.
func (l *Lock) admit() error {
	_, err := os.Lstat(l.path(recordSuffix))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if safefile.Held(filepath.Join(l.store.dir, uninstallLock)) {
		return ErrUninstalled
	}
	// Runtimes call plugins by their paths; a name alone tells nothing.
	if _, err := os.Lstat(l.store.program); strings.ContainsRune(l.store.program, filepath.Separator) && errors.Is(err, fs.ErrNotExist) {
		return ErrUninstalled
	}
	return nil
}

// Beside lists the files that plugins have beside their records in a directory: locks, and
// records that are not whole. Sweep removes those of killed ones.
func Beside(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list locks: %w", err)
	}
	var found []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), lockSuffix) || strings.HasSuffix(e.Name(), tempSuffix) {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	return found, nil
}
