// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controller_test

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
)

// A relay is a network between a controller and the API server that can break: what
// was sent through it is lost then, and nobody is told.
type relay struct {
	listener net.Listener
	target   string
	broken   atomic.Bool
	running  sync.WaitGroup

	mu    sync.Mutex
	lines []*line
}

// A line is a connection, which is dead once the network broke.
type line struct {
	near, far net.Conn
	dead      atomic.Bool
}

// newRelay has a configuration lead through a relay.
func newRelay(t *testing.T, config *rest.Config) *relay {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	server, err := url.Parse(config.Host)
	must(t, err)
	r := &relay{listener: l, target: server.Host}
	config.Host = "https://" + l.Addr().String()
	r.running.Go(r.serve)
	t.Cleanup(func() {
		_ = l.Close()
		r.mu.Lock()
		for _, c := range r.lines {
			_, _ = c.near.Close(), c.far.Close()
		}
		r.mu.Unlock()
		r.running.Wait()
	})
	return r
}

func (r *relay) serve() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		far, err := net.Dial("tcp", r.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		c := &line{near: near, far: far}
		c.dead.Store(r.broken.Load())
		r.mu.Lock()
		r.lines = append(r.lines, c)
		r.mu.Unlock()
		r.running.Go(func() { c.pass(c.far, c.near) })
		r.running.Go(func() { c.pass(c.near, c.far) })
	}
}

// pass passes on what is said in one direction, while the line is not dead.
func (c *line) pass(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err == nil && !c.dead.Load() {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			if !c.dead.Load() { // else the other end is not told
				_, _ = to.Close(), from.Close()
			}
			return
		}
	}
}

// set breaks the network, or mends it. What was broken stays dead.
func (r *relay) set(broken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken.Store(broken)
	for _, c := range r.lines {
		c.dead.Store(c.dead.Load() || broken)
	}
}
