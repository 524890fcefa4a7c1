// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/history"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link/linktest"
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

// A job is a Task that ends as a test says.
type job struct {
	name string
	run  func(ctx context.Context) error
}

func (j job) Run(ctx context.Context) error { return j.run(ctx) }
func (j job) String() string                { return j.name }

// TestRunAll holds that one task that fails ends all, and is told of; the end is no failure.
func TestRunAll(t *testing.T) {
	none := errors.New("no room")
	waits := job{"waits", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
	for name, tt := range map[string]struct {
		task job
		ends bool // by itself
		want string
	}{
		"one fails":     {job{"writes", func(context.Context) error { return none }}, true, "writes: no room"},
		"the end":       {waits, false, ""},
		"a timely end":  {job{"ends", func(ctx context.Context) error { <-ctx.Done(); return nil }}, false, ""},
		"it fails late": {job{"ends", func(ctx context.Context) error { <-ctx.Done(); return none }}, false, "ends: no room"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- runAll(ctx, []Task{waits, tt.task, waits}, slog.New(slog.NewTextHandler(&log, nil))) }()
				synctest.Wait()
				if ended := len(done) == 1; ended != tt.ends {
					t.Errorf("it has ended: %t, want %t", ended, tt.ends)
				}
				cancel()
				err := <-done
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) || tt.want != "" && !errors.Is(err, none) {
					t.Errorf("%v, want %q", err, tt.want)
				}
				if stops := strings.Contains(log.String(), `msg="colvind stops"`); stops != (tt.want == "") {
					t.Errorf("log:\n%s", log.String())
				}
			})
		})
	}
}

// TestBuild holds what an agent consists of, and that who asks it waits for what was recorded
// just now, a second at most, and for nothing else.
func TestBuild(t *testing.T) {
	for name, tt := range map[string]struct {
		metrics string
		cluster agentapi.Cluster
		want    []string
	}{
		"alone":        {"", nil, nil},
		"with metrics": {"127.0.0.1:0", nil, []string{"metrics"}},
		"in a cluster": {"127.0.0.1:0", &saidCluster{}, []string{"cluster of a test", "metrics"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.config.Metrics.Address = tt.metrics
				a := Agent{Config: b.config, Version: "test", Cluster: tt.cluster, Log: slog.New(slog.DiscardHandler)}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var names []string
				var server *Server
				var records *recordsDir
				for _, task := range a.build(ctx, "boot-1", "boot-1", linktest.New(), nil) {
					names = append(names, task.String())
					switch task := task.(type) {
					case *Server:
						server = task
					case *recordsDir:
						records = task
					case *metricsServer:
						if task.handler == nil {
							t.Error("nothing is served as metrics")
						}
					}
				}
				want := append([]string{"observe ports", "map networks", "watch rules", "watch attachment records", "give back memory", "agent socket"}, tt.want...)
				if diff := cmp.Diff(want, names); diff != "" {
					t.Fatalf("tasks (-want +got):\n%s", diff)
				}
				ask := func(when string, want time.Duration) {
					t.Helper()
					asked := time.Now()
					if s, err := server.state(); s != nil || !errors.Is(err, agentapi.ErrNotReady) {
						t.Errorf("%s: %+v, %v", when, s, err)
					}
					if took := time.Since(asked); took != want {
						t.Errorf("%s: after %v, want %v", when, took, want)
					}
				}
				ask("nobody reads records", time.Second)
				done := make(chan struct{})
				go func() {
					defer close(done)
					records.follow(ctx, &fsnotify.Watcher{}, func(string) error { return nil })
				}()
				ask("nothing was recorded", 0)
				b.attach("c1", record.Netns{})
				ask("something was, and there is no step", time.Second)
				cancel()
				<-done
			})
		})
	}
}
