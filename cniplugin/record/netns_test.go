// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Of each path the table says what is seen of the namespace, "T" for there, "G" for gone
// and "-" where that cannot be told. Three letters stand for where processes are not
// seen, where they are and one is in the namespace, and where none is.
func TestObserver(t *testing.T) {
	dir := t.TempDir()
	netns, file := filepath.Join(dir, "netns"), filepath.Join(dir, "file")
	ended, process := filepath.Join(dir, "ended"), filepath.Join(dir, "process")
	if err := errors.Join(
		os.Symlink("/proc/self/ns/net", netns), os.WriteFile(file, nil, 0o600),
		os.Symlink("/proc/4194305/ns/net", ended), os.Symlink("/proc/self/ns", process), // above any process ID
	); err != nil {
		t.Fatal(err)
	}
	own, ownErr := stat(netns)
	plain, plainErr := stat(file)
	if err := errors.Join(ownErr, plainErr); err != nil {
		t.Skip("needs /proc:", err)
	}
	const here, elsewhere, gone = 7, 8, 12345
	for _, tt := range []struct {
		name  string
		path  string
		inode uint64
		// The plugin's mount namespace is the same, another, unknown, or another from
		// which the namespace was seen before.
		same, other, unknown, seen string
	}{
		{"there", netns, own.Ino, "TTT", "TTT", "TTT", "TTT"},
		{"its link leads to another", netns, gone, "--G", "--G", "--G", "--G"},
		{"its link leads nowhere", ended, gone, "--G", "--G", "--G", "--G"},
		{"its directory is a link below /proc", filepath.Join(process, "net"), gone, "--G", "--G", "--G", "--G"},
		{"nothing in a directory that is a link below /proc", filepath.Join(process, "none"), gone, "--G", "--G", "--G", "--G"},
		{"nothing at its path", filepath.Join(dir, "none"), gone, "G-G", "--G", "--G", "G-G"},
		{"there, by its process", "/proc/self/ns/net", own.Ino, "TTT", "TTT", "TTT", "TTT"},
		{"its process went elsewhere", "/proc/self/ns/net", gone, "--G", "--G", "--G", "--G"},
		{"its process has ended", "/proc/4194305/ns/net", gone, "--G", "--G", "--G", "--G"},
		{"below /proc in other words", "/run/..//proc/4194305/ns/net", gone, "--G", "--G", "--G", "--G"},
		{"the directory is not ours to see", filepath.Join(dir, "no", "such", "directory"), gone, "--G", "--G", "--G", "--G"},
		{"its mount did not reach us", file, gone, "--G", "--G", "--G", "--G"},
		{"a file was recorded", file, plain.Ino, "---", "---", "---", "---"},
		{"below a file", filepath.Join(file, "below"), gone, "---", "---", "---", "---"},
		{"inode unknown", filepath.Join(dir, "none"), 0, "GGG", "---", "---", "GGG"},
		{"no path", "", gone, "---", "---", "---", "---"},
		{"relative", "proc/../x", gone, "---", "---", "---", "---"},
		{"zero byte", "/\x00", gone, "---", "---", "---", "---"},
		{"long", "/" + strings.Repeat("x", 1<<16), gone, "---", "---", "---", "---"},
	} {
		for _, from := range []struct {
			name     string
			own, its uint64 // mount namespaces
			seen     bool
			want     string
		}{
			{"the same mount namespace", here, here, false, tt.same},
			{"another", here, elsewhere, false, tt.other},
			{"an unknown one", 0, 0, false, tt.unknown},
			{"another, seen", here, elsewhere, true, tt.seen},
		} {
			n := Netns{Path: tt.path, Inode: tt.inode, Mount: from.its}
			var got strings.Builder
			for _, processes := range []holders{{}, {all: true, netns: map[uint64]bool{tt.inode: true}}, {all: true}} {
				o := &Observer{mount: from.own, own: own, seen: map[Netns]bool{n: from.seen}, processes: func() holders { return processes }}
				got.WriteString(map[Sight]string{Unseen: "-", There: "T", Gone: "G"}[o.Look([]Netns{n})[0]])
			}
			if got.String() != from.want {
				t.Errorf("%s, from %s: %s, want %s", tt.name, from.name, got.String(), from.want)
			}
		}
	}
	blind := &Observer{processes: func() holders { return holders{all: true} }}
	if got := blind.Look([]Netns{{Path: filepath.Join(dir, "none"), Inode: gone}}); got[0] != Unseen {
		t.Errorf("without namespace files: %v", got)
	}
}

// TestObserverRemembers holds that a namespace which was seen is known to be gone,
// whatever mount namespace the plugin runs in, and that none is remembered for nothing.
func TestObserverRemembers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "netns")
	if err := os.Symlink("/proc/self/ns/net", path); err != nil {
		t.Fatal(err)
	}
	own, err := stat(path)
	if err != nil {
		t.Skip("needs /proc:", err)
	}
	both := []Netns{{Path: path, Inode: own.Ino, Mount: 1}, {Path: path + "2", Inode: own.Ino, Mount: 1}}
	seen, late := NewObserver(), NewObserver()
	for range 2 {
		if got := seen.Look(both); !slices.Equal(got, []Sight{There, Unseen}) {
			t.Errorf("one is there: %v", got)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := seen.Look(both); !slices.Equal(got, []Sight{Gone, Unseen}) {
			t.Errorf("it is gone: %v", got)
		}
	}
	if got := late.Look(both); !slices.Equal(got, []Sight{Unseen, Unseen}) {
		t.Errorf("never seen: %v", got)
	}
	if seen.Look(nil); len(seen.seen) != 0 {
		t.Errorf("%v is kept without a record", seen.seen)
	}
}

