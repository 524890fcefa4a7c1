// SPDX-License-Identifier: Apache-2.0

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// both are the ways in which a file gets into its place.
var both = map[string]Options{"volatile": {Mode: 0o640}, "synced": {Mode: 0o640, Sync: true}}

// TestWrite holds that a file has its content and mode afterwards, whatever was there, and that
// nothing else is left.
func TestWrite(t *testing.T) {
	for name, o := range both {
		for before, prepare := range map[string]func(path string) error{
			"nothing":               func(string) error { return nil },
			"a file":                func(path string) error { return os.WriteFile(path, []byte("before"), 0o600) },
			"a killed writer's":     func(path string) error { return os.WriteFile(path+TempSuffix, []byte("half"), 0o600) },
			"a symbolic link":       func(path string) error { return os.Symlink("/dev/null", path) },
			"a link that is broken": func(path string) error { return os.Symlink("nowhere", path) },
		} {
			t.Run(name+", "+before, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "file")
				if err := prepare(path); err != nil {
					t.Fatal(err)
				}
				if err := Write(path, []byte("after"), o); err != nil {
					t.Fatal(err)
				}
				holds(t, path, "after")
				if st, err := os.Lstat(path); err != nil || st.Mode() != 0o640 {
					t.Errorf("mode %v (%v), want 0640", st.Mode(), err)
				}
			})
		}
	}
}

// holds fails where a directory has anything but one file with that content.
func holds(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// TestDirectoryStays holds that a directory is never replaced, whole or empty.
func TestDirectoryStays(t *testing.T) {
	for name, o := range both {
		for _, inside := range []string{"", "something"} {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.MkdirAll(filepath.Join(path, inside), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := Write(path, []byte("after"), o); err == nil {
				t.Errorf("%s: a directory was replaced", name)
			}
			if _, err := os.Stat(filepath.Join(path, inside)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := os.Lstat(path + TempSuffix); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: a temporary file is left (%v)", name, err)
			}
		}
	}
}

// TestReadersSeeOneOrTheOther holds that whoever opens the file finds it, and finds it whole.
func TestReadersSeeOneOrTheOther(t *testing.T) {
	for name, o := range both {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			contents := []string{strings.Repeat("a", 9000), strings.Repeat("b", 5000)}
			write := func(i int) {
				if err := Write(path, []byte(contents[i%2]), o); err != nil {
					t.Error(err)
				}
			}
			write(0)
			done := make(chan struct{})
			var readers sync.WaitGroup
			for range 2 {
				readers.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						if got, err := os.ReadFile(path); err != nil || string(got) != contents[0] && string(got) != contents[1] {
							t.Errorf("%d octets, %v", len(got), err)
							return
						}
					}
				})
			}
			for i := range 300 {
				write(i)
			}
			close(done)
			readers.Wait()
		})
	}
}
