// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"os"
	"path/filepath"
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
	const smaps = `Anonymous:             0 kB
Swap:                  0 kB
00400000-00b61000 r-xp 00000000 fe:00 99                 /opt/my programs/colvind
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
00b63000-00b64000 r--p 00763000 fe:00 99                 /opt/my programs/colvind
Anonymous:             0 kB
00b64000-00b65000 r--p 00764000 fe:00 99                 /opt/my programs/colvind
Swap:                  0 kB
Anonymous:               kB
00b65000-00b66000 r--p 00765000 fe:00 99                 /opt/my programs/colvind
Swap:                  0 kB
Anonymous:             0 kB
`
	const path = "/opt/my programs/colvind"
	want := []memoryMapping{
		{0x400000, 0xb61000, "r-xp", path, true},
		{0xb61000, 0xb62000, "r--p", path, false},
		{0xb62000, 0xb63000, "r--p", path, false},
		{0xc000000000, 0xc000400000, "rw-p", "", false},
		{0xb63000, 0xb64000, "r--p", path, false},
		{0xb64000, 0xb65000, "r--p", path, false},
		{0xb65000, 0xb66000, "r--p", path, true},
	}
	if diff := cmp.Diff(want, mappings(smaps), cmp.AllowUnexported(memoryMapping{})); diff != "" {
		t.Errorf("mappings (-want +got):\n%s", diff)
	}
}

// TestUnmapOnlyTheProgram holds that nothing is unmapped but clean pages of the program. The
// kernel refuses the mappings of this test, so which one was tried can be told.
func TestUnmapOnlyTheProgram(t *testing.T) {
	const clean, dirty = "Anonymous: 0 kB\nSwap: 0 kB\n", "Anonymous: 4 kB\nSwap: 0 kB\n"
	for smaps, want := range map[string]string{
		"1-2 r-xp 0 fe:00 9 /opt/colvind\n" + clean: "unmap 1-2 of /opt/colvind: invalid argument",
		"1-2 r-xp 0 fe:00 9 /opt/colvind\n" + dirty: "",
		"1-2 rw-p 0 fe:00 9 /opt/colvind\n" + clean: "",
		"1-2 r-xp 0 fe:00 9 /lib/libc.so\n" + clean: "",
		"": "",
	} {
		process := t.TempDir()
		expect := func(when, prefix string) {
			t.Helper()
			if err := unmapProgramOf(process); (err == nil) != (prefix == "") || err != nil && !strings.HasPrefix(err.Error(), prefix) {
				t.Errorf("%s, %q: %v, want %q", when, smaps, err, prefix)
			}
		}
		expect("no process", "readlink ")
		if err := os.Symlink("/opt/colvind", filepath.Join(process, "exe")); err != nil {
			t.Fatal(err)
		}
		expect("no mappings", "open ")
		if err := os.WriteFile(filepath.Join(process, "smaps"), []byte(smaps), 0o600); err != nil {
			t.Fatal(err)
		}
		expect("all there", want)
	}
}
