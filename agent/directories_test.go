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
	"strings"
	"syscall"
	"testing"

	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/privatedir"
	"github.com/colvin-net/colvin/internal/safefile"
)

// nobodys is a user without a name.
const nobodys = 4711

func give(path string) error { return os.Lchown(path, nobodys, -1) }

func hold(t *testing.T, dir string) error {
	t.Helper()
	lock, err := agentlock.Take(filepath.Join(dir, agentlock.Name))
	if err == nil {
		t.Cleanup(func() { _ = lock.Close() })
	}
	return err
}

// modesOf lists what directories are, as ls does.
func modesOf(t *testing.T, dirs ...string) string {
	t.Helper()
	var modes []string
	for _, dir := range dirs {
		st, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		modes = append(modes, st.Mode().String())
	}
	return strings.Join(modes, " ")
}

// TestClaim holds who gets the directories, and what everybody else is told.
func TestClaim(t *testing.T) {
	me := userName(os.Geteuid())
	already := fmt.Sprintf(`lock DIR/run/agent.lock: another colvind holds the lock on this node: process %d of %s; stop that one first, with "systemctl stop colvind" if it is the service`,
		os.Getpid(), me)
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, dir string) error
		want    string
	}{
		{"nothing there", func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, "run")) }, ""},
		{"own", func(*testing.T, string) error { return nil }, ""},
		{"in what everybody shares", func(_ *testing.T, dir string) error { return os.Chmod(dir, 0o777|fs.ModeSticky) }, ""},
		{"another runs", func(t *testing.T, dir string) error { t.Helper(); return hold(t, filepath.Join(dir, "run")) }, already},
		{"another user's runs", func(t *testing.T, dir string) error {
			t.Helper()
			return errors.Join(hold(t, filepath.Join(dir, "run")), give(filepath.Join(dir, "run")))
		}, already},
		{"another user's ran", func(_ *testing.T, dir string) error { return give(filepath.Join(dir, "run")) }, fmt.Sprintf(
			`use run directory: DIR/run is owned by user 4711, and this colvind runs as %s; start it as that user, as "systemctl start colvind" does for the service, or run (for a pod, on the node): chown -R %d DIR/run`, me, os.Geteuid())},
		{"another user's state", func(_ *testing.T, dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "state"), 0o700), give(filepath.Join(dir, "state")))
		}, fmt.Sprintf(
			`use state directory: DIR/state is owned by user 4711, and this colvind runs as %s; start it as that user, as "systemctl start colvind" does for the service, or run (for a pod, on the node): chown -R %d DIR/state`, me, os.Geteuid())},
		{
			"below another user's", func(_ *testing.T, dir string) error { return give(dir) },
			`use run directory: DIR is owned by user 4711; set "runDirectory" to a directory below root's own, such as /run/colvin`,
		},
		{
			"a group may write", func(_ *testing.T, dir string) error { return os.Chmod(filepath.Join(dir, "run"), 0o770) },
			"use run directory: DIR/run can be written by others (mode drwxrwx---); remove that permission",
		},
		{
			"a group may write above", func(_ *testing.T, dir string) error { return os.Chmod(dir, 0o770) },
			`use run directory: DIR can be written by others (mode drwxrwx---), so somebody could have put DIR/run there; set "runDirectory" to a directory below root's own, such as /run/colvin`,
		},
		{
			"no directory", func(_ *testing.T, dir string) error { return os.WriteFile(filepath.Join(dir, "state"), nil, 0o600) },
			"use state directory: open DIR/state: not a directory",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := privatedir.New(t)
			err := os.Mkdir(filepath.Join(dir, "run"), 0o755)
			if err = errors.Join(err, tt.prepare(t, dir)); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
				t.Skip("needs the right to give a directory to another user: ", err)
			} else if err != nil {
				t.Fatal(err)
			}
			lock, err := claim(config.Config{RunDirectory: filepath.Join(dir, "run"), StateDirectory: filepath.Join(dir, "state")})
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), dir, "DIR")
			} else if err := lock.Close(); err != nil {
				t.Error(err)
			} else if modes := modesOf(t, filepath.Join(dir, "run"), filepath.Join(dir, "state")); modes != "drwxr-xr-x drwx------" {
				t.Errorf("the directories are %s", modes)
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestDenied names the owner of what is there: the lock file, or what is above it.
func TestDenied(t *testing.T) {
	dir := privatedir.New(t)
	d := directory{"run directory", "runDirectory", filepath.Join(dir, "run"), 0o755, "/run/colvin"}
	for _, path := range []string{filepath.Join(dir, "run"), filepath.Join(dir, "run", agentlock.Name)} {
		err := d.denied(fmt.Errorf("lock: %w", &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES}))
		want := strings.NewReplacer("PATH", path, "ME", userName(os.Geteuid()), "UID", fmt.Sprint(os.Geteuid())).Replace(
			"use run directory: lock: open PATH: permission denied: DIR is owned by ME, and this colvind runs as ME; run as root (for a pod, on the node): install -d -o UID DIR/run; chown -R UID DIR/run")
		if got := err.Error(); strings.ReplaceAll(got, dir, "DIR") != strings.ReplaceAll(want, dir, "DIR") {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestUnusable holds what is said of everything that keeps an agent from its directory.
func TestUnusable(t *testing.T) {
	dir, me, uid := privatedir.New(t), userName(os.Geteuid()), os.Geteuid()
	d := directory{"run directory", "runDirectory", dir, 0o755, "/run/colvin"}
	own := fmt.Sprintf("and this colvind runs as %s; start it as that user, as \"systemctl start colvind\" does for the service, or run (for a pod, on the node): chown -R %d DIR", me, uid)
	for err, want := range map[error]string{
		&fs.PathError{Op: "mkdir", Path: dir, Err: syscall.EACCES}: fmt.Sprintf(
			"use run directory: mkdir DIR: permission denied: DIR is owned by %s, and this colvind runs as %s; run as root (for a pod, on the node): install -d -o %d DIR; chown -R %d DIR", me, me, uid, uid),
		syscall.EPERM: fmt.Sprintf(
			"use run directory: operation not permitted: DIR is owned by %s, and this colvind runs as %s; run as root (for a pod, on the node): install -d -o %d DIR; chown -R %d DIR", me, me, uid, uid),
		&fs.PathError{Op: "mkdir", Path: dir, Err: syscall.EROFS}: "use run directory: mkdir DIR: read-only file system; it must be writable: in a pod, a volume of type hostPath, mounted at DIR without readOnly",
		syscall.ENOSPC: "use run directory: no space left on device",
		&safefile.Exposure{At: "/run", In: dir, UID: -1, Mode: 0o777}: `use run directory: /run can be written by others (mode drwxrwxrwx), so somebody could have put DIR there; set "runDirectory" to a directory below root's own, such as /run/colvin`,
		&safefile.Exposure{At: "/run", In: dir, UID: nobodys}:         `use run directory: /run is owned by user 4711; set "runDirectory" to a directory below root's own, such as /run/colvin`,
		&safefile.Exposure{At: dir, UID: -1, Mode: 0o777}:             "use run directory: DIR can be written by others (mode drwxrwxrwx); remove that permission",
		&safefile.Exposure{At: dir, UID: nobodys}:                     "use run directory: DIR is owned by user 4711, " + own,
		&safefile.Exposure{At: dir, UID: 0}:                           "use run directory: DIR is owned by root, " + own,
	} {
		if got := strings.ReplaceAll(d.unusable(err).Error(), dir, "DIR"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestUnlocked holds that who has the lock is named, where that can be seen.
func TestUnlocked(t *testing.T) {
	d := directory{"run directory", "runDirectory", "/run/colvin", 0o755, "/run/colvin"}
	const stop = `stop that one first, with "systemctl stop colvind" if it is the service`
	locked := fmt.Errorf("lock: %w", agentlock.ErrLocked)
	for _, tt := range []struct {
		pid  int
		err  error
		want string
	}{
		{os.Getpid(), syscall.EIO, fmt.Sprintf("lock PATH: another colvind holds the lock on this node: process %d of %s; ", os.Getpid(), userName(os.Geteuid())) + stop},
		{1, locked, "lock PATH: another colvind holds the lock on this node: process 1" + ofUser(1) + "; " + stop},
		{1 << 30, locked, "lock PATH: another colvind holds the lock on this node: process 1073741824; " + stop}, // it ended
		{0, locked, `lock: another colvind holds the lock on this node; its process cannot be seen from here, as of one in another container, or of the node where this is a container: stop it first, with "systemctl stop colvind" if it is the service`},
		{0, syscall.EIO, "use run directory: input/output error"},
	} {
		if got := d.unlocked("PATH", tt.pid, tt.err).Error(); got != tt.want {
			t.Errorf("process %d, %v:\ngot  %s\nwant %s", tt.pid, tt.err, got, tt.want)
		}
	}
}

// TestUserName holds that users are called what they are called elsewhere on the machine.
func TestUserName(t *testing.T) {
	if got := userName(0); got != "root" {
		t.Errorf("user 0 is %s", got)
	}
	if got := userName(nobodys); got != "user 4711" {
		t.Errorf("who has no name is %s", got)
	}
	for _, name := range []string{"daemon", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			t.Logf("there is no user %s here: %v", name, err)
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if got := userName(uid); got != "user "+name || err != nil {
			t.Errorf("%s is %s, %v", name, got, err)
		}
	}
}
