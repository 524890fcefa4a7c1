// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// label is the extended attribute with the SELinux label of a file (selinux(8)).
const label = "security.selinux"

// keepLabel gives a file the SELinux label of the one at path. Where there is none the
// directory has said already which it gets.
func keepLabel(path string, f *os.File) error {
	old := make([]byte, 4096)
	n, err := unix.Lgetxattr(path, label, old)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err == nil {
		now := make([]byte, len(old))
		if m, readErr := unix.Fgetxattr(int(f.Fd()), label, now); readErr == nil && string(now[:m]) == string(old[:n]) {
			return nil
		}
		err = unix.Fsetxattr(int(f.Fd()), label, old[:n], 0)
	}
	if err != nil {
		return fmt.Errorf("keep its SELinux label %q: %w; in a container this takes the type spc_t", old[:max(n, 0)], err)
	}
	return nil
}
