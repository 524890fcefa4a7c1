// SPDX-License-Identifier: Apache-2.0

// Package observe joins what the kernel says of the node's interfaces with what
// is heard on them into Snapshots, and does nothing more with them.
package observe

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/neighbor"
	"github.com/colvin-net/colvin/discovery/transmit"
	"github.com/colvin-net/colvin/internal/latest"
)

const (
	// dumpEvery bounds how often the interfaces are listed while hints pour in.
	dumpEvery = 50 * time.Millisecond
	// asideEvery is how old the list may be of the devices of containers that are no ports:
	// nothing follows from any of them.
	asideEvery = 5 * time.Second
	// resyncEvery lists the interfaces though no hint came, in case one was lost.
	resyncEvery = 5 * time.Minute
	// publishEvery bounds how often neighbours that keep changing are told of.
	publishEvery = 50 * time.Millisecond
	// reopenAfter is when a port that could not be listened on is tried again.
	reopenAfter = 5 * time.Second
	// nicEvery is how old what the driver said may be when the interfaces are listed.
	nicEvery = resyncEvery
)

// Links is where interfaces come from: the kernel, or a test.
type Links interface {
	// List returns all interfaces, ordered by ifindex.
	List() ([]discovery.Interface, error)
	// Hints delivers when some interface may have changed.
	Hints() <-chan struct{}
	// Asides delivers when only some device of a container may have changed that is no port.
	Asides() <-chan struct{}
}

// An Observer publishes Snapshots of one node.
//
// Run is one goroutine: it alone lists interfaces, opens and closes ports, ages
// neighbours and has speakers speak. Each socket has another one, its receiver, which
// puts frames into the port's table, or tells the speaker what the tap hears, and wakes
// Run. To close a socket is to wait for its receiver. Snapshot may be called by anybody.
//
// So what only Run touches needs no lock. What Snapshot or a tap reads too is guarded by
// mu, and only Run writes it; the speakers are told things by both. A table and a
// suppressor guard themselves, and atomics tell Run what receivers saw. Locks are taken
// in this order: mu, suppressor.mu, that of the table or of the socket. None is held
// while anything waits, so never mu while a socket is closed.
type Observer struct {
	c   Config
	log *slog.Logger

	updates chan *discovery.Snapshot // holds the latest at most
	heard   chan struct{}            // something happened on a port
	// announced: routers say something else.
	announced chan struct{}
	look      chan struct{} // somebody wants a Snapshot
	failed    chan failure  // a port's socket is of no more use

	// Owned by Run.
	goes     map[int]uint32 // by ifindex: the least Instance of what has it now
	running  []*port        // the open ones, by ifindex; nil: to be listed anew
	relistAt time.Time      // the interfaces could not be listed; zero: they could

	mu         sync.Mutex    // guards what follows, and what the types of a port say
	chassis    discovery.MAC // the node's
	interfaces []discovery.Interface
	addresses  addressList
	open       map[int]*port // by ifindex
}

// New returns an Observer.
func New(c Config) *Observer {
	c = c.withDefaults()
	return &Observer{
		c: c, log: c.Log,
		updates:   make(chan *discovery.Snapshot, 1),
		heard:     make(chan struct{}, 1),
		announced: make(chan struct{}, 1),
		look:      make(chan struct{}, 1),
		goes:      make(map[int]uint32),
		failed:    make(chan failure),
		open:      make(map[int]*port),
	}
}

// String names the task.
func (o *Observer) String() string { return "observe ports" }

// Updates delivers the latest Snapshot whenever one differs from the one before by more
// than the times at which neighbours were heard, when a neighbour became late, or gone,
// or was heard again then, and after Look.
func (o *Observer) Updates() <-chan *discovery.Snapshot { return o.updates }

// Look asks for a fresh Snapshot among the Updates. It does not wait, and may be called by
// anybody; several calls may be answered by one Snapshot, which is of after the last.
func (o *Observer) Look() {
	select {
	case o.look <- struct{}{}:
	default:
	}
}

func (o *Observer) now() time.Time { return o.c.Now() }

