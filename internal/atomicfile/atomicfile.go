// SPDX-License-Identifier: Apache-2.0

// Package atomicfile replaces a file in one step. It uses the standard library
// only, because the CNI plugin links it.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// TempSuffix is what the name of a file ends with that is not in its place yet: one that a
// killed program left.
const TempSuffix = ".tmp"

// Options of Write.
type Options struct {
	Mode fs.FileMode // permissions, whatever the umask is
	Sync bool        // survive a power failure, too
}

// Write replaces the file at path with data: a reader sees the old content or
// the new, never a part. Writers of one path must exclude each other; the
// temporary name is fixed, so that the next writer removes what a killed one
// left.
func Write(path string, data []byte, o Options) error {
	temp := path + TempSuffix
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := create(temp, data, o)
	if err == nil {
		err = replace(temp, path, o)
	}
	if err != nil {
		_ = os.Remove(temp)
		return err
	}
	if o.Sync {
		return syncDir(filepath.Dir(path))
	}
	return nil
}

// replace puts the file at temp into its place.
func replace(temp, path string, o Options) error {
	if st, err := os.Lstat(path); err == nil && st.Mode().IsRegular() && !o.Sync && exchange(temp, path) == nil {
		return os.Remove(temp) // what was there before
	}
	return os.Rename(temp, path)
}

func create(path string, data []byte, o Options) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, o.Mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(o.Mode))
	if o.Sync {
		err = errors.Join(err, f.Sync())
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the names in a directory survive a power failure.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
