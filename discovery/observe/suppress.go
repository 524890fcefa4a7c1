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
func (o *Observer) receiveRepeats(p *port, h *suppressor, f ether.Frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	outcome := o.hear(p, f)
	now := o.now()
	quiet := now.Sub(h.heard) >= suppressAfter
	h.heard = now
	switch {
	case outcome.Visible(): // maybe nobody says any more what is kept back
		o.stopSuppressing(p, h)
	case outcome == neighbor.Refreshed && quiet && h.frame == nil && f.Tag == 0:
		if h.conn.Suppress(f.Octets) == nil { // else it is heard as before
			h.frame = bytes.Clone(f.Octets)
		}
	}
}

// collectAllKept takes note of what was kept back on a port, and of what was lost.
func (o *Observer) collectAllKept(p *port) {
	for _, h := range p.suppressors {
		h.mu.Lock()
		o.collectKept(p, h)
		h.mu.Unlock()
	}
	p.noteDropped(o.now())
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
	if h.frame == nil {
		return
	}
	h.conn.Resume()
	o.takeKept(p, h)
	h.frame = nil
}

// collectKept is called with the lock of h held. Where it is not known when the speaker
// was heard last, it is to be heard as soon as it speaks again.
func (o *Observer) collectKept(p *port, h *suppressor) {
	if h.frame != nil && !o.takeKept(p, h) {
		o.stopSuppressing(p, h)
	}
}

// takeKept takes note of what h kept back, and reports whether it is known when all of
// that arrived. It is called with the lock of h held.
func (o *Observer) takeKept(p *port, h *suppressor) bool {
	k := h.conn.Kept()
	if k.Lost {
		p.table.Lose(o.now())
	}
	if k.Count > 0 {
		o.noteOutcome(p, p.table.Repeat(h.frame, k.Count, k.Arrived))
	}
	return !k.Lost
}
