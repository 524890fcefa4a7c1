// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/history"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

var when = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func state() *agentapi.State {
	return &agentapi.State{
		Version: "v1", Node: "node1",
		Snapshot: &discovery.Snapshot{Ports: []discovery.Port{{
			Name: "eth1", Neighbors: []discovery.Neighbor{{Protocol: discovery.ProtocolLLDP}}, Transmit: discovery.Transmit{State: discovery.Sending},
			Counters:       discovery.PortCounters{FramesIn: 7, FramesOut: 5, FramesDiscarded: 3, FramesInErrors: 3, Discards: discovery.Discards{"noEnd": 2, "ttlMissing": 1}},
			RouterCounters: discovery.RouterCounters{In: 9, Discarded: 2, Lost: 4, Discards: discovery.Discards{"checksum": 2}},
		}}},
		View: mapping.View{
			Uplinks: []mapping.Uplink{{Certainty: nodefile.Fresh}, {Certainty: nodefile.Fresh}, {Certainty: nodefile.Down}, {
				Port: nodefile.Link{Name: "eth1"}, Certainty: nodefile.Stale, Usable: true, Until: time.Unix(2e9, 0),
			}},
			Conditions: []mapping.Condition{{Type: mapping.Conflict}},
		},
		Attachments: []agentapi.ContainerAttachment{{Status: agentapi.ContainerOK}, {Status: agentapi.ContainerMoved}, {Status: agentapi.ContainerMoved, Orphaned: "its network namespace is gone"}, {Status: agentapi.ContainerDown, Orphaned: "its network namespace is gone"}},
		Writes:      3,
	}
}

func TestMetrics(t *testing.T) {
	want, err := os.Open("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = want.Close() }()
	if err := testutil.CollectAndCompare(newCollector(func() (*agentapi.State, error) { return state(), nil }), want); err != nil {
		t.Error(err)
	}
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), agentapi.SocketName)
	if err := os.WriteFile(path, nil, 0o600); err != nil { // what a killed agent left
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	answer, answerErr := state(), error(nil)
	journal := history.NewJournal(slog.New(slog.DiscardHandler), t.TempDir())
	server := NewServer(path, func() (*agentapi.State, error) { return answer, answerErr }, journal.Since, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	select {
	case <-server.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	got, err := agentapi.Query(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(answer, got); diff != "" {
		t.Errorf("state (-sent +received):\n%s", diff)
	}
	started := &agentapi.State{View: mapping.View{Time: when}}
	changed := &agentapi.State{View: mapping.View{Time: when.Add(time.Hour), Conditions: []mapping.Condition{{Type: mapping.Conflict}}}}
	journal.Note(nil, started, nil)
	journal.Note(started, changed, nil)
	changes, err := agentapi.QueryChanges(t.Context(), path, when.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	want := agentapi.Changes{Changes: []agentapi.Change{{Time: when.Add(time.Hour), What: agentapi.ChangeCondition, To: string(mapping.Conflict)}}}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Errorf("changes (-want +received):\n%s", diff)
	}
	answerErr = agentapi.ErrNotReady
	if _, err := agentapi.Query(t.Context(), path); err == nil || !strings.Contains(err.Error(), agentapi.ErrNotReady.Error()) {
		t.Errorf("Query = %v, want %v", err, agentapi.ErrNotReady)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := agentapi.Query(t.Context(), path); err == nil {
		t.Error("a socket without a server answers")
	}
}
