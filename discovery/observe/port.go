// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/discovery/neighbor"
	"github.com/colvin-net/colvin/discovery/transmit"
)

// key identifies a socket's carrier epoch. Being taken down administratively
// ends an epoch too: some drivers keep the carrier then, and nobody knows what
// happens to the cable.
// Another MAC address may be another device in the place of the first; another
// instance is.
type key struct {
	index    int
	instance uint32
	mac      discovery.MAC
	epoch    uint32
	up       bool
}

func keyOf(i discovery.Interface) key { return key{i.Index, i.Instance, i.MAC, i.Epoch(), i.Up} }

// A port is an interface in one carrier epoch: what is known of it, the listener and
// the voice. Another epoch is another port.
type port struct {
	key             // for good
	since time.Time // for good

	facts
	listener
	routerListener
	voice
}

// facts are what was found out about a port when the interfaces were listed.
type facts struct {
	nicAt time.Time // when nic was read; owned by Run

	// Written by Run, guarded by Observer.mu.
	name    string
	carrier bool
	mtu     int
	nic     discovery.NIC
}

// A listener is the sockets of a port and the table that their frames fill.
//
// A socket is opened after the interface was seen in its carrier epoch, and
// replaced when the epoch changes. So every frame that it delivers arrived in
// that epoch or after it, never before: what waited in the queue of an old
// socket while the cable moved is lost with that socket.
type listener struct {
	// For good, once Observer.open has the port; they guard themselves.
	table       *neighbor.Table
	suppressors []*suppressor // of the receivers that can keep frames back
	conns       []ether.Conn  // of the receivers

	// Owned by Run.
	frameSets []ether.FrameSet // what receivers listen to
	receivers []*receiver
	reopenAt  time.Time // a socket could not be opened, or failed; zero: none did

	problem string // why, where that is worth telling; written by Run, guarded by Observer.mu
}

// noteDropped takes note of whether the kernel had no room for frames.
func (l *listener) noteDropped(now time.Time) {
	for _, c := range l.conns {
		if c.Dropped() > 0 {
			l.table.Lose(now)
		}
	}
}

// broken reports whether the sockets have to be opened anew.
func (l *listener) broken() bool { return !l.reopenAt.IsZero() }

// A voice is what speaks on a port, and what it goes by.
type voice struct {
	speaker *transmit.Speaker // guarded by Observer.mu

	// Owned by Run.
	mode         transmit.Mode
	announcement lldp.Announcement
	known        []discovery.Neighbor // as of the last change
	tap          *receiver            // while the speaker listens for others

	// Set by receivers, cleared by Run.
	changed  atomic.Bool // the table changed since
	appeared atomic.Bool // by a new neighbour
}

// A failure is a socket that is of no more use.
type failure struct {
	port    *port
	err     error
	routers bool // that of routers
}

// A receiver reads one socket.
type receiver struct {
	conn ether.Conn
	stop chan struct{} // closed by close
	done chan struct{} // closed when nothing is read any more
}

// A receiving is what becomes of what a receiver reads.
type receiving struct {
	take  func(ether.Frame)
	pause func() time.Duration // how long nothing is read after a frame; nil: not at all

	routers bool // a failure is that of routers only
}

// receive hands every frame to take until close, or until the socket fails; Run
// hears of that.
func (o *Observer) receive(p *port, conn ether.Conn, as receiving) *receiver {
	r := &receiver{conn: conn, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for {
			err := conn.ReadFrame(as.take)
			switch {
			case err == nil:
				r.rest(as.pause)
				continue
			case errors.Is(err, ether.ErrClosed):
				return
			}
			select {
			case o.failed <- failure{p, err, as.routers}:
			case <-r.stop:
			}
			return
		}
	}()
	return r
}

// rest waits, if it has to, but not after close.
func (r *receiver) rest(pause func() time.Duration) {
	if pause == nil {
		return
	}
	if d := pause(); d > 0 {
		select {
		case <-time.After(d):
		case <-r.stop:
		}
	}
}

// close ends the receiver; nothing is taken afterwards.
func (r *receiver) close() {
	close(r.stop)
	_ = r.conn.Close()
	<-r.done
}

// listen has every frame from a socket heard.
func (o *Observer) listen(p *port, conn ether.Conn) {
	take := func(f ether.Frame) { o.hear(p, f) }
	if c, ok := conn.(ether.SuppressingConn); ok {
		h := &suppressor{conn: c}
		p.suppressors = append(p.suppressors, h)
		take = func(f ether.Frame) { o.receiveRepeats(p, h, f) }
	}
	p.conns = append(p.conns, conn)
	p.receivers = append(p.receivers, o.receive(p, conn, receiving{take: take}))
}

// behind is how much later than it arrived a frame may be read. Who is further behind
// may not know yet what was said since.
const behind = time.Second

// hear takes a frame from the wire.
func (o *Observer) hear(p *port, f ether.Frame) neighbor.Outcome {
	now := o.now()
	if f.Arrived.After(now) {
		f.Arrived = now // the clock was set
	}
	if now.Sub(f.Arrived) > behind {
		p.table.Lose(now)
	}
	outcome := p.table.Receive(f.Octets, f.Tag, f.Arrived)
	o.noteOutcome(p, outcome)
	return outcome
}

// noteOutcome has Run look after what a frame did.
func (o *Observer) noteOutcome(p *port, outcome neighbor.Outcome) {
	if !outcome.Visible() {
		return
	}
	if outcome == neighbor.Added {
		p.appeared.Store(true)
	}
	p.changed.Store(true)
	o.wakeRun()
}

// close ends the port's receivers; nothing is added to the table afterwards.
func (o *Observer) close(p *port) {
	p.closeTap()
	o.closeRouters(p)
	o.deliverAll(p)
	for _, r := range p.receivers {
		r.close()
	}
	p.receivers = nil
}

func (v *voice) closeTap() {
	if v.tap != nil {
		v.tap.close()
		v.tap = nil
	}
}

// write sends a frame. While the tap is open it goes through that, so that the
// tap does not take it for somebody else's.
func (p *port) write(frame []byte) error {
	switch {
	case p.tap != nil:
		return p.tap.conn.WriteFrame(frame)
	case len(p.receivers) > 0:
		return p.receivers[0].conn.WriteFrame(frame)
	default:
		return ether.ErrClosed
	}
}

// limit is the longest LLDPDU that the port can send.
func (p *port) limit() int { return min(lldp.MaxPDU, p.mtu) }

// describe is called with the Observer's lock held.
func (p *port) describe() discovery.Port {
	d := discovery.Port{Index: p.index, Name: p.name, Epoch: p.epoch, Since: p.since, Problem: p.problem, NIC: p.nic}
	p.table.Fill(&d)
	p.routers.Fill(&d)
	d.RouterProblem = p.routerProblem
	p.speaker.Fill(&d)
	return d
}