// Snapshot returns what is seen at this moment.
func (o *Observer) Snapshot() *discovery.Snapshot {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := &discovery.Snapshot{Chassis: o.chassis, Interfaces: slices.Clone(o.interfaces), Ports: []discovery.Port{}}
	for i := range s.Interfaces {
		addresses := o.addressesOf(&s.Interfaces[i])
		s.Interfaces[i].Addresses, s.Interfaces[i].AddressesOmitted = addresses.Known, addresses.Omitted
	}
	for _, p := range o.open {
		o.collectAllKept(p)
	}
	s.Time = o.now() // before which all was heard that is not in s
	for _, p := range o.open {
		p.loseRouters()
		s.Ports = append(s.Ports, p.describe())
	}
	slices.SortFunc(s.Ports, func(a, b discovery.Port) int { return a.Index - b.Index })
	return s
}

// Run observes until ctx ends. It lists interfaces and opens sockets on the
// calling goroutine, so a caller that is locked to a network namespace observes
// that namespace.
func (o *Observer) Run(ctx context.Context) error {
	defer o.closePorts()
	if err := o.syncPorts(); err != nil {
		return err
	}
	dump, addresses := newDumpTimer(dumpEvery, o.now), newDumpTimer(addressesEvery, o.now)
	defer dump.Stop()
	defer addresses.Stop()
	wake := time.NewTimer(0)
	defer wake.Stop()
	heard, announced := newGate(o.heard, publishEvery), newGate(o.announced, publishRoutersEvery)
	defer heard.timer.Stop()
	defer announced.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.c.Links.Hints():
			dump.by(o.now())
			continue
		case <-o.c.Links.Asides():
			dump.by(o.now().Add(asideEvery))
			continue
		case <-dump.C:
			if err := o.syncPorts(); err != nil {
				return err
			}
			dump.done()
		case <-o.c.AddressHints:
			addresses.by(o.now().Add(addressesSettle))
			continue
		case <-addresses.C:
			o.listAddresses(o.interfaces)
			addresses.done()
		case <-heard.open:
			o.publish()
			heard.shut()
		case <-heard.timer.C:
			heard.reopen()
		case <-announced.open:
			o.publish()
			announced.shut()
		case <-announced.timer.C:
			announced.reopen()
		case f := <-o.failed:
			if f.routers {
				o.noteRouterFailure(f.port, f.err)
			} else {
				o.noteFailure(f.port, f.err)
			}
			o.publish()
		case <-o.look:
			o.age()
			o.publish()
		case <-wake.C:
			if o.due() && o.age() {
				o.publish()
			}
		}
		if o.speak() {
			o.publish()
		}
		if at, ok := o.nextRetry(); ok {
			dump.by(at)
		}
		if o.addresses.changed { // what ports announce changes too
			dump.by(o.now())
		}
		if o.addresses.outdated {
			addresses.by(o.now())
		}
		wake.Reset(o.nextWake())
	}
}

// A dumpTimer fires when something is to be listed: after resyncEvery at the latest, and
// never twice within a time.
type dumpTimer struct {
	*time.Timer
	every     time.Duration
	now       func() time.Time
	last, due time.Time
}

func newDumpTimer(every time.Duration, now func() time.Time) *dumpTimer {
	t := &dumpTimer{Timer: time.NewTimer(resyncEvery), every: every, now: now}
	t.done()
	return t
}

// done is called when it was listed.
func (t *dumpTimer) done() {
	t.last = t.now()
	t.due = t.last.Add(resyncEvery)
	t.Reset(resyncEvery)
}

// by has the timer fire at that time at the latest, or as soon as it may.
func (t *dumpTimer) by(at time.Time) {
	if soonest := t.last.Add(t.every); at.Before(soonest) {
		at = soonest
	}
	if at.Before(t.due) {
		t.due = at
		t.Reset(max(0, at.Sub(t.now())))
	}
}

// syncPorts lists the interfaces and opens and closes ports to match.
func (o *Observer) syncPorts() error {
	list, err := o.c.Links.List()
	if err != nil {
		o.log.Error("interfaces cannot be listed; keeping the last list", "error", err)
		o.relistAt = o.now().Add(reopenAfter)
		return nil
	}
	o.relistAt = time.Time{}
	changed, err := o.reconcilePorts(list)
	for _, p := range o.ports() {
		o.collectAllKept(p) // while the kernel has room for more
	}
	if changed {
		o.publish()
	}
	return err
}

