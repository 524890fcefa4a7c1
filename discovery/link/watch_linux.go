// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"sync/atomic"
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
	sock    *nl.NetlinkSocket
	hint    chan struct{}
	closing chan struct{}
	done    chan struct{}
	errors  atomic.Uint64
	gone    instances
}

// Subscribe joins the rtnetlink link group in the calling thread's network
// namespace.
func Subscribe() (*Subscription, error) {
	sock, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
	if err != nil {
		return nil, fmt.Errorf("subscribe to link changes: %w", err)
	}
	s := &Subscription{sock: sock, hint: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
	go s.pump()
	return s, nil
}

// List dumps the network devices, as the function List does, and says which instance of
// each it is.
func (s *Subscription) List() ([]discovery.Interface, error) {
	list, err := List()
	if err == nil {
		s.gone.number(list)
	}
	return list, err
}

// Hints delivers at most one pending hint.
func (s *Subscription) Hints() <-chan struct{} { return s.hint }

// Errors counts notifications that were lost or could not be read; each was
// answered with a hint, so that a dump makes up for it.
func (s *Subscription) Errors() uint64 { return s.errors.Load() }

// Close ends the subscription and waits for its goroutine.
func (s *Subscription) Close() error {
	close(s.closing)
	s.sock.Close()
	<-s.done
	return nil
}

// pump never ends before Close: a lost notification (ENOBUFS) is as good a hint as any,
// though it might have said that a device went. Those that are missing in the next list
// did; of others that are listened on the socket tells.
func (s *Subscription) pump() {
	defer close(s.done)
	for {
		messages, _, err := s.sock.Receive()
		if s.closed() {
			return
		}
		for i := range messages {
			if index, ok := removed(&messages[i]); ok {
				s.gone.went(index)
			}
		}
		if err != nil {
			s.gone.missed()
		}
		select {
		case s.hint <- struct{}{}:
		default:
		}
		if err != nil {
			s.errors.Add(1)
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			s.pause() // an error that stays must not spin
		}
	}
}

func (s *Subscription) closed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

func (s *Subscription) pause() {
	select {
	case <-s.closing:
	case <-time.After(retryPause):
	}
}
