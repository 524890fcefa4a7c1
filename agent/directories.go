// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/internal/safefile"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// A directory is one of the agent's own.
type directory struct {
	what, key string // in words, and in colvind.yaml
	path      string
	mode      fs.FileMode
	usual     string // where it is by default
}

// claim makes the agent's directories and takes the lock in them, which is held until the
// file is closed. The plugin's records are not below them: an unprivileged agent must not
// own a directory above root's files.
func claim(c config.Config) (*os.File, error) {
	run := directory{"run directory", "runDirectory", c.RunDirectory, 0o755, nodefile.DefaultDir}
	state := directory{"state directory", "stateDirectory", c.StateDirectory, 0o700, config.DefaultStateDir}
	lock, err := run.lock()
	if err != nil {
		return nil, err
	}
	if err := state.make(); err != nil {
		return nil, errors.Join(state.unusable(err), lock.Close())
	}
	return lock, nil
}

// lock takes the agent's lock in the run directory.
func (d *directory) lock() (*os.File, error) {
	path := filepath.Join(d.path, agentlock.Name)
	err := d.make()
	if err == nil {
		var lock *os.File
		if lock, err = agentlock.Take(path); err == nil {
			return lock, nil
		}
	}
	return nil, d.unlocked(path, agentlock.Holder(path), err)
}

// unlocked says why the lock at path cannot be taken. Who has it, where that can be seen, says
// more than whose the directory is.
func (d *directory) unlocked(path string, pid int, err error) error {
	switch {
	case pid != 0:
		return fmt.Errorf("lock %s: %w: process %d%s; stop that one first, with \"systemctl stop colvind\" if it is the service",
			path, agentlock.ErrLocked, pid, ofUser(pid))
	case errors.Is(err, agentlock.ErrLocked):
		return fmt.Errorf("%w; its process cannot be seen from here, as of one in another container, or of the node where this is a container: stop it first, with \"systemctl stop colvind\" if it is the service", err)
	}
	return d.unusable(err)
}

// make makes the directory where needed. What lies in it is believed, by the plugin and by
// the next agent, so it has to be the agent's own, or root's.
func (d *directory) make() error {
	_, err := safefile.MakePrivate(d.path, d.mode, safefile.Trust{Sticky: true})
	return err
}

// unusable says what to do about what keeps the agent from using the directory.
func (d *directory) unusable(err error) error {
	e, exposed := errors.AsType[*safefile.Exposure](err)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return d.denied(err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("use %s: %w; it must be writable: in a pod, a volume of type hostPath, mounted at %s without readOnly", d.what, err, d.path)
	case !exposed:
		return fmt.Errorf("use %s: %w", d.what, err)
	case e.In != "":
		return fmt.Errorf("use %s: %w; set \"%s\" to a directory below root's own, such as %s", d.what, err, d.key, d.usual)
	case e.UID < 0:
		return fmt.Errorf("use %s: %w; remove that permission", d.what, err)
	}
	return fmt.Errorf("use %s: %s is owned by %s, and this colvind runs as %s; start it as that user, as \"systemctl start colvind\" does for the service, or run (for a pod, on the node): %s",
		d.what, e.At, userName(e.UID), userName(os.Geteuid()), d.own())
}

// denied says whose it is that the agent has no right to: a file, or the directory above.
func (d *directory) denied(err error) error {
	path := d.path
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		path = pe.Path
	}
	return fmt.Errorf("use %s: %w%s, and this colvind runs as %s; run as root (for a pod, on the node): %s; %s",
		d.what, err, whose(path), userName(os.Geteuid()), paste.Command("install", "-d", "-o", strconv.Itoa(os.Geteuid()), d.path), d.own())
}

// own is the command that gives the directory to the user of this agent.
func (d *directory) own() string {
	return paste.Command("chown", "-R", strconv.Itoa(os.Geteuid()), d.path)
}

// whose says who owns a path, or what is above it where there is none. / there always is.
func whose(path string) string {
	for ; ; path = filepath.Dir(path) {
		if owner := ownerOf(path); owner != "" {
			return fmt.Sprintf(": %s is owned by %s", path, owner)
		}
	}
}

// ofUser says whose a process is, where that can be seen.
func ofUser(pid int) string {
	if owner := ownerOf(fmt.Sprintf("/proc/%d", pid)); owner != "" {
		return " of " + owner
	}
	return ""
}

// ownerOf is the user whose a file is, in words; empty where that cannot be seen.
func ownerOf(path string) string {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return ""
	}
	return userName(int(st.Uid))
}

// userName is a user in words. An image from scratch knows none by name.
func userName(uid int) string {
	if uid == 0 {
		return "root"
	}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return fmt.Sprintf("user %d", uid)
	}
	return "user " + u.Username
}