// reconcilePorts reports whether anything a Snapshot shows has changed.
func (o *Observer) reconcilePorts(list []discovery.Interface) (changed bool, err error) {
	for i := range list {
		list[i].Instance = max(list[i].Instance, o.goes[list[i].Index])
	}
	if o.now().Sub(o.addresses.at) >= addressesOld {
		o.listAddresses(list)
	}
	o.outdateAddresses(list)
	same := func(a, b discovery.Interface) bool { return a.Same(&b) }
	changed = o.interfaces == nil || !slices.EqualFunc(o.interfaces, list, same) || o.addresses.changed
	o.addresses.changed = false
	wanted := make(map[int]discovery.Interface)
	for _, i := range list {
		if o.c.ListenOn.Port(i) {
			wanted[i.Index] = i
		}
	}
	for _, p := range o.ports() {
		if _, ok := wanted[p.index]; !ok {
			o.close(p)
			o.forgetPort(p.index)
		}
	}
	if o.chassis == (discovery.MAC{}) {
		o.setChassis(chassis(list, o.c.ListenOn.Port))
	}
	r := newReach(list, o.lasting(list), func(i discovery.Interface) bool { _, ok := wanted[i.Index]; return ok })
	for _, i := range wanted {
		brought, err := o.ensurePort(i, &r)
		if err != nil {
			return false, err
		}
		changed = changed || brought
	}
	o.mu.Lock()
	o.interfaces = list
	o.mu.Unlock()
	return changed, nil
}

func (o *Observer) setChassis(mac discovery.MAC) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.chassis = mac
}

// ensurePort makes sure that the port's sockets belong to the interface's present
// carrier epoch, and that it is heard as early as it must be. It reports whether the
// port is another one now, or its driver says something else.
func (o *Observer) ensurePort(i discovery.Interface, r *reach) (changed bool, err error) {
	settings, above := o.c.settings(i.Name), r.above(i.Index)
	sockets := ether.FrameSetsFor(i, above, o.c.Protocols, settings.Capture)
	p := o.open[i.Index]
	same := p != nil && p.key == keyOf(i) && !p.broken()
	if !same || !slices.Equal(p.frameSets, sockets) {
		changed = true
		p = o.replacePort(p, i, same)
		p.frameSets = sockets
		if i.Up { // a socket on an interface that is down fails at once
			if err := o.openSockets(i, p); err != nil {
				return false, err
			}
		}
	}
	changed = o.ensureRouters(p, i, above, settings.Capture) || changed
	nic := o.cachedNIC(p, i.Name)
	o.mu.Lock()
	defer o.mu.Unlock()
	changed = changed || nic != p.nic
	p.name, p.carrier, p.mtu, p.nic = i.Name, i.Carrier, i.MTU, nic
	p.mode, p.announcement = settings.Transmit, o.announcement(i, r, above)
	if o.open[i.Index] != p {
		o.open[i.Index], o.running = p, nil
	}
	return changed, nil
}

// replacePort returns the port that takes the place of old, if there is one, which is
// closed. What was heard stays where it is the same cable still.
func (o *Observer) replacePort(old *port, i discovery.Interface, same bool) *port {
	now := o.now()
	p := &port{key: keyOf(i), since: now}
	p.name = i.Name
	p.changed.Store(true)
	var counters discovery.PortCounters
	var routerCounters discovery.RouterCounters
	if old == nil {
		p.speaker = transmit.NewSpeaker(o.c.Speaker)
	} else {
		o.close(old)
		counters, routerCounters = old.table.Counters(), old.routers.Counters()
		p.speaker, p.nic, p.nicAt = old.speaker, old.nic, old.nicAt
	}
	p.routerListener = newRouterListener(routerCounters)
	if same {
		p.since, p.table, p.routers = old.since, old.table, old.routers
		p.table.Lose(now) // what arrived between the sockets
		return p
	}
	p.nicAt = time.Time{}
	p.table = neighbor.NewTable(neighbor.DefaultMax, counters)
	o.mu.Lock()
	defer o.mu.Unlock()
	p.speaker.Down(now)
	return p
}

