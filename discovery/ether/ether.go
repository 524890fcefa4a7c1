// SPDX-License-Identifier: Apache-2.0

// Package ether receives LLDP frames on one port: a Conn per port, backed by
// AF_PACKET or, in tests, by the in-memory segment of ether/ethertest. It knows
// nothing of what is inside a frame.
package ether

import (
	"errors"

	"github.com/colvin-net/colvin/discovery"
)

// MaxFrame is the buffer size that takes every frame an Ethernet port can
// deliver, jumbo frames and tags included.
const MaxFrame = 10 << 10

// ErrClosed is returned by ReadFrame after Close.
var ErrClosed = errors.New("port is closed")

// ErrDown is returned by ReadFrame after the interface went down or away. The
// socket may come back to life with it, or stay deaf: the Conn is of no more use.
var ErrDown = errors.New("interface went down")

// A Conn receives the LLDP frames that arrive at one port, never those that the
// node sends itself.
type Conn interface {
	// ReadFrame blocks until a frame arrives and copies it, from its destination
	// address on and without FCS, into b. The error is ErrClosed after Close;
	// every other error means that the Conn is of no more use.
	ReadFrame(b []byte) (int, error)
	// Close ends a blocked ReadFrame.
	Close() error
}

// A ListenFunc opens the Conn of a port.
type ListenFunc func(discovery.Interface) (Conn, error)
