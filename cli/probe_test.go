// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/agent"
	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/agentlock"
)

// TestProbeIsHidden holds that the list of commands is for people.
func TestProbeIsHidden(t *testing.T) {
	if got := run(t, t.TempDir(), "--help"); strings.Contains(got, "probe") || !strings.Contains(got, "status") {
		t.Errorf("help lists it:\n%s", got)
	}
}

// TestProbeOfAnOlderAgent holds that an agent which knows no probes is neither alive nor dead.
func TestProbeOfAnOlderAgent(t *testing.T) {
	dir := t.TempDir()
	server := agent.NewServer(filepath.Join(dir, agentapi.SocketName), nil, nil, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	<-server.Ready()
	for _, what := range []string{"live", "ready"} {
		want := "error: not known to be " + what + ": ask agent at RUN/agent.sock: " + agentapi.ErrNoSuchQuestion.Error() + "\n"
		if got := run(t, dir, "probe", what); got != want {
			t.Errorf("got  %swant %s", got, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestProbeOfAFrozenAgent has the kernel take the connection, and nobody answer until the
// prober has waited long enough; and an agent that has its lock and no socket yet.
func TestProbeOfAFrozenAgent(t *testing.T) {
	dir := t.TempDir()
	lock, err := agentlock.Take(filepath.Join(dir, agentlock.Name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if got := run(t, dir, "probe", "ready"); !strings.HasPrefix(got, "error: not ready: ask agent: dial unix RUN/agent.sock: ") {
		t.Errorf("before the socket is there: %s", got)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(dir, agentapi.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	go func() { // the first who asks is left alone by an agent that dies over it
		c, err := l.Accept()
		if err == nil {
			_ = c.Close()
		}
	}()
	if got := run(t, dir, "probe", "live"); !strings.HasPrefix(got, "error: not live: ask agent: ") || strings.Count(got, "\n") != 1 {
		t.Errorf("an agent that dies over the question: %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	go func() {
		c, err := l.Accept()
		close(asked)
		if err == nil {
			<-ctx.Done()
			_ = c.Close()
		}
	}()
	go func() { <-asked; cancel() }()
	var out strings.Builder
	cmd := New("v0.1.0", &out)
	cmd.SetArgs([]string{"--run-directory", dir, "probe", "live"})
	if err := cmd.ExecuteContext(ctx); err == nil || !strings.HasPrefix(err.Error(), "not live: ask agent: ") || out.Len() != 0 {
		t.Errorf("an agent that does not answer: %v, %s", err, out.String())
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