// openSockets opens the sockets of a port, or notes why one cannot be opened.
func (o *Observer) openSockets(i discovery.Interface, p *port) error {
	for _, s := range p.frameSets {
		conn, err := o.c.Listen(i, s)
		switch {
		case errors.Is(err, os.ErrPermission):
			o.close(p)
			return err // no later try can go better
		case err != nil:
			o.noteFailure(p, err)
			return nil
		}
		o.listen(p, conn)
	}
	o.log.Debug("listening", "interface", i.Name, "ifindex", i.Index, "epoch", i.Epoch())
	return nil
}

// cachedNIC are what the driver says of the port's NIC.
func (o *Observer) cachedNIC(p *port, name string) discovery.NIC {
	if now := o.now(); now.Sub(p.nicAt) >= nicEvery {
		p.nicAt = now
		return o.c.NIC(name)
	}
	return p.nic
}

// ports are the open ones, for Run, which alone changes which these are.
func (o *Observer) ports() []*port {
	if o.running == nil {
		o.running = slices.SortedFunc(maps.Values(o.open), func(a, b *port) int { return a.index - b.index })
	}
	return o.running
}

func (o *Observer) forgetPort(index int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.open, index)
	o.running = nil
}

// noteFailure notes that a port is broken, and decides when it is opened anew: as soon
// as the interfaces may be listed again where that will explain why, later where
// somebody has to do something first. It is opened whenever they are listed.
func (o *Observer) noteFailure(p *port, err error) {
	if errors.Is(err, ether.ErrGone) { // though the notification may be lost
		o.goes[p.index] = p.instance + 1
	}
	if errors.Is(err, ether.ErrDown) {
		p.reopenAt = o.now()
		return
	}
	p.reopenAt = o.now().Add(reopenAfter)
	o.log.Warn("port cannot be listened on; trying again", "interface", p.name, "error", err)
	o.mu.Lock()
	defer o.mu.Unlock()
	p.problem = err.Error()
}

// nextRetry is when the first of what failed is tried again: a port, or the list of interfaces.
func (o *Observer) nextRetry() (next time.Time, ok bool) {
	next, ok = o.relistAt, !o.relistAt.IsZero()
	for _, p := range o.ports() {
		for _, at := range [...]time.Time{p.reopenAt, p.routersAt} {
			if !at.IsZero() && (!ok || at.Before(next)) {
				next, ok = at, true
			}
		}
	}
	return next, ok
}

func (o *Observer) closePorts() {
	for _, p := range o.ports() {
		if o.c.ShutdownOnExit {
			o.mu.Lock()
			p.speaker.Goodbye(o.now(), p.limit(), p.write)
			o.mu.Unlock()
		}
		o.close(p)
		o.forgetPort(p.index)
	}
}

// due reports whether some table has something to do.
func (o *Observer) due() bool {
	now := o.now()
	for _, p := range o.ports() {
		for _, when := range []func() (time.Time, bool){p.table.NextExpiry, p.routers.NextExpiry} {
			if at, ok := when(); ok && !at.After(now) {
				return true
			}
		}
	}
	return false
}

// age has every table do what its time has come for, and reports whether a Snapshot shows
// it. What was kept back is taken note of on all ports at once, so that their times do not
// come one by one.
func (o *Observer) age() (changed bool) {
	now := o.now()
	for _, p := range o.ports() {
		o.collectAllKept(p)
		if p.table.Expire(now) {
			o.deliverAll(p)
			p.changed.Store(true)
			changed = true
		}
		changed = p.routers.Expire(now) || changed
	}
	return changed
}

// nextWake is how long no neighbour is late or ages out, nothing expires that a router said,
// and no speaker has anything to do.
func (o *Observer) nextWake() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	next, now := time.Hour, o.now()
	for _, p := range o.open {
		for _, when := range []func() (time.Time, bool){p.table.NextExpiry, p.routers.NextExpiry, p.speaker.Wake} {
			if at, ok := when(); ok {
				next = min(next, at.Sub(now))
			}
		}
	}
	return max(0, next)
}

// wakeRun has Run look after the ports.
func (o *Observer) wakeRun() {
	select {
	case o.heard <- struct{}{}:
	default:
	}
}

// publish replaces the pending Snapshot, if any, with the present one.
func (o *Observer) publish() {
	latest.Put(o.updates, o.Snapshot())
}