// TestFindHolders makes a /proc of several processes: one is init, where another is a
// network namespace is mounted, and others see mounts that it does not, or are threads whose
// first has ended.
func TestFindHolders(t *testing.T) {
	own, err := stat("/proc/self/ns/net")
	pid, pidErr := stat("/proc/self/ns/pid")
	if err := errors.Join(err, pidErr); err != nil {
		t.Skip("needs /proc:", err)
	}
	proc := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(proc, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, to string) {
		t.Helper()
		path := filepath.Join(proc, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.Symlink(to, path)); err != nil {
			t.Fatal(err)
		}
	}
	link("self/ns/pid", "/proc/self/ns/pid")
	write("uptime", "1 1")
	link("2/ns/net", "/proc/self/ns/net")
	link("2/ns/mnt", "/proc/self/ns/mnt")
	link("2/root", "/")
	write("2/mountinfo", "30 22 0:4 / /proc rw - proc proc rw\nodd\n31 22 0:4 net:[4026532281] /run/netns/green rw shared:1 - nsfs nsfs rw\n32 22 0:4 mnt:[4026532282] /run/mnt rw - nsfs nsfs rw\n")
	first := pid.Ino == initialPIDNamespace
	want := []uint64{own.Ino, 4026532281}
	check := func(what string, all bool) {
		t.Helper()
		slices.Sort(want)
		h := findHolders(proc)
		var got []uint64
		for inode := range h.netns {
			got = append(got, inode)
		}
		slices.Sort(got)
		if h.all != (all && first) || first && !slices.Equal(got, want) {
			t.Errorf("%s: %v, all %t; want %v and %t", what, got, h.all, want, all)
		}
	}
	check("init is hidden", false)
	link("1/ns/net", "/proc/self/ns/net")
	link("1/ns/mnt", filepath.Join(proc, "uptime"))
	link("1/root", "/")
	write("1/mountinfo", "")
	check("all", true)
	if err := os.Mkdir(filepath.Join(proc, "3"), 0o700); err != nil {
		t.Fatal(err)
	}
	check("one has ended", true)
	for i, root := range []string{proc, proc + "/.", "/"} { // "/" is that of process 2
		process, inode := strconv.Itoa(20+i), 4026532290+uint64(i)
		link(process+"/ns/net", "/proc/self/ns/net")
		link(process+"/ns/mnt", "/proc/self/ns/mnt")
		link(process+"/root", root)
		write(process+"/mountinfo", fmt.Sprintf("31 22 0:4 net:[%d] /netns rw - nsfs nsfs rw\n", inode))
		if root != "/" {
			want = append(want, inode)
		}
	}
	check("roots of their own", true)
	write("netns", "")
	threads, err := stat(filepath.Join(proc, "netns"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(proc, "30/task/30"), 0o700); err != nil {
		t.Fatal(err)
	}
	link("30/task/31/ns/net", filepath.Join(proc, "netns"))
	link("30/task/31/ns/mnt", filepath.Join(proc, "netns"))
	link("30/task/31/root", "/")
	write("30/task/31/mountinfo", "31 22 0:4 net:[4026532300] /netns rw - nsfs nsfs rw\n")
	want = append(want, threads.Ino, 4026532300)
	check("the first thread has ended", true)
	for what, path := range map[string]string{"a thread is hidden": "40/task/41/ns", "threads are hidden": "40/task"} {
		write(path, "")
		check(what, false)
		if err := os.RemoveAll(filepath.Join(proc, "40")); err != nil {
			t.Fatal(err)
		}
	}
	write("4/ns", "") // not a directory: as good as one that may not be opened
	check("one is hidden", false)
	if got := findHolders(filepath.Join(proc, "none")); got.all {
		t.Error("all is seen without /proc")
	}
	if _, err := stat("/proc/1/ns/net"); err != nil || !first {
		t.Skip("needs to see every process of the machine")
	}
	if h := findHolders("/proc"); !h.netns[own.Ino] {
		t.Errorf("this process is not seen among %d namespaces, all %t", len(h.netns), h.all)
	}
}

// TestHolderEnds has a process end after its namespace was seen and before its mounts were:
// what fails then is no sign that something is hidden.
func TestHolderEnds(t *testing.T) {
	for _, ends := range []bool{true, false} {
		process := t.TempDir()
		netns, mountinfo := filepath.Join(process, "ns/net"), filepath.Join(process, "mountinfo")
		if err := errors.Join(
			os.Mkdir(filepath.Join(process, "ns"), 0o700), os.WriteFile(netns, nil, 0o600), os.WriteFile(filepath.Join(process, "ns/mnt"), nil, 0o600),
			os.Symlink("/", filepath.Join(process, "root")), syscall.Mkfifo(mountinfo, 0o600),
		); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			f, err := os.OpenFile(mountinfo, os.O_WRONLY, 0) // as soon as it is read
			if err != nil {
				done <- err
				return
			}
			if ends {
				err = os.Remove(netns)
			}
			_, _ = f.WriteString(strings.Repeat("x", bufio.MaxScanTokenSize+1)) // a line that cannot be read
			done <- errors.Join(err, f.Close())
		}()
		h := holders{netns: map[uint64]bool{}}
		err := h.add(process, map[string]bool{})
		if failed := <-done; failed != nil {
			t.Fatal(failed)
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) != ends {
			t.Errorf("ends %t: %v", ends, err)
		}
	}
}
