// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// vlanTag is a struct ifla_vf_vlan, and with a protocol a struct ifla_vf_vlan_info.
func vlanTag(vf, vid uint32, protocol ...uint16) (b []byte) {
	for _, v := range []uint32{vf, vid, 0} {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	for _, p := range protocol {
		b = append(b, bigEndian(p)...)
	}
	return b
}

// functions writes an IFLA_VFINFO_LIST: for each function its attributes.
func functions(flag int, each ...[]*nl.RtAttr) *nl.RtAttr {
	list := nl.NewRtAttr(unix.IFLA_VFINFO_LIST|flag, nil)
	for _, attrs := range each {
		addNest(list, unix.IFLA_VF_INFO|flag, attrs)
	}
	return list
}

func oneVLAN(vf, vid uint32) *nl.RtAttr { return nl.NewRtAttr(unix.IFLA_VF_VLAN, vlanTag(vf, vid)) }

func vlanList(tags ...[]byte) *nl.RtAttr {
	list := nl.NewRtAttr(unix.IFLA_VF_VLAN_LIST, nil)
	for _, tag := range tags {
		list.AddRtAttr(unix.IFLA_VF_VLAN_INFO, tag)
	}
	return list
}

// nic is a message about a physical function with virtual ones. The driver tells
// no VLAN of 5, an impossible one of 6, and that of 7 is cut.
func nic(flag int) []byte {
	mac := nl.NewRtAttr(unix.IFLA_VF_MAC, make([]byte, 36))
	return message(7, nl.NewRtAttr(unix.IFLA_NUM_VF, nl.Uint32Attr(8)), functions(
		flag,
		[]*nl.RtAttr{mac, oneVLAN(0, 0), vlanList(vlanTag(0, 0, unix.ETH_P_8021Q))},
		[]*nl.RtAttr{mac, oneVLAN(1, 300), vlanList(vlanTag(1, 300, unix.ETH_P_8021Q))},
		[]*nl.RtAttr{vlanList(vlanTag(2, 0, unix.ETH_P_8021Q), vlanTag(2, 400, unix.ETH_P_8021AD)), oneVLAN(2, 0)},
		[]*nl.RtAttr{oneVLAN(3, 4094)},
		[]*nl.RtAttr{oneVLAN(4, 4095)},
		[]*nl.RtAttr{mac},
		[]*nl.RtAttr{oneVLAN(6, 65536+300)},
		[]*nl.RtAttr{nl.NewRtAttr(unix.IFLA_VF_VLAN, vlanTag(7, 300)[:7])},
	))
}

func TestVFVLAN(t *testing.T) {
	for _, flag := range []int{0, unix.NLA_F_NESTED} {
		for number, want := range map[int]uint16{0: 0, 1: 300, 2: 400, 3: 4094, 4: 0} {
			if vid, err := vfVLAN(nic(flag), number); vid != want || err != nil {
				t.Errorf("function %d: %d, %v, want %d", number, vid, err, want)
			}
		}
	}
}

func TestVFVLANWrong(t *testing.T) {
	for _, number := range []int{5, 7, 8, -1, math.MaxInt32} {
		if vid, err := vfVLAN(nic(0), number); vid != 0 || !errors.Is(err, ErrNotFound) {
			t.Errorf("function %d: %d, %v, want ErrNotFound", number, vid, err)
		}
	}
	if vid, err := vfVLAN(nic(0), 6); vid != 0 || err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("VLAN above all: %d, %v", vid, err)
	}
	for _, msg := range [][]byte{nil, make([]byte, 5), message(7), message(4, functions(0))} {
		if vid, err := vfVLAN(msg, 0); vid != 0 || !errors.Is(err, ErrNotFound) {
			t.Errorf("%d octets: %d, %v, want ErrNotFound", len(msg), vid, err)
		}
	}
}

// TestVFVLANKernel asks the kernel about a device that has no virtual functions.
func TestVFVLANKernel(t *testing.T) {
	for _, pf := range []int{1, 1 << 30} { // loopback, and none
		if vid, err := VFVLAN(pf, 0); vid != 0 || !errors.Is(err, ErrNotFound) {
			t.Errorf("ifindex %d: %d, %v, want ErrNotFound", pf, vid, err)
		}
	}
}

// FuzzVFVLAN shows that a message which is cut or broken gives no VLAN ID out of
// range, and never panics.
func FuzzVFVLAN(f *testing.F) {
	whole := nic(0)
	f.Add(whole, 1)
	f.Add(whole[:len(whole)-5], 6)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, msg []byte, number int) {
		before := slices.Clone(msg)
		if vid, err := vfVLAN(msg, number); vid > 4094 || err != nil && vid != 0 {
			t.Errorf("VLAN %d, %v", vid, err)
		}
		if !slices.Equal(before, msg) {
			t.Error("the message was changed")
		}
	})
}
