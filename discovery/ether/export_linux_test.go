// SPDX-License-Identifier: Apache-2.0

package ether

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
)

// Stamp is the time stamp among control messages.
var Stamp = stamp

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
