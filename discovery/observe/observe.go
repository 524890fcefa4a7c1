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
)

const (
	// dumpEvery bounds how often the interfaces are listed while hints pour in.
	dumpEvery = 50 * time.Millisecond
	// resyncEvery lists the interfaces though no hint came, in case one was lost.
	resyncEvery = time.Minute
	// reopenAfter is when a port that could not be listened on is tried again.
	reopenAfter = 5 * time.Second
)

// Links is where interfaces come from: the kernel, or a test.
type Links interface {
	// List returns all interfaces, ordered by ifindex.
	List() ([]discovery.Interface, error)
	// Hints delivers when some interface may have changed.
	Hints() <-chan struct{}
}

// An Observer publishes Snapshots of one node.
type Observer struct {
	links  Links
	listen ether.ListenFunc
	ports  Patterns
	log    *slog.Logger

	updates chan *discovery.Snapshot // holds the latest at most
	heard   chan struct{}            // a table changed
	broken  chan failure             // a port's socket failed

	mu         sync.Mutex // guards what follows
	interfaces []discovery.Interface
	open       map[int]*port // by ifindex
}

// New returns an Observer of the interfaces that the patterns choose.
func New(links Links, listen ether.ListenFunc, ports Patterns, log *slog.Logger) *Observer {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Observer{
		links: links, listen: listen, ports: ports, log: log,
		updates: make(chan *discovery.Snapshot, 1),
		heard:   make(chan struct{}, 1),
		broken:  make(chan failure),
		open:    make(map[int]*port),
	}
}

// String names the task.
func (o *Observer) String() string { return "observe ports" }

// Updates delivers the latest Snapshot whenever one differs from the one before
// by more than the times a neighbour was last heard.
func (o *Observer) Updates() <-chan *discovery.Snapshot { return o.updates }

// Snapshot returns what is seen at this moment.
func (o *Observer) Snapshot() *discovery.Snapshot {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := &discovery.Snapshot{Time: time.Now(), Interfaces: slices.Clone(o.interfaces), Ports: []discovery.Port{}}
	for _, p := range o.open {
		s.Ports = append(s.Ports, p.describe())
	}
	slices.SortFunc(s.Ports, func(a, b discovery.Port) int { return a.Index - b.Index })
	return s
}

// Run observes until ctx ends. It lists interfaces and opens sockets on the
// calling goroutine, so a caller that is locked to a network namespace observes
// that namespace.
func (o *Observer) Run(ctx context.Context) error {
	defer o.closeAll()
	if err := o.sync(); err != nil {
		return err
	}
	dump := time.NewTimer(resyncEvery)
	defer dump.Stop()
	expiry := time.NewTimer(0)
	defer expiry.Stop()
	last := time.Now()
	due := last.Add(resyncEvery)
	by := func(t time.Time) { // has the next dump happen by then
		if t.Before(due) {
			due = t
			dump.Reset(max(0, time.Until(due)))
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.links.Hints():
			by(last.Add(dumpEvery))
			continue
		case <-dump.C:
			if err := o.sync(); err != nil {
				return err
			}
			last = time.Now()
			due = last.Add(o.nextSync())
			dump.Reset(time.Until(due))
		case <-o.heard:
			o.publish()
		case f := <-o.broken:
			o.fail(f)
			by(time.Now().Add(reopenAfter))
		case <-expiry.C:
			if o.expire() {
				o.publish()
			}
		}
		expiry.Reset(o.nextExpiry())
	}
}

// sync lists the interfaces and opens and closes ports to match.
func (o *Observer) sync() error {
	list, err := o.links.List()
	if err != nil {
		o.log.Error("interfaces cannot be listed; keeping the last list", "error", err)
		return nil
	}
	if err := o.reconcile(list); err != nil {
		return err
	}
	o.publish()
	return nil
}

func (o *Observer) reconcile(list []discovery.Interface) error {
	wanted := make(map[int]discovery.Interface)
	for _, i := range list {
		if o.ports.Port(i) {
			wanted[i.Index] = i
		}
	}
	for index, p := range o.current() {
		if i, ok := wanted[index]; !ok || p.key != keyOf(i) || p.broken {
			p.close()
			if !ok {
				o.forget(index)
			}
		}
	}
	for _, i := range wanted {
		if err := o.reopen(i); err != nil {
			return err
		}
	}
	o.mu.Lock()
	o.interfaces = list
	o.mu.Unlock()
	return nil
}

// reopen makes sure that the port's socket belongs to the interface's present
// carrier epoch.
func (o *Observer) reopen(i discovery.Interface) error {
	old := o.current()[i.Index]
	if old != nil && old.key == keyOf(i) && !old.broken {
		o.rename(old, i.Name)
		return nil
	}
	var counters discovery.PortCounters
	if old != nil {
		counters = old.table.Counters()
	}
	p := &port{key: keyOf(i), name: i.Name, since: time.Now(), table: neighbor.NewTable(neighbor.DefaultMax, counters)}
	if i.Up { // a socket on an interface that is down fails at once
		if err := o.openSocket(i, p); err != nil {
			return err
		}
	}
	o.mu.Lock()
	o.open[i.Index] = p
	o.mu.Unlock()
	return nil
}

