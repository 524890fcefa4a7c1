// SPDX-License-Identifier: Apache-2.0

package link

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/boottime"
)

// Addresses dumps the IP addresses of the calling thread's network namespace, by ifindex.
func Addresses() (map[int]discovery.Addresses, error) {
	found, err := whole(func() (map[int]*picked, error) {
		found := make(map[int]*picked)
		err := eachAddress(func(index int, a *discovery.Address) {
			if found[index] == nil {
				found[index] = new(picked)
			}
			found[index].add(a)
		})
		return found, err
	})
	if err != nil {
		return nil, fmt.Errorf("list IP addresses: %w", err)
	}
	out := make(map[int]discovery.Addresses, len(found))
	for index, p := range found {
		out[index] = p.addresses()
	}
	return out, nil
}

// picked are the addresses of an interface to keep: first those that say which subnets it
// is part of.
type picked struct {
	first, others []discovery.Address
	count         int
}

func (p *picked) add(a *discovery.Address) {
	p.count++
	to := &p.others
	if a.Connects() {
		to = &p.first
	}
	if len(*to) < discovery.MaxAddresses {
		*to = append(*to, *a)
	}
}

func (p *picked) addresses() discovery.Addresses {
	known := append(p.first, p.others...)
	known = known[:min(len(known), discovery.MaxAddresses)]
	return discovery.Addresses{Known: known, Omitted: p.count - len(known)}
}

// eachAddress dumps all addresses. They are not kept meanwhile: there may be very many.
func eachAddress(visit func(index int, a *discovery.Address)) error {
	now := boottime.Now()
	req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	req.AddRawData(make([]byte, unix.SizeofIfAddrmsg)) // of all families
	return req.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWADDR, func(msg []byte) bool {
		if index, a, ok := parseAddress(msg, now); ok {
			visit(index, &a)
		}
		return true
	})
}

// cacheInfo is the size of a struct ifa_cacheinfo of linux/if_addr.h.
const cacheInfo = 16

// parseAddress reads one RTM_NEWADDR message, a struct ifaddrmsg with attributes.
func parseAddress(msg []byte, now time.Time) (index int, a discovery.Address, ok bool) {
	if len(msg) < unix.SizeofIfAddrmsg {
		return 0, a, false
	}
	bits, flags, scope := int(msg[1]), uint32(msg[2]), discovery.AddressScope(msg[3])
	index, a.Scope = int(int32(u32(msg[4:]))), scope
	var local, peer netip.Addr
	for kind, value := range attributes(msg[unix.SizeofIfAddrmsg:]) {
		switch kind {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(value)
		case unix.IFA_ADDRESS: // of the peer, if there is one
			peer, _ = netip.AddrFromSlice(value)
		case unix.IFA_FLAGS: // in full
			flags = u32(value)
		case unix.IFA_CACHEINFO:
			if len(value) >= cacheInfo {
				a.PreferredUntil, a.ValidUntil = ends(now, u32(value)), ends(now, u32(value[4:]))
				a.Updated = since(now, u32(value[12:]))
			}
		}
	}
	switch {
	case !local.IsValid(): // IPv6 has it only where there is a peer
		local = peer
	case peer != local:
		a.Peer = peer
	}
	a.Prefix = netip.PrefixFrom(local, bits)
	a.Secondary, a.Dynamic = flags&unix.IFA_F_SECONDARY != 0, flags&unix.IFA_F_PERMANENT == 0
	a.Deprecated = flags&unix.IFA_F_DEPRECATED != 0
	a.Tentative, a.DADFailed = flags&unix.IFA_F_TENTATIVE != 0, flags&unix.IFA_F_DADFAILED != 0
	return index, a, a.Prefix.IsValid()
}

// ends is when a lifetime of so many seconds ends; zero: never.
func ends(now time.Time, seconds uint32) time.Time {
	if seconds == math.MaxUint32 {
		return time.Time{}
	}
	return now.Add(time.Duration(seconds) * time.Second)
}

// stampUnit is what the kernel counts time in since it booted, in the stamps of addresses.
const stampUnit = 10 * time.Millisecond

// future is by how much a stamp may seem to be of a time to come: the kernel's ticks are
// coarser than its clocks.
const future = time.Minute / stampUnit

// since is the time of a stamp: the last one of its kind, since the count begins anew after
// 497 days. The kernel does not count while it is suspended, so the time is then too early.
// It is zero for a stamp that can be none.
func since(now time.Time, stamp uint32) time.Time {
	present := uint64(boottime.SinceBootAt(now) / stampUnit)
	switch age := uint32(present) - stamp; {
	case age > math.MaxUint32-uint32(future):
		return now
	case uint64(age) > present:
		return time.Time{}
	default:
		return now.Add(-time.Duration(age) * stampUnit)
	}
}
