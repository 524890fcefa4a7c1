// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Netns is a network namespace. The path of one that is gone may be used again,
// so the inode belongs to it.
type Netns struct {
	Path  string `json:"path"`
	Inode uint64 `json:"inode"`
	// Mount is the inode of the mount namespace in which Path leads there.
	Mount uint64 `json:"mount,omitempty"`
}

// initialPIDNamespace is the inode of the PID namespace in which all processes of the
// machine are seen (PROC_PID_INIT_INO in the kernel's linux/proc_ns.h): whether a
// network namespace has processes can be told there only.
const initialPIDNamespace = 0xEFFFFFFC

// A Sight is what can be told of a network namespace.
type Sight int

// The sights of a network namespace.
const (
	Unseen Sight = iota // it may be there or not
	There
	Gone // for certain
)

// String is the sight in words.
func (s Sight) String() string {
	return [...]string{Unseen: "unseen", There: "there", Gone: "gone"}[s]
}

// An Observer is what a program can see of network namespaces. A container's may be
// there though its path leads nowhere: in another mount namespace than the plugin's
// paths are others, a path below /proc ends with its process, and processes are seen
// by some programs only. So paths tell where this program sees what the plugin saw,
// and processes where it sees them all; what neither tells is not known.
type Observer struct {
	mount uint64         // its own mount namespace; 0 where that cannot be told
	own   syscall.Stat_t // of that, on the device of the kernel's namespace files
	// seen are the namespaces that were there when it looked: their paths mean the
	// same here as where the plugin runs.
	seen map[Netns]bool
	// processes finds what keeps namespaces.
	processes func() holders
	// strict has nothing be gone where it does not see all processes.
	strict bool
}

// NewObserver returns an Observer that has seen no namespace yet.
func NewObserver() *Observer {
	o := &Observer{processes: func() holders { return findHolders("/proc") }}
	var own syscall.Stat_t
	if syscall.Stat("/proc/self/ns/mnt", &own) == nil {
		o.mount, o.own = own.Ino, own
	}
	return o
}

// NewStrictObserver returns an Observer for which nothing is gone by its path alone: it sees
// all processes of its PID namespace, too, in which a runtime and its containers are.
func NewStrictObserver() *Observer {
	o := NewObserver()
	o.strict = true
	return o
}

// Look looks at the namespaces of all records. It remembers those that are there, as
// long as it is asked about them.
func (o *Observer) Look(all []Netns) []Sight {
	seen := map[Netns]bool{}
	out := make([]Sight, len(all))
	held := sync.OnceValue(o.processes) // where a path does not tell
	// An inode is used again: one that a path leads to is that namespace's, and no other's.
	claimed := sync.OnceValue(func() map[uint64]bool {
		inodes := map[uint64]bool{}
		for _, n := range all {
			if there, err := stat(n.Path); err == nil && there.Ino == n.Inode && there.Dev == o.own.Dev {
				inodes[n.Inode] = true
			}
		}
		return inodes
	})
	for i, n := range all {
		out[i] = o.lookAt(n, held, claimed)
		if out[i] == There || o.seen[n] {
			seen[n] = true
		}
	}
	o.seen = seen
	return out
}

func (o *Observer) lookAt(n Netns, held func() holders, claimed func() map[uint64]bool) Sight {
	path := filepath.Clean(n.Path)
	if !filepath.IsAbs(path) || o.own.Dev == 0 {
		return Unseen
	}
	there, err := stat(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return Unseen
	case err == nil && there.Ino == n.Inode && there.Dev == o.own.Dev:
		return There
	case err == nil && there.Ino == n.Inode: // no namespace, and was none when it was recorded
		return Unseen
	}
	left := err == nil && there.Dev == o.own.Dev // the path is another's
	if err != nil {
		_, noWitness := os.Stat(filepath.Dir(path)) // with it the mounts around it may be hidden
		left = noWitness == nil
	}
	sameView := o.seen[n] || n.Mount == o.mount && o.mount != 0
	h := held()
	// The path of a namespace that lives can be taken away, and mount namespaces have the
	// inode of an earlier one: who is seen in it counts for more.
	alive := n.Inode != 0 && h.netns[n.Inode] && !claimed()[n.Inode]
	byPath := left && sameView && !endsWithProcess(path) && !alive && (h.own || !o.strict)
	if byPath || h.all && n.Inode != 0 && !h.netns[n.Inode] {
		return Gone
	}
	return Unseen
}

