// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"reflect"
	"strconv"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/paste"
)

// Records are what the CNI plugin has recorded. They are immutable.
type Records struct {
	list    []heldRecord
	problem string // why not all of them are known
}

// Equal reports whether both tell the same.
func (r *Records) Equal(other *Records) bool { return reflect.DeepEqual(r, other) }

// heldRecord is a record and what was seen beside it.
type heldRecord struct {
	record.Record
	gone    bool // its network namespace is known to be gone
	working bool // its ADD has not ended, and somebody holds its lock
}

// problemOf says what cannot be read and what an admin does about it.
func problemOf(dir string, l record.Listing, err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%v; colvind is not told what containers are attached to. To let it read the records run: %s",
			err, paste.Command("install", "-d", "-m", "2750", "-g", ownGroup(), dir))
	case err != nil:
		return fmt.Sprintf("%v; colvind does not know what containers are attached to", err)
	case errors.Is(l.Why, fs.ErrPermission):
		return fmt.Sprintf("%d attachment records cannot be read: %v; run: %s/*.json; %s/*.json",
			l.Skipped, l.Why, paste.Command("chgrp", ownGroup(), dir), paste.Command("chmod", "0640", dir))
	case l.Skipped > 0:
		return fmt.Sprintf("%d attachment records cannot be read: %v; the next DEL or GC of their container removes them", l.Skipped, l.Why)
	}
	return ""
}

// ownGroup is the group that the agent runs as.
func ownGroup() string {
	id := strconv.Itoa(os.Getegid())
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

// Read reads the records in dir, and looks whether the containers are there.
func Read(dir string, here *record.Observer) *Records {
	l, err := record.List(dir)
	netns := make([]record.Netns, len(l.Records))
	for i := range l.Records {
		netns[i] = l.Records[i].Netns
	}
	out := &Records{problem: problemOf(dir, l, err)}
	for i, sight := range here.Look(netns) {
		r := l.Records[i]
		out.list = append(out.list, heldRecord{r, sight == record.Gone, r.Phase == record.Adding && record.AtWork(dir, r.Key)})
	}
	return out
}
