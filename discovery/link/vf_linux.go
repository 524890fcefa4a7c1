// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"iter"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// rtextFilterSkipStats is RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h. With their
// counters a list of more than 200 virtual functions is too long for an attribute, and to
// sum up those of IPv6 over all processors takes most of the time of a list of devices.
const rtextFilterSkipStats = 1 << 3

// noVLAN is what mlx4 says of a virtual function that has none. IEEE Std 802.1Q
// reserves the VID.
const noVLAN = 4095

// VFVLAN returns the VLAN ID, 802.1Q or 802.1ad, that the NIC gives to the frames of
// a virtual function without its doing ("ip link set eth0 vf 3 vlan 300"), and 0
// where it gives none. The function is the one with that number at the physical
// function whose ifindex is pf. The error is ErrNotFound where there is no such
// device, and where its driver tells of no such function.
func VFVLAN(pf, number int) (vid uint16, err error) {
	if vid, err = askVLAN(pf, number); err != nil {
		return 0, fmt.Errorf("find VLAN of virtual function %d of network device %d: %w", number, pf, err)
	}
	return vid, nil
}

func askVLAN(pf, number int) (uint16, error) {
	mask := nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(nl.RTEXT_FILTER_VF|rtextFilterSkipStats))
	msgs, err := linkRequest(unix.RTM_GETLINK, pf, unix.NLM_F_ACK, mask).Execute(unix.NETLINK_ROUTE, 0)
	switch {
	case errors.Is(err, unix.ENODEV):
		return 0, ErrNotFound
	case err != nil:
		return 0, err
	case len(msgs) != 1:
		return 0, fmt.Errorf("%d answers, want 1", len(msgs))
	}
	return vfVLAN(msgs[0], number)
}

// vfVLAN looks a virtual function up in the RTM_NEWLINK message of its physical
// function.
func vfVLAN(msg []byte, number int) (uint16, error) {
	for list := range values(msg[min(len(msg), unix.SizeofIfInfomsg):], unix.IFLA_VFINFO_LIST) {
		for info := range values(list, unix.IFLA_VF_INFO) {
			vid, found := infoVLAN(info, number)
			switch {
			case !found:
			case vid == noVLAN:
				return 0, nil
			case vid > noVLAN:
				return 0, fmt.Errorf("the kernel tells VLAN %d, want 4095 or less", vid)
			default:
				return uint16(vid), nil
			}
		}
	}
	return 0, ErrNotFound
}

// infoVLAN reads an IFLA_VF_INFO, if it is about the function with that number.
// Kernels before Linux 4.9 have no list of VLANs.
func infoVLAN(info []byte, number int) (vid uint32, found bool) {
	read := func(vlan []byte) { // struct ifla_vf_vlan, with which ifla_vf_vlan_info begins
		if len(vlan) >= 8 && int64(u32(vlan)) == int64(number) {
			vid, found = max(vid, u32(vlan[4:])), true
		}
	}
	for vlan := range values(info, unix.IFLA_VF_VLAN) {
		read(vlan)
	}
	for list := range values(info, unix.IFLA_VF_VLAN_LIST) {
		for vlan := range values(list, unix.IFLA_VF_VLAN_INFO) {
			read(vlan)
		}
	}
	return vid, found
}

// values yields the values of those attributes that are of a type.
func values(b []byte, want uint16) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for kind, value := range attributes(b) {
			if kind == want && !yield(value) {
				return
			}
		}
	}
}
