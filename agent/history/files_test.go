// SPDX-License-Identifier: Apache-2.0

package history

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/golden"
)

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
			if h.problem() == nil {
				t.Error("nothing says that changes are not kept")
			}
			if got, err := os.ReadFile(victim); err != nil || string(got) != "mine\n" {
				t.Errorf("victim holds %q, %v", got, err)
			}
		})
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

// TestHistoryWaitsForTheDisk keeps what cannot be written, and no more than that.
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
	got := readAll(t, h.dir).Changes
	if h.problem() != nil || len(got) != maxUnsaved || got[0].To != fmt.Sprint(maxUnsaved) {
		t.Errorf("%d changes kept, want the last %d (%v)", len(got), maxUnsaved, h.problem())
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
