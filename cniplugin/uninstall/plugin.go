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

// A Plugin is one that was found in a CNI directory.
type Plugin struct {
	Path    string
	Target  string // where Path leads to, if it is a symbolic link: that stays
	Removed bool
	found   fs.FileInfo
}

// findAll finds the plugin in all directories. What has its name and is not Colvin's is an
// error.
func findAll(dirs []string, name string, is func(path string) error) ([]Plugin, error) {
	if name == "" || name != filepath.Base(name) || name == "." || name == ".." {
		return nil, fmt.Errorf("a plugin is not called %q: want a name without a path", name)
	}
	var all []Plugin
	for _, dir := range dirs {
		p, err := find(filepath.Join(dir, name), is)
		if err != nil {
			return nil, err
		}
		if p != nil {
			all = append(all, *p)
		}
	}
	return all, nil
}

func find(path string, is func(path string) error) (*Plugin, error) {
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	p := &Plugin{Path: path, found: st}
	program := path
	if st.Mode()&fs.ModeSymlink != 0 {
		if p.Target, err = filepath.EvalSymlinks(path); err != nil {
			return nil, fmt.Errorf("%s is a symbolic link that leads nowhere, and so not known to be Colvin's: %w; remove it by hand", path, err)
		}
		program = p.Target
	}
	if err := is(program); err != nil {
		return nil, fmt.Errorf("%s is not Colvin's CNI plugin, so it stays: %w", path, err)
	}
	return p, nil
}

// recognize makes sure that a file is the plugin's program.
func recognize(path string) error {
	switch built, err := install.Built(path); {
	case err != nil:
		return err
	case built != install.Plugin:
		return fmt.Errorf("%s is built of %q, want %s", path, built, install.Plugin)
	}
	return nil
}
