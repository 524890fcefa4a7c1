// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
)

// retryPause follows an unexpected receive error.
const retryPause = 100 * time.Millisecond

// A Subscription hints that some network device may have changed. Hints carry nothing:
// several changes make one, and the reader lists everything anew. Only that a device went
// no list shows, if another one has its ifindex by then: so these are counted.
type Subscription struct {
	*notifications
	gone  instances
	aside asides
}

// Subscribe joins the rtnetlink link group in the calling thread's network
// namespace.
func Subscribe() (*Subscription, error) {
	n, err := listen(unix.RTNLGRP_LINK)
	if err != nil {
		return nil, fmt.Errorf("subscribe to link changes: %w", err)
	}
	s := &Subscription{notifications: n, aside: asides{hint: make(chan struct{}, 1)}}
	// A lost notification might have said that a device went. Those that are missing in the
	// next list did; of others that are listened on the socket tells.
	go n.pump(s.note, s.gone.missed)
	return s, nil
}

// SetAside has the devices of containers hint by Asides, unless they are ports.
func (s *Subscription) SetAside(port func(discovery.Interface) bool) { s.aside.begin(port) }

// Asides delivers at most one pending hint that some device of a container may have
// changed, which may wait: it is no port, and no port leads through it.
func (s *Subscription) Asides() <-chan struct{} { return s.aside.hint }

func (s *Subscription) note(m *syscall.NetlinkMessage) (hints bool) {
	if index, ok := removed(m); ok {
		s.gone.went(index)
	}
	return !s.aside.takes(m)
}

// takes reports whether a notification is only of a device that is set aside, and then has
// Asides deliver. One of another family is about its place in a bridge.
func (a *asides) takes(m *syscall.NetlinkMessage) bool {
	kind := m.Header.Type
	if kind != unix.RTM_NEWLINK && kind != unix.RTM_DELLINK || len(m.Data) < unix.SizeofIfInfomsg {
		return false
	}
	var aside bool
	if m.Data[0] == unix.AF_UNSPEC {
		ifi, master, err := parseMember(m.Data)
		aside = err == nil && a.changed(&ifi, master, kind == unix.RTM_DELLINK)
	} else {
		aside = a.knows(int(int32(u32(m.Data[4:]))))
	}
	if aside {
		offer(a.hint)
	}
	return aside
}

// List dumps the network devices, as the function List does, and says which instance of
// each it is.
func (s *Subscription) List() ([]discovery.Interface, error) {
	list, masters, err := listAll()
	if err == nil {
		s.gone.number(list)
		s.aside.listed(list, masters)
	}
	return list, err
}

// An AddressSubscription hints that some IP address may have changed, or its lifetime. It
// has a socket of its own: however many addresses change, no device goes unnoticed.
type AddressSubscription struct{ *notifications }

// SubscribeAddresses joins the rtnetlink groups of IP addresses in the calling thread's
// network namespace.
func SubscribeAddresses() (*AddressSubscription, error) {
	n, err := listen(unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return nil, fmt.Errorf("subscribe to address changes: %w", err)
	}
	go n.pump(func(*syscall.NetlinkMessage) bool { return true }, func() {})
	return &AddressSubscription{n}, nil
}

// notifications are read from a socket, and each makes a hint.
type notifications struct {
	sock    *nl.NetlinkSocket
	hint    chan struct{}
	closing chan struct{}
	done    chan struct{}
	errors  atomic.Uint64
}

func listen(groups ...uint) (*notifications, error) {
	sock, err := nl.Subscribe(unix.NETLINK_ROUTE, groups...)
	if err != nil {
		return nil, err
	}
	return &notifications{sock: sock, hint: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}, nil
}

// Hints delivers at most one pending hint.
func (n *notifications) Hints() <-chan struct{} { return n.hint }

// Errors counts notifications that were lost or could not be read; each was
// answered with a hint, so that a dump makes up for it.
func (n *notifications) Errors() uint64 { return n.errors.Load() }

// Close ends the subscription and waits for its goroutine.
func (n *notifications) Close() error {
	close(n.closing)
	n.sock.Close()
	<-n.done
	return nil
}

// pump never ends before Close: a lost notification (ENOBUFS) is as good a hint as any.
// note reports whether one hints.
func (n *notifications) pump(note func(*syscall.NetlinkMessage) (hints bool), missed func()) {
	defer close(n.done)
	for {
		messages, _, err := n.sock.Receive()
		if n.closed() {
			return
		}
		hints := err != nil
		for i := range messages {
			hints = note(&messages[i]) || hints
		}
		if err != nil {
			missed()
		}
		if hints {
			offer(n.hint)
		}
		if err != nil {
			n.errors.Add(1)
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			n.pause() // an error that stays must not spin
		}
	}
}

// offer has a channel deliver, if it does not yet.
func offer(hint chan<- struct{}) {
	select {
	case hint <- struct{}{}:
	default:
	}
}

func (n *notifications) closed() bool {
	select {
	case <-n.closing:
		return true
	default:
		return false
	}
}

func (n *notifications) pause() {
	select {
	case <-n.closing:
	case <-time.After(retryPause):
	}
}
