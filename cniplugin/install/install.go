// SPDX-License-Identifier: Apache-2.0

// Package install puts programs onto a node in one step each: whoever starts one meanwhile
// gets the old one or the new one, and is never without.
package install

import (
	"bytes"
	"crypto/rand"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/colvin-net/colvin/internal/safefile"
)

// The main packages of what is installed, which the go command writes into a program.
const (
	Plugin  = "github.com/colvin-net/colvin/cmd/colvin-cni"
	Command = "github.com/colvin-net/colvin/cmd/colvin"
)

// mode is that of a program.
const mode = 0o755

// A Program is to be put into a directory.
type Program struct {
	From    string // the file to be copied
	Dir     string
	Name    string // in Dir
	Package string // of which it is the main program: Plugin or Command

	built func(path string) (pkg string, err error) // of what a file is built; Built where nil
}

// Run puts the program into its place and reports whether that changed anything. What has
// its name there and is none of Colvin's stays, and is an error. Dir is made where it is
// missing. Killed, it leaves at most a file whose name begins with a dot, which a later one
// removes.
func Run(p Program) (changed bool, err error) {
	path := filepath.Join(p.Dir, p.Name)
	if p.Name == "" || p.Name != filepath.Base(p.Name) || p.Name[0] == '.' {
		return false, fmt.Errorf("a program is not called %q: want a name without a path", p.Name)
	}
	if p.built == nil {
		p.built = Built
	}
	if err := p.is(p.From); err != nil {
		return false, fmt.Errorf("%s is not what is to be installed: %w", p.From, err)
	}
	data, err := read(p.From)
	if err != nil {
		return false, err
	}
	there, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return false, err
	case !there.Mode().IsRegular():
		return false, fmt.Errorf("%s is no file but %s, so it stays: remove it by hand", path, there.Mode().Type())
	default:
		if err := p.is(path); err != nil {
			return false, fmt.Errorf("%s is another program, so it stays: %w; remove it by hand, or choose another directory", path, err)
		}
		if old, err := read(path); err == nil && bytes.Equal(old, data) && there.Mode().Perm() == mode {
			return false, nil
		}
	}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return false, err
	}
	return true, replace(path, data)
}

// is makes sure that a file is the program.
func (p *Program) is(path string) error {
	switch built, err := p.built(path); {
	case err != nil:
		return err
	case built != p.Package:
		return fmt.Errorf("it is built of %q, want %s", built, p.Package)
	}
	return nil
}

// Built is the package that a program is built of. Nothing is run to tell.
func Built(path string) (string, error) {
	f, _, err := safefile.OpenRegular(path, os.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := buildinfo.Read(f)
	if err != nil {
		return "", fmt.Errorf("read what %s is built of: %w", path, err)
	}
	return info.Path, nil
}

func read(path string) ([]byte, error) {
	f, _, err := safefile.OpenRegular(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// abandoned is how old a file of another's is that is not at work any more.
const abandoned = time.Hour

// replace puts data into the place of the file at path, with its SELinux label. Several may
// do this at once: the names of their own files differ.
func replace(path string, data []byte) error {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"-*"))
	if err != nil {
		return err
	}
	for _, old := range left { // of one that was killed
		if st, err := os.Lstat(old); err == nil && time.Since(st.ModTime()) > abandoned {
			_ = os.Remove(old)
		}
	}
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"-"+rand.Text())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), keepLabel(path, f), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("install %s: %w", path, err)
	}
	return nil
}
