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

	"github.com/colvin-net/colvin/agent/agentapi"
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
	pod := func(s agentapi.ContainerStatus, to string) []agentapi.ContainerAttachment {
		return []agentapi.ContainerAttachment{{
			Key: record.Key{Name: "n", ContainerID: "c1", IfName: "net1"}, Pod: record.Pod{Namespace: "default", Name: "web-\x1b0"},
			Network: "green", Identity: "A", Device: record.Link{Name: "eth1"}, Status: s, To: to,
		}}
	}
	conflict := mapping.Condition{Type: mapping.Conflict, Interface: "eth1", Message: "one"}
	another := mapping.Condition{Type: mapping.Conflict, Interface: "eth1", Message: "two"}
	for name, tt := range map[string]struct {
		before, after *agentapi.State
		want          []noted
	}{
		"start": {nil, &agentapi.State{Version: "v1"}, []noted{{agentapi.Change{What: agentapi.ChangeAgent, To: "started", Reason: "version v1"}, false}}},
		"same":  {&agentapi.State{Memory: claim("sw"), Attachments: pod(agentapi.ContainerMoved, "B")}, &agentapi.State{Memory: claim("sw"), Attachments: pod(agentapi.ContainerMoved, "B")}, nil},
		"neighbor": {
			&agentapi.State{}, &agentapi.State{Memory: claim("sw")},
			[]noted{{agentapi.Change{What: agentapi.ChangeNeighbor, Interface: "eth1", To: "sw mac:00:00:5e:00:53:01 port ifname:p1"}, false}},
		},
		"neighbor changed": {
			&agentapi.State{Memory: claim("")}, &agentapi.State{Memory: claim("sw")},
			[]noted{{agentapi.Change{What: agentapi.ChangeNeighbor, Interface: "eth1", From: "mac:00:00:5e:00:53:01 port ifname:p1", To: "sw mac:00:00:5e:00:53:01 port ifname:p1"}, false}},
		},
		"neighbor forgotten": {
			&agentapi.State{Memory: claim("sw")}, &agentapi.State{},
			[]noted{{agentapi.Change{What: agentapi.ChangeNeighbor, Interface: "eth1", From: "sw mac:00:00:5e:00:53:01 port ifname:p1"}, false}},
		},
		"network comes": {
			&agentapi.State{}, &agentapi.State{View: mapping.View{Attachments: []mapping.Attachment{at("", green, nodefile.Fresh)}}},
			[]noted{{agentapi.Change{What: agentapi.ChangeNetwork, Network: green.String(), Interface: "eth1", To: "fresh", Reason: "because"}, false}},
		},
		"network goes": {
			&agentapi.State{View: mapping.View{Attachments: []mapping.Attachment{at("green", green, nodefile.Stale)}}}, &agentapi.State{},
			[]noted{{agentapi.Change{What: agentapi.ChangeNetwork, Network: "green", Interface: "eth1", From: "stale"}, false}},
		},
		"named and doubted": {
			&agentapi.State{View: mapping.View{Attachments: []mapping.Attachment{at("teal-heron", green, nodefile.Fresh)}}},
			&agentapi.State{View: mapping.View{Attachments: []mapping.Attachment{at("green", green, nodefile.Unverified)}}},
			[]noted{
				{agentapi.Change{What: agentapi.ChangeNetwork, Network: "green", Interface: "eth1", From: "fresh", To: "unverified", Reason: "because"}, false},
				{agentapi.Change{What: agentapi.ChangeName, Network: "green", Interface: "eth1", From: "teal-heron", To: "green"}, false},
			},
		},
		"moved": {
			&agentapi.State{Attachments: pod(agentapi.ContainerUnverified, "")}, &agentapi.State{Attachments: pod(agentapi.ContainerMoved, "B")},
			[]noted{{agentapi.Change{What: agentapi.ChangePod, Network: "green", Interface: "eth1", Pod: "default/web-�0", From: "green (A)", To: "B"}, true}},
		},
		"moved on": {
			&agentapi.State{Attachments: pod(agentapi.ContainerMoved, "B")}, &agentapi.State{Attachments: pod(agentapi.ContainerMoved, "C")},
			[]noted{{agentapi.Change{What: agentapi.ChangePod, Network: "green", Interface: "eth1", Pod: "default/web-�0", From: "green (A)", To: "C"}, true}},
		},
		"not back yet": {&agentapi.State{Attachments: pod(agentapi.ContainerMoved, "B")}, &agentapi.State{Attachments: pod(agentapi.ContainerUnverified, "B")}, nil},
		"back": {
			&agentapi.State{Attachments: pod(agentapi.ContainerUnverified, "B")}, &agentapi.State{Attachments: pod(agentapi.ContainerOK, "")},
			[]noted{{agentapi.Change{What: agentapi.ChangePod, Network: "green", Interface: "eth1", Pod: "default/web-�0", From: "B", To: "green (A)", Reason: "it leads to its own network again"}, false}},
		},
		"condition": {
			&agentapi.State{}, &agentapi.State{View: mapping.View{Conditions: []mapping.Condition{conflict}}},
			[]noted{{agentapi.Change{What: agentapi.ChangeCondition, Interface: "eth1", To: "Conflict", Reason: "one"}, true}},
		},
		"condition's message": {
			&agentapi.State{View: mapping.View{Conditions: []mapping.Condition{conflict}}}, &agentapi.State{View: mapping.View{Conditions: []mapping.Condition{another}}},
			[]noted{{agentapi.Change{What: agentapi.ChangeCondition, Interface: "eth1", From: "Conflict", To: "Conflict", Reason: "two"}, true}},
		},
		"condition gone": {
			&agentapi.State{View: mapping.View{Conditions: []mapping.Condition{conflict}}}, &agentapi.State{},
			[]noted{{agentapi.Change{What: agentapi.ChangeCondition, Interface: "eth1", From: "Conflict", Reason: "one"}, false}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var known []agentapi.ContainerAttachment
			if tt.before != nil {
				known = tt.before.Attachments
			}
			if diff := cmp.Diff(tt.want, changes(tt.before, tt.after, known), cmp.AllowUnexported(noted{})); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func readAll(t *testing.T, dir string) agentapi.Changes {
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
	h := &history{dir: t.TempDir()}
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
	(&history{dir: h.dir}).append(agentapi.Change{Time: when.Add(time.Hour), What: agentapi.ChangeName, To: "green"}) // another run
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
	h := &history{dir: t.TempDir()}
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
	h := &history{dir: filepath.Join(t.TempDir(), "state")}
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
