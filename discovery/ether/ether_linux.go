// SPDX-License-Identifier: Apache-2.0

package ether

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mdlayher/lldp"
	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/boottime"
)

// Listen opens an AF_PACKET socket on the interface, in the calling thread's
// network namespace. It needs CAP_NET_RAW.
func Listen(ifi discovery.Interface, s FrameSet) (Conn, error) {
	filter, err := bpf.Assemble(s.program())
	if err != nil {
		return nil, fmt.Errorf("assemble filter: %w", err)
	}
	nifi := &net.Interface{Index: ifi.Index, Name: ifi.Name, HardwareAddr: ifi.MAC[:]}
	c, err := packet.Listen(nifi, packet.Raw, s.protocol(), &packet.Config{Filter: filter})
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("listen on %s: CAP_NET_RAW is missing: %w", ifi.Name, err)
		}
		return nil, fmt.Errorf("listen on %s: %w", ifi.Name, err)
	}
	raw, err := s.setup(c)
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("listen on %s: %w", ifi.Name, err)
	}
	plain := &conn{c: c, raw: raw}
	if s&(Early|Routers) != 0 {
		return plain, nil
	}
	h, err := newSuppressingConn(plain, ifi, s)
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("listen on %s: %w", ifi.Name, err)
	}
	return h, nil
}

// protocol is what the socket is bound to.
func (s FrameSet) protocol() int {
	switch {
	case s&Early != 0:
		return unix.ETH_P_ALL
	case s&CDP != 0:
		return unix.ETH_P_802_2 // frames that have a length and LLC
	case s&Routers != 0:
		return unix.ETH_P_IPV6
	default:
		return int(lldp.EtherType)
	}
}

func (s FrameSet) setup(c *packet.Conn) (syscall.RawConn, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var sockErr error
	if err := raw.Control(func(fd uintptr) { sockErr = s.setOptions(int(fd)) }); err != nil {
		return nil, err
	}
	if sockErr != nil {
		return nil, sockErr
	}
	for _, g := range s.groups() {
		if err := c.JoinGroup(g[:]); err != nil {
			return nil, fmt.Errorf("join group %s: %w", g, err)
		}
	}
	return raw, nil
}

// groups are the addresses that the NIC has to let in.
func (s FrameSet) groups() []discovery.MAC {
	var joined []discovery.MAC
	if s&LLDP != 0 && s&sent == 0 {
		joined = append(joined, lldpGroups...)
	}
	if s&CDP != 0 {
		joined = append(joined, discovery.CDPGroup)
	}
	if s&Routers != 0 { // though the node itself may not speak IPv6
		joined = append(joined, allNodes)
	}
	return joined
}

func (s FrameSet) setOptions(fd int) error {
	if s&sent == 0 {
		if err := ignoreOutgoing(fd); err != nil {
			return err
		}
	}
	if err := askForTimes(fd); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		return fmt.Errorf("ask for tags: %w", err)
	}
	// Some NICs (driver ice) let LLDP out of the box only with the priority of
	// network control. Older kernels ask for CAP_NET_ADMIN for that one.
	const control, highest = 7, 6
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, control)
	if errors.Is(err, unix.EPERM) {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, highest)
	}
	if err != nil {
		return fmt.Errorf("set priority: %w", err)
	}
	return nil
}

func ignoreOutgoing(fd int) error {
	err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	if err != nil && !errors.Is(err, unix.ENOPROTOOPT) { // before Linux 4.20 the filter alone does it
		return fmt.Errorf("ignore outgoing frames: %w", err)
	}
	return nil
}

type conn struct {
	c      *packet.Conn
	raw    syscall.RawConn
	closed atomic.Bool // the runtime's error for a closed file matches none of net.ErrClosed and os.ErrClosed
	deaf   atomic.Pointer[error]
}

var _ Conn = (*conn)(nil)

// buffers are shared by all sockets: at most times none of them has a frame.
var buffers = sync.Pool{New: func() any { return new([MaxFrame]byte) }}

func (c *conn) ReadFrame(take func(Frame)) error {
	b, f, err := c.read()
	switch {
	case err == nil:
		take(f)
		buffers.Put(b)
		return nil
	case c.closed.Load():
		return ErrClosed
	case c.deaf.Load() != nil:
		return *c.deaf.Load()
	case errors.Is(err, unix.ENETDOWN):
		return c.down()
	default:
		return fmt.Errorf("read frame: %w", err)
	}
}

// read returns a buffer of buffers, and the frame that is in it.
func (c *conn) read() (b *[MaxFrame]byte, f Frame, err error) {
	var readErr error
	err = c.raw.Read(func(fd uintptr) bool {
		b, _ = buffers.Get().(*[MaxFrame]byte)
		var added additions
		if f.Octets, readErr = added.receive(int(fd), b[:]); readErr != nil {
			buffers.Put(b)
			return !errors.Is(readErr, unix.EAGAIN) // else wait, without a buffer
		}
		stamp, tag := added.parse()
		f.Arrived, f.Tag, f.Device = boottime.FromWall(stamp), cmp.Or(tag, tagIn(f.Octets)), int(added.from.Ifindex)
		return true
	})
	return b, f, cmp.Or(err, readErr)
}

// down is why the socket says that the network is down: the kernel takes the ifindex from
// the socket of a device that goes.
func (c *conn) down() error {
	gone := false
	_ = c.raw.Control(func(fd uintptr) {
		name, err := unix.Getsockname(int(fd))
		a, ok := name.(*unix.SockaddrLinklayer)
		gone = err == nil && ok && a.Ifindex < 0
	})
	if gone {
		return ErrGone
	}
	return ErrDown
}

func (c *conn) Dropped() (n int) {
	_ = c.raw.Control(func(fd uintptr) { n = dropped(int(fd)) }) // which fails on a closed file only
	return n
}

// dropped returns, and sets to 0, how many frames found no room in the queue of a socket.
func dropped(fd int) int {
	stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0
	}
	return int(stats.Drops)
}

// fail has ReadFrame return an error from now on.
func (c *conn) fail(err error) {
	c.deaf.Store(&err)
	_ = c.c.SetReadDeadline(time.Unix(1, 0)) // which fails on a closed file only
}

func (c *conn) WriteFrame(b []byte) error {
	var sendErr error
	err := c.raw.Write(func(fd uintptr) bool {
		_, sendErr = unix.Write(int(fd), b) // on the interface it is bound to
		return true                         // do not wait for room
	})
	if err = errors.Join(err, sendErr); err != nil {
		return fmt.Errorf("send frame: %w", err)
	}
	return nil
}

func (c *conn) Close() error {
	c.closed.Store(true)
	return c.c.Close()
}
