// SPDX-License-Identifier: Apache-2.0

package agentlock

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Holder is the ID of the process that holds the lock at path, which the caller need not
// be able to open; 0 where that is nobody, or one whom the caller cannot see.
func Holder(path string) int {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return 0
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	return holderIn(string(locks), st.Dev, st.Ino)
}

// holderIn finds who holds a file by flock in what /proc/locks says (proc_locks(5)).
func holderIn(locks string, dev, inode uint64) int {
	// The kernel's numbers of a device are apart in dev (makedev(3)).
	major, minor := dev>>8&0xfff|dev>>32&^uint64(0xfff), dev&0xff|dev>>12&^uint64(0xff)
	want := fmt.Sprintf("%02x:%02x:%d", major, minor, inode)
	for line := range strings.Lines(locks) {
		f := strings.Fields(line) // number, kind, -, access, process, file, and what part of it
		if len(f) < 6 || f[1] != "FLOCK" || f[5] != want {
			continue
		}
		if pid, err := strconv.Atoi(f[4]); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}