// endsWithProcess reports whether a path, clean and absolute, leads to a namespace for as
// long as one of its processes is there: below /proc, or maybe there by a symbolic link.
func endsWithProcess(path string) bool {
	const proc = "/proc/"
	st, err := os.Lstat(path)
	isLink := err == nil && st.Mode()&fs.ModeSymlink != 0
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	return isLink || strings.HasPrefix(path, proc) || err == nil && strings.HasPrefix(dir+"/", proc)
}

func stat(path string) (syscall.Stat_t, error) {
	var st syscall.Stat_t
	err := syscall.Stat(path, &st)
	return st, err
}

// holders are what keeps network namespaces: a process that is in one, or a mount, as
// where a container is about to start.
type holders struct {
	netns map[uint64]bool
	own   bool // nothing was hidden of the PID namespace of who looks, as a runtime's containers are
	all   bool // nor is there another above it
}

func findHolders(proc string) holders {
	h := holders{netns: map[uint64]bool{}}
	pid, err := stat(filepath.Join(proc, "self/ns/pid"))
	if err != nil {
		return h
	}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return h
	}
	first, views := false, map[string]bool{}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		err := h.add(filepath.Join(proc, e.Name()), views)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // not one that has ended: hidden, as without CAP_SYS_PTRACE
			return h
		}
		first = first || e.Name() == "1"
	}
	h.own = first // it is hidden together with all others (hidepid)
	h.all = first && pid.Ino == initialPIDNamespace
	return h
}

// add adds the namespaces of a process, or of its threads where the first has ended: that
// one tells nothing any more, though the others go on. Views are those that are known.
func (h *holders) add(process string, views map[string]bool) error {
	err := h.look(process, views)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	threads, err := os.ReadDir(filepath.Join(process, "task"))
	if err != nil {
		return orEnded(process, err)
	}
	for _, e := range threads {
		if err := h.look(filepath.Join(process, "task", e.Name()), views); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// look adds the namespace of a process or thread, and those that are mounted where it is.
func (h *holders) look(task string, views map[string]bool) error {
	path := filepath.Join(task, "ns/net")
	netns, err := stat(path)
	if err != nil {
		return orEnded(path, err)
	}
	h.netns[netns.Ino] = true
	view, err := viewOf(task)
	if err == nil && !views[view] {
		err = h.addMounted(filepath.Join(task, "mountinfo"))
		views[view] = err == nil
	}
	if err != nil {
		return orEnded(path, err)
	}
	return nil
}

// orEnded is fs.ErrNotExist where the task that a path is of failed to tell something and has
// ended by now, and the path with it: while it does, the kernel has several errors for that.
func orEnded(path string, err error) error {
	if _, again := stat(path); errors.Is(again, fs.ErrNotExist) {
		return again
	}
	return err
}

// viewOf tells tasks that see the same mounts from others: those of their mount namespace
// below their root. One directory can be mounted at several paths, with other mounts below.
func viewOf(task string) (string, error) {
	mount, err := stat(filepath.Join(task, "ns/mnt"))
	if err != nil {
		return "", err
	}
	link := filepath.Join(task, "root")
	path, err := os.Readlink(link)
	root, _ := stat(link) // its file system may not answer, as one of another user's
	return fmt.Sprint(mount.Ino, root.Dev, root.Ino, path), err
}

// addMounted adds the network namespaces that a mountinfo file tells.
func (h *holders) addMounted(mountinfo string) error {
	f, err := os.Open(mountinfo)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		const root = 3 // of the mount within its file system (proc_pid_mountinfo(5))
		if fields := strings.Fields(lines.Text()); len(fields) > root {
			var inode uint64
			if _, err := fmt.Sscanf(fields[root], "net:[%d]", &inode); err == nil {
				h.netns[inode] = true
			}
		}
	}
	return lines.Err()
}
