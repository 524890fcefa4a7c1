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
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

func open(t *testing.T) (*Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "lib", "attachments")
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func lock(t *testing.T, s *Store, key Key) *Lock {
	t.Helper()
	l, err := s.Lock(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return l
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
		Network: "green", Identity: "chassis mac:00:1b:21:aa:bb:cc VLAN 100",
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
	if err := l.Create(want); err != nil {
		t.Fatal(err)
	}
	want.Phase = Added
	if err := l.Update(want); err != nil {
		t.Fatal(err)
	}
	got, err := l.Read()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("directory has mode %v (%v), want 0700", st.Mode(), err)
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
		if err := l.Create(sample(key)); err != nil {
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
	if err := errors.Join(l.Create(other), l.Unlock()); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(filepath.Join(dir, other.id()+recordSuffix))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty": "", "truncated": `{"name":`, "phase": `{"name":"green","containerID":"c1","ifName":"net1","phase":"x"}`,
		"delegate": `{"name":"green","containerID":"c1","ifName":"net1","phase":"added"}`,
		"foreign":  string(foreign), "huge": strings.Repeat(" ", maxSize+1),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, key.id()+recordSuffix), []byte(content), 0o600); err != nil {
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
	if err := l.Create(sample(Key{Name: "blue"})); err == nil {
		t.Error("wrote a record under the lock of another")
	}
	if err := l.Unlock(); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a directory away")
	}
	dir := t.TempDir()
	agents := filepath.Join(dir, "agents")
	if err := errors.Join(os.Mkdir(agents, 0o700), os.Chown(agents, 4711, 0)); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o1777)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(agents, "attachments"): agents + ` is owned by user 4711; give it to root, or set "recordDirectory" to a directory of root's`,
		open:                                 open + " can be written by others (mode -rwxrwxrwx); remove that permission",
	} {
		_, err := Open(path)
		if err == nil || err.Error() != "open records "+path+": "+want {
			t.Errorf("got %v, want %s", err, want)
		}
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
	if _, err := s.TryLock(key); !errors.Is(err, ErrLocked) {
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
				l, err := s.TryLock(key)
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
