// SPDX-License-Identifier: Apache-2.0

package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Trust says in whose directories what lies there is believed, beside those of root and
// the caller. The owner of / counts as root, who is another within a user namespace.
type Trust struct {
	// AnyOwner believes one more user: the owner of the directory.
	AnyOwner bool
	// Sticky lets everybody write above the directory where nobody can exchange what is
	// another's, as in /tmp. What was put there must be root's or the caller's then.
	Sticky bool
}

// An Exposure is a directory that can be filled or exchanged by somebody who is not
// believed.
type Exposure struct {
	At string // the exposed directory, or link: the one that was asked for, or above it
	In string // what could be exchanged there, on the way; empty where At was asked for itself
	// UID is the owner of At, where that is who is not believed; else it is -1, and Mode
	// says who may write there.
	UID  int
	Mode fs.FileMode
}

// Error says what is wrong. What to do depends on what the directory is for.
func (e *Exposure) Error() string {
	switch {
	case e.UID >= 0:
		return fmt.Sprintf("%s is owned by user %d", e.At, e.UID)
	case e.In == "":
		return fmt.Sprintf("%s can be written by others (mode %s)", e.At, asListed(e.Mode))
	}
	return fmt.Sprintf("%s can be written by others (mode %s), so somebody could have put %s there", e.At, asListed(e.Mode), e.In)
}

// Shared reports whether others are meant to write to At.
func (e *Exposure) Shared() bool { return e.UID < 0 && e.Mode&fs.ModeSticky != 0 }

// asListed is the mode of a directory as ls -l shows it.
func asListed(m fs.FileMode) string {
	out := []byte("d" + m.Perm().String()[1:])
	for _, bit := range []struct {
		mode       fs.FileMode
		at         int
		with, sole byte // execute permission, and without it
	}{{fs.ModeSetuid, 3, 's', 'S'}, {fs.ModeSetgid, 6, 's', 'S'}, {fs.ModeSticky, 9, 't', 'T'}} {
		switch {
		case m&bit.mode == 0:
		case out[bit.at] == 'x':
			out[bit.at] = bit.with
		default:
			out[bit.at] = bit.sole
		}
	}
	return string(out)
}

// Private returns the absolute path of a directory, without symbolic links. It looks at
// all directories on the way; the error is an *Exposure where one is not private, else an
// *fs.PathError.
func Private(dir string, trust Trust) (string, error) { return private(dir, trust, 0) }

// MakePrivate is Private for a directory that is made where needed, with a mode, and with
// what is above it. Nothing is made in what is not private.
func MakePrivate(dir string, mode fs.FileMode, trust Trust) (string, error) {
	return private(dir, trust, mode)
}

func private(dir string, trust Trust, mode fs.FileMode) (string, error) {
	path, err := absolute(dir)
	if err != nil {
		return "", err
	}
	slash, err := os.Lstat("/")
	if err != nil {
		return "", err
	}
	w := &walk{trust: trust, mode: mode, believed: []int{0, os.Geteuid(), owner(slash)}, rest: strings.Split(path, "/")}
	if trust.AnyOwner {
		st, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		w.also = []int{owner(st)}
	}
	return w.run(slash)
}

// absolute keeps "..", which means something else behind a link.
func absolute(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	wd, err := os.Getwd()
	return wd + "/" + path, err
}

// owner is the owner of a file. It is nobody's where that is not known.
func owner(st fs.FileInfo) int {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}

// A walk goes down to a directory.
type walk struct {
	trust    Trust
	mode     fs.FileMode // of the directory where it is made; 0 where that is not wanted
	believed []int       // these users, wherever they put something
	also     []int       // these, but where everybody can put something

	at    string   // where it is
	open  bool     // everybody can put something there
	rest  []string // of the way
	links int
}

// aboveMode is of directories that are made above the one that is wanted: others may have
// files there too.
const aboveMode fs.FileMode = 0o755

// maxLinks is how many links there may be on the way; the kernel has as many
// (path_resolution(7)).
const maxLinks = 40

func (w *walk) run(slash fs.FileInfo) (string, error) {
	if err := w.enter("/", slash); err != nil {
		return "", err
	}
	for len(w.rest) > 0 {
		next := filepath.Join(w.at, w.rest[0])
		w.rest = w.rest[1:]
		if next == w.at {
			continue
		}
		st, err := w.look(next)
		switch {
		case err != nil:
		case st.Mode().Type() == fs.ModeSymlink:
			err = w.follow(next, st)
		case !st.IsDir():
			err = &fs.PathError{Op: "open", Path: next, Err: syscall.ENOTDIR}
		default:
			err = w.enter(next, st)
		}
		if err != nil {
			return "", err
		}
	}
	return w.at, nil
}

// look looks at a file, and makes a directory where there is none and one is wanted.
func (w *walk) look(path string) (fs.FileInfo, error) {
	st, err := os.Lstat(path)
	if w.mode == 0 || !errors.Is(err, fs.ErrNotExist) {
		return st, err
	}
	mode := w.mode
	if w.after(path) != "" {
		mode = aboveMode
	}
	if err := os.Mkdir(path, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.Lstat(path)
}

// enter goes on to a directory.
func (w *walk) enter(dir string, st fs.FileInfo) error {
	if err := w.check(dir, st); err != nil {
		return err
	}
	w.at, w.open = dir, st.Mode().Perm()&0o022 != 0
	in := w.after(dir)
	if w.open && !(in != "" && w.trust.Sticky && st.Mode()&fs.ModeSticky != 0) {
		return &Exposure{At: dir, In: in, UID: -1, Mode: st.Mode()}
	}
	return nil
}

// after is where the way goes on behind a path; empty at its end.
func (w *walk) after(path string) string {
	for _, name := range w.rest {
		if name != "" && name != "." {
			return filepath.Join(path, name)
		}
	}
	return ""
}

// follow goes on to where a link leads. Whose it is matters only where not everything
// was put by who is believed.
func (w *walk) follow(link string, st fs.FileInfo) error {
	if w.open {
		if err := w.check(link, st); err != nil {
			return err
		}
	}
	if w.links++; w.links > maxLinks {
		return &fs.PathError{Op: "open", Path: link, Err: syscall.ELOOP}
	}
	target, err := os.Readlink(link)
	if err != nil {
		return err
	}
	w.rest = append(strings.Split(target, "/"), w.rest...)
	if !filepath.IsAbs(target) {
		return nil
	}
	slash, err := os.Lstat("/")
	if err != nil {
		return err
	}
	return w.enter("/", slash)
}

// check refuses what somebody put there who is not believed.
func (w *walk) check(path string, st fs.FileInfo) error {
	uid := owner(st)
	if slices.Contains(w.believed, uid) || !w.open && slices.Contains(w.also, uid) {
		return nil
	}
	return &Exposure{At: path, In: w.after(path), UID: uid, Mode: st.Mode()}
}
