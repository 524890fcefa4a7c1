// SPDX-License-Identifier: Apache-2.0

// Package ether receives and sends discovery frames on one port: Conns backed by
// AF_PACKET or, in tests, by the in-memory segment of ether/ethertest. It knows
// nothing of what is inside a frame.
package ether

import (
	"errors"
	"time"

	"github.com/colvin-net/colvin/discovery"
)

// MaxFrame is what is read of a frame at most: every frame that an Ethernet port
// can deliver is shorter, jumbo frames and tags included.
const MaxFrame = 10 << 10

// ErrClosed is returned by ReadFrame after Close.
var ErrClosed = errors.New("port is closed")

// ErrDown is returned by ReadFrame after the interface went down or away. The
// socket may come back to life with it, or stay deaf: the Conn is of no more use.
var ErrDown = errors.New("interface went down")

// A Conn is one socket of a port. What it delivers its FrameSet says.
type Conn interface {
	// ReadFrame blocks until a frame arrives and has it taken, from its destination
	// address on and without FCS; take must not keep it. The error is ErrClosed
	// after Close; every other error means that the Conn is of no more use.
	ReadFrame(take func(frame []byte)) error
	// WriteFrame sends a frame, from its destination address on and without FCS.
	// It does not wait: a frame that finds no room is an error. The Conn itself
	// does not read what it wrote.
	WriteFrame(b []byte) error
	// Close ends a blocked ReadFrame.
	Close() error
}

// A SuppressingConn is a Conn that can keep back a frame that a speaker repeats, so that
// nobody wakes up for it. Its methods may be called at any time.
type SuppressingConn interface {
	Conn
	// Suppress has ReadFrame deliver no more frames that are identical to this one,
	// whatever tag they came with, until Resume. One that arrives while Suppress or
	// Resume runs may be both delivered and kept back; none is lost.
	Suppress(frame []byte) error
	// Resume has everything delivered again. What was kept back remains so; where
	// the Conn would remain deaf ReadFrame fails.
	Resume()
	// Kept returns how many frames were kept back since it was last called, and
	// when the last of them arrived. Only a few can be told apart: where there were
	// too many, or the clock was set, it counts as having arrived just now.
	Kept() (n int, last time.Time)
}

// A ListenFunc opens a socket of a port.
type ListenFunc func(discovery.Interface, FrameSet) (Conn, error)

// lldpGroups are the destination addresses of LLDP.
var lldpGroups = []discovery.MAC{discovery.NearestBridge, discovery.NearestNonTPMRBridge, discovery.NearestCustomerBridge}
