// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/record"
)

// keep records a container as the plugin does.
func keep(t *testing.T, dir, container string, netns record.Netns) {
	t.Helper()
	r := &record.Record{
		Key: record.Key{Name: "conf", ContainerID: container, IfName: "net1"}, Phase: record.Added, Time: when, BootID: "boot-1", Netns: netns,
		Network: "green", Identity: string(idGreen.Key()), Device: recordLink("eth1", 2), Port: recordLink("eth1", 2),
		DelegateType: "macvlan", DelegateConf: []byte("{}"),
	}
	s, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Lock(t.Context(), r.Key)
	if err == nil {
		err = errors.Join(l.Write(r), l.Unlock())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestProblemOf(t *testing.T) {
	denied := &os.PathError{Op: "open", Path: "/d", Err: syscall.EACCES}
	damaged := record.Listing{Skipped: 2, Why: record.ErrDamaged}
	for _, tt := range []struct {
		listing record.Listing
		err     error
		want    string
	}{
		{record.Listing{}, nil, ""},
		{record.Listing{}, denied, "open /d: permission denied; colvind is not told what containers are attached to. To let it read the records run: install -d -m 2750 -g " + ownGroup() + " /d"},
		{record.Listing{}, syscall.EIO, "input/output error; colvind does not know what containers are attached to"},
		{record.Listing{Skipped: 2, Why: denied}, nil, "2 attachment records cannot be read: open /d: permission denied; run: chgrp " + ownGroup() + " /d/*.json; chmod 0640 /d/*.json"},
		{damaged, nil, "2 attachment records cannot be read: damaged record; the next DEL or GC of their container removes them"},
	} {
		if got := problemOf("/d", tt.listing, tt.err); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

// TestOwnGroup holds that a command for people has the name of the group.
func TestOwnGroup(t *testing.T) {
	g, err := user.LookupGroupId(strconv.Itoa(os.Getegid()))
	if err != nil {
		t.Skip("the group has no name:", err)
	}
	if got := ownGroup(); got != g.Name {
		t.Errorf("group %s, want %s", got, g.Name)
	}
}

func TestNetnsGone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "netns")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var own syscall.Stat_t
	if err := syscall.Stat("/proc/self/ns/net", &own); err != nil {
		t.Skip("needs /proc:", err)
	}
	alive := record.Netns{Path: "/proc/self/ns/net", Inode: own.Ino}
	another := record.Netns{Path: "/proc/self/ns/net", Inode: own.Ino + 1}
	gone := record.Netns{Path: filepath.Join(dir, "gone")}
	ended := record.Netns{Path: "/proc/4194305/ns/net"} // above any process ID
	for _, tt := range []struct {
		name  string
		netns record.Netns
		// what is told from the plugin's mount namespace, and from another one where the
		// namespace was seen; all from the first PID namespace
		gone, alive bool
	}{
		{"there", alive, false, true},
		{"another at its path", another, true, false},
		{"gone", gone, true, false},
		{"its process has ended", ended, true, false},
		{"not ours to see", record.Netns{Path: filepath.Join(dir, "no", "such", "directory")}, false, false},
		{"its mount did not reach us", record.Netns{Path: file, Inode: 1}, false, false},
		{"below a file", record.Netns{Path: filepath.Join(file, "below")}, false, false},
		{"no path", record.Netns{}, false, false},
		{"relative", record.Netns{Path: "proc/../x"}, false, false},
		{"zero byte", record.Netns{Path: "/\x00"}, false, false},
		{"long", record.Netns{Path: "/" + strings.Repeat("x", 1<<16)}, false, false},
	} {
		const here, elsewhere = 7, 8
		inMount := func(mount uint64) record.Netns {
			n := tt.netns
			n.Mount = mount
			return n
		}
		for _, from := range []struct {
			name  string
			w     NamespaceObserver
			netns record.Netns
			gone  bool
		}{
			{"the same mount namespace", NamespaceObserver{mount: here, all: true}, inMount(here), tt.gone},
			{"another", NamespaceObserver{mount: here, all: true}, inMount(elsewhere), false},
			{"another, seen", NamespaceObserver{mount: here, all: true, seen: map[record.Netns]bool{inMount(elsewhere): true}}, inMount(elsewhere), tt.gone},
			{"an unknown one", NamespaceObserver{all: true}, inMount(0), false},
			{"another PID namespace", NamespaceObserver{mount: here}, inMount(here), tt.gone && !strings.HasPrefix(tt.netns.Path, "/proc/")},
		} {
			from.w.own = own
			if alive, gone := from.w.observe(from.netns); alive != tt.alive || gone != from.gone {
				t.Errorf("%s, from %s: alive %t, gone %t; want %t and %t", tt.name, from.name, alive, gone, tt.alive, from.gone)
			}
		}
	}
}

// TestNetnsSeen holds that a namespace which was seen is known to be gone, whatever
// mount namespace the plugin runs in.
func TestNetnsSeen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "attachments")
	path := filepath.Join(t.TempDir(), "netns")
	if err := os.Symlink("/proc/self/ns/net", path); err != nil {
		t.Fatal(err)
	}
	var own syscall.Stat_t
	if err := syscall.Stat(path, &own); err != nil {
		t.Skip("needs /proc:", err)
	}
	keep(t, dir, "c1", record.Netns{Path: path, Inode: own.Ino, Mount: 1})
	keep(t, dir, "c2", record.Netns{Path: path + "2", Inode: own.Ino, Mount: 1})
	seen, late := NewNamespaceObserver(), NewNamespaceObserver()
	gone := func(w *NamespaceObserver) (out []bool) {
		for _, r := range w.Read(dir).list {
			out = append(out, r.gone)
		}
		return out
	}
	for range 2 {
		if diff := cmp.Diff([]bool{false, false}, gone(seen)); diff != "" {
			t.Errorf("gone while one is there (-want +got):\n%s", diff)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if diff := cmp.Diff([]bool{true, false}, gone(seen)); diff != "" {
			t.Errorf("gone (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff([]bool{false, false}, gone(late)); diff != "" {
		t.Errorf("gone as never seen (-want +got):\n%s", diff)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if gone(seen); len(seen.seen) != 0 {
		t.Errorf("%v is kept without a record", seen.seen)
	}
}
