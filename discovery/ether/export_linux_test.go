// SPDX-License-Identifier: Apache-2.0

package ether

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
)

// Additions are the time stamp and the VID among control messages.
var Additions = parseAdditions

// OpenSecond opens a second socket and closes it.
func OpenSecond(ifi discovery.Interface, s FrameSet) error {
	c, err := newSuppressingConn(nil, ifi, s)
	if err != nil {
		return err
	}
	return unix.Close(c.fd)
}

// LockFilter has every later change of the filter fail.
func LockFilter(h SuppressingConn) error {
	c, ok := h.(*suppressingConn)
	if !ok {
		return errors.ErrUnsupported
	}
	var lockErr error
	err := c.raw.Control(func(fd uintptr) { lockErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_LOCK_FILTER, 1) })
	return errors.Join(err, lockErr)
}

// SetClock has the next look find the time of day set by that much since the last one.
func SetClock(h SuppressingConn, by time.Duration) {
	if c, ok := h.(*suppressingConn); ok {
		c.offset -= by
	}
}

// IgnoresOutgoing reports whether the kernel keeps what the node sends from a socket, before
// any filter sees it.
func IgnoresOutgoing(c Conn) (bool, error) {
	var raw *conn
	switch c := c.(type) {
	case *conn:
		raw = c
	case *suppressingConn:
		raw = c.conn
	default:
		return false, errors.ErrUnsupported
	}
	var value int
	var optionErr error
	err := raw.raw.Control(func(fd uintptr) {
		value, optionErr = unix.GetsockoptInt(int(fd), unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING)
	})
	return value != 0, errors.Join(err, optionErr)
}
