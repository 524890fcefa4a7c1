// SPDX-License-Identifier: Apache-2.0

package agentlock

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHolder(t *testing.T) {
	if _, err := os.Stat("/proc/locks"); err != nil {
		t.Skip("needs /proc: ", err)
	}
	path := filepath.Join(t.TempDir(), Name)
	if pid := Holder(path); pid != 0 {
		t.Errorf("a missing lock file is held by %d", pid)
	}
	f, err := Take(path)
	if err != nil {
		t.Fatal(err)
	}
	if pid := Holder(path); pid != os.Getpid() {
		t.Errorf("held by %d, want %d", pid, os.Getpid())
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if pid := Holder(path); pid != 0 {
		t.Errorf("a free lock is held by %d", pid)
	}
}

// TestHolderIn has what the kernel writes of locks that are another's, and of those who
// wait for one.
func TestHolderIn(t *testing.T) {
	const locks = `1: POSIX  ADVISORY  WRITE 11 fe:00:42 0 EOF
2: FLOCK  ADVISORY  WRITE 12 fe:00:43 0 EOF
3: FLOCK  ADVISORY  WRITE 13 00:18:42 0 EOF
4: FLOCK  ADVISORY  WRITE 0 fe:01:42 0 EOF
4: -> FLOCK  ADVISORY  WRITE 14 fe:00:42 0 EOF
5: FLOCK  ADVISORY  WRITE 15 fe:00:42 0 EOF
6: FLOCK
7: FLOCK  ADVISORY  WRITE 16 103:12c:42 0 EOF
`
	for _, tt := range []struct {
		dev, inode uint64
		want       int
	}{
		{unix.Mkdev(0xfe, 0), 42, 15},
		{unix.Mkdev(0xfe, 0), 43, 12},
		{unix.Mkdev(0, 0x18), 42, 13},
		{unix.Mkdev(0xfe, 1), 42, 0},
		{unix.Mkdev(0xfe, 0), 44, 0},
		{unix.Mkdev(0x103, 0x12c), 42, 16},
	} {
		if got := holderIn(locks, tt.dev, tt.inode); got != tt.want {
			t.Errorf("%#x:%d is held by %d, want %d", tt.dev, tt.inode, got, tt.want)
		}
	}
}
