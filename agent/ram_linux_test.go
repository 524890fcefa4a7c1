// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// residentFile is how much of the program is in memory, in kB.
func residentFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatal("the kernel does not tell RssFile")
	}
	kb, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb
}

func TestUnmapProgram(t *testing.T) {
	before := residentFile(t)
	if err := unmapProgram(); err != nil {
		t.Fatal(err)
	}
	after := residentFile(t) // what runs is mapped again, in pieces as large as the file system has them
	t.Logf("%d kB of the program before, %d after", before, after)
	if after >= before {
		t.Errorf("%d kB of %d are still resident", after, before)
	}
}

// TestUnmapNothing holds that what the kernel refuses is told.
func TestUnmapNothing(t *testing.T) {
	m := memoryMapping{from: 1, to: 2, path: "/opt/colvind"} // no page begins there
	if err := m.unmap(); !errors.Is(err, unix.EINVAL) || !strings.HasPrefix(err.Error(), "unmap 1-2 of /opt/colvind: ") {
		t.Errorf("%v, want %v", err, unix.EINVAL)
	}
}

// TestMappings holds that nothing is taken for clean that was written to, such as the
// read-only relocations of a program that is linked dynamically.
func TestMappings(t *testing.T) {
	const smaps = `00400000-00b61000 r-xp 00000000 fe:00 99                 /opt/my programs/colvind
Size:               7556 kB
Private_Dirty:      7556 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
00b61000-00b62000 r--p 00761000 fe:00 99                 /opt/my programs/colvind
Private_Dirty:         4 kB
Anonymous:             4 kB
Swap:                  0 kB
00b62000-00b63000 r--p 00762000 fe:00 99                 /opt/my programs/colvind
Private_Dirty:         0 kB
Anonymous:             0 kB
Swap:                  4 kB
c000000000-c000400000 rw-p 00000000 00:00 0
Private_Dirty:         0 kB
`
	const path = "/opt/my programs/colvind"
	want := []memoryMapping{
		{0x400000, 0xb61000, "r-xp", path, true},
		{0xb61000, 0xb62000, "r--p", path, false},
		{0xb62000, 0xb63000, "r--p", path, false},
		{0xc000000000, 0xc000400000, "rw-p", "", false},
	}
	if diff := cmp.Diff(want, mappings(smaps), cmp.AllowUnexported(memoryMapping{})); diff != "" {
		t.Errorf("mappings (-want +got):\n%s", diff)
	}
}
