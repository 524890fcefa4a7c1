// SPDX-License-Identifier: Apache-2.0

package ether

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"

	"github.com/mdlayher/lldp"
	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
)

// groups are the destination addresses of IEEE Std 802.1AB-2016, table 7-1:
// nearest bridge, nearest non-TPMR bridge and nearest customer bridge.
var groups = []discovery.MAC{
	{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e},
	{0x01, 0x80, 0xc2, 0x00, 0x00, 0x03},
	{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00},
}

// Listen opens an AF_PACKET socket for LLDP on the interface, in the calling
// thread's network namespace. It needs CAP_NET_RAW.
func Listen(ifi discovery.Interface) (Conn, error) {
	filter, err := bpf.Assemble(program())
	if err != nil {
		return nil, fmt.Errorf("assemble filter: %w", err)
	}
	nifi := &net.Interface{Index: ifi.Index, Name: ifi.Name, HardwareAddr: ifi.MAC[:]}
	c, err := packet.Listen(nifi, packet.Raw, int(lldp.EtherType), &packet.Config{Filter: filter})
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("listen on %s: CAP_NET_RAW is missing: %w", ifi.Name, err)
		}
		return nil, fmt.Errorf("listen on %s: %w", ifi.Name, err)
	}
	if err := setup(c); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("listen on %s: %w", ifi.Name, err)
	}
	return &conn{c: c}, nil
}

// pktOutgoing is PACKET_OUTGOING: a copy of a frame that this node sends.
const pktOutgoing = 4

// program lets pass what is sent to an LLDP group address and did not come from
// this node: a pod on a macvlan can forge LLDP, and its frames leave through the
// very port we listen on.
func program() []bpf.Instruction {
	const drop, accept = 0, MaxFrame
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: pktOutgoing, SkipTrue: 7},
		bpf.LoadAbsolute{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0x0180c200, SkipTrue: 5},
		bpf.LoadAbsolute{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x000e, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0003, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0x0000, SkipTrue: 1},
		bpf.RetConstant{Val: accept},
		bpf.RetConstant{Val: drop},
	}
}

func setup(c *packet.Conn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var sockErr error
	err = raw.Control(func(fd uintptr) {
		sockErr = unix.SetsockoptInt(int(fd), unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	})
	if err = errors.Join(err, sockErr); err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
		return fmt.Errorf("ignore outgoing frames: %w", err) // before Linux 4.20 the filter alone does it
	}
	for _, g := range groups {
		if err := c.JoinGroup(g[:]); err != nil {
			return fmt.Errorf("join group %s: %w", g, err)
		}
	}
	return nil
}

type conn struct {
	c      *packet.Conn
	closed atomic.Bool // the runtime's error for a closed file matches none of net.ErrClosed and os.ErrClosed
}

var _ Conn = (*conn)(nil)

func (c *conn) ReadFrame(b []byte) (int, error) {
	n, _, err := c.c.ReadFrom(b)
	switch {
	case err == nil:
		return n, nil
	case c.closed.Load():
		return 0, ErrClosed
	case errors.Is(err, unix.ENETDOWN):
		return 0, ErrDown
	default:
		return 0, fmt.Errorf("read frame: %w", err)
	}
}

func (c *conn) Close() error {
	c.closed.Store(true)
	return c.c.Close()
}
