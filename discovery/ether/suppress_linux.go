// SPDX-License-Identifier: Apache-2.0

package ether

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/boottime"
)

// keptQueue is how many octets of memory the frames that are kept back may take; the
// kernel doubles it. As NICs deliver frames that is room for some 60.
const keptQueue = 64 << 10

// most is how many frames are taken from the queue at once. There are less in it,
// unless somebody fills it as fast as it is emptied.
const most = 256

// clockSlack is by how much the time of day may move against the time since boot between
// two looks at them. Only somebody who sets it does more.
const clockSlack = 10 * time.Millisecond

// A suppressingConn has a second socket of the same kind, for which nobody waits: frames
// that are kept back rest in its queue. It is opened with the first one, so that it
// belongs to the same network namespace and carrier epoch.
type suppressingConn struct {
	*conn
	filter []bpf.Instruction // of the first socket while nothing is kept back

	mu     sync.Mutex    // guards what follows
	fd     int           // of the second socket; -1 after Close
	offset time.Duration // of the time of day, when it was last looked into
}

var _ SuppressingConn = (*suppressingConn)(nil)

func newSuppressingConn(c *conn, ifi discovery.Interface, s FrameSet) (*suppressingConn, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open second socket: %w", err)
	}
	if err := prepareKept(fd, ifi, s); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &suppressingConn{conn: c, filter: s.program(), fd: fd}, nil
}

func prepareKept(fd int, ifi discovery.Interface, s FrameSet) error {
	if err := ignoreOutgoing(fd); err != nil {
		return err
	}
	if err := attach(fd, ret(drop)); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, keptQueue); err != nil {
		return fmt.Errorf("set queue length: %w", err)
	}
	if err := askForTimes(fd); err != nil {
		return err
	}
	protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, uint16(s.protocol())))
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: ifi.Index}); err != nil {
		return fmt.Errorf("bind second socket: %w", err)
	}
	return nil
}

// Suppress has the second socket take the frame before the first one leaves it.
func (c *suppressingConn) Suppress(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return ErrClosed
	}
	const least = 1 // octet has to be queued
	if err := attach(c.fd, onlyArriving(identical(frame, least, ret(drop)))); err != nil {
		return err
	}
	c.offset = boottime.Offset()
	if err := c.attach(identical(frame, drop, c.filter)); err != nil {
		return errors.Join(err, attach(c.fd, ret(drop)))
	}
	return nil
}

// Resume does it the other way round.
func (c *suppressingConn) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return
	}
	if err := errors.Join(c.attach(c.filter), attach(c.fd, ret(drop))); err != nil {
		c.fail(err)
	}
}

func (c *suppressingConn) Kept() Kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return Kept{}
	}
	k, offset := drain(c.fd), boottime.Offset()
	if lost := dropped(c.fd); lost > 0 {
		k.Count, k.Lost = k.Count+lost, true
	}
	if set := (offset - c.offset).Abs(); set > clockSlack && k.Count > 0 {
		k.Arrived, k.Lost = nil, true
	}
	c.offset = offset
	for i, stamp := range k.Arrived { // all by one offset: each look at the clocks is a little off
		k.Arrived[i] = boottime.At(time.Duration(stamp.UnixNano()) - offset)
	}
	return k
}

func (c *suppressingConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.conn.Close()
	if c.fd >= 0 {
		err = errors.Join(err, unix.Close(c.fd))
		c.fd = -1
	}
	return err
}

// drain takes what is in the queue of a socket, but no more than most. The times are
// those of day.
func drain(fd int) (k Kept) {
	var data [1]byte
	for k.Count < most {
		var added additions
		if _, err := added.receive(fd, data[:]); err != nil { // there are no more, or the interface is down
			break
		}
		if len(k.Arrived) == KeptTimes {
			k.Arrived = slices.Delete(k.Arrived, 0, 1)
		}
		stamp, _ := added.parse()
		k.Arrived = append(k.Arrived, stamp)
		k.Count++
	}
	return k
}

// attach replaces the filter of the socket.
func (c *conn) attach(program []bpf.Instruction) error {
	var attachErr error
	err := c.raw.Control(func(fd uintptr) { attachErr = attach(int(fd), program) })
	return cmp.Or(err, attachErr)
}

func attach(fd int, program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("assemble filter: %w", err)
	}
	p := unix.SockFprog{Len: uint16(len(raw)), Filter: (*unix.SockFilter)(unsafe.Pointer(&raw[0]))}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &p); err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	return nil
}

// ret ends a program with that verdict.
func ret(octets uint32) []bpf.Instruction { return []bpf.Instruction{bpf.RetConstant{Val: octets}} }

// onlyArriving is a program for frames that this node does not send.
func onlyArriving(program []bpf.Instruction) []bpf.Instruction {
	return append([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: pktOutgoing, SkipTrue: 1},
		bpf.RetConstant{Val: drop},
	}, program...)
}

// identical has a program decide on all frames but those that are identical to one and
// came in no VLAN.
func identical(frame []byte, octets uint32, others []bpf.Instruction) []bpf.Instruction {
	var program []bpf.Instruction
	size := 3 * (2 + len(frame)/4 + len(frame)%4) // of the comparison: a jump over 255 needs its own instruction
	compare := func(load bpf.Instruction, value uint32) {
		program = append(program, load, bpf.JumpIf{Cond: bpf.JumpEqual, Val: value, SkipTrue: 1})
		program = append(program, bpf.Jump{Skip: uint32(size - len(program))}) // behind ret
	}
	compare(bpf.LoadExtension{Num: bpf.ExtType}, unix.PACKET_MULTICAST) // see additions.parse
	compare(bpf.LoadExtension{Num: bpf.ExtLen}, uint32(len(frame)))
	at := 0
	for ; at+4 <= len(frame); at += 4 {
		compare(bpf.LoadAbsolute{Off: uint32(at), Size: 4}, binary.BigEndian.Uint32(frame[at:]))
	}
	for ; at < len(frame); at++ {
		compare(bpf.LoadAbsolute{Off: uint32(at), Size: 1}, uint32(frame[at]))
	}
	return slices.Concat(program, ret(octets), others)
}
