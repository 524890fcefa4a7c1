// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/colvin-net/colvin/cniplugin/install"
)

// A Program is one of Colvin's that was found in a directory.
type Program struct {
	Path    string
	Target  string // where Path leads to, if it is a symbolic link: that stays
	Removed bool
	found   fs.FileInfo
}

// FindCommand finds the command colvin by its name in a directory; nil where there is none.
// What has its name and is not Colvin's is an error.
func FindCommand(dir, name string) (*Program, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return find(filepath.Join(dir, name), "the command colvin", recognizer(install.Command))
}

// findPlugins finds the plugin in all directories. What has its name and is not Colvin's is
// an error.
func findPlugins(dirs []string, name string, is func(path string) error) ([]Program, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	var all []Program
	for _, dir := range dirs {
		p, err := find(filepath.Join(dir, name), "Colvin's CNI plugin", is)
		if err != nil {
			return nil, err
		}
		if p != nil {
			all = append(all, *p)
		}
	}
	return all, nil
}

func checkName(name string) error {
	if name == "" || name != filepath.Base(name) || name == "." || name == ".." {
		return fmt.Errorf("a program is not called %q: want a name without a path", name)
	}
	return nil
}

func find(path, what string, is func(path string) error) (*Program, error) {
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	p := &Program{Path: path, found: st}
	program := path
	if st.Mode()&fs.ModeSymlink != 0 {
		if p.Target, err = filepath.EvalSymlinks(path); err != nil {
			return nil, fmt.Errorf("%s is a symbolic link that leads nowhere, and so not known to be Colvin's: %w; remove it by hand", path, err)
		}
		program = p.Target
	}
	if err := is(program); err != nil {
		return nil, fmt.Errorf("%s is not %s, so it stays: %w", path, what, err)
	}
	return p, nil
}

// recognizer makes sure that a file is a program of that package.
func recognizer(pkg string) func(path string) error {
	return func(path string) error {
		switch built, err := install.Built(path); {
		case err != nil:
			return err
		case built != pkg:
			return fmt.Errorf("%s is built of %q, want %s", path, built, pkg)
		}
		return nil
	}
}

// Remove removes a program that is still what was found.
func (p *Program) Remove() error {
	now, err := os.Lstat(p.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // by another of its paths
		p.Removed = true
		return nil
	case err != nil:
		return err
	case !os.SameFile(now, p.found):
		return fmt.Errorf("%s was replaced while it was looked at; try again", p.Path)
	}
	err = os.Remove(p.Path)
	p.Removed = err == nil
	return err
}
