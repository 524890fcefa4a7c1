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

// A Subscription hints that some network device may have changed. Hints carry
// nothing: several changes make one, and the reader lists everything anew.
type Subscription struct {
	sock    *nl.NetlinkSocket
	hint    chan struct{}
	closing chan struct{}
	done    chan struct{}
	errors  atomic.Uint64
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

// List dumps the network devices, as the function List does.
func (*Subscription) List() ([]discovery.Interface, error) { return List() }

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

// pump never ends before Close: a lost notification (ENOBUFS) is as good a
// hint as any.
func (s *Subscription) pump() {
	defer close(s.done)
	for {
		_, _, err := s.sock.Receive()
		if s.closed() {
			return
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
