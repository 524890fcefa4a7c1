// SPDX-License-Identifier: Apache-2.0

package ether

import (
	"encoding/binary"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/lldp"
	"golang.org/x/net/bpf"

	"github.com/colvin-net/colvin/discovery"
)

// Types of packet, from linux/if_packet.h.
const (
	pktOtherHost = 3 // PACKET_OTHERHOST: to another host, or in a VLAN for which there is no device
	pktOutgoing  = 4 // PACKET_OUTGOING: a copy of a frame that this node sends
)

// Where things are in a frame without tag.
const (
	offDestination = 0
	offType        = 12 // EtherType, or length
	offLLC         = 14 // of a frame that has a length
	offProtocol    = 18 // behind LLC: the rest of the SNAP header

	offNextHeader = 20 // of IPv6
	offHopLimit   = 21
	offICMPType   = 54 // where ICMPv6 comes next

	tagLen = 4
)

// A check compares some octets of a frame.
type check struct {
	offset uint32
	size   int
	value  uint32
}

// A pattern is met when all its checks are.
type pattern []check

// How many octets of a frame a socket gets.
const drop, accept = 0, MaxFrame

// program is the filter of a socket: it lets pass what meets one of the patterns.
func (s FrameSet) program() []bpf.Instruction {
	wrongWay := bpf.JumpEqual
	if s&sent != 0 {
		wrongWay = bpf.JumpNotEqual
	}
	program := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: wrongWay, Val: pktOutgoing, SkipFalse: 1},
		bpf.RetConstant{Val: drop},
	}
	if s&Routers != 0 {
		program = append(program, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: pktOtherHost, SkipTrue: 1}, bpf.RetConstant{Val: drop})
	}
	for _, p := range s.patterns() {
		for i, c := range p {
			rest := 2*(len(p)-1-i) + 1 // what follows of this pattern
			program = append(program,
				bpf.LoadAbsolute{Off: c.offset, Size: c.size},
				bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: c.value, SkipTrue: uint8(rest)})
		}
		program = append(program, bpf.RetConstant{Val: accept})
	}
	return append(program, bpf.RetConstant{Val: drop})
}

// patterns are those of a socket. The kernel takes the outermost tag off a frame
// that arrives, before any socket sees it; what is left are the tags behind it,
// which only an Early socket meets, and those of frames that are being sent.
func (s FrameSet) patterns() []pattern {
	plain := s.untagged()
	patterns := plain
	if s&Early == 0 || s&Routers != 0 { // whose VLAN devices are all for a single tag
		return patterns
	}
	for _, tpid := range []ethernet.EtherType{ethernet.EtherTypeVLAN, ethernet.EtherTypeServiceVLAN} {
		for _, p := range plain {
			patterns = append(patterns, p.tagged(tpid))
		}
	}
	return patterns
}

func (s FrameSet) untagged() []pattern {
	etherType := check{offType, 2, uint32(lldp.EtherType)}
	if s&sent != 0 {
		return []pattern{{etherType}}
	}
	if s&Routers != 0 {
		return []pattern{routerAdvertisement}
	}
	var patterns []pattern
	if s&LLDP != 0 {
		for _, g := range lldpGroups {
			patterns = append(patterns, append(destination(g), etherType))
		}
	}
	if s&CDP != 0 {
		const (
			llc  = 0xaaaa0300 // SNAP, unnumbered information, and the OUI's first octet
			snap = 0x000c2000 // the rest of OUI 00:00:0c, and CDP
		)
		patterns = append(patterns, append(destination(discovery.CDPGroup), check{offLLC, 4, llc}, check{offProtocol, 4, snap}))
	}
	return patterns
}

// routerAdvertisement is met by those that are valid as far as a few octets tell (RFC 4861,
// 6.1.2): what was forwarded on its way is none.
var routerAdvertisement = pattern{
	{offType, 2, uint32(ethernet.EtherTypeIPv6)}, {offNextHeader, 1, nextICMPv6}, {offICMPType, 1, icmpAdvertisement}, {offHopLimit, 1, hopLimit},
}

const (
	nextICMPv6        = 58
	icmpAdvertisement = 134
	hopLimit          = 255
)

func destination(mac discovery.MAC) pattern {
	return pattern{
		{offDestination, 4, binary.BigEndian.Uint32(mac[:])},
		{offDestination + 4, 2, uint32(binary.BigEndian.Uint16(mac[4:]))},
	}
}

// tagged is the same pattern in a frame with a tag in it.
func (p pattern) tagged(tpid ethernet.EtherType) pattern {
	out := pattern{{offType, 2, uint32(tpid)}}
	for _, c := range p {
		if c.offset >= offType {
			c.offset += tagLen
		}
		out = append(out, c)
	}
	return out
}
