// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
)

// maxRoutes bounds how many routes of a device are told.
const maxRoutes = 16

// UsageOf asks what a network device of the calling thread's network namespace is
// used for. The error is ErrNotFound where there is none with that ifindex.
func UsageOf(index int) (Usage, error) {
	u, err := usage(index)
	if err != nil {
		return Usage{}, fmt.Errorf("find what uses network device %d: %w", index, err)
	}
	return u, nil
}

func usage(index int) (u Usage, err error) {
	device, err := ByIndex(index)
	if err != nil {
		return u, err
	}
	u.Master = device.Master
	if u.Uppers, err = uppers(index); err != nil {
		return u, err
	}
	if u.Addresses, err = addressesOf(index); err != nil {
		return u, fmt.Errorf("list IP addresses: %w", err)
	}
	if u.Routes, err = routesOf(index); err != nil {
		return u, fmt.Errorf("list routes: %w", err)
	}
	return u, nil
}

func uppers(index int) (names []string, err error) {
	all, err := List()
	for _, i := range all {
		// What a veth stands on is only its other end.
		if i.Parent == index && i.Kind != discovery.KindVETH {
			names = append(names, i.Name)
		}
	}
	return names, err
}

func addressesOf(index int) ([]netip.Prefix, error) {
	return whole(func() (out []netip.Prefix, err error) {
		err = eachAddress(func(of int, a *discovery.Address) {
			if address := a.Prefix.Addr(); of == index && !(address.Is6() && address.IsLinkLocalUnicast()) {
				out = append(out, a.Prefix)
			}
		})
		return out, err
	})
}

// routesOf lists routes and next hops: a routing daemon may keep the two apart, and
// then a route does not say what device it leaves through.
func routesOf(index int) ([]string, error) {
	routes, err := collect(unix.RTM_GETROUTE, unix.RTM_NEWROUTE, unix.SizeofRtMsg, func(msg []byte) (string, bool) {
		return route(msg, index)
	})
	if err != nil {
		return nil, err
	}
	hops, err := collect(unix.RTM_GETNEXTHOP, unix.RTM_NEWNEXTHOP, unix.SizeofNhmsg, func(msg []byte) (string, bool) {
		return nextHop(msg, index)
	})
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) { // Linux 5.3 or later has them
		return nil, err
	}
	return append(routes, hops...), nil
}

// collect dumps messages of a kind and keeps some of those that pick takes. A node
// may have a million routes, so they are not kept meanwhile.
func collect(get, answer, size int, pick func(msg []byte) (string, bool)) ([]string, error) {
	return whole(func() (picked []string, err error) {
		req := nl.NewNetlinkRequest(get, unix.NLM_F_DUMP)
		req.AddRawData(make([]byte, size)) // of all families
		err = req.ExecuteIter(unix.NETLINK_ROUTE, uint16(answer), func(msg []byte) bool {
			if text, ok := pick(msg); ok {
				picked = append(picked, text)
			}
			return len(picked) < maxRoutes
		})
		return picked, err
	})
}

// route describes an RTM_NEWROUTE message, a struct rtmsg with attributes, if the
// route leaves through the device and the kernel did not make it by itself.
func route(msg []byte, index int) (string, bool) {
	if len(msg) < unix.SizeofRtMsg {
		return "", false
	}
	table, protocol, flags := uint32(msg[4]), msg[5], u32(msg[8:])
	if protocol == unix.RTPROT_KERNEL || flags&unix.RTM_F_CLONED != 0 {
		return "", false
	}
	through, to, via := false, "default", ""
	for kind, value := range attributes(msg[unix.SizeofRtMsg:]) {
		switch kind {
		case unix.RTA_OIF:
			through = through || int(u32(value)) == index
		case unix.RTA_MULTIPATH:
			through = through || hopsThrough(value, index)
		case unix.RTA_DST:
			to = destination(msg[0], value, msg[1])
		case unix.RTA_GATEWAY:
			if gateway, ok := netip.AddrFromSlice(value); ok {
				via = " via " + gateway.String()
			}
		case unix.RTA_TABLE:
			table = u32(value)
		}
	}
	if !through || table == unix.RT_TABLE_LOCAL {
		return "", false
	}
	if table != unix.RT_TABLE_MAIN {
		return fmt.Sprintf("%s%s table %d", to, via, table), true
	}
	return to + via, true
}

// destination writes the destination of a route. That of an MPLS route is a label.
func destination(family uint8, octets []byte, bits uint8) string {
	address, ok := netip.AddrFromSlice(octets)
	if !ok || family == unix.AF_MPLS {
		return fmt.Sprintf("%x", octets)
	}
	return netip.PrefixFrom(address, int(bits)).String()
}

// hopsThrough reports whether one of the next hops, each a struct rtnexthop with
// attributes, is behind the device.
func hopsThrough(b []byte, index int) bool {
	for len(b) >= unix.SizeofRtNexthop {
		size := int(u16(b))
		if size < unix.SizeofRtNexthop || size > len(b) {
			return false
		}
		if int(u32(b[4:])) == index {
			return true
		}
		b = b[min(len(b), (size+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1)):]
	}
	return false
}

// nextHop describes an RTM_NEWNEXTHOP message, a struct nhmsg with attributes, if
// it is behind the device.
func nextHop(msg []byte, index int) (string, bool) {
	if len(msg) < unix.SizeofNhmsg {
		return "", false
	}
	id, through := uint32(0), false
	for kind, value := range attributes(msg[unix.SizeofNhmsg:]) {
		switch kind {
		case unix.NHA_ID:
			id = u32(value)
		case unix.NHA_OIF:
			through = int(u32(value)) == index
		}
	}
	return fmt.Sprintf("next hop %d", id), through
}
