// SPDX-License-Identifier: Apache-2.0

package altnames

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/statefile"
)

// recordVersion is the format of altnames.json.
const recordVersion = 1

// recordFormat is the file in the state directory that lists the alternative names
// which the agent set, or was about to set. A name takes less than a hundred octets. It
// needs no sync: a power failure takes the names away too.
var recordFormat = statefile.Format[recordFile]{Name: "altnames.json", Version: recordVersion, Limit: 4 << 20, Volatile: true}

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

// A nameKey tells alternative names of one network namespace apart.
type nameKey struct {
	name  string
	index int
}

func (n altName) key() nameKey { return nameKey{n.Name, n.Index} }

// readRecord reads the names that an earlier run set since the node was booted. A file
// that cannot be understood is set aside: then those names are as good as anybody's. A name that
// no network can have was not set by an agent.
func readRecord(dir statefile.Dir, bootID string) ([]altName, error) {
	f, err := recordFormat.Read(dir)
	if err != nil || f.BootID != bootID { // a reboot takes every altname away
		return nil, dir.Recover(recordFormat.Name, err)
	}
	return slices.DeleteFunc(f.Names, func(n altName) bool { return !possibleName(n.Name) }), nil
}

// hasRecord reports whether there may be a record. Who may not even look is not the agent
// that left it, and is told so by what comes next.
func hasRecord(dir statefile.Dir) bool {
	_, err := os.Lstat(dir.Path(recordFormat.Name))
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission)
}

func saveRecord(dir statefile.Dir, bootID string, names []altName) error {
	if len(names) > 0 {
		return recordFormat.Write(dir, recordFile{Version: recordVersion, BootID: bootID, Names: names})
	}
	if err := os.Remove(dir.Path(recordFormat.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("save altnames: %w", err)
	}
	return nil
}
