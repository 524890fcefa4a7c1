// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
)

// Timeouts of the agent's socket, and of the metrics.
const (
	headerTimeout = 2 * time.Second
	writeTimeout  = 10 * time.Second
	// forgetTimeout is how long the loop may take to forget.
	forgetTimeout = 5 * time.Second
)

// A Server answers on the agent's socket.
type Server struct {
	path    string
	state   func() (*agentapi.State, error)
	changes func(since time.Time) (agentapi.Changes, error)
	forget  func(ctx context.Context, ifname string) (agentapi.Forgotten, error) // nil: nobody can tell it to
	live    func(ctx context.Context) error                                      // nil: nobody can ask it
	unready func() error                                                         // as live
	log     *slog.Logger
	ready   chan struct{}
}

// NewServer returns the server of the socket at path, which answers with what
// state and changes return.
func NewServer(path string, state func() (*agentapi.State, error), changes func(since time.Time) (agentapi.Changes, error), log *slog.Logger) *Server {
	return &Server{path: path, state: state, changes: changes, log: log, ready: make(chan struct{})}
}

// OnForget has the server forget what was heard on a port when it is told to, by forget. It
// is called before Run.
func (s *Server) OnForget(forget func(ctx context.Context, ifname string) (agentapi.Forgotten, error)) {
	s.forget = forget
}

// OnProbe has the server answer probes: by live, why the agent does not live, and by
// unready, why it is not ready yet; nil where it is. It is called before Run.
func (s *Server) OnProbe(live func(ctx context.Context) error, unready func() error) {
	s.live, s.unready = live, unready
}

// String names the task.
func (*Server) String() string { return "agent socket" }

// Ready is closed once the socket answers.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Run serves until ctx ends. The caller holds the agent's lock, so a socket that
// is already there was left by an agent that is gone.
func (s *Server) Run(ctx context.Context) error {
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove old agent socket: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", s.path)
	if err != nil {
		return fmt.Errorf("listen on agent socket: %w", err)
	}
	if err := os.Chmod(s.path, 0o660); err != nil {
		_ = l.Close()
		return fmt.Errorf("set mode of agent socket: %w", err)
	}
	close(s.ready) // who connects from now on is answered, if a moment later
	return serve(ctx, l, s.handler())
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+agentapi.StatePath, func(w http.ResponseWriter, _ *http.Request) {
		state, err := s.state()
		s.answer(w, state, err)
	})
	mux.HandleFunc("GET "+agentapi.GroundPath, func(w http.ResponseWriter, _ *http.Request) {
		state, err := s.state()
		if err != nil {
			s.answer(w, nil, err)
			return
		}
		s.answer(w, agentapi.Ground{State: state, Basis: state.Basis}, nil)
	})
	mux.HandleFunc("GET "+agentapi.ChangesPath, func(w http.ResponseWriter, r *http.Request) {
		since, err := time.Parse(time.RFC3339, r.FormValue("since"))
		if err != nil {
			http.Error(w, fmt.Sprintf("since is %q, want a time such as 2026-01-02T15:04:05Z", r.FormValue("since")), http.StatusBadRequest)
			return
		}
		changes, err := s.changes(since)
		s.answer(w, changes, err)
	})
	if s.live != nil {
		mux.HandleFunc("GET "+agentapi.LivePath, func(w http.ResponseWriter, r *http.Request) { s.answer(w, struct{}{}, s.live(r.Context())) })
		mux.HandleFunc("GET "+agentapi.ReadyPath, func(w http.ResponseWriter, _ *http.Request) { s.answer(w, struct{}{}, s.unready()) })
	}
	if s.forget != nil {
		mux.HandleFunc("POST "+agentapi.ForgetPath, s.answerForget)
	}
	return mux
}

// answerForget forgets what was heard on a port, for whoever may write the agent's memory
// anyway: root, and the user that it runs as. Who else may ask it belongs to its group.
func (s *Server) answerForget(w http.ResponseWriter, r *http.Request) {
	uid, err := peerOf(r.Context())
	if err != nil || !mayForget(uid, uint32(os.Geteuid())) {
		http.Error(w, "only root, or the user that colvind runs as, may have it forget: run colvin forget as root", http.StatusForbidden)
		return
	}
	ifname := r.FormValue("interface")
	ctx, cancel := context.WithTimeout(r.Context(), forgetTimeout)
	defer cancel()
	f, err := s.forget(ctx, ifname)
	if refusal, ok := errors.AsType[agentapi.Refusal](err); ok {
		http.Error(w, refusal.Why, http.StatusConflict)
		return
	}
	if err == nil {
		s.log.Info("forgets what was heard on a port", "interface", f.Interface, "neighbor", f.Neighbor, "uid", uid)
	}
	s.answer(w, f, err)
}

// mayForget reports whether a user may have an agent forget that runs as another.
func mayForget(uid, agent uint32) bool { return uid == 0 || uid == agent }

// peer is the key of a connection in the context of its requests.
type peer struct{}

// peerOf is the user at the other end of the connection that a request came by.
func peerOf(ctx context.Context) (uid uint32, err error) {
	conn, ok := ctx.Value(peer{}).(*net.UnixConn)
	if !ok {
		return 0, errors.New("the request came by no Unix socket")
	}
	return peerUID(conn)
}

func (s *Server) answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.log.Debug("client left", "error", err)
	}
}

// serve answers HTTP requests on l until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, peer{}, c) },
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}
