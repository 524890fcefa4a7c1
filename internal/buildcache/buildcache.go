// SPDX-License-Identifier: Apache-2.0

// Package buildcache keeps the programs of others that tests build, in the user's
// cache; what is built, and how, is its callers' business.
package buildcache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Path returns the directory of this name in the cache, whether it is there or
// not. The name tells what is in it, with the version.
func Path(name string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "colvin", name), nil
}

// Fill makes dir unless it is there. The programs are built into a directory
// beside it that is then renamed, so that dir is either complete or absent,
// however many do this at once.
func Fill(dir string, build func(dir string) error) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(parent, "building-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // gone already after the rename
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := build(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
