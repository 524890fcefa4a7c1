// SPDX-License-Identifier: Apache-2.0

package ether

import (
	"encoding/binary"
	"fmt"
	"time"
	"unsafe"

	"github.com/mdlayher/ethernet"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
)

// vidMask is of the VID in the control information of a tag (IEEE Std 802.1Q-2018, 9.6).
const vidMask = 0xfff

// askForTimes has the kernel stamp the frames of a socket, with the time of day. It begins
// a moment later; what arrives until then is stamped when it is read.
func askForTimes(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("ask for time stamps: %w", err)
	}
	return nil
}

// additions are what the kernel adds to a frame: how it came, and control messages with
// its time stamp and, where the socket asks for it, the tag that was taken off.
type additions struct {
	from unix.RawSockaddrLinklayer
	room [128]byte
	size int
}

// receive reads a frame without waiting. Unlike unix.Recvmsg it allocates nothing.
func (a *additions) receive(fd int, b []byte) ([]byte, error) {
	part := unix.Iovec{Base: &b[0]}
	part.SetLen(len(b))
	m := unix.Msghdr{Iov: &part, Control: &a.room[0], Name: (*byte)(unsafe.Pointer(&a.from)), Namelen: unix.SizeofSockaddrLinklayer}
	m.SetIovlen(1)
	m.SetControllen(len(a.room))
	n, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), unix.MSG_DONTWAIT)
	if errno != 0 {
		return nil, errno
	}
	a.size = int(m.Controllen)
	return b[:n], nil
}

// parse returns the time of day of the stamp, or the present one without a stamp, and
// the VID.
//
// Only a socket of all protocols is told the VID. Before others get a frame in a VLAN for
// which there is no device, the kernel marks it as one for another host, which no frame
// to a group is else, and forgets the tag (__netif_receive_skb_core).
func (a *additions) parse() (stamp time.Time, vid uint16) {
	stamp, vid = parseAdditions(a.room[:a.size])
	if vid == 0 && a.from.Pkttype == unix.PACKET_OTHERHOST {
		vid = discovery.TagUnknown
	}
	return stamp, vid
}

func parseAdditions(control []byte) (stamp time.Time, vid uint16) {
	for len(control) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		control = rest
		var (
			at  unix.Timespec
			aux unix.TpacketAuxdata
		)
		switch {
		case header.Level == unix.SOL_SOCKET && header.Type == unix.SCM_TIMESTAMPNS && fill(&at, data):
			stamp = time.Unix(at.Unix())
		case header.Level == unix.SOL_PACKET && header.Type == unix.PACKET_AUXDATA && fill(&aux, data) && aux.Status&unix.TP_STATUS_VLAN_VALID != 0:
			vid = aux.Vlan_tci & vidMask
		}
	}
	if stamp.IsZero() {
		stamp = time.Now().Round(0)
	}
	return stamp, vid
}

// fill copies octets of the kernel to a struct of it, if they are enough.
func fill[T unix.Timespec | unix.TpacketAuxdata](to *T, from []byte) bool {
	octets := unsafe.Slice((*byte)(unsafe.Pointer(to)), unsafe.Sizeof(*to))
	return copy(octets, from) == len(octets)
}

// tagIn is the VID of the outermost tag in a frame that has one, or 0.
func tagIn(frame []byte) uint16 {
	for at := offType; at+tagLen <= len(frame); at += tagLen {
		switch ethernet.EtherType(binary.BigEndian.Uint16(frame[at:])) {
		case ethernet.EtherTypeVLAN, ethernet.EtherTypeServiceVLAN:
			if vid := binary.BigEndian.Uint16(frame[at+2:]) & vidMask; vid != 0 {
				return vid
			}
		default:
			return 0
		}
	}
	return 0
}
