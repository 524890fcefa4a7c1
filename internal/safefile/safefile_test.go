// SPDX-License-Identifier: Apache-2.0

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

func TestReadRegular(t *testing.T) {
	const limit = 5
	write := func(content string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(content), 0o600) }
	}
	for _, tt := range []struct {
		name    string
		put     func(path string) error
		want    string
		err     error
		refused bool
	}{
		{"a file", write("hello"), "hello", nil, false},
		{"an empty file", write(""), "", nil, false},
		{"too large", write("hello!"), "", ErrTooLarge, true},
		{"a link", func(path string) error { return os.Symlink("/dev/zero", path) }, "", ErrLink, true},
		{"a link to nothing", func(path string) error { return os.Symlink("none", path) }, "", ErrLink, true},
		{"a FIFO", func(path string) error { return syscall.Mkfifo(path, 0o600) }, "", ErrNotRegular, true},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o700) }, "", ErrNotRegular, true},
		{"nothing", func(string) error { return nil }, "", fs.ErrNotExist, false},
		{"no directory", func(path string) error { return os.Symlink(path, filepath.Dir(path)+"/loop") }, "", fs.ErrNotExist, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := tt.put(path); err != nil {
				t.Fatal(err)
			}
			got, err := ReadRegular(path, limit)
			if string(got) != tt.want || !errors.Is(err, tt.err) || Refused(err) != tt.refused {
				t.Errorf("%q, %v, refused %t; want %q, %v, %t", got, err, Refused(err), tt.want, tt.err, tt.refused)
			}
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("%v does not name %s", err, path)
			}
		})
	}
}

// TestLinksAbove holds that a loop above the file is not taken for a link in its place.
func TestLinksAbove(t *testing.T) {
	loop := filepath.Join(t.TempDir(), "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadRegular(filepath.Join(loop, "file"), 1); Refused(err) || !errors.Is(err, syscall.ELOOP) {
		t.Errorf("error %v, want %v", err, syscall.ELOOP)
	}
}

func TestFlock(t *testing.T) {
	const mode = 0o640
	path := filepath.Join(t.TempDir(), "lock")
	if Held(path) {
		t.Error("a missing lock file is held")
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Flock(path, mode)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := f.Stat(); err != nil || st.Mode().Perm() != mode {
		t.Errorf("mode %v, %v; want %v", st.Mode(), err, fs.FileMode(mode))
	}
	if _, err := Flock(path, mode); !errors.Is(err, ErrLocked) || !Held(path) {
		t.Errorf("lock twice: %v, held %t", err, Held(path))
	}
	st, err := f.Stat()
	if err != nil || !isAt(path, st) {
		t.Errorf("the file that was locked is another, %v", err)
	}
	if err := os.Remove(path); err != nil || isAt(path, st) {
		t.Errorf("a file that is gone is still the one that was locked, %v", err)
	}
	if err := os.WriteFile(path, nil, mode); err != nil || isAt(path, st) {
		t.Errorf("another file is taken for the one that was locked, %v", err)
	}
	other, err := Flock(path, mode) // it is another lock
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	if Held(path) {
		t.Error("a released lock is held")
	}
	if err := errors.Join(os.Remove(path), os.Symlink("elsewhere", path)); err != nil {
		t.Fatal(err)
	}
	if _, err := Flock(path, mode); !errors.Is(err, ErrLink) {
		t.Errorf("lock a link: %v, want %v", err, ErrLink)
	}
	if _, err := os.Lstat(filepath.Join(filepath.Dir(path), "elsewhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link was followed: %v", err)
	}
}

// TestFlockOfRemovedFiles has many take a lock whose file goes with it: never do two hold
// it, though some open the file just before its holder removes it.
func TestFlockOfRemovedFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var inside, total atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 2000 {
				f, err := Flock(path, 0o600)
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
				runtime.Gosched()
				inside.Add(-1)
				if err := errors.Join(os.Remove(path), f.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if total.Load() == 0 {
		t.Error("nobody ever held it")
	}
}
