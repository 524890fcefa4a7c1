// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A mapping of memory, as /proc/self/smaps tells it.
type memoryMapping struct {
	from, to uintptr
	rights   string // such as r-xp
	path     string
	clean    bool // all of it is as it is in the file
}

// unmapProgram takes the pages of the program out of memory that nobody needs right now:
// most of them only starting did, or what is not configured would. The kernel maps a
// page again when it is needed. What was ever written to stays: a dynamic linker does
// that to parts that are read-only afterwards.
func unmapProgram() error { return unmapProgramOf("/proc/self") }

func unmapProgramOf(process string) error {
	program, err := os.Readlink(filepath.Join(process, "exe"))
	if err != nil {
		return err
	}
	smaps, err := os.ReadFile(filepath.Join(process, "smaps"))
	if err != nil {
		return err
	}
	for _, m := range mappings(string(smaps)) {
		if m.path == program && m.clean && !strings.Contains(m.rights, "w") {
			if err := m.unmap(); err != nil {
				return err
			}
		}
	}
	return nil
}

// unmap takes the pages of a mapping out of memory.
func (m *memoryMapping) unmap() error {
	if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED); errno != 0 {
		return fmt.Errorf("unmap %x-%x of %s: %w", m.from, m.to, m.path, errno)
	}
	return nil
}

// mappings reads smaps: a line for each mapping, then what is to be said about it. One
// of which not everything is said that matters is not clean.
func mappings(smaps string) []memoryMapping {
	var said int
	var out []memoryMapping
	for line := range strings.Lines(smaps) {
		var m memoryMapping
		var offset, device, inode string
		if n, _ := fmt.Sscanf(line, "%x-%x %s %s %s %s", &m.from, &m.to, &m.rights, &offset, &device, &inode); n == 6 {
			if _, path, ok := strings.Cut(line, "/"); ok {
				m.path = "/" + strings.TrimSuffix(path, "\n")
			}
			out, said = append(out, m), 0
			continue
		}
		switch key, value, _ := strings.Cut(line, ":"); key {
		case "Anonymous", "Swap": // pages that are not the file's any more
			if strings.TrimSpace(value) == "0 kB" && len(out) > 0 {
				said++
				out[len(out)-1].clean = said == 2
			}
		}
	}
	return out
}
