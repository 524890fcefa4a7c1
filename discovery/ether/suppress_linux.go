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
)

// keptQueue is how many octets of memory the frames that are kept back may take; the
// kernel doubles it. As NICs deliver frames that is room for some 60.
const keptQueue = 64 << 10

// most is how many frames are taken from the queue at once. There are less in it,
// unless somebody fills it as fast as it is emptied.
const most = 256

// clockSlack is how far apart the time of day and the monotonic clock may run
// between two looks at them. Only somebody who sets the time of day does more.
const clockSlack = 10 * time.Millisecond

// A suppressingConn has a second socket of the same kind, for which nobody waits: frames
// that are kept back rest in its queue. It is opened with the first one, so that it
// belongs to the same network namespace and carrier epoch.
type suppressingConn struct {
	*conn
	filter []bpf.Instruction // of the first socket while nothing is kept back

	mu     sync.Mutex // guards what follows
	fd     int        // of the second socket; -1 after Close
	looked time.Time  // when it was last looked into
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
	// The kernel begins to stamp frames only a moment later.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("ask for time stamps: %w", err)
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
	c.looked = time.Now()
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

func (c *suppressingConn) Kept() (n int, last time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return 0, time.Time{}
	}
	n, stamp := drain(c.fd)
	now, before := time.Now(), c.looked
	c.looked = now
	if n == 0 {
		return 0, time.Time{}
	}
	lost := 0
	if stats, err := unix.GetsockoptTpacketStats(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		lost = int(stats.Drops)
	}
	age := timeOfDay(now).Sub(stamp)
	set := timeOfDay(now).Sub(timeOfDay(before)) - now.Sub(before)
	if lost > 0 || n == most || set.Abs() > clockSlack || age < 0 {
		age = 0
	}
	return n + lost, now.Add(-age)
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

// timeOfDay is without monotonic clock.
func timeOfDay(t time.Time) time.Time { return t.Round(0) }

// drain takes what is in the queue of a socket, but no more than most. It returns
// how many frames that were, and the time of day at which the last arrived.
func drain(fd int) (n int, last time.Time) {
	var data [1]byte
	var control [64]byte
	for n < most {
		_, size, _, _, err := unix.Recvmsg(fd, data[:], control[:], unix.MSG_DONTWAIT)
		if err != nil { // there are no more, or the interface is down
			return n, last
		}
		n++
		last = stamp(control[:size])
	}
	return n, last
}

// stamp is the time stamp among control messages.
func stamp(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now()
	}
	var t unix.Timespec
	octets := unsafe.Slice((*byte)(unsafe.Pointer(&t)), unsafe.Sizeof(t))
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && copy(octets, m.Data) == len(octets) {
			return time.Unix(t.Unix())
		}
	}
	return time.Now()
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

// identical has a program decide on all frames but those that are identical to one.
func identical(frame []byte, octets uint32, others []bpf.Instruction) []bpf.Instruction {
	var program []bpf.Instruction
	size := 3 * (1 + len(frame)/4 + len(frame)%4) // of the comparison: a jump over 255 needs its own instruction
	compare := func(load bpf.Instruction, value uint32) {
		program = append(program, load, bpf.JumpIf{Cond: bpf.JumpEqual, Val: value, SkipTrue: 1})
		program = append(program, bpf.Jump{Skip: uint32(size - len(program))}) // behind ret
	}
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
