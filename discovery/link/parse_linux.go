// SPDX-License-Identifier: Apache-2.0

package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
)

// representor matches the physical port name of a port that stands for a
// function of the NIC, on the host or, on a DPU, of the host. What a pod sends
// arrives there, so a pod could pose as a switch. The uplink is p0, or p0s1 where
// it is split.
var representor = late(`^(c\d+)?pf\d+((vf|sf)\d+)?$`)

// errNoCount is returned where nobody can tell whether a cable moved.
var errNoCount = errors.New("the kernel tells no count of carrier changes (Linux 3.15 or later does)")

// parse reads one RTM_NEWLINK message, a struct ifinfomsg with attributes. It
// reads what Colvin needs and passes over the rest, whatever the octets are.
func parse(msg []byte) (discovery.Interface, error) {
	ifi, _, err := parseMember(msg)
	return ifi, err
}

// parseMember is parse, with the kind of the device's master, if it has one.
func parseMember(msg []byte) (ifi discovery.Interface, master discovery.Kind, err error) {
	if len(msg) < unix.SizeofIfInfomsg {
		return discovery.Interface{}, "", fmt.Errorf("parse link message: %d octets, want %d or more", len(msg), unix.SizeofIfInfomsg)
	}
	ethernet := u16(msg[2:]) == unix.ARPHRD_ETHER
	ifi = discovery.Interface{Index: int(int32(u32(msg[4:]))), Up: u32(msg[8:])&unix.IFF_UP != 0}
	counted, elsewhere := false, false
	for kind, value := range attributes(msg[unix.SizeofIfInfomsg:]) {
		switch kind {
		case unix.IFLA_IFNAME:
			ifi.Name = text(value)
		case unix.IFLA_PROP_LIST:
			ifi.AltNames = altNames(value)
		case unix.IFLA_IFALIAS:
			ifi.Alias = text(value)
		case unix.IFLA_GROUP:
			ifi.Unfinished = u32(value) == unfinished
		case unix.IFLA_ADDRESS:
			if ethernet && len(value) == len(ifi.MAC) {
				ifi.MAC = discovery.MAC(value)
			}
		case unix.IFLA_MTU:
			ifi.MTU = int(u32(value))
		case unix.IFLA_PARENT_DEV_BUS_NAME:
			ifi.Bus = text(value)
		case unix.IFLA_CARRIER:
			ifi.Carrier = u8(value) != 0
		case unix.IFLA_CARRIER_CHANGES:
			ifi.CarrierChanges, counted = u32(value), len(value) >= 4
		case unix.IFLA_MASTER:
			ifi.Master = int(u32(value))
		case unix.IFLA_LINK:
			ifi.Parent = int(u32(value))
		case unix.IFLA_LINK_NETNSID:
			elsewhere = true
		case unix.IFLA_PHYS_PORT_NAME:
			ifi.VF = representor().MatchString(text(value))
		case unix.IFLA_LINKINFO:
			master = addLinkInfo(&ifi, value)
		}
	}
	if elsewhere { // the lower device is in another namespace
		ifi.Parent = 0
	}
	ifi.Ethernet = ifi.MAC != discovery.MAC{}
	if !counted {
		return discovery.Interface{}, "", fmt.Errorf("parse link message of %q: %w", ifi.Name, errNoCount)
	}
	return ifi, master, nil
}

// removed reads a notification that a device went, and which. That one left a bridge is
// told by a message of the same type, but of the bridge's family.
func removed(m *syscall.NetlinkMessage) (index int, ok bool) {
	if m.Header.Type != unix.RTM_DELLINK || len(m.Data) < unix.SizeofIfInfomsg || m.Data[0] != unix.AF_UNSPEC {
		return 0, false
	}
	return int(int32(u32(m.Data[4:]))), true
}

