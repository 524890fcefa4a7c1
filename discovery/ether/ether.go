// SPDX-License-Identifier: Apache-2.0

// Package ether receives and sends discovery frames on one port: Conns backed by
// AF_PACKET or, in tests, by the in-memory segment of ether/ethertest. It knows
// nothing of what is inside a frame.
package ether

import (
	"errors"
	"fmt"
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

// ErrGone is ErrDown where it is certain that the interface is gone: one that has its
// ifindex now is another.
var ErrGone = fmt.Errorf("it is gone: %w", ErrDown)

// A Frame is what arrived at a port.
type Frame struct {
	// Octets are from the destination address on and without FCS. Whoever takes a Frame
	// must not keep them.
	Octets []byte
	// Tag is the VID of the outermost tag that has one (IEEE Std 802.1Q-2018, 9.6), or
	// 0. The tag need not be among the octets. Only an Early Conn tells VIDs; others
	// have discovery.TagUnknown in their place.
	Tag uint16
	// Device is the ifindex of the device to which the kernel gave it then: the port, or a
	// master or VLAN device of discovery.Lanes; 0 where that is not known.
	Device int
	// Arrived is when the kernel got it, on the axis of internal/boottime.
	Arrived time.Time
}

// A Conn is one socket of a port. What it delivers its FrameSet says.
type Conn interface {
	// ReadFrame blocks until a frame arrives and has it taken. The error is ErrClosed
	// after Close; every other error means that the Conn is of no more use.
	ReadFrame(take func(Frame)) error
	// WriteFrame sends a frame, from its destination address on and without FCS.
	// It does not wait: a frame that finds no room is an error. The Conn itself
	// does not read what it wrote.
	WriteFrame(b []byte) error
	// Dropped returns how many frames were lost since it was last called, because nobody
	// read those before them in time.
	Dropped() int
	// Close ends a blocked ReadFrame.
	Close() error
}

// A SuppressingConn is a Conn that can keep back a frame that a speaker repeats, so that
// nobody wakes up for it. Its methods may be called at any time.
type SuppressingConn interface {
	Conn
	// Suppress has ReadFrame deliver no more frames that are identical to this one and
	// came in no VLAN, until Resume. One that arrives while Suppress or Resume runs may
	// be both delivered and kept back, with the same time; none is lost.
	Suppress(frame []byte) error
	// Resume has everything delivered again. What was kept back remains so; where
	// the Conn would remain deaf ReadFrame fails.
	Resume()
	// Kept returns what was kept back since it was last called.
	Kept() Kept
}

// Kept are frames that were kept back.
type Kept struct {
	Count int
	// Arrived is when they arrived, of the last KeptTimes of those of which that is
	// known, in order. It is never a guess.
	Arrived []time.Time
	// Lost is set where it is not known of some, and these may be the last: there were
	// too many, or somebody set the clock.
	Lost bool
}

// KeptTimes is of how many frames that were kept back the times are told: four gaps.
const KeptTimes = 5

// A ListenFunc opens a socket of a port.
type ListenFunc func(discovery.Interface, FrameSet) (Conn, error)

// allNodes is the group address of router advertisements (RFC 2464, 7, of ff02::1).
var allNodes = discovery.MAC{0x33, 0x33, 0, 0, 0, 1}

// lldpGroups are the destination addresses of LLDP.
var lldpGroups = []discovery.MAC{discovery.NearestBridge, discovery.NearestNonTPMRBridge, discovery.NearestCustomerBridge}
