// SPDX-License-Identifier: Apache-2.0

package safefile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/colvin-net/colvin/internal/privatedir"
	"github.com/colvin-net/colvin/internal/safefile"
)

// other is a user who is neither root nor the caller.
const other = 4711

// TestPrivate makes what each line says below DIR, which is private, and asks for the
// last directory of it. A line is a path with what chmod and chown take, or a link.
func TestPrivate(t *testing.T) {
	strict, sticky, agents := safefile.Trust{}, safefile.Trust{Sticky: true}, safefile.Trust{Sticky: true, AnyOwner: true}
	for _, tt := range []struct {
		name  string
		made  []made
		ask   string
		trust safefile.Trust
		want  string // the path, or the error
	}{
		{"own", []made{{path: "a"}, {path: "a/b"}}, "a/b", strict, "DIR/a/b"},
		{
			"group",
			[]made{{path: "a", mode: 0o775}, {path: "a/b"}},
			"a/b", strict,
			"DIR/a can be written by others (mode drwxrwxr-x), so somebody could have put DIR/a/b there",
		},
		{
			"everybody",
			[]made{{path: "a", mode: 0o757}, {path: "a/b"}, {path: "a/b/c"}},
			"a/b/c", strict,
			"DIR/a can be written by others (mode drwxr-xrwx), so somebody could have put DIR/a/b there",
		},
		{
			"sticky",
			[]made{{path: "a", mode: 0o777 | fs.ModeSticky}, {path: "a/b"}},
			"a/b", strict,
			"DIR/a can be written by others (mode drwxrwxrwt), so somebody could have put DIR/a/b there",
		},
		{
			"sticky for the group",
			[]made{{path: "a", mode: 0o770 | fs.ModeSticky | fs.ModeSetgid}, {path: "a/b"}},
			"a/b", strict,
			"DIR/a can be written by others (mode drwxrws--T), so somebody could have put DIR/a/b there",
		},
		{"sticky, and trusted", []made{{path: "a", mode: 0o777 | fs.ModeSticky}, {path: "a/b"}, {path: "a/b/c"}}, "a/b/c", sticky, "DIR/a/b/c"},
		{"itself", []made{{path: "a", mode: 0o770}}, "a", sticky, "DIR/a can be written by others (mode drwxrwx---)"},
		{"itself, sticky", []made{{path: "a", mode: 0o777 | fs.ModeSticky}}, "a", agents, "DIR/a can be written by others (mode drwxrwxrwt)"},
		{"itself, and a slash", []made{{path: "a", mode: 0o777 | fs.ModeSticky}}, "a/.", agents, "DIR/a can be written by others (mode drwxrwxrwt)"},
		{"a link", []made{{path: "a"}, {path: "l", to: "a"}}, "l", strict, "DIR/a"},
		{"a link and back", []made{{path: "a"}, {path: "a/b"}, {path: "c"}, {path: "l", to: "a/b"}}, "l/../../c", strict, "DIR/c"},
		{
			"a link to elsewhere",
			[]made{{path: "a", mode: 0o777 | fs.ModeSticky}, {path: "a/b"}, {path: "l", to: "DIR/a/b"}},
			"l", strict,
			"DIR/a can be written by others (mode drwxrwxrwt), so somebody could have put DIR/a/b there",
		},
		{
			"a link in what is shared",
			[]made{{path: "a"}, {path: "s", mode: 0o777 | fs.ModeSticky}, {path: "s/l", to: "DIR/a"}},
			"s/l", strict,
			"DIR/s can be written by others (mode drwxrwxrwt), so somebody could have put DIR/s/l there",
		},
		{"an own link in what is shared", []made{{path: "a"}, {path: "s", mode: 0o777 | fs.ModeSticky}, {path: "s/l", to: "DIR/a"}}, "s/l", sticky, "DIR/a"},
		{"a loop", []made{{path: "l", to: "l"}}, "l", strict, "open DIR/l: too many levels of symbolic links"},
		{"nothing", nil, "a", strict, "lstat DIR/a: no such file or directory"},
		{"nothing, anybody's", nil, "a", agents, "stat DIR/a: no such file or directory"},

		{"another's", []made{{path: "a", uid: other}}, "a", sticky, "DIR/a is owned by user 4711"},
		{"above another's", []made{{path: "a", uid: other}, {path: "a/b"}}, "a/b", sticky, "DIR/a is owned by user 4711"},
		{"the agent's", []made{{path: "a", uid: other}}, "a", agents, "DIR/a"},
		{"the agent's home", []made{{path: "a", uid: other}, {path: "a/b", uid: other}}, "a/b", agents, "DIR/a/b"},
		{"above the agent's", []made{{path: "a", uid: other + 1}, {path: "a/b", uid: other}}, "a/b", agents, "DIR/a is owned by user 4712"},
		{"another's in what is shared", []made{{path: "a", mode: 0o777 | fs.ModeSticky}, {path: "a/b", uid: other}}, "a/b", agents, "DIR/a/b is owned by user 4711"},
		{
			"another's link in what is shared",
			[]made{{path: "a"}, {path: "s", mode: 0o777 | fs.ModeSticky}, {path: "s/l", to: "DIR/a", uid: other}},
			"s/l", agents,
			"DIR/s/l is owned by user 4711",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := privatedir.New(t)
			for _, m := range tt.made {
				m.in(t, dir)
			}
			got, err := safefile.Private(dir+"/"+tt.ask, tt.trust)
			if err != nil {
				got = err.Error()
			}
			if got = strings.ReplaceAll(got, dir, "DIR"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// made is a directory, or a link, and whose it is.
type made struct {
	path string
	mode fs.FileMode // zero: nobody else may write
	to   string
	uid  int // zero: the caller
}

func (m made) in(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, m.path)
	var err error
	switch {
	case m.to != "":
		err = os.Symlink(strings.ReplaceAll(m.to, "DIR", dir), path)
	case m.mode != 0:
		err = errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, m.mode))
	default:
		err = os.Mkdir(path, 0o755)
	}
	if m.uid != 0 {
		err = errors.Join(err, os.Lchown(path, m.uid, -1))
	}
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) { // of a user namespace
		t.Skip("needs the right to give a directory to another user: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPrivateFromHere holds that a relative path is one below the working directory.
func TestPrivateFromHere(t *testing.T) {
	dir := privatedir.New(t)
	made{path: "a"}.in(t, dir)
	t.Chdir(dir)
	if got, err := safefile.Private("a", safefile.Trust{}); err != nil || got != filepath.Join(dir, "a") {
		t.Errorf("a is %q, %v", got, err)
	}
}

// TestMakePrivate makes what is missing, and nothing where it could be exchanged.
func TestMakePrivate(t *testing.T) {
	const mode = 0o750
	shared := made{path: "s", mode: 0o777 | fs.ModeSticky}
	for _, tt := range []struct {
		name  string
		made  []made
		ask   string
		trust safefile.Trust
		want  string
		left  string // the directories below DIR then, with their modes
	}{
		{"all of it", nil, "a/b/c", safefile.Trust{}, "DIR/a/b/c", "a 0755, a/b 0755, a/b/c 0750"},
		{"with a slash", nil, "a/", safefile.Trust{}, "DIR/a", "a 0750"},
		{"the rest", []made{{path: "a"}}, "a/b", safefile.Trust{}, "DIR/a/b", "a 0755, a/b 0750"},
		{"nothing", []made{{path: "a", mode: 0o700}}, "a", safefile.Trust{}, "DIR/a", "a 0700"},
		{
			"in what is shared",
			[]made{shared},
			"s/a",
			safefile.Trust{},
			"DIR/s can be written by others (mode drwxrwxrwt), so somebody could have put DIR/s/a there", "s 0777",
		},
		{"in what is shared, and trusted", []made{shared}, "s/a", safefile.Trust{Sticky: true}, "DIR/s/a", "s 0777, s/a 0750"},
		{
			"behind another's link",
			[]made{shared, {path: "s/l", to: "DIR/a", uid: other}},
			"s/l/b",
			safefile.Trust{Sticky: true},
			"DIR/s/l is owned by user 4711", "s 0777",
		},
		{"in a file", []made{{path: "l", to: "/dev/null"}}, "l/a", safefile.Trust{}, "open /dev/null: not a directory", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := privatedir.New(t)
			for _, m := range tt.made {
				m.in(t, dir)
			}
			got, err := safefile.MakePrivate(dir+"/"+tt.ask, mode, tt.trust)
			if err != nil {
				got = err.Error()
			}
			if got = strings.ReplaceAll(got, dir, "DIR"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if left := directories(t, dir); left != tt.left {
				t.Errorf("left %s, want %s", left, tt.left)
			}
		})
	}
}

func directories(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == "." {
			return err
		}
		st, err := d.Info()
		out = append(out, fmt.Sprintf("%s %04o", path, st.Mode().Perm()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, ", ")
}
