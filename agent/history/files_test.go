// SPDX-License-Identifier: Apache-2.0

package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/safefile"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

func readAll(t *testing.T, dir string) agentapi.Changes {
	t.Helper()
	got, err := Read(dir, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestHistoryWritesFilesOnly holds that the history follows no link and waits for no
// reader: its directory need not be root's.
func TestHistoryWritesFilesOnly(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	for name, plant := range map[string]func(path string) error{
		"symbolic link": func(path string) error { return os.Symlink(victim, path) },
		"FIFO":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"directory":     func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(victim, []byte("mine\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			h := &files{dir: t.TempDir()}
			if err := plant(filepath.Join(h.dir, changesName)); err != nil {
				t.Fatal(err)
			}
			for range 300 { // more than a pipe holds
				h.append(agentapi.Change{Time: when, What: agentapi.ChangeName, To: "green", Reason: strings.Repeat("x", maxReason)})
			}
			if err := h.problem(); err == nil || !strings.Contains(err.Error(), changesName) {
				t.Errorf("problem %v, want one that names the file", err)
			} else if name != "directory" && !errors.Is(err, safefile.ErrNotRegular) && !errors.Is(err, safefile.ErrLink) { // which the kernel refuses
				t.Errorf("problem %v, want one that says what is in its place", err)
			}
			if got, err := Read(h.dir, time.Time{}); err == nil || !strings.HasPrefix(err.Error(), "read changes: ") {
				t.Errorf("read %+v, %v", got, err)
			}
			if got, err := h.since(time.Time{}); err == nil {
				t.Errorf("read %+v while it runs", got)
			}
			if got, err := os.ReadFile(victim); err != nil || string(got) != "mine\n" {
				t.Errorf("victim holds %q, %v", got, err)
			}
		})
	}
}

func TestNoHistory(t *testing.T) {
	h := &files{dir: t.TempDir()}
	if got, err := Read(h.dir, time.Time{}); err == nil || !strings.Contains(err.Error(), "no agent has recorded changes in "+h.dir) {
		t.Errorf("read %+v, %v", got, err)
	}
	if got, err := h.since(time.Time{}); err != nil || got.Changes == nil || len(got.Changes) != 0 { // JSON has a list of none
		t.Errorf("read %+v, %v while it runs", got, err)
	}
}

// TestHistorySince holds that a time is included, over both files.
func TestHistorySince(t *testing.T) {
	h := &files{dir: t.TempDir()}
	for i := range 4 {
		if i == 2 {
			if err := os.Rename(filepath.Join(h.dir, changesName), filepath.Join(h.dir, oldChangesName)); err != nil {
				t.Fatal(err)
			}
		}
		h.append(agentapi.Change{Time: when.Add(time.Duration(i) * time.Minute), What: agentapi.ChangeName, To: fmt.Sprint(i)})
	}
	for i := range 5 {
		got, err := h.since(when.Add(time.Duration(i) * time.Minute))
		if err != nil || len(got.Changes) != 4-i || got.Damaged != 0 || i < 4 && got.Changes[0].To != fmt.Sprint(i) {
			t.Errorf("since minute %d: %+v, %v", i, got, err)
		}
	}
}

// TestHistoryIsOurs holds that nobody but the agent's user reads what its pods are called.
func TestHistoryIsOurs(t *testing.T) {
	h := &files{dir: t.TempDir()}
	h.append(agentapi.Change{Time: when, What: agentapi.ChangeName, To: "green"})
	if st, err := os.Stat(filepath.Join(h.dir, changesName)); err != nil || st.Mode() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", st, err)
	}
}

// TestReadFails holds that a disk which fails is not taken for the end.
func TestReadFails(t *testing.T) {
	var got agentapi.Changes
	if err := readLines(&got, iotest.ErrReader(syscall.EIO), when); !errors.Is(err, syscall.EIO) {
		t.Errorf("%+v, %v; want %v", got, err, syscall.EIO)
	}
}

// TestAppendLines holds that lines which were not written are not taken for kept.
func TestAppendLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	for name, tt := range map[string]struct {
		flag int
		size int64
	}{"cannot read": {os.O_WRONLY, 1}, "cannot write": {os.O_RDONLY, 1}, "cut off meanwhile": {os.O_RDWR, 9}} {
		if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, tt.flag, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := appendLines(f, tt.size, []byte("{}\n")); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLongLines holds that the end of a line which is too long is not taken for a change.
func TestLongLines(t *testing.T) {
	const change = `{"time":"2026-05-01T12:00:00Z","what":"name"}`
	for name, tt := range map[string]struct {
		content string
		want    int
		damaged int
	}{
		"at its beginning": {change + strings.Repeat(" ", maxLine) + "\n", 0, 1},
		"at its end":       {strings.Repeat(" ", maxLine) + change + "\n", 0, 1},
		"in between":       {strings.Repeat(" ", maxLine) + change + strings.Repeat(" ", 2*maxLine-len(change)) + "\n" + change + "\n", 1, 1},
		"not quite":        {strings.Repeat(" ", maxLine-len(change)-1) + change + "\n" + change + "\n", 2, 0},
	} {
		var got agentapi.Changes
		if err := readLines(&got, strings.NewReader(tt.content), when); err != nil || len(got.Changes) != tt.want || got.Damaged != tt.damaged {
			t.Errorf("%s: %d changes, %d damaged, %v; want %d and %d", name, len(got.Changes), got.Damaged, err, tt.want, tt.damaged)
		}
	}
}

func TestHistorySurvivesDamage(t *testing.T) {
	h := &files{dir: t.TempDir()}
	h.append(agentapi.Change{Time: when, What: agentapi.ChangeAgent, To: "started"})
	path := filepath.Join(h.dir, changesName)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	garbage := "\n{}\n" + strings.Repeat("x", 3*maxLine) + "\n\x00\xff\n" + `{"time":"2026-05-01T12:00:00Z","what":"na` // as of a power failure
	if _, err := f.WriteString(garbage); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	(&files{dir: h.dir}).append(agentapi.Change{Time: when.Add(time.Hour), What: agentapi.ChangeName, To: "green"}) // another run
	want := agentapi.Changes{Changes: []agentapi.Change{
		{Time: when, What: agentapi.ChangeAgent, To: "started"}, {Time: when.Add(time.Hour), What: agentapi.ChangeName, To: "green"},
	}, Damaged: 5}
	if diff := cmp.Diff(want, readAll(t, h.dir)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, h.dir); len(got.Changes) != 0 || got.Damaged != 0 {
		t.Errorf("an empty file: %+v", got)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	h := &files{dir: t.TempDir()}
	const n = 8000
	for i := range n / 10 {
		var batch []agentapi.Change
		for j := range 10 {
			batch = append(batch, agentapi.Change{Time: when, What: agentapi.ChangeNeighbor, To: fmt.Sprint(10*i + j), Reason: strings.Repeat("r", 200)})
		}
		h.append(batch...)
	}
	size := int64(0)
	entries, err := os.ReadDir(h.dir)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%d files, want 2 (%v)", len(entries), err)
	}
	for _, e := range entries {
		st, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += st.Size()
	}
	got := readAll(t, h.dir).Changes
	if size > 2*maxChanges || len(got) < n/4 || got[len(got)-1].To != fmt.Sprint(n-1) {
		t.Errorf("%d bytes with %d changes, the last %+v", size, len(got), got[len(got)-1])
	}
}

// TestHistoryIsFull holds when the first file takes the place of the second, and that an
// empty one never does.
func TestHistoryIsFull(t *testing.T) {
	change := agentapi.Change{Time: when, What: agentapi.ChangeName, To: "green", Reason: strings.Repeat("r", maxReason)}
	line, err := json.Marshal(&change)
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int]bool{0: false, maxChanges - len(line) - 2: false, maxChanges - len(line) - 1: false, maxChanges - len(line): true} {
		h := &files{dir: t.TempDir()}
		path := filepath.Join(h.dir, changesName)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, int64(size))); err != nil {
			t.Fatal(err)
		}
		n := 1
		if size == 0 {
			n = maxUnsaved
			change.Reason = strings.Repeat("r", 2*maxChanges/maxUnsaved)
		}
		h.append(slices.Repeat([]agentapi.Change{change}, n)...)
		change.Reason = change.Reason[:maxReason]
		if _, err := os.Stat(filepath.Join(h.dir, oldChangesName)); (err == nil) != want || h.problem() != nil {
			t.Errorf("%d octets: full %v, want %v (%v)", size, err == nil, want, h.problem())
		}
	}
}

