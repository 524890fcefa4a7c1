// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/paste/pastetest"
	"github.com/colvin-net/colvin/internal/privatedir"
)

// keep records a container as the plugin does.
func keep(t *testing.T, dir, container string, netns record.Netns) {
	t.Helper()
	r := &record.Record{
		Key: record.Key{Name: "conf", ContainerID: container, IfName: "net1"}, Phase: record.Added, Time: when, BootID: "boot-1", Netns: netns,
		Network: "green", Identity: string(idGreen.Key()), Device: nodeLink("eth1", 2), Port: nodeLink("eth1", 2),
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
		t.Skip("needs a group with a name:", err)
	}
	if got := ownGroup(); got != g.Name {
		t.Errorf("group %s, want %s", got, g.Name)
	}
}

// TestReadMarksGone holds that each record has what was seen of its own namespace.
func TestReadMarksGone(t *testing.T) {
	dir := filepath.Join(privatedir.New(t), "attachments")
	path := filepath.Join(t.TempDir(), "netns")
	if err := os.Symlink("/proc/self/ns/net", path); err != nil {
		t.Fatal(err)
	}
	var netns, mount syscall.Stat_t
	if err := errors.Join(syscall.Stat(path, &netns), syscall.Stat("/proc/self/ns/mnt", &mount)); err != nil {
		t.Skip("needs /proc:", err)
	}
	keep(t, dir, "c1", record.Netns{Path: path + "1", Inode: netns.Ino, Mount: mount.Ino})
	keep(t, dir, "c2", record.Netns{Path: path, Inode: netns.Ino, Mount: mount.Ino})
	got := map[string]bool{}
	for _, r := range Read(dir, record.NewObserver()).list {
		got[r.ContainerID] = r.gone
	}
	if diff := cmp.Diff(map[string]bool{"c1": true, "c2": false}, got); diff != "" {
		t.Errorf("gone (-want +got):\n%s", diff)
	}
}

// TestReadMarksWorking holds that an ADD is at work while its lock is held, and that nobody
// asks that of what has ended.
func TestReadMarksWorking(t *testing.T) {
	dir := filepath.Join(privatedir.New(t), "attachments")
	keep(t, dir, "c1", record.Netns{})
	s, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Lock(t.Context(), record.Key{Name: "conf", ContainerID: "c1", IfName: "net1"})
	if err != nil {
		t.Fatal(err)
	}
	working := func() bool { return Read(dir, record.NewObserver()).list[0].working }
	r, err := l.Read()
	if err != nil || working() {
		t.Errorf("%v; an ADD that has ended is at work", err)
	}
	r.Phase = record.Adding
	if err := l.Write(r); err != nil || !working() {
		t.Errorf("%v; an ADD is not at work", err)
	}
	if err := l.Unlock(); err != nil || working() {
		t.Errorf("%v; an ADD that was killed is at work", err)
	}
}

// TestProblemPasted pastes the commands for a directory of any name.
func TestProblemPasted(t *testing.T) {
	denied := &os.PathError{Op: "open", Path: "/d", Err: syscall.EACCES}
	for _, name := range pastetest.Texts {
		if strings.ContainsRune(name, 0) {
			continue
		}
		dir := "/no such directory/" + name
		_, command, _ := strings.Cut(problemOf(dir, record.Listing{}, denied), " run: ")
		if got, want := pastetest.Shell(t, command), []string{"install", "-d", "-m", "2750", "-g", ownGroup(), dir}; !slices.Equal(got, want) {
			t.Errorf("%q: %s is pasted as %q", name, command, got)
		}
		_, command, _ = strings.Cut(problemOf(dir, record.Listing{Skipped: 2, Why: denied}, nil), "; run: ")
		chgrp, chmod, _ := strings.Cut(command, "; chmod ")
		if got, want := pastetest.Shell(t, chgrp), []string{"chgrp", ownGroup(), dir + "/*.json"}; !slices.Equal(got, want) {
			t.Errorf("%q: %s is pasted as %q", name, chgrp, got)
		}
		if got, want := pastetest.Shell(t, "chmod "+chmod), []string{"chmod", "0640", dir + "/*.json"}; !slices.Equal(got, want) {
			t.Errorf("%q: %s is pasted as %q", name, chmod, got)
		}
	}
}
