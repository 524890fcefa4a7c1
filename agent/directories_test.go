// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/privatedir"
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
			"make state directory: open DIR/state: not a directory",
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
