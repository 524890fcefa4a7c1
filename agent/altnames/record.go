// SPDX-License-Identifier: Apache-2.0

package altnames

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/atomicfile"
	"github.com/colvin-net/colvin/internal/safefile"
	"github.com/colvin-net/colvin/internal/statefile"
)

// recordName is the file in the state directory that lists the alternative names
// which the agent set, or was about to set.
const recordName = "altnames.json"

// maxRecord bounds altnames.json: a name takes less than a hundred bytes.
const maxRecord = 4 << 20

// recordVersion is the format of altnames.json.
const recordVersion = 1

// recordFile is what altnames.json holds.
type recordFile struct {
	Version int       `json:"version"`
	BootID  string    `json:"bootID"`
	Names   []altName `json:"names"`
}

// An altName is an alternative name and the device that it was given to.
type altName struct {
	Name  string        `json:"name"`
	Index int           `json:"index"`
	MAC   discovery.MAC `json:"mac"`
}

// An nameKey tells alternative names of one network namespace apart.
type nameKey struct {
	name  string
	index int
}

func (n altName) key() nameKey { return nameKey{n.Name, n.Index} }

// readRecord reads the names that an earlier run set since the node was booted: root may
// read here what an unprivileged agent left. A damaged file is set aside: then those
// names are as good as anybody's. A name that no network can have was not set by an agent.
func readRecord(dir statefile.Dir, bootID string) ([]altName, error) {
	data, err := safefile.ReadRegular(dir.Path(recordName), maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read altnames: %w", err)
	}
	var f recordFile
	if err = json.Unmarshal(data, &f); err == nil && f.Version != recordVersion {
		err = fmt.Errorf("format version %d, want %d", f.Version, recordVersion)
	}
	if err != nil {
		return nil, dir.SetAside(recordName, err)
	}
	if f.BootID != bootID { // a reboot takes every altname away
		return nil, nil
	}
	return slices.DeleteFunc(f.Names, func(n altName) bool { return !possibleName(n.Name) }), nil
}

func hasRecord(dir statefile.Dir) bool {
	_, err := os.Lstat(dir.Path(recordName))
	return !errors.Is(err, fs.ErrNotExist)
}

// saveRecord needs no fsync: a power failure takes the names away too.
func saveRecord(dir statefile.Dir, bootID string, names []altName) error {
	if len(names) == 0 {
		if err := os.Remove(dir.Path(recordName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("save altnames: %w", err)
		}
		return nil
	}
	data, err := json.MarshalIndent(recordFile{Version: recordVersion, BootID: bootID, Names: names}, "", "\t")
	if err == nil {
		err = atomicfile.Write(dir.Path(recordName), append(data, '\n'), atomicfile.Options{Mode: 0o600})
	}
	if err != nil {
		return fmt.Errorf("save altnames: %w", err)
	}
	return nil
}
