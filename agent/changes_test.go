// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

var when = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestChanges(t *testing.T) {
	port := nodefile.Link{Name: "eth1", Index: 2}
	green := mapping.Identity{Switch: "mac:00:00:5e:00:53:01", VLAN: 100}
	at := func(name string, id mapping.Identity, c nodefile.Certainty) mapping.Attachment {
		return mapping.Attachment{Name: name, Identity: id, Port: port, Certainty: c, Reason: "because"}
	}
	claim := func(system string) mapping.Memory {
		return mapping.Memory{Claims: []mapping.Claim{{Interface: "eth1", Neighbor: discovery.Neighbor{
			MSAP: discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: "ifname:p1"}, SystemName: system,
		}}}}
	}
	pod := func(s AttachedStatus, to string) []Attached {
		return []Attached{{
			Key: record.Key{Name: "n", ContainerID: "c1", IfName: "net1"}, Pod: record.Pod{Namespace: "default", Name: "web-\x1b0"},
			Network: "green", Identity: "A", Device: record.Link{Name: "eth1"}, Status: s, To: to,
		}}
	}
	conflict := mapping.Condition{Type: mapping.Conflict, Interface: "eth1", Message: "one"}
	another := mapping.Condition{Type: mapping.Conflict, Interface: "eth1", Message: "two"}
	for name, tt := range map[string]struct {
		before, after *State
		want          []Change
	}{
		"start": {nil, &State{Version: "v1"}, []Change{{What: ChangeAgent, To: "started", Reason: "version v1"}}},
		"same":  {&State{Memory: claim("sw"), Attachments: pod(AttachedMoved, "B")}, &State{Memory: claim("sw"), Attachments: pod(AttachedMoved, "B")}, nil},
		"neighbor": {
			&State{}, &State{Memory: claim("sw")},
			[]Change{{What: ChangeNeighbor, Interface: "eth1", To: "sw mac:00:00:5e:00:53:01 port ifname:p1"}},
		},
		"neighbor changed": {
			&State{Memory: claim("")}, &State{Memory: claim("sw")},
			[]Change{{What: ChangeNeighbor, Interface: "eth1", From: "mac:00:00:5e:00:53:01 port ifname:p1", To: "sw mac:00:00:5e:00:53:01 port ifname:p1"}},
		},
		"neighbor forgotten": {
			&State{Memory: claim("sw")}, &State{},
			[]Change{{What: ChangeNeighbor, Interface: "eth1", From: "sw mac:00:00:5e:00:53:01 port ifname:p1"}},
		},
		"network comes": {
			&State{}, &State{View: mapping.View{Attachments: []mapping.Attachment{at("", green, nodefile.Fresh)}}},
			[]Change{{What: ChangeNetwork, Network: green.String(), Interface: "eth1", To: "fresh", Reason: "because"}},
		},
		"network goes": {
			&State{View: mapping.View{Attachments: []mapping.Attachment{at("green", green, nodefile.Stale)}}}, &State{},
			[]Change{{What: ChangeNetwork, Network: "green", Interface: "eth1", From: "stale"}},
		},
		"named and doubted": {
			&State{View: mapping.View{Attachments: []mapping.Attachment{at("teal-heron", green, nodefile.Fresh)}}},
			&State{View: mapping.View{Attachments: []mapping.Attachment{at("green", green, nodefile.Unverified)}}},
			[]Change{
				{What: ChangeNetwork, Network: "green", Interface: "eth1", From: "fresh", To: "unverified", Reason: "because"},
				{What: ChangeName, Network: "green", Interface: "eth1", From: "teal-heron", To: "green"},
			},
		},
		"moved": {
			&State{Attachments: pod(AttachedUnverified, "")}, &State{Attachments: pod(AttachedMoved, "B")},
			[]Change{{What: ChangePod, Network: "green", Interface: "eth1", Pod: "default/web-�0", From: "green (A)", To: "B", warn: true}},
		},
		"moved on": {
			&State{Attachments: pod(AttachedMoved, "B")}, &State{Attachments: pod(AttachedMoved, "C")},
			[]Change{{What: ChangePod, Network: "green", Interface: "eth1", Pod: "default/web-�0", From: "green (A)", To: "C", warn: true}},
		},
		"not back yet": {&State{Attachments: pod(AttachedMoved, "B")}, &State{Attachments: pod(AttachedUnverified, "B")}, nil},
		"back": {
			&State{Attachments: pod(AttachedUnverified, "B")}, &State{Attachments: pod(AttachedOK, "")},
			[]Change{{What: ChangePod, Network: "green", Interface: "eth1", Pod: "default/web-�0", From: "B", To: "green (A)", Reason: "it leads to its own network again"}},
		},
		"condition": {
			&State{}, &State{View: mapping.View{Conditions: []mapping.Condition{conflict}}},
			[]Change{{What: ChangeCondition, Interface: "eth1", To: "Conflict", Reason: "one", warn: true}},
		},
		"condition's message": {
			&State{View: mapping.View{Conditions: []mapping.Condition{conflict}}}, &State{View: mapping.View{Conditions: []mapping.Condition{another}}},
			[]Change{{What: ChangeCondition, Interface: "eth1", From: "Conflict", To: "Conflict", Reason: "two", warn: true}},
		},
		"condition gone": {
			&State{View: mapping.View{Conditions: []mapping.Condition{conflict}}}, &State{},
			[]Change{{What: ChangeCondition, Interface: "eth1", From: "Conflict", Reason: "one"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var known []Attached
			if tt.before != nil {
				known = tt.before.Attachments
			}
			if diff := cmp.Diff(tt.want, changes(tt.before, tt.after, known), cmp.AllowUnexported(Change{})); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func readAll(t *testing.T, dir string) Changes {
	t.Helper()
	got, err := ReadChanges(dir, time.Time{})
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
			h := &history{dir: t.TempDir()}
			if err := plant(filepath.Join(h.dir, changesName)); err != nil {
				t.Fatal(err)
			}
			for range 300 { // more than a pipe holds
				h.append(Change{Time: when, What: ChangeName, To: "green", Reason: strings.Repeat("x", maxReason)})
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
	h := &history{dir: t.TempDir()}
	h.append(Change{Time: when, What: ChangeAgent, To: "started"})
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
	(&history{dir: h.dir}).append(Change{Time: when.Add(time.Hour), What: ChangeName, To: "green"}) // another run
	want := Changes{Changes: []Change{
		{Time: when, What: ChangeAgent, To: "started"}, {Time: when.Add(time.Hour), What: ChangeName, To: "green"},
	}, Damaged: 5}
	if diff := cmp.Diff(want, readAll(t, h.dir), cmpopts.IgnoreUnexported(Change{})); diff != "" {
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
	h := &history{dir: t.TempDir()}
	const n = 8000
	for i := range n / 10 {
		var batch []Change
		for j := range 10 {
			batch = append(batch, Change{Time: when, What: ChangeNeighbor, To: fmt.Sprint(10*i + j), Reason: strings.Repeat("r", 200)})
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
	h := &history{dir: filepath.Join(t.TempDir(), "state")}
	for i := range 2 * maxUnsaved {
		h.append(Change{Time: when, What: ChangeNeighbor, To: fmt.Sprint(i)})
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
