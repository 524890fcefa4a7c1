// SPDX-License-Identifier: Apache-2.0

// Package ethertest is Ethernet in memory: a Segment is a cable made of
// channels, so that tests run in a synctest bubble.
package ethertest

import (
	"bytes"
	"sync"

	"github.com/colvin-net/colvin/discovery/ether"
)

// queue is how many frames an unread Conn holds; a real socket also drops what
// nobody reads in time.
const queue = 64

// A Segment is one cable. What is sent on it reaches every open Conn.
type Segment struct {
	mu    sync.Mutex
	conns map[*conn]bool
}

// Listen opens a Conn on the segment.
func (s *Segment) Listen() ether.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &conn{segment: s, frames: make(chan []byte, queue), done: make(chan struct{})}
	if s.conns == nil {
		s.conns = make(map[*conn]bool)
	}
	s.conns[c] = true
	return c
}

// Send puts a frame on the wire. Nobody listening is no error.
func (s *Segment) Send(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		select {
		case c.frames <- bytes.Clone(frame):
		default:
		}
	}
}

type conn struct {
	segment *Segment
	frames  chan []byte
	done    chan struct{}
}

func (c *conn) ReadFrame(b []byte) (int, error) {
	select {
	case <-c.done:
		return 0, ether.ErrClosed
	case f := <-c.frames:
		return copy(b, f), nil
	}
}

func (c *conn) Close() error {
	c.segment.mu.Lock()
	defer c.segment.mu.Unlock()
	if c.segment.conns[c] {
		delete(c.segment.conns, c)
		close(c.done)
	}
	return nil
}
