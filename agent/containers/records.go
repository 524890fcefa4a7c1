// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"

	"github.com/colvin-net/colvin/cniplugin/record"
)

// Records are what the CNI plugin has recorded. They are immutable.
type Records struct {
	list    []heldRecord
	problem string // why not all of them are known
}

// Equal reports whether both tell the same.
func (r *Records) Equal(other *Records) bool { return reflect.DeepEqual(r, other) }

// heldRecord is a record and whether its network namespace is known to be gone.
type heldRecord struct {
	record.Record
	gone bool
}

// problemOf says what cannot be read and what an admin does about it.
func problemOf(dir string, l record.Listing, err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%v; colvind is not told what containers are attached to. To let it read the records run: install -d -m 2750 -g %s %s",
			err, ownGroup(), dir)
	case err != nil:
		return fmt.Sprintf("%v; colvind does not know what containers are attached to", err)
	case errors.Is(l.Why, fs.ErrPermission):
		return fmt.Sprintf("%d attachment records cannot be read: %v; run: chgrp %[3]s %[4]s/*.json; chmod 0640 %[4]s/*.json",
			l.Skipped, l.Why, ownGroup(), dir)
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

// A NamespaceObserver is what this program can see of network namespaces.
type NamespaceObserver struct {
	mount uint64         // its own mount namespace; 0 where that cannot be told
	own   syscall.Stat_t // of that, on the device of the kernel's namespace files
	all   bool           // it sees the processes of the whole machine
	// seen are the namespaces that were there when it looked: their paths mean the
	// same here as where the plugin runs.
	seen map[record.Netns]bool
}

// NewNamespaceObserver returns a NamespaceObserver that has seen no namespace yet.
func NewNamespaceObserver() *NamespaceObserver {
	w := &NamespaceObserver{}
	if syscall.Stat("/proc/self/ns/mnt", &w.own) == nil {
		w.mount = w.own.Ino
	}
	var st syscall.Stat_t
	w.all = syscall.Stat("/proc/self/ns/pid", &st) == nil && st.Ino == record.InitialPIDNamespace
	return w
}

// Read reads the records in dir, and looks whether the containers are there.
func (w *NamespaceObserver) Read(dir string) *Records {
	l, err := record.List(dir)
	out, seen := &Records{problem: problemOf(dir, l, err)}, map[record.Netns]bool{}
	for i := range l.Records {
		r := &l.Records[i]
		alive, gone := w.observe(r.Netns)
		if alive || w.seen[r.Netns] {
			seen[r.Netns] = true
		}
		out.list = append(out.list, heldRecord{*r, gone})
	}
	w.seen = seen
	return out
}

// observe reports whether a network namespace is there, or gone for certain. What may
// not be seen, as from another mount or PID namespace, is neither.
func (w *NamespaceObserver) observe(n record.Netns) (alive, gone bool) {
	path := filepath.Clean(n.Path)
	if !filepath.IsAbs(path) {
		return false, false
	}
	sees := w.seen[n] || n.Mount == w.mount && w.mount != 0
	witness := filepath.Dir(path)
	if strings.HasPrefix(path, "/proc/") {
		sees = sees && w.all
		witness = "/proc/1" // hidden together with all others (hidepid)
	}
	var st syscall.Stat_t
	err := syscall.Stat(path, &st)
	switch {
	case err == nil && st.Dev != w.own.Dev: // the mount of a namespace did not reach here
		return false, false
	case err == nil:
		return st.Ino == n.Inode, sees && st.Ino != n.Inode
	case !errors.Is(err, fs.ErrNotExist):
		return false, false
	}
	_, err = os.Stat(witness)
	return false, sees && err == nil
}
