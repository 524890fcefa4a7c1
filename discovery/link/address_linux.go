// SPDX-License-Identifier: Apache-2.0

package link

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// passing are the flags of addresses that are not there yet or will not stay,
// such as IPv6 privacy addresses.
const passing = unix.IFA_F_TEMPORARY | unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED

// Addresses dumps the lasting global IP addresses of the calling thread's network
// namespace, by ifindex and in the kernel's order.
func Addresses() (map[int][]netip.Addr, error) {
	list, err := dumpAddresses()
	if err != nil {
		return nil, fmt.Errorf("list IP addresses: %w", err)
	}
	out := make(map[int][]netip.Addr)
	for _, a := range list {
		address, ok := netip.AddrFromSlice(a.IP)
		address = address.Unmap()
		// A secondary IPv4 address has the same flag as a temporary IPv6 one.
		flags := a.Flags
		if address.Is4() {
			flags &^= unix.IFA_F_SECONDARY
		}
		if ok && a.Scope == unix.RT_SCOPE_UNIVERSE && flags&passing == 0 && address.IsGlobalUnicast() {
			out[a.LinkIndex] = append(out[a.LinkIndex], address)
		}
	}
	return out, nil
}

func dumpAddresses() ([]netlink.Addr, error) {
	return whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
}
