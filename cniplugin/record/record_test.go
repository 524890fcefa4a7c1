// SPDX-License-Identifier: Apache-2.0

package record

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/privatedir"
	"github.com/colvin-net/colvin/internal/safefile"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

func open(t *testing.T) (*Store, string) {
	t.Helper()
	dir := filepath.Join(privatedir.New(t), "lib", "attachments")
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func lock(tb testing.TB, s *Store, key Key) *Lock {
	tb.Helper()
	l, err := s.Lock(tb.Context(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// tryLock takes a lock if it is free.
func tryLock(s *Store, key Key) (*Lock, error) {
	f, err := flock(s.lockPath(idOf(key)))
	if err != nil {
		return nil, err
	}
	return &Lock{store: s, key: key, file: f}, nil
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func sample(key Key) *Record {
	return &Record{
		Key: key, Phase: Adding, Time: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), BootID: "b1",
		Netns: Netns{Path: "/var/run/netns/a", Inode: 4026531840}, Pod: Pod{Namespace: "default", Name: "web-0"},
		Network: "green", Identity: "mac:00:1b:21:aa:bb:cc vlan 100",
		Device:       Link{Name: "eth1", Index: 4, MAC: "02:00:00:00:00:01"},
		DelegateType: "macvlan", DelegateConf: []byte(`{"type":"macvlan"}`),
	}
}

func TestLifecycle(t *testing.T) {
	s, dir := open(t)
	key := Key{Name: "green", ContainerID: "c1", IfName: "net1"}
	l := lock(t, s, key)
	if _, err := l.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read of nothing: %v", err)
	}
	want := sample(key)
	if err := l.Write(want); err != nil {
		t.Fatal(err)
	}
	want.Phase = Added
	if err := l.Write(want); err != nil {
		t.Fatal(err)
	}
	got, err := l.Read()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o750 {
		t.Errorf("directory has mode %v (%v), want 0750", st.Mode(), err)
	}
	for range 2 {
		if err := l.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestHostileKeys(t *testing.T) {
	s, dir := open(t)
	keys := []Key{
		{Name: "../../../etc/passwd", ContainerID: "../..", IfName: ".."},
		{Name: "/", ContainerID: "\x00", IfName: "\n"},
		{Name: "a", ContainerID: "b c", IfName: "d"},
		{Name: "a b", ContainerID: "c", IfName: "d"},
		{Name: `a" "b`, ContainerID: "c", IfName: "d"},
		{Name: strings.Repeat("long", 10000), ContainerID: "c", IfName: "d"},
		{},
	}
	for _, key := range keys {
		l := lock(t, s, key)
		if err := l.Write(sample(key)); err != nil {
			t.Errorf("create %.40q: %v", key.Name, err)
		}
		if err := l.Unlock(); err != nil {
			t.Error(err)
		}
	}
	if got := files(t, dir); len(got) != len(keys) {
		t.Errorf("%d files, want one for each of %d keys: %v", len(got), len(keys), got)
	}
	if got := files(t, filepath.Dir(dir)); !slices.Equal(got, []string{filepath.Base(dir)}) {
		t.Errorf("files outside the directory: %v", got)
	}
	records, err := s.List()
	if err != nil || len(records) != len(keys) {
		t.Errorf("list: %d records, %v", len(records), err)
	}
}

func TestDamaged(t *testing.T) {
	s, dir := open(t)
	key := Key{Name: "green", ContainerID: "c1", IfName: "net1"}
	other := sample(Key{Name: "blue"})
	l := lock(t, s, other.Key)
	if err := errors.Join(l.Write(other), l.Unlock()); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(filepath.Join(dir, idOf(other.Key)+recordSuffix))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty": "", "truncated": `{"name":`, "phase": `{"name":"green","containerID":"c1","ifName":"net1","phase":"x"}`,
		"delegate": `{"name":"green","containerID":"c1","ifName":"net1","phase":"added"}`,
		"foreign":  string(foreign), "huge": strings.Repeat(" ", maxSize+1),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, idOf(key)+recordSuffix), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			l := lock(t, s, key)
			if _, err := l.Read(); !errors.Is(err, ErrDamaged) {
				t.Errorf("read: %v, want ErrDamaged", err)
			}
			records, err := s.List()
			if diff := cmp.Diff([]Record{*other}, records); diff != "" || !errors.Is(err, ErrDamaged) {
				t.Errorf("list: %v (-want +got):\n%s", err, diff)
			}
			if err := errors.Join(l.Remove(), l.Unlock()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWrongLock(t *testing.T) {
	s, _ := open(t)
	l := lock(t, s, Key{Name: "green"})
	if err := l.Write(sample(Key{Name: "blue"})); err == nil {
		t.Error("wrote a record under the lock of another")
	}
	if err := l.Unlock(); err != nil {
		t.Error(err)
	}
}

// TestOpenRefuses holds that nothing is kept, or made, where somebody else could exchange it.
func TestOpenRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(dir string) error
		records string
		want    string // behind the path
	}{
		{"another's", func(dir string) error { return os.Lchown(dir, 4711, -1) }, "attachments", `DIR is owned by user 4711; give it to root, or set COLVIN_RECORD_DIRECTORY in the environment of the container runtime, and "recordDirectory" in colvind.yaml, to a directory of root's`},
		{
			"in what everybody shares", func(dir string) error { return os.Chmod(dir, 0o777|fs.ModeSticky) }, "colvin/attachments",
			`DIR can be written by others (mode drwxrwxrwt), so somebody could have put DIR/colvin there; set COLVIN_RECORD_DIRECTORY in the environment of the container runtime, and "recordDirectory" in colvind.yaml, to a directory below root's own, such as /var/lib/colvin/attachments`,
		},
		{"itself shared", func(dir string) error { return os.Chmod(dir, 0o777|fs.ModeSticky) }, "", "DIR can be written by others (mode drwxrwxrwt); remove that permission"},
		{
			"in a group's", func(dir string) error { return os.Chmod(dir, 0o775) }, "attachments",
			"DIR can be written by others (mode drwxrwxr-x), so somebody could have put DIR/attachments there; remove that permission",
		},
		{"in a file", func(dir string) error { return os.WriteFile(filepath.Join(dir, "f"), nil, 0o600) }, "f/attachments", "open DIR/f: not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := privatedir.New(t)
			if err := tt.prepare(dir); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
				t.Skip("needs the right to give a directory to another user: ", err)
			} else if err != nil {
				t.Fatal(err)
			}
			before := files(t, dir)
			path := filepath.Join(dir, tt.records)
			if _, err := Open(path); err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != strings.ReplaceAll("open records "+path+": "+tt.want, dir, "DIR") {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if diff := cmp.Diff(before, files(t, dir)); diff != "" {
				t.Errorf("files (-before +after):\n%s", diff)
			}
		})
	}
}

// TestOpenInTmp is what somebody does who tries things out.
func TestOpenInTmp(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := safefile.Private(dir, safefile.Trust{}); err == nil {
		t.Skip("needs a TMPDIR that everybody shares, which is not above " + dir)
	}
	if _, err := Open(filepath.Join(dir, "attachments")); err == nil || !strings.Contains(err.Error(), "so somebody could have put") {
		t.Errorf("got %v", err)
	}
}

func TestLockBusy(t *testing.T) {
	s, dir := open(t)
	key := Key{Name: "green"}
	l := lock(t, s, key)
	ctx, cancel := context.WithTimeout(t.Context(), 3*lockPause)
	defer cancel()
	if _, err := s.Lock(ctx, key); !errors.Is(err, ErrLocked) {
		t.Errorf("lock twice: %v, want ErrLocked", err)
	}
	other := lock(t, s, Key{Name: "blue"})
	if err := errors.Join(other.Unlock(), l.Unlock()); err != nil {
		t.Error(err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// A child that inherited the file holds the lock after its parent let go.
func TestLockInherited(t *testing.T) {
	s, _ := open(t)
	key := Key{Name: "green"}
	l := lock(t, s, key)
	child := exec.Command("cat")
	child.ExtraFiles = []*os.File{l.File()}
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if err := l.File().Close(); err != nil { // as a kill would, without Unlock
		t.Fatal(err)
	}
	if _, err := tryLock(s, key); !errors.Is(err, ErrLocked) {
		t.Errorf("lock while the child lives: %v, want ErrLocked", err)
	}
	if err := errors.Join(stdin.Close(), child.Wait()); err != nil {
		t.Fatal(err)
	}
	if err := lock(t, s, key).Unlock(); err != nil {
		t.Error(err)
	}
}

// Many take and remove the same lock file; never two at a time.
func TestLockContended(t *testing.T) {
	s, dir := open(t)
	key := Key{Name: "green"}
	var inside, total atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				l, err := tryLock(s, key)
				if errors.Is(err, ErrLocked) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold the lock", n)
				}
				total.Add(1)
				inside.Add(-1)
				if err := l.Unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left := files(t, dir); total.Load() == 0 || len(left) != 0 {
		t.Errorf("locked %d times, left over: %v", total.Load(), left)
	}
}

func TestListIgnores(t *testing.T) {
	s, dir := open(t)
	for _, name := range []string{"x.lock", "x.json.tmp", "notes"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if records, err := s.List(); err != nil || len(records) != 0 {
		t.Errorf("list: %v, %v", records, err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.List(); !errors.Is(err, ErrDamaged) {
		t.Errorf("list with a FIFO: %v, want ErrDamaged", err)
	}
}

func TestListReadOnly(t *testing.T) {
	dir := filepath.Join(privatedir.New(t), "attachments")
	if l, err := List(dir); err != nil || len(l.Records)+l.Skipped != 0 {
		t.Errorf("no directory: %+v, %v", l, err)
	}
	if left := files(t, filepath.Dir(dir)); len(left) != 0 {
		t.Error("List made the directory")
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := List(dir); err != nil || len(l.Records)+l.Skipped != 0 {
		t.Errorf("empty directory: %+v, %v", l, err)
	}
	var want []Record
	for _, name := range []string{"blue", "green"} {
		r := sample(Key{Name: name, ContainerID: "c1", IfName: "net1"})
		r.Result = []byte(`{}`)
		l := lock(t, s, r.Key)
		if err := errors.Join(l.Write(r), l.Unlock()); err != nil {
			t.Fatal(err)
		}
		r.DelegateConf, r.Result = nil, nil
		want = append(want, *r)
	}
	for name, content := range map[string]string{"x.json": "{", "y.json": "", "z.lock": "", "z.json.tmp": "{"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	big := sample(Key{Name: "big", ContainerID: strings.Repeat("c", maxText)})
	l := lock(t, s, big.Key)
	if err := errors.Join(l.Write(big), l.Unlock()); err != nil {
		t.Fatal(err)
	}
	before := files(t, dir)
	got, err := List(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Records); diff != "" || got.Skipped != 3 || !errors.Is(got.Why, ErrDamaged) {
		t.Errorf("list: %d skipped, %v (-want +got):\n%s", got.Skipped, got.Why, diff)
	}
	if after := files(t, dir); !slices.Equal(before, after) {
		t.Errorf("List changed the directory from %v to %v", before, after)
	}
	if _, err := List(filepath.Join(dir, "x.json")); err == nil {
		t.Error("a file is listed as a directory")
	}
}

func TestListIsBounded(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "huge.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(maxListed+1), f.Close()); err != nil {
		t.Fatal(err)
	}
	if l, err := List(dir); err != nil || l.Skipped != 1 || l.Why == nil || errors.Is(l.Why, ErrDamaged) {
		t.Errorf("list: %+v, %v; want it not to be read", l, err)
	}
}

// A directory that an admin gave to the agent's group is as good as the one that
// Open makes, and what is written there can be read by the group.
func TestGroupReads(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a directory to another group")
	}
	dir := privatedir.New(t)
	if err := os.Chown(dir, 0, 4711); errors.Is(err, syscall.EINVAL) {
		t.Skip("needs a user namespace that has other groups: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o750|fs.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := sample(Key{Name: "green"})
	l := lock(t, s, r.Key)
	if err := l.Write(r); err != nil {
		t.Fatal(err)
	}
	for suffix, want := range map[string]fs.FileMode{recordSuffix: 0o640, lockSuffix: 0o600} {
		st, err := os.Stat(l.path(suffix))
		if err != nil {
			t.Fatal(err)
		}
		sys, ok := st.Sys().(*syscall.Stat_t)
		if !ok || sys.Gid != 4711 || st.Mode().Perm() != want {
			t.Errorf("%s has mode %v of group %d, want %v of 4711", suffix, st.Mode(), sys.Gid, want)
		}
	}
	if err := l.Unlock(); err != nil {
		t.Error(err)
	}
}

// TestAtWork holds that an attachment is at work while its lock is held, and not because a
// killed plugin left the file.
func TestAtWork(t *testing.T) {
	s, dir := open(t)
	key := Key{Name: "green", ContainerID: "c1", IfName: "net1"}
	if AtWork(dir, key) || AtWork(filepath.Join(dir, "gone"), key) {
		t.Error("at work without a lock")
	}
	l := lock(t, s, key)
	if !AtWork(dir, key) || AtWork(dir, Key{Name: "green", ContainerID: "c2", IfName: "net1"}) {
		t.Error("the one that is locked is not at work, or another is")
	}
	if err := l.Unlock(); err != nil || AtWork(dir, key) {
		t.Errorf("%v, at work %v after unlocking", err, AtWork(dir, key))
	}
	if err := os.WriteFile(s.lockPath(idOf(key)), nil, lockMode); err != nil || AtWork(dir, key) {
		t.Errorf("%v; at work by what a killed plugin left", err)
	}
	if err := os.Chmod(s.lockPath(idOf(key)), 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(s.lockPath(idOf(key))); err == nil { // root may
		_ = f.Close()
		return
	}
	if !AtWork(dir, key) {
		t.Error("a lock that cannot be opened is taken for a free one")
	}
}

// What killed plugins left goes; what is at work, and what is no record's, stays.
func TestSweep(t *testing.T) {
	s, dir := open(t)
	if beside, err := Beside(filepath.Join(dir, "none")); err != nil || len(beside) != 0 {
		t.Errorf("beside no records: %q, %v", beside, err)
	}
	busy := lock(t, s, Key{Name: "green"})
	kept := sample(Key{Name: "blue"})
	l := lock(t, s, kept.Key)
	if err := errors.Join(l.Write(kept), l.Unlock()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dead.lock", "vlan-4-300.lock", "dead.json.tmp", "torn.json", idOf(busy.key) + tempSuffix, "notes"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sweep(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	want := []string{idOf(kept.Key) + recordSuffix, idOf(busy.key) + lockSuffix, idOf(busy.key) + tempSuffix, "notes"}
	slices.Sort(want)
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	beside, err := Beside(dir)
	if diff := cmp.Diff([]string{filepath.Join(dir, idOf(busy.key)+tempSuffix), filepath.Join(dir, idOf(busy.key)+lockSuffix)}, beside); diff != "" || err != nil {
		t.Errorf("beside the records: %v (-want +got):\n%s", err, diff)
	}
	if err := busy.Unlock(); err != nil {
		t.Error(err)
	}
}

func TestLockDevice(t *testing.T) {
	s, dir := open(t)
	release, err := s.LockDevice(t.Context(), 4, 300)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*lockPause)
	defer cancel()
	if _, err := s.LockDevice(ctx, 4, 300); !errors.Is(err, ErrLocked) {
		t.Errorf("locked twice: %v", err)
	}
	if !s.DeviceLocked(4, 300) || s.DeviceLocked(4, 301) || s.DeviceLocked(5, 300) {
		t.Error("another device is locked than the one that is")
	}
	other, err := s.LockDevice(t.Context(), 4, 301)
	if err != nil {
		t.Fatal(err)
	}
	other()
	release()
	if s.DeviceLocked(4, 300) {
		t.Error("a device is locked that was released")
	}
	put(t, dir, "device-4-300.lock", nil) // as a killed plugin leaves it
	if s.DeviceLocked(4, 300) {
		t.Error("a lock file that nobody holds is a lock")
	}
	if err := os.Remove(s.devicePath(4, 300)); err != nil {
		t.Fatal(err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestFreeze holds who can write a record while the plugin is being removed: whoever has
// one already. Then whose program is gone can write none.
func TestFreeze(t *testing.T) {
	s, dir := open(t)
	attached, other := lock(t, s, Key{ContainerID: "c1"}), lock(t, s, Key{ContainerID: "c2"})
	write := func(l *Lock) error { return l.Write(sample(l.key)) }
	if err := write(attached); err != nil {
		t.Fatal(err)
	}
	release, err := s.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(write(attached), s.Sweep(time.Time{})); err != nil {
		t.Errorf("of what is attached: %v", err)
	}
	if err := write(other); !errors.Is(err, ErrUninstalled) {
		t.Errorf("of another: %v, want %v", err, ErrUninstalled)
	}
	busy, err := s.Busy()
	if want := []string{attached.file.Name(), other.file.Name()}; err != nil || !slices.Equal(slices.Sorted(slices.Values(busy)), slices.Sorted(slices.Values(want))) {
		t.Errorf("busy %q, %v; want %q", busy, err, want)
	}
	if err := release(); err != nil || slices.Contains(files(t, dir), uninstallLock) {
		t.Errorf("%v, files %q", err, files(t, dir))
	}
	if err := os.WriteFile(filepath.Join(dir, uninstallLock), nil, lockMode); err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]error{
		os.Args[0]: nil, "colvin": nil, filepath.Join(dir, "colvin"): ErrUninstalled, "./colvin": ErrUninstalled,
	} {
		s.program = program
		if err := errors.Join(other.Remove(), write(attached)); err != nil {
			t.Errorf("%s, of what is attached: %v", program, err)
		}
		if err := write(other); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", program, err, want)
		}
	}
	if err := errors.Join(attached.Unlock(), other.Unlock()); err != nil {
		t.Fatal(err)
	}
	if busy, err := s.Busy(); err != nil || len(busy) != 0 {
		t.Errorf("busy %q, %v", busy, err)
	}
}

// TestFreezeTwice holds that one who removes the plugin keeps another from it, and that
// whoever only looks at the lock does not.
func TestFreezeTwice(t *testing.T) {
	s, dir := open(t)
	release, err := s.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Freeze(ctx); err == nil || !strings.HasPrefix(err.Error(), "somebody else is removing the plugin") {
		t.Errorf("freeze twice: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	looking, err := os.Create(filepath.Join(dir, uninstallLock))
	if err == nil {
		err = syscall.Flock(int(looking.Fd()), syscall.LOCK_SH)
	}
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(30*time.Millisecond, func() { _ = looking.Close() })
	if release, err = s.Freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

// BenchmarkWrite is what the two writes of an ADD cost: of a record that is new, and of the same
// once the interface is made.
func BenchmarkWrite(b *testing.B) {
	store, err := Open(privatedir.New(b))
	if err != nil {
		b.Fatal(err)
	}
	r := sample(Key{Name: "green", ContainerID: "c1", IfName: "net1"})
	l := lock(b, store, r.Key)
	defer func() { _ = l.Unlock() }()
	for _, c := range []struct {
		name  string
		again bool
	}{{"new", false}, {"again", true}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := l.Write(r); err != nil {
					b.Fatal(err)
				}
				if c.again {
					continue
				}
				b.StopTimer()
				if err := l.Remove(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
