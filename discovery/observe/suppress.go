// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"bytes"
	"sync"
	"time"

	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/neighbor"
)

// suppressAfter is how long nothing was heard by a socket before a frame that a speaker
// repeats is kept back: whoever speaks more often is heard as it speaks. So neither
// does a speaker that changes all the time have filters replaced all the time, nor
// does the kernel keep back more than it has room for until somebody looks.
const suppressAfter = 5 * time.Second

// A suppressor has the kernel keep back what a speaker repeats, so that a node at which
// nothing happens sleeps. What was kept back becomes known when somebody asks for
// it: before a neighbour ages out, when interfaces are listed, and for a Snapshot.
type suppressor struct {
	conn ether.SuppressingConn

	mu    sync.Mutex // guards what follows, and keeps frames in order
	frame []byte     // is kept back; nil: none
	heard time.Time  // when a frame was delivered
}

// receiveRepeats takes a frame from the wire.
func (o *Observer) receiveRepeats(p *port, h *suppressor, frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	outcome := p.table.Receive(frame, now)
	o.noteOutcome(p, outcome)
	quiet := now.Sub(h.heard) >= suppressAfter
	h.heard = now
	switch {
	case outcome.Visible(): // maybe nobody says any more what is kept back
		o.stopSuppressing(p, h)
	case outcome == neighbor.Refreshed && quiet && h.frame == nil:
		if h.conn.Suppress(frame) == nil { // else it is heard as before
			h.frame = bytes.Clone(frame)
		}
	}
}

// collectAllKept takes note of what was kept back on a port.
func (o *Observer) collectAllKept(p *port) {
	for _, h := range p.suppressors {
		h.mu.Lock()
		o.collectKept(p, h)
		h.mu.Unlock()
	}
}

// deliverAll has everything delivered again.
func (o *Observer) deliverAll(p *port) {
	for _, h := range p.suppressors {
		h.mu.Lock()
		o.stopSuppressing(p, h)
		h.mu.Unlock()
	}
}

// stopSuppressing is called with the lock of h held.
func (o *Observer) stopSuppressing(p *port, h *suppressor) {
	if h.frame != nil {
		h.conn.Resume()
		o.collectKept(p, h)
		h.frame = nil
	}
}

// collectKept is called with the lock of h held.
func (o *Observer) collectKept(p *port, h *suppressor) {
	if h.frame == nil {
		return
	}
	if n, last := h.conn.Kept(); n > 0 {
		o.noteOutcome(p, p.table.Repeat(h.frame, n, last))
	}
}
