// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/agent/rulebook"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/privatedir"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// live asks as a probe does, and returns how long the answer took.
func (b *bench) live() (time.Duration, error) {
	asked := time.Now()
	err := b.loop.Live(b.t.Context())
	return time.Since(asked), err
}

// TestLiveInTrouble holds that what a restart would not mend leaves the agent alive: rules
// that are broken, a cluster that is away, no directory to write to, no carrier, and a clock
// that is set.
func TestLiveInTrouble(t *testing.T) {
	for trouble, prepare := range map[mapping.ConditionType]func(b *bench){
		mapping.RulesInvalid:       func(b *bench) { b.write("rules.yaml", "networks: 5\n") },
		mapping.ClusterUnreachable: func(b *bench) { b.inCluster() },
	} {
		playAgent(t, func(b *bench) {
			prepare(b)
			b.config.StateDirectory = filepath.Join(b.t.TempDir(), "none")
			if err := os.MkdirAll(filepath.Join(b.config.RunDirectory, nodefile.FileName+".tmp", "x"), 0o700); err != nil {
				b.t.Fatal(err)
			}
			b.build()
			var skew atomic.Int64
			b.loop.now = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
			b.run()
			b.readRules()
			b.snapshots.see(&discovery.Snapshot{Time: time.Now(), Interfaces: []discovery.Interface{{Index: 2, Name: "eth1", Ethernet: true}}})
			synctest.Wait()
			for _, set := range []time.Duration{0, -30 * time.Hour, 30 * time.Hour, 0} {
				skew.Store(int64(set))
				time.Sleep(time.Minute)
				if took, err := b.live(); err != nil || took != 0 {
					b.t.Errorf("%s, the clock %v off: after %v: %v", trouble, set, took, err)
				}
			}
			if err := b.loop.Unready(); err == nil || !strings.HasPrefix(err.Error(), "the first node file is not out yet: ") || strings.Contains(err.Error(), "\n") {
				b.t.Errorf("without a node file: %v", err)
			}
			if wrong := b.conditions(); !slices.Contains(wrong, trouble) || !slices.Contains(wrong, mapping.FilesUnwritable) {
				b.t.Errorf("conditions %v, so this tests less than it says", wrong)
			}
			if err := b.end(); err == nil {
				b.t.Error("the files were written, so this tests half of it")
			}
		})
	}
}

// A stuck sink does not return until it is let go.
type stuck struct{ until chan struct{} }

func (s stuck) Take(time.Time, *Step) time.Duration { <-s.until; return never }

// TestNotLive holds that a probe finds who hangs, in the time that it has, and that what goes
// on is alive again.
func TestNotLive(t *testing.T) {
	playAgent(t, func(b *bench) {
		expect := func(when string, want time.Duration, why string) {
			b.t.Helper()
			took, err := b.live()
			if took != want || (err == nil) != (why == "") || err != nil && err.Error() != why {
				b.t.Errorf("%s: after %v: %v; want %q after %v", when, took, err, why, want)
			}
		}
		const (
			unseen = "no step in 5s: nothing is observed, or the step that follows from it does not end"
			hangs  = "no step in 5s: the last step does not end"
		)
		b.build()
		expect("not begun", liveTimeout, hangs)
		let := make(chan struct{})
		b.loop.sinks = append(b.loop.sinks, stuck{let})
		b.run()
		expect("before the first snapshot", liveTimeout, unseen)
		b.see()
		expect("a sink hangs", liveTimeout, hangs)
		close(let)
		synctest.Wait()
		expect("it goes on", 0, "")
		b.snapshots.beDeaf(true)
		expect("nobody observes", liveTimeout, unseen)
		b.snapshots.beDeaf(false)
		expect("somebody does", 0, "")
	})
}

