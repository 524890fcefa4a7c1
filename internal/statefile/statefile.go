// SPDX-License-Identifier: Apache-2.0

// Package statefile keeps files that must outlive a restart, as JSON of a version. What
// is in a file, and what it means that one is damaged, is for its owner to know. It uses
// the standard library only, as atomicfile does.
package statefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/colvin-net/colvin/internal/atomicfile"
)

// A Dir is the path of a directory of such files.
type Dir string

// Path returns the path of one of the files.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name) }

// Read reads a file of one version as JSON; one that is not there changes nothing.
func (d Dir) Read(name string, version int, into any) error {
	data, err := os.ReadFile(d.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var head struct {
		Version int `json:"version"`
	}
	if err = json.Unmarshal(data, &head); err == nil && head.Version != version {
		err = fmt.Errorf("format version %d, want %d", head.Version, version)
	}
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", d.Path(name), err)
	}
	return nil
}

// Write writes a file that survives a power failure. The content states its version.
func (d Dir) Write(name string, content any) error {
	data, err := json.MarshalIndent(content, "", "\t")
	if err == nil {
		err = atomicfile.Write(d.Path(name), append(data, '\n'), atomicfile.Options{Mode: 0o600, Sync: true})
	}
	if err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	return nil
}

// SetAside renames a file that cannot be understood, and returns an error that says so
// and why.
func (d Dir) SetAside(name string, why error) error {
	aside := d.Path(name) + ".damaged"
	if err := os.Rename(d.Path(name), aside); err != nil {
		return fmt.Errorf("set damaged %s aside: %w", d.Path(name), err)
	}
	return fmt.Errorf("%s was damaged and is now %s: %w", d.Path(name), aside, why)
}
