// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// SocketName is the agent's socket in its run directory.
const SocketName = "agent.sock"

// The paths of what the agent answers with GET on its socket.
const (
	StatePath   = "/v1/state"   // the State
	GroundPath  = "/v1/ground"  // the Ground
	ChangesPath = "/v1/changes" // the Changes since the time in the parameter since, as in RFC 3339
)

// The paths of what probes ask with GET. The answer says nothing but that it is so; else it
// is an error that says why not.
const (
	LivePath  = "/v1/live"  // whether what is seen becomes a Step, within 5 s
	ReadyPath = "/v1/ready" // whether the first node file is out
)

// ErrNoSuchQuestion is the error where the agent is older than who asks.
var ErrNoSuchQuestion = errors.New("the agent does not know this question, so it is older than who asks; restart it in the same version")

// ForgetPath is of the one thing that the agent can be told on its socket, with POST and by
// root or its own user alone: to forget what was heard on the port in the parameter
// interface. It answers with Forgotten.
const ForgetPath = "/v1/forget"

// Forgotten is what the agent remembers of a port no more.
type Forgotten struct {
	Interface string `json:"interface"`
	// Neighbor is who was heard there; empty where nothing was remembered.
	Neighbor string `json:"neighbor,omitempty"`
}

// A Refusal is why the agent does not do what it is told.
type Refusal struct{ Why string }

// Error implements error.
func (r Refusal) Error() string { return r.Why }

const (
	// answerTimeout is how long a client waits. Both ends are on one machine.
	answerTimeout = 10 * time.Second
	// maxState bounds what a client reads.
	maxState = 64 << 20
)

// Query asks the agent behind the socket at path for its State.
func Query(ctx context.Context, path string) (*State, error) {
	var s State
	if err := ask(ctx, path, http.MethodGet, StatePath, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// QueryGround asks the agent behind the socket at path for its State and what that follows
// from.
func QueryGround(ctx context.Context, path string) (*Ground, error) {
	var g Ground
	if err := ask(ctx, path, http.MethodGet, GroundPath, &g); err != nil {
		return nil, err
	}
	return &g, nil
}

// QueryChanges asks the agent behind the socket at path what changed since t.
func QueryChanges(ctx context.Context, path string, t time.Time) (Changes, error) {
	var c Changes
	err := ask(ctx, path, http.MethodGet, ChangesPath+"?since="+url.QueryEscape(t.Format(time.RFC3339)), &c)
	return c, err
}

// Forget tells the agent behind the socket at path to forget what was heard on a port. The
// error is a Refusal where the agent has a reason not to.
func Forget(ctx context.Context, path, ifname string) (Forgotten, error) {
	var f Forgotten
	err := ask(ctx, path, http.MethodPost, ForgetPath+"?interface="+url.QueryEscape(ifname), &f)
	return f, err
}

// Probe asks the agent behind the socket at path LivePath or ReadyPath.
func Probe(ctx context.Context, path, what string) error {
	return ask(ctx, path, http.MethodGet, what, &struct{}{})
}

func ask(ctx context.Context, path, method, what string, answer any) error {
	client := http.Client{Timeout: answerTimeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://agent"+what, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask agent: %w", err)
	}
	resp, err := client.Do(req)
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the URL is made up and would only puzzle
	}
	if err != nil {
		return fmt.Errorf("ask agent: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxState))
	if err != nil {
		return fmt.Errorf("ask agent at %s: %w", path, err)
	}
	if resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusConflict {
		return Refusal{string(bytes.TrimSpace(body))}
	}
	if resp.StatusCode == http.StatusNotFound {
		return fmt.Errorf("ask agent at %s: %w", path, ErrNoSuchQuestion)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask agent at %s: %s", path, bytes.TrimSpace(body))
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("ask agent at %s: %w", path, err)
	}
	return nil
}
