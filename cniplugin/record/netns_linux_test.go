// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
)

// TestObserverMount looks at a path where another namespace is mounted than was recorded:
// its own is gone where the path means the same here as it did to the plugin.
func TestObserverMount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "netns")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const here, elsewhere, gone = 7, 8, 12345
	var got []Sight
	err := withMounts(func() error {
		if err := syscall.Mount("/proc/self/ns/net", path, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
		own, err := stat(path)
		if err == nil {
			o := &Observer{mount: here, own: own, processes: func() holders { return holders{} }}
			got = o.Look([]Netns{{path, own.Ino, here}, {path, gone, here}, {path, gone, elsewhere}})
		}
		return err
	})
	if err != nil {
		t.Skip("needs mounts of its own:", err)
	}
	if want := []Sight{There, Gone, Unseen}; !slices.Equal(got, want) {
		t.Errorf("what is mounted, another, and another from another mount namespace: %v, want %v", got, want)
	}
}

// withMounts runs f on a thread that has mounts of its own, which end with it.
func withMounts(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if syscall.Gettid() == syscall.Getpid() {
			defer runtime.UnlockOSThread() // the main thread cannot end: hold it while another serves
			done <- withMounts(f)
			return
		}
		err := errors.Join(syscall.Unshare(syscall.CLONE_NEWNS), syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""))
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}