// TestHistoryCannotMove has something in the place of the second file: what comes then is
// kept once it is gone.
func TestHistoryCannotMove(t *testing.T) {
	h := &files{dir: t.TempDir()}
	path, old := filepath.Join(h.dir, changesName), filepath.Join(h.dir, oldChangesName)
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, maxChanges), os.Mkdir(old, 0o700)); err != nil {
		t.Fatal(err)
	}
	h.append(agentapi.Change{Time: when, What: agentapi.ChangeName, To: "green"})
	if h.problem() == nil {
		t.Error("nobody is told")
	}
	if err := os.Remove(old); err != nil {
		t.Fatal(err)
	}
	h.append()
	if got := readAll(t, h.dir).Changes; h.problem() != nil || len(got) != 1 {
		t.Errorf("%d changes kept, want 1 (%v)", len(got), h.problem())
	}
}

// TestHistoryWaitsForTheDisk keeps what cannot be written, and no more than that, but
// how many were left out, which it says once.
func TestHistoryWaitsForTheDisk(t *testing.T) {
	h := &files{dir: filepath.Join(t.TempDir(), "state")}
	for i := range 2 * maxUnsaved {
		h.append(agentapi.Change{Time: when, What: agentapi.ChangeNeighbor, To: fmt.Sprint(i)})
	}
	if h.problem() == nil {
		t.Error("nobody is told")
	}
	if err := os.Mkdir(h.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	h.append()
	h.append(agentapi.Change{Time: when, What: agentapi.ChangeNeighbor, To: "last"})
	got := readAll(t, h.dir).Changes
	if h.problem() != nil || len(got) != 1+maxUnsaved+1 || got[1].To != fmt.Sprint(maxUnsaved) || got[1+maxUnsaved].To != "last" {
		t.Fatalf("%d changes kept, want the last %d (%v)", len(got), maxUnsaved, h.problem())
	}
	if want := "1000 changes could not be kept: the file could not be written"; got[0].What != agentapi.ChangeOmitted || got[0].Reason != want {
		t.Errorf("first of all %+v, want %s", got[0], want)
	}
}

// TestChangesFormat holds that what was written is read, and stays as it is.
func TestChangesFormat(t *testing.T) {
	const line = `{"time":"2026-05-04T03:02:01Z","what":"pod","network":"green","interface":"eth1","vid":0,"pod":"default/web-0","from":"green (chassis mac:00:00:5e:00:53:01 VLAN 100)","to":"blue (chassis mac:00:00:5e:00:53:02 VLAN 200)","reason":"why"}` + "\n"
	golden.Compare(t, "testdata/changes.jsonl", line)
	got, err := Read("testdata", time.Time{})
	want := agentapi.Changes{Changes: []agentapi.Change{{
		Time: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC), What: agentapi.ChangePod, Network: "green", Interface: "eth1", Pod: "default/web-0",
		From: "green (chassis mac:00:00:5e:00:53:01 VLAN 100)", To: "blue (chassis mac:00:00:5e:00:53:02 VLAN 200)", Reason: "why",
	}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	written, err := json.Marshal(&want.Changes[0])
	if err != nil || string(written)+"\n" != line {
		t.Errorf("written %s, %v, want %s", written, err, line)
	}
}
