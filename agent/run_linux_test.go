// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/sdnotify"
	"github.com/colvin-net/colvin/mapping"
)

// A manager is a service manager that hears what services say.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T) manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return manager{t, conn}
}

// hears waits for what is said next.
func (m manager) hears(want string) {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		m.t.Fatal(err)
	}
	said := make([]byte, 64)
	n, err := m.conn.Read(said)
	if got := string(said[:n]); got != want || err != nil {
		m.t.Fatalf("heard %q, %v; want %s", got, err, want)
	}
}

// TestRun runs all of the agent on this machine, but listens on no port of it. It says when
// it is ready, answers with what was recorded a moment ago, tells that its metrics have no
// address, and leaves no room for a second one.
func TestRun(t *testing.T) {
	b, m := newBench(t), newManager(t)
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	b.config.Interfaces, b.config.Metrics.Address = []string{"no-such-port"}, taken.Addr().String()
	a := Agent{Config: b.config, Version: "test", Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	m.hears(sdnotify.Ready)
	state := func() *agentapi.State {
		t.Helper()
		s, err := agentapi.Query(t.Context(), filepath.Join(b.config.RunDirectory, agentapi.SocketName))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := state()
	isLoopback := func(i discovery.Interface) bool { return i.Name == "lo" }
	if s.Version != "test" || s.Node != "node1" || s.BootID == "" || !slices.ContainsFunc(s.Snapshot.Interfaces, isLoopback) || len(s.Snapshot.Ports) != 0 || s.Attachments != nil {
		t.Errorf("state %+v", s)
	}
	socket := filepath.Join(b.config.RunDirectory, agentapi.SocketName)
	if err := agentapi.Probe(t.Context(), socket, agentapi.LivePath); err != nil {
		t.Errorf("it does not live: %v", err)
	}
	if got, err := agentapi.Forget(t.Context(), socket, "no-such-port"); !errors.As(err, new(agentapi.Refusal)) {
		t.Errorf("a port that is none is forgotten: %+v, %v", got, err)
	}
	if s := state(); !s.Snapshot.Time.After(s.View.Time) {
		t.Errorf("the snapshot is of %v, and the view of %v: want counters of this moment", s.Snapshot.Time, s.View.Time)
	}
	if err := a.Run(ctx); !errors.Is(err, agentlock.ErrLocked) {
		t.Errorf("a second agent: %v, want %v", err, agentlock.ErrLocked)
	}
	b.boot = s.BootID
	b.attach("c1", record.Netns{})
	if s := state(); len(s.Attachments) != 1 || s.Attachments[0].ContainerID != "c1" {
		t.Errorf("attachments %+v, want that of c1", s.Attachments)
	}
	unserved := func(c mapping.Condition) bool { return c.Type == mapping.MetricsUnserved }
	for tick, deadline := time.Tick(10*time.Millisecond), time.Now().Add(30*time.Second); !slices.ContainsFunc(state().View.Conditions, unserved); <-tick {
		if time.Now().After(deadline) {
			t.Fatalf("conditions %v, want %s", state().View.Conditions, mapping.MetricsUnserved)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	m.hears(sdnotify.Stopping)
}

// TestRunWithoutDescriptors holds that an agent which cannot open what it needs says so, and
// leaves nothing open: neither the lock, which the next one takes, nor sockets.
func TestRunWithoutDescriptors(t *testing.T) {
	var usual unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &usual); err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.config.Interfaces = []string{"no-such-port"}
	var failed []string
	for most := uint64(3); ; most++ {
		ctx, cancel := context.WithCancel(t.Context())
		log := &startLog{starts: cancel}
		a := Agent{Config: b.config, Log: slog.New(log)}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: usual.Max}); err != nil {
			t.Fatal(err)
		}
		err := a.Run(ctx)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &usual); err != nil {
			t.Fatal(err)
		}
		started := ctx.Err() != nil
		cancel()
		if started {
			break
		}
		if !errors.Is(err, unix.EMFILE) {
			t.Fatalf("with %d descriptors: %v, want %v", most, err, unix.EMFILE)
		}
		failed = append(failed, err.Error())
	}
	failed = slices.Compact(failed)
	t.Logf("%q", failed)
	if len(failed) < 3 {
		t.Errorf("%q were all errors, so this tests less than it says", failed)
	}
}

// A startLog hears that an agent starts.
type startLog struct {
	slog.Handler
	starts func()
}

func (*startLog) Enabled(context.Context, slog.Level) bool { return true }

func (l *startLog) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "colvind starts" {
		l.starts()
	}
	return nil
}

func (l *startLog) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *startLog) WithGroup(string) slog.Handler      { return l }

// TestDescribeNIC holds that a driver which tells nothing is no trouble, and that it is logged
// why for who wants to know.
func TestDescribeNIC(t *testing.T) {
	var log bytes.Buffer
	describe := describeNIC(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if got := describe("lo"); log.Len() != 0 || got.Driver != "" {
		t.Errorf("lo is %+v, log:\n%s", got, log.String())
	}
	if got := describe("no-such-port"); got.Driver != "" || strings.Count(log.String(), `msg="driver tells nothing" interface=no-such-port`) != 1 {
		t.Errorf("what is not there is %+v, log:\n%s", got, log.String())
	}
}