// openSocket opens the socket of a port, or notes why it cannot be opened.
func (o *Observer) openSocket(i discovery.Interface, p *port) error {
	conn, err := o.listen(i)
	switch {
	case errors.Is(err, os.ErrPermission):
		return err // no later try can go better
	case err != nil:
		o.log.Warn("port cannot be listened on; trying again", "interface", i.Name, "error", err)
		p.broken, p.problem = true, err.Error()
	default:
		o.log.Debug("listening", "interface", i.Name, "ifindex", i.Index, "epoch", i.Epoch())
		p.start(conn, o.heard, o.broken)
	}
	return nil
}

// current is a copy of the open ports, which only Run changes.
func (o *Observer) current() map[int]*port {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.open)
}

func (o *Observer) rename(p *port, name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p.name = name
}

func (o *Observer) forget(index int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.open, index)
}

func (o *Observer) fail(f failure) {
	o.mu.Lock()
	f.port.broken = true
	if !errors.Is(f.err, ether.ErrDown) { // which the next dump explains
		f.port.problem = f.err.Error()
		o.log.Warn("port cannot be read; opening it anew", "interface", f.port.name, "error", f.err)
	}
	o.mu.Unlock()
	o.publish()
}

func (o *Observer) closeAll() {
	for index, p := range o.current() {
		p.close()
		o.forget(index)
	}
}

func (o *Observer) expire() bool {
	now, changed := time.Now(), false
	for _, p := range o.current() {
		changed = p.table.Expire(now) || changed
	}
	return changed
}

// nextExpiry is how long no neighbour ages out.
func (o *Observer) nextExpiry() time.Duration {
	next := time.Hour
	for _, p := range o.current() {
		if at, ok := p.table.NextExpiry(); ok {
			next = min(next, time.Until(at))
		}
	}
	return max(0, next)
}

func (o *Observer) nextSync() time.Duration {
	for _, p := range o.current() {
		if p.broken {
			return reopenAfter
		}
	}
	return resyncEvery
}

// publish replaces the pending Snapshot, if any, with the present one.
func (o *Observer) publish() {
	s := o.Snapshot()
	select {
	case <-o.updates:
	default:
	}
	o.updates <- s
}

// key identifies a socket's carrier epoch. Being taken down administratively
// ends an epoch too: some drivers keep the carrier then, and nobody knows what
// happens to the cable.
// Another MAC address may be another device in the place of the first.
type key struct {
	index int
	mac   discovery.MAC
	epoch uint32
	up    bool
}

func keyOf(i discovery.Interface) key { return key{i.Index, i.MAC, i.Epoch(), i.Up} }

// A port is one socket with the table that its frames fill.
//
// A socket is opened after the interface was seen in its carrier epoch, and
// replaced when the epoch changes. So every frame that it delivers arrived in
// that epoch or after it, never before: what waited in the queue of an old
// socket while the cable moved is lost with that socket.
type port struct {
	key
	name    string
	since   time.Time
	broken  bool   // the socket could not be opened, or failed
	problem string // why, where that is worth telling
	table   *neighbor.Table

	conn ether.Conn
	stop chan struct{} // closed by close
	done chan struct{} // closed when the receiver has ended
}

// A failure is a socket that is of no more use.
type failure struct {
	port *port
	err  error
}

// start receives until close, or until the socket fails; Run hears of that.
func (p *port) start(conn ether.Conn, heard chan<- struct{}, broken chan<- failure) {
	p.conn, p.stop, p.done = conn, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(p.done)
		err := p.receive(heard)
		if errors.Is(err, ether.ErrClosed) {
			return
		}
		select {
		case broken <- failure{p, err}:
		case <-p.stop:
		}
	}()
}

func (p *port) receive(heard chan<- struct{}) error {
	buf := make([]byte, ether.MaxFrame)
	for {
		n, err := p.conn.ReadFrame(buf)
		if err != nil {
			return err
		}
		if !p.table.Receive(buf[:n], time.Now()).Visible() {
			continue
		}
		select {
		case heard <- struct{}{}:
		default:
		}
	}
}

// close ends the receiver; nothing is added to the table afterwards.
func (p *port) close() {
	if p.conn == nil {
		return
	}
	close(p.stop)
	_ = p.conn.Close()
	<-p.done
	p.conn = nil
}

// describe is called with the Observer's lock held.
func (p *port) describe() discovery.Port {
	d := discovery.Port{Index: p.index, Name: p.name, Epoch: p.epoch, Since: p.since, Problem: p.problem}
	p.table.Fill(&d)
	return d
}
