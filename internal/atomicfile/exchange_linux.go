// SPDX-License-Identifier: Apache-2.0

package atomicfile

import (
	"errors"
	"runtime"
	"syscall"
	"unsafe"
)

// renameat2 is the number of that system call, which package syscall does not have for all
// machines.
var renameat2 = map[string]uintptr{"amd64": 316, "arm64": 276}[runtime.GOARCH]

const (
	atCWD          = -100 // AT_FDCWD
	renameExchange = 2    // RENAME_EXCHANGE
)

// exchange has two files exchange their names in one step. Unlike a rename onto a file it does
// not have ext4 write the new content to the disk at once (auto_da_alloc), which takes several
// times as long as all the rest of a write.
func exchange(a, b string) error {
	if renameat2 == 0 {
		return errors.ErrUnsupported
	}
	from, err := syscall.BytePtrFromString(a)
	if err != nil {
		return err
	}
	to, err := syscall.BytePtrFromString(b)
	if err != nil {
		return err
	}
	cwd := atCWD
	_, _, errno := syscall.Syscall6(renameat2, uintptr(cwd), uintptr(unsafe.Pointer(from)), uintptr(cwd), uintptr(unsafe.Pointer(to)), renameExchange, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
