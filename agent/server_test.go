// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/mapping/rules"
)

// TestAnswers holds what programs of users get, and what they are told where it is their
// mistake.
func TestAnswers(t *testing.T) {
	server := NewServer("", func() (*agentapi.State, error) {
		s := state()
		s.Basis = &agentapi.Basis{Sources: []rules.Source{{Name: "rules.yaml", Data: []byte("{}")}}}
		return s, nil
	}, func(since time.Time) (agentapi.Changes, error) {
		if since.Equal(when) {
			return agentapi.Changes{}, errors.New("the disk is gone")
		}
		return agentapi.Changes{Damaged: 7}, nil
	}, slog.New(slog.DiscardHandler))
	const format = "application/json"
	for _, tt := range []struct {
		method, target string
		code           int
		format, body   string
	}{
		{http.MethodGet, agentapi.StatePath, http.StatusOK, format, `"node":"node1"`},
		{http.MethodGet, agentapi.GroundPath, http.StatusOK, format, `"basis":{"sources":[{"name":"rules.yaml","data":"e30="}],"colours":`},
		{http.MethodGet, agentapi.ChangesPath + "?since=2026-05-01T12:00:01Z", http.StatusOK, format, `"damaged":7`},
		{http.MethodGet, agentapi.ChangesPath + "?since=2026-05-01T12:00:00Z", http.StatusServiceUnavailable, "text/plain; charset=utf-8", "the disk is gone\n"},
		{http.MethodGet, agentapi.ChangesPath + "?since=noon", http.StatusBadRequest, "text/plain; charset=utf-8", `since is "noon", want a time such as 2026-01-02T15:04:05Z` + "\n"},
		{http.MethodGet, agentapi.ChangesPath, http.StatusBadRequest, "text/plain; charset=utf-8", `since is ""`},
		{http.MethodPost, agentapi.StatePath, http.StatusMethodNotAllowed, "text/plain; charset=utf-8", ""},
		{http.MethodPost, agentapi.ForgetPath, http.StatusNotFound, "text/plain; charset=utf-8", ""},
		{http.MethodGet, "/", http.StatusNotFound, "text/plain; charset=utf-8", ""},
	} {
		w := httptest.NewRecorder()
		server.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, tt.target, http.NoBody))
		if got := w.Header().Get("Content-Type"); w.Code != tt.code || got != tt.format || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s %s: %d %s: %s", tt.method, tt.target, w.Code, got, w.Body)
		}
	}
}

// TestNoAnswers holds that who asks before there is a state is told so, whatever the question.
func TestNoAnswers(t *testing.T) {
	server := NewServer("", func() (*agentapi.State, error) { return nil, agentapi.ErrNotReady }, nil, slog.New(slog.DiscardHandler))
	for _, path := range []string{agentapi.StatePath, agentapi.GroundPath} {
		w := httptest.NewRecorder()
		server.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		if w.Code != http.StatusServiceUnavailable || w.Body.String() != agentapi.ErrNotReady.Error()+"\n" {
			t.Errorf("%s: %d: %s", path, w.Code, w.Body)
		}
	}
}

// TestClientLeaves has an answer fail on its way.
func TestClientLeaves(t *testing.T) {
	var log bytes.Buffer
	server := NewServer("", nil, nil, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	server.answer(httptest.NewRecorder(), state(), nil)
	if log.Len() != 0 {
		t.Errorf("it got its answer, and logged is %s", log.String())
	}
	server.answer(httptest.NewRecorder(), func() {}, nil) // what JSON cannot say fails, too
	if !strings.Contains(log.String(), `level=DEBUG msg="client left"`) {
		t.Errorf("logged %s", log.String())
	}
}

// TestSocketOfTheFirstAgent finds nothing where the socket belongs; whoever may ask is in
// the agent's group.
func TestSocketOfTheFirstAgent(t *testing.T) {
	path := filepath.Join(t.TempDir(), agentapi.SocketName)
	ctx, cancel := context.WithCancel(t.Context())
	server := NewServer(path, func() (*agentapi.State, error) { return state(), nil }, nil, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	<-server.Ready()
	if _, err := agentapi.Query(t.Context(), path); err != nil {
		t.Error(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o660 {
		t.Errorf("the socket is %v, %v; want mode 0660", st, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNoSocket(t *testing.T) {
	for name, tt := range map[string]struct {
		path func(dir string) (string, error)
		want string
	}{
		"something else in its place": {func(dir string) (string, error) { return dir, os.Mkdir(filepath.Join(dir, "x"), 0o700) }, "remove old agent socket: "},
		"no directory":                {func(dir string) (string, error) { return filepath.Join(dir, "x", "y"), nil }, "listen on agent socket: "},
	} {
		path, err := tt.path(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := NewServer(path, nil, nil, nil).Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

// TestServeFails holds that a listener which fails is an error, unlike the end.
func TestServeFails(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := serve(t.Context(), l, http.NotFoundHandler()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("serve: %v, want %v", err, net.ErrClosed)
	}
}

// A pipes is a listener of connections within this program.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { close(p); return nil }

func (pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// TestServeTimeouts holds that who asks nothing, and who does not listen, is let go: a
// connection takes memory.
func TestServeTimeouts(t *testing.T) {
	for name, tt := range map[string]struct {
		says  string
		reads bool
		want  time.Duration
	}{
		"asks nothing":  {"GET /", true, 2 * time.Second},
		"does not read": {"GET / HTTP/1.1\r\nHost: agent\r\n\r\n", false, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, closed := make(pipes), make(chan time.Time, 1)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() {
					done <- serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						_, _ = w.Write(make([]byte, 64<<10))
					}))
				}()
				near, far := net.Pipe()
				l <- closing{far, closed}
				asked := time.Now()
				if _, err := near.Write([]byte(tt.says)); err != nil {
					t.Fatal(err)
				}
				if tt.reads {
					go func() { _, _ = io.Copy(io.Discard, near) }()
				}
				if after := (<-closed).Sub(asked); after != tt.want {
					t.Errorf("let go after %v, want %v", after, tt.want)
				}
				cancel()
				if err := errors.Join(<-done, near.Close()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A closing is a connection that tells when it is closed.
type closing struct {
	net.Conn
	at chan<- time.Time
}

func (c closing) Close() error {
	select {
	case c.at <- time.Now():
	default: // it was told
	}
	return c.Conn.Close()
}
