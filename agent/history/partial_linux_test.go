// SPDX-License-Identifier: Apache-2.0

package history

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/colvin-net/colvin/agent/agentapi"
)

// TestPartialWrite holds that a disk which fills up in the midst of lines makes no
// change up.
func TestPartialWrite(t *testing.T) {
	change := func(name string) agentapi.Change {
		return agentapi.Change{Time: when, What: agentapi.ChangeName, To: name, Reason: strings.Repeat("x", 100)}
	}
	h := &files{dir: t.TempDir()}
	h.append(change("one"))
	st, err := os.Stat(filepath.Join(h.dir, changesName))
	if err != nil {
		t.Fatal(err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	full := before
	full.Cur = uint64(st.Size()) * 5 / 2
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err) // a process may always lower its own
	}
	h.append(change("two"), change("three"))
	problem := h.problem()
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if problem == nil {
		t.Error("nothing says that they are not kept")
	}
	h.append()
	got := readAll(t, h.dir)
	var names []string
	for _, c := range got.Changes {
		names = append(names, c.To)
	}
	if want := "one two three"; strings.Join(names, " ") != want || got.Damaged != 0 {
		t.Errorf("%q, %d damaged; want %s", names, got.Damaged, want)
	}
}