// TestUnready holds that ready is said once the node file is out, and for good.
func TestUnready(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.start()
		if err := b.loop.Unready(); err == nil || err.Error() != agentapi.ErrNotReady.Error() {
			b.t.Errorf("before anything is observed: %v", err)
		}
		b.see()
		for range 2 {
			if err := b.loop.Unready(); err != nil {
				b.t.Errorf("with a node file: %v", err)
			}
			b.snapshots.beDeaf(true)
			if err := os.Remove(filepath.Join(b.config.RunDirectory, nodefile.FileName)); err != nil {
				b.t.Fatal(err)
			}
			b.snapshots.beDeaf(false)
			if _, err := b.live(); err != nil { // the step writes it again
				b.t.Error(err)
			}
		}
	})
}

// TestProbesOverTheSocket holds what a probe is told, and who cannot answer it.
func TestProbesOverTheSocket(t *testing.T) {
	for name, tt := range map[string]struct {
		probes      bool
		live, ready error
		want        [2]string // of LivePath and ReadyPath
	}{
		"well":  {probes: true},
		"older": {want: [2]string{agentapi.ErrNoSuchQuestion.Error(), agentapi.ErrNoSuchQuestion.Error()}},
		"not":   {probes: true, live: context.DeadlineExceeded, ready: agentapi.ErrNotReady, want: [2]string{"context deadline exceeded", agentapi.ErrNotReady.Error()}},
	} {
		server := NewServer(filepath.Join(t.TempDir(), agentapi.SocketName), nil, nil, slog.New(slog.DiscardHandler))
		if tt.probes {
			server.OnProbe(func(context.Context) error { return tt.live }, func() error { return tt.ready })
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- server.Run(ctx) }()
		<-server.Ready()
		for i, path := range []string{agentapi.LivePath, agentapi.ReadyPath} {
			got, want := "", tt.want[i]
			if err := agentapi.Probe(t.Context(), server.path, path); err != nil {
				got = strings.TrimPrefix(err.Error(), "ask agent at "+server.path+": ")
			}
			if got != want {
				t.Errorf("%s: %s: %q, want %q", name, path, got, want)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkLive is what a probe costs the agent: a step of a node of 64 ports on which
// nothing changed.
func BenchmarkLive(b *testing.B) {
	dir := privatedir.New(b)
	seen, log := &seen{updates: make(chan *discovery.Snapshot, 1)}, slog.New(slog.DiscardHandler)
	loop := NewLoop(Deps{
		Config: config.Config{Node: "node1", RunDirectory: dir, StateDirectory: dir, Colours: config.Colours{Attach: true}},
		BootID: "boot-1", Snapshots: seen, Rules: rulebook.New(filepath.Join(dir, "rules.yaml"), "", dir, log), Records: newRecordsDir(dir, log), Log: log,
	})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- loop.Run(ctx) }()
	s := &discovery.Snapshot{Time: time.Now()}
	for i := range 64 {
		name, index := fmt.Sprint("eth", i), i+2
		s.Interfaces = append(s.Interfaces, discovery.Interface{Index: index, Name: name, Ethernet: true, Up: true, Carrier: true, CarrierChanges: 2})
		s.Ports = append(s.Ports, discovery.Port{Index: index, Name: name, Epoch: 2, Since: time.Now(), Neighbors: []discovery.Neighbor{heard(sw1, uint16(100+i))}})
	}
	seen.see(s)
	for b.Loop() {
		if err := loop.Live(ctx); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// TestUnreadyWithoutReason holds what is said where nothing keeps the first node file from
// being written.
func TestUnreadyWithoutReason(t *testing.T) {
	l := &Loop{shown: newShown()}
	s := &agentapi.State{View: mapping.View{Conditions: []mapping.Condition{{Type: mapping.Conflict, Message: "two names"}}}}
	l.shown.Take(when, &Step{State: s})
	if err := l.Unready(); err == nil || err.Error() != "the first node file is not out yet" {
		t.Errorf("%v", err)
	}
	s.View.Conditions = append(s.View.Conditions, mapping.Condition{Type: mapping.FilesUnwritable, Message: "no room\nno right"})
	if err := l.Unready(); err == nil || err.Error() != "the first node file is not out yet: no room; no right" {
		t.Errorf("%v", err)
	}
}