// addLinkInfo reads what the device's driver and its master's driver say, and of which kind
// the master is.
func addLinkInfo(ifi *discovery.Interface, info []byte) (master discovery.Kind) {
	var data, memberData []byte
	for kind, value := range attributes(info) {
		switch kind {
		case unix.IFLA_INFO_KIND:
			ifi.Kind = discovery.Kind(text(value))
		case unix.IFLA_INFO_DATA:
			data = value
		case unix.IFLA_INFO_SLAVE_KIND:
			master = discovery.Kind(text(value))
		case unix.IFLA_INFO_SLAVE_DATA:
			memberData = value
		}
	}
	switch ifi.Kind {
	case discovery.KindVLAN:
		ifi.VLAN = vlan(data)
	case discovery.KindBond:
		ifi.Bond = bond(data)
	case discovery.KindBridge:
		ifi.VLANFiltering = vlanFiltering(data)
	default: // nothing more is read of it
	}
	if master == discovery.KindBond {
		ifi.BondMember = bondMember(memberData)
	}
	return master
}

// vlan returns the VID of an 802.1Q VLAN device, and 0 for 802.1ad.
func vlan(data []byte) (vid uint16) {
	for kind, value := range attributes(data) {
		switch kind {
		case unix.IFLA_VLAN_ID:
			vid = u16(value)
		case unix.IFLA_VLAN_PROTOCOL:
			if len(value) >= 2 && binary.BigEndian.Uint16(value) == unix.ETH_P_8021AD {
				return 0
			}
		}
	}
	return vid
}

func vlanFiltering(data []byte) bool {
	for kind, value := range attributes(data) {
		if kind == unix.IFLA_BR_VLAN_FILTERING {
			return u8(value) != 0
		}
	}
	return false
}

func bond(data []byte) *discovery.Bond {
	b := &discovery.Bond{}
	for kind, value := range attributes(data) {
		switch kind {
		case unix.IFLA_BOND_MODE:
			b.Mode = bondMode(u8(value))
		case unix.IFLA_BOND_ACTIVE_SLAVE:
			b.Active = int(u32(value))
		case unix.IFLA_BOND_AD_INFO:
			for kind, value := range attributes(value) {
				if kind == unix.IFLA_BOND_AD_INFO_AGGREGATOR {
					b.Aggregator = u16(value)
				}
			}
		}
	}
	return b
}

// bondMode returns the kernel's name of a BOND_MODE_ constant.
func bondMode(mode uint8) string {
	names := [...]string{
		"balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb",
	}
	if int(mode) < len(names) {
		return names[mode]
	}
	return fmt.Sprintf("mode %d", mode)
}

// States of bond members, from linux/if_bonding.h.
const (
	bondStateActive = 0 // BOND_STATE_ACTIVE
	bondLinkUp      = 0 // BOND_LINK_UP
)

func bondMember(data []byte) *discovery.BondMember {
	m := &discovery.BondMember{}
	for kind, value := range attributes(data) {
		switch kind {
		case unix.IFLA_BOND_SLAVE_STATE:
			m.Active = len(value) == 1 && value[0] == bondStateActive
		case unix.IFLA_BOND_SLAVE_MII_STATUS:
			m.Up = len(value) == 1 && value[0] == bondLinkUp
		case unix.IFLA_BOND_SLAVE_AD_AGGREGATOR_ID:
			m.Aggregator = u16(value)
		}
	}
	return m
}

func altNames(list []byte) (names []string) {
	for kind, value := range attributes(list) {
		if kind == unix.IFLA_ALT_IFNAME {
			names = append(names, text(value))
		}
	}
	return names
}

// nlaTypeMask is NLA_TYPE_MASK of linux/netlink.h: newer kernels flag nests.
const nlaTypeMask = ^uint16(unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)

// attributes yields types and values of netlink attributes. Like the kernel's own
// loop it ends at the first that does not fit.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofNlAttr {
			size := int(u16(b))
			if size < unix.SizeofNlAttr || size > len(b) {
				return
			}
			if !yield(u16(b[2:])&nlaTypeMask, b[unix.SizeofNlAttr:size]) {
				return
			}
			b = b[min(len(b), (size+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1)):]
		}
	}
}

// text returns what stands before the terminating NUL.
func text(b []byte) string {
	before, _, _ := bytes.Cut(b, []byte{0})
	return string(before)
}

// The integers are in the host's byte order, and 0 where octets are missing.

func u8(b []byte) uint8 {
	if len(b) < 1 {
		return 0
	}
	return b[0]
}

func u16(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	return binary.NativeEndian.Uint16(b)
}

func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}
