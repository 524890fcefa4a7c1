// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/router"
)

const (
	// advertisementsEvery and advertisementsAtOnce bound how many router advertisements of a
	// port are read; the kernel drops what finds no room meanwhile. Honest routers send one
	// in three seconds at most (RFC 4861, 6.2.6, MIN_DELAY_BETWEEN_RAS).
	advertisementsEvery  = 10 * time.Millisecond
	advertisementsAtOnce = 100
	// publishRoutersEvery bounds how often routers that keep changing are told of: nobody
	// waits for that as for a switch.
	publishRoutersEvery = time.Second
)

// A routerListener is what hears router advertisements on a port. It has a socket and a
// table of its own: whatever becomes of it, what is heard of switches is not concerned.
type routerListener struct {
	// For good, once Observer.open has the port; they guard themselves.
	routers *router.Table
	pace    *rate.Limiter
	lanes   atomic.Pointer[map[int]uint16] // discovery.Lanes of the port, as last listed

	// Owned by Run.
	routerSet      ether.FrameSet // what the receiver listens to
	routerReceiver *receiver      // nil: nobody listens
	routersAt      time.Time      // when to try again; zero: that is not necessary

	// Written by Run, guarded by Observer.mu.
	routerConn    ether.Conn // the receiver's
	routerProblem string
}

func newRouterListener(c discovery.RouterCounters) routerListener {
	return routerListener{routers: router.NewTable(c), pace: rate.NewLimiter(rate.Every(advertisementsEvery), advertisementsAtOnce)}
}

// ensureRouters makes sure that the port is listened to for router advertisements, if that
// is wanted, and reports whether a Snapshot shows what it did.
func (o *Observer) ensureRouters(p *port, i discovery.Interface, above []discovery.Interface, c ether.Capture) (changed bool) {
	if !o.c.RouterAdvertisements || !i.Up {
		return false
	}
	lanes := discovery.Lanes(i, above)
	p.lanes.Store(&lanes)
	vids := slices.Collect(maps.Values(lanes))
	changed = p.routers.Keep(func(tag uint16) bool { return slices.Contains(vids, tag) })
	set := ether.RoutersOn(i, above, c)
	retry := !p.routersAt.IsZero() && !p.routersAt.After(o.now())
	if p.routerSet == set && !retry {
		return changed
	}
	o.closeRouters(p)
	p.routerSet, p.routersAt = set, time.Time{}
	conn, err := o.c.Listen(i, set)
	if err != nil {
		return o.noteRouterFailure(p, err) || changed
	}
	o.setRouterConn(p, conn, "")
	p.routerReceiver = o.receive(p, conn, receiving{
		take: func(f ether.Frame) { o.hearRouter(p, f) }, pause: p.pause, routers: true,
	})
	return changed
}

// pause is how long nothing more is to be read.
func (l *routerListener) pause() time.Duration { return l.pace.Reserve().Delay() }

// setRouterConn notes who listens, or why nobody does, and reports whether that is news.
func (o *Observer) setRouterConn(p *port, conn ether.Conn, problem string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	p.loseRouters()
	p.routerConn = conn
	was := p.routerProblem
	p.routerProblem = problem
	return problem != was
}

// noteRouterFailure notes that routers are not heard, and when that is tried again.
func (o *Observer) noteRouterFailure(p *port, err error) (changed bool) {
	o.closeRouters(p)
	p.routersAt = o.now().Add(reopenAfter)
	if errors.Is(err, ether.ErrDown) { // the port will be another
		return false
	}
	if changed = o.setRouterConn(p, nil, err.Error()); changed {
		o.log.Warn("router advertisements cannot be listened to; trying again", "interface", p.name, "error", err)
	}
	return changed
}

func (o *Observer) closeRouters(p *port) {
	if p.routerReceiver != nil {
		p.routerReceiver.close()
		p.routerReceiver = nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	p.loseRouters()
	p.routerConn, p.routerSet = nil, 0
}

// loseRouters takes note of what was lost. It is called with the Observer's lock held.
func (l *routerListener) loseRouters() {
	if l.routerConn != nil {
		if n := l.routerConn.Dropped(); n > 0 {
			l.routers.Lose(n)
		}
	}
}

// hearRouter takes a router advertisement from the wire.
func (o *Observer) hearRouter(p *port, f ether.Frame) {
	tag, ok := p.tagOf(f)
	if !ok {
		return
	}
	if now := o.now(); f.Arrived.After(now) {
		f.Arrived = now // the clock was set
	}
	if p.routers.Receive(f.Octets, tag, f.Arrived).Visible() {
		select {
		case o.announced <- struct{}{}:
		default:
		}
	}
}

// tagOf is the VID of the VLAN in which a frame arrived, or 0. It is not ok for one for which
// there is no device.
func (p *port) tagOf(f ether.Frame) (vid uint16, ok bool) {
	lanes := *p.lanes.Load()
	if f.Device != 0 {
		if vid, ok = lanes[f.Device]; !ok {
			return 0, false
		}
	}
	if f.Tag == 0 {
		return vid, true
	}
	return f.Tag, slices.Contains(slices.Collect(maps.Values(lanes)), f.Tag)
}

// A gate lets a signal through, and then none for a while.
type gate struct {
	from  <-chan struct{}
	every time.Duration
	open  <-chan struct{} // from, or nil while it is shut
	timer *time.Timer
}

func newGate(from <-chan struct{}, every time.Duration) *gate {
	return &gate{from: from, every: every, open: from, timer: time.NewTimer(every)}
}

// shut is called when a signal came through.
func (g *gate) shut() {
	g.open = nil
	g.timer.Reset(g.every)
}

// reopen is called when the timer fired.
func (g *gate) reopen() { g.open = g.from }
