// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"bytes"
	"sync"
	"time"

	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/neighbor"
)

// hushAfter is how long nothing was heard by a socket before a frame that a speaker
// repeats is kept back: whoever speaks more often is heard as it speaks. So neither
// does a speaker that changes all the time have filters replaced all the time, nor
// does the kernel keep back more than it has room for until somebody looks.
const hushAfter = 5 * time.Second

// A hush has the kernel keep back what a speaker repeats, so that a node at which
// nothing happens sleeps. What was kept back becomes known when somebody asks for
// it: before a neighbour ages out, when interfaces are listed, and for a Snapshot.
type hush struct {
	conn ether.HushConn

	mu    sync.Mutex // guards what follows, and keeps frames in order
	frame []byte     // is kept back; nil: none
	heard time.Time  // when a frame was delivered
}

// hear takes a frame from the wire.
func (o *Observer) hear(p *port, h *hush, frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	outcome := p.table.Receive(frame, now)
	o.note(p, outcome)
	quiet := now.Sub(h.heard) >= hushAfter
	h.heard = now
	switch {
	case outcome.Visible(): // maybe nobody says any more what is kept back
		o.end(p, h)
	case outcome == neighbor.Refreshed && quiet && h.frame == nil:
		if h.conn.Hush(frame) == nil { // else it is heard as before
			h.frame = bytes.Clone(frame)
		}
	}
}

// catchUp takes note of what was kept back on a port.
func (o *Observer) catchUp(p *port) {
	for _, h := range p.hushes {
		h.mu.Lock()
		o.look(p, h)
		h.mu.Unlock()
	}
}

// unhush has everything delivered again.
func (o *Observer) unhush(p *port) {
	for _, h := range p.hushes {
		h.mu.Lock()
		o.end(p, h)
		h.mu.Unlock()
	}
}

// end is called with the lock of h held.
func (o *Observer) end(p *port, h *hush) {
	if h.frame != nil {
		h.conn.Unhush()
		o.look(p, h)
		h.frame = nil
	}
}

// look is called with the lock of h held.
func (o *Observer) look(p *port, h *hush) {
	if h.frame == nil {
		return
	}
	if n, last := h.conn.Kept(); n > 0 {
		o.note(p, p.table.Repeat(h.frame, n, last))
	}
}
