// SPDX-License-Identifier: Apache-2.0

// Package ethertest is Ethernet in memory: a Segment is a cable made of
// channels, so that tests run in a synctest bubble.
package ethertest

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/colvin-net/colvin/discovery/ether"
)

// queue is how many frames an unread Conn holds; a real socket also drops what
// nobody reads in time.
const queue = 64

// A Segment is the cable of one port of a node, with the port's sockets at one
// end and the test at the other.
type Segment struct {
	mu    sync.Mutex
	conns map[*conn]bool
	sent  []Sent
	fail  error
}

// Sent is a frame that the node sent.
type Sent struct {
	At    time.Time
	Frame []byte
}

// Listen opens a socket of the port.
func (s *Segment) Listen(socket ether.FrameSet) ether.Conn {
	c := s.listen(socket)
	if socket&(ether.Early|ether.Routers) != 0 {
		return c
	}
	return suppressingConn{c}
}

func (s *Segment) listen(socket ether.FrameSet) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &conn{segment: s, socket: socket, frames: make(chan ether.Frame, queue), done: make(chan struct{})}
	if s.conns == nil {
		s.conns = make(map[*conn]bool)
	}
	s.conns[c] = true
	return c
}

// Send has a frame arrive at the port. Nobody listening is no error.
func (s *Segment) Send(frame []byte) { s.SendTagged(frame, 0) }

// SendTagged has a frame arrive in a VLAN, whose tag the kernel has taken off.
func (s *Segment) SendTagged(frame []byte, vid uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.socket != ether.Tap && c.socket&protocol(frame) != 0 {
			c.arrive(frame, vid)
		}
	}
}

// Suppressed reports whether some socket keeps back what its speaker repeats.
func (s *Segment) Suppressed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.suppressed != nil {
			return true
		}
	}
	return false
}

// SendLocally has another program of the node send a frame.
func (s *Segment) SendLocally(frame []byte) { s.leave(nil, frame) }

// leave is a frame on its way out, which every Tap but the sender's sees.
func (s *Segment) leave(from *conn, frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, Sent{time.Now(), bytes.Clone(frame)})
	for c := range s.conns {
		if c.socket == ether.Tap && c != from {
			c.deliver(frame, 0)
		}
	}
}

// Sent returns what was sent since it was last called, by whatever program.
func (s *Segment) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

// Open returns the sockets that are open, in order.
func (s *Segment) Open() []ether.FrameSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	var open []ether.FrameSet
	for c := range s.conns {
		open = append(open, c.socket)
	}
	slices.Sort(open)
	return open
}

// Fail has every WriteFrame fail from now on; nil ends it.
func (s *Segment) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *Segment) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail
}

// protocol tells what a socket would have to listen to; CDP has no EtherType.
func protocol(frame []byte) ether.FrameSet {
	const offType, longest, ipv6 = 12, 1500, 0x86dd // of a frame that has a length
	if len(frame) < offType+2 {
		return ether.LLDP
	}
	switch etherType := int(frame[offType])<<8 | int(frame[offType+1]); {
	case etherType <= longest:
		return ether.CDP
	case etherType == ipv6:
		return ether.Routers
	default:
		return ether.LLDP
	}
}

type conn struct {
	segment *Segment
	socket  ether.FrameSet
	frames  chan ether.Frame
	done    chan struct{}

	// Guarded by the segment's lock.
	dropped    int
	suppressed []byte
	kept       ether.Kept
}

func (c *conn) arrive(frame []byte, vid uint16) {
	if c.suppressed == nil || vid != 0 || !bytes.Equal(frame, c.suppressed) {
		c.deliver(frame, vid)
		return
	}
	c.kept.Count++
	c.kept.Arrived = append(c.kept.Arrived, time.Now())
	if n := len(c.kept.Arrived); n > ether.KeptTimes {
		c.kept.Arrived = c.kept.Arrived[n-ether.KeptTimes:]
	}
}

func (c *conn) deliver(frame []byte, vid uint16) {
	select {
	case c.frames <- ether.Frame{Octets: bytes.Clone(frame), Tag: vid, Arrived: time.Now()}:
	default:
		c.dropped++
	}
}

func (c *conn) Dropped() (n int) {
	c.segment.mu.Lock()
	defer c.segment.mu.Unlock()
	n, c.dropped = c.dropped, 0
	return n
}

func (c *conn) ReadFrame(take func(ether.Frame)) error {
	select {
	case <-c.done:
		return ether.ErrClosed
	case f := <-c.frames:
		take(f)
		return nil
	}
}

func (c *conn) WriteFrame(b []byte) error {
	select {
	case <-c.done:
		return ether.ErrClosed
	default:
	}
	if err := c.segment.failure(); err != nil {
		return err
	}
	c.segment.leave(c, b)
	return nil
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

type suppressingConn struct{ *conn }

var _ ether.SuppressingConn = suppressingConn{}

func (c suppressingConn) Suppress(frame []byte) error {
	c.segment.mu.Lock()
	defer c.segment.mu.Unlock()
	c.suppressed = bytes.Clone(frame)
	return nil
}

func (c suppressingConn) Resume() {
	c.segment.mu.Lock()
	defer c.segment.mu.Unlock()
	c.suppressed = nil
}

func (c suppressingConn) Kept() ether.Kept {
	c.segment.mu.Lock()
	defer c.segment.mu.Unlock()
	k := c.kept
	c.kept = ether.Kept{}
	return k
}
