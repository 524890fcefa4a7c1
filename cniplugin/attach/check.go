// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"syscall"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Check compares an interface with its configuration and with the result of its ADD.
func (c *Container) Check(name string, conf *Config, result *current.Result) error {
	got, err := c.Origin(name)
	if err != nil {
		return err
	}
	if string(got.Kind) != conf.Kind {
		return fmt.Errorf("%s in the container is no %s", name, conf.Kind)
	}
	mode, err := c.mode(got.Index, conf.Kind)
	if err != nil {
		return err
	}
	if mode != conf.Mode {
		return fmt.Errorf("%s in the container is in mode %s, want %s", name, ModeName(conf.Kind, mode), ModeName(conf.Kind, conf.Mode))
	}
	for _, i := range result.Interfaces {
		if i.Name == name && i.Sandbox != "" && i.Mac != "" && i.Mac != got.MAC.String() {
			return fmt.Errorf("%s in the container has MAC address %s, want %s", name, got.MAC, i.Mac)
		}
	}
	if err := c.checkAddresses(got.Index, addressesOf(name, result)); err != nil {
		return fmt.Errorf("%s in the container: %w", name, err)
	}
	return c.checkRoutes(result.Routes)
}

// addressesOf are those of an interface, of all that a result has: plugins before this one
// may have reported others.
func addressesOf(name string, result *current.Result) (out []*current.IPConfig) {
	for _, ip := range result.IPs {
		if i := ip.Interface; i == nil || *i < 0 || *i >= len(result.Interfaces) || result.Interfaces[*i].Name == name && result.Interfaces[*i].Sandbox != "" {
			out = append(out, ip)
		}
	}
	return out
}

// mode is the mode of an interface in the container.
func (c *Container) mode(index int, kind string) (Mode, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_ACK)
	info := nl.NewIfInfomsg(unix.AF_UNSPEC)
	info.Index = int32(index)
	req.AddData(info)
	msgs, err := c.Execute(req, 0)
	if err != nil {
		return 0, fmt.Errorf("read network device %d: %w", index, err)
	}
	data := []byte{}
	for _, msg := range msgs {
		data = value(value(attributes(msg, unix.SizeofIfInfomsg), unix.IFLA_LINKINFO), unix.IFLA_INFO_DATA)
	}
	switch kind {
	case IPVLAN:
		if mode := value(data, nl.IFLA_IPVLAN_MODE); len(mode) >= 2 {
			return Mode(binary.NativeEndian.Uint16(mode)), nil
		}
	default:
		if mode := value(data, nl.IFLA_MACVLAN_MODE); len(mode) >= 4 {
			return Mode(binary.NativeEndian.Uint32(mode)), nil
		}
	}
	return 0, fmt.Errorf("network device %d tells no mode of a %s", index, kind)
}

// attributes are what follows the fixed part of a message.
func attributes(msg []byte, fixed int) []byte { return msg[min(len(msg), fixed):] }

// value is the first attribute of that type; nil where there is none.
func value(attrs []byte, kind uint16) []byte {
	all, err := nl.ParseRouteAttr(attrs)
	if err != nil {
		return nil
	}
	i := slices.IndexFunc(all, func(a syscall.NetlinkRouteAttr) bool { return a.Attr.Type&nl.NLA_TYPE_MASK == kind })
	if i < 0 {
		return nil
	}
	return all[i].Value
}

// address is an address of an interface.
type address struct {
	ip     net.IP
	length int
	flags  uint32
}

// addresses are those of an interface; family is AF_UNSPEC for all.
func (c *Container) addresses(index int, family uint8) (out []address, err error) {
	msgs, err := c.Dump(func() *nl.NetlinkRequest {
		req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		req.AddRawData(append([]byte{family}, make([]byte, unix.SizeofIfAddrmsg-1)...))
		return req
	}, unix.RTM_NEWADDR)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	for _, msg := range msgs {
		if len(msg) < unix.SizeofIfAddrmsg || int(binary.NativeEndian.Uint32(msg[4:])) != index {
			continue
		}
		a := address{length: int(msg[1]), flags: uint32(msg[2])}
		attrs := attributes(msg, unix.SizeofIfAddrmsg)
		if a.ip = value(attrs, unix.IFA_LOCAL); a.ip == nil {
			a.ip = value(attrs, unix.IFA_ADDRESS) // IPv6 has one of them only
		}
		if flags := value(attrs, unix.IFA_FLAGS); len(flags) >= 4 {
			a.flags = binary.NativeEndian.Uint32(flags)
		}
		out = append(out, a)
	}
	return out, nil
}

func (c *Container) checkAddresses(index int, want []*current.IPConfig) error {
	if len(want) == 0 {
		return nil
	}
	got, err := c.addresses(index, unix.AF_UNSPEC)
	if err != nil {
		return err
	}
	for _, ip := range want {
		length, _ := ip.Address.Mask.Size()
		if !slices.ContainsFunc(got, func(a address) bool { return a.length == length && a.ip.Equal(ip.Address.IP) }) {
			return fmt.Errorf("it has no address %v", &ip.Address)
		}
	}
	return nil
}

// A route as the kernel has it.
type route struct {
	dst     net.IPNet
	gateway []net.IP // of each next hop that has one
	table   int
}

func (c *Container) routes() (out []route, err error) {
	msgs, err := c.Dump(func() *nl.NetlinkRequest {
		req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
		req.AddRawData(make([]byte, unix.SizeofRtMsg)) // of all families
		return req
	}, unix.RTM_NEWROUTE)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	for _, msg := range msgs {
		if len(msg) >= unix.SizeofRtMsg {
			out = append(out, parseRoute(msg))
		}
	}
	return out, nil
}

// parseRoute reads a struct rtmsg with attributes.
func parseRoute(msg []byte) route {
	octets := net.IPv6len
	if msg[0] == unix.AF_INET {
		octets = net.IPv4len
	}
	attrs := attributes(msg, unix.SizeofRtMsg)
	r := route{table: int(msg[4]), dst: net.IPNet{IP: value(attrs, unix.RTA_DST), Mask: net.CIDRMask(int(msg[1]), 8*octets)}}
	if r.dst.IP == nil {
		r.dst.IP = make(net.IP, octets)
	}
	if table := value(attrs, unix.RTA_TABLE); len(table) >= 4 {
		r.table = int(binary.NativeEndian.Uint32(table))
	}
	if gateway := value(attrs, unix.RTA_GATEWAY); gateway != nil {
		r.gateway = append(r.gateway, gateway)
	}
	for hops := value(attrs, unix.RTA_MULTIPATH); len(hops) >= unix.SizeofRtNexthop; {
		size := int(binary.NativeEndian.Uint16(hops))
		if size < unix.SizeofRtNexthop || size > len(hops) {
			break
		}
		if gateway := value(attributes(hops[:size], unix.SizeofRtNexthop), unix.RTA_GATEWAY); gateway != nil {
			r.gateway = append(r.gateway, gateway)
		}
		hops = hops[min(len(hops), (size+3)&^3):]
	}
	return r
}

// leads reports whether this is the route that an ADD was to add.
func (r *route) leads(want *types.Route) bool {
	length, bits := want.Dst.Mask.Size()
	got, of := r.dst.Mask.Size()
	if r.table != tableOf(want) || length != got || bits != of || !r.dst.IP.Equal(want.Dst.IP.Mask(want.Dst.Mask)) {
		return false
	}
	return want.GW == nil || slices.ContainsFunc(r.gateway, want.GW.Equal)
}

func (c *Container) checkRoutes(want []*types.Route) error {
	if len(want) == 0 {
		return nil
	}
	got, err := c.routes()
	if err != nil {
		return err
	}
	for _, w := range want {
		if w.Dst.IP == nil { // of a plugin before this one: nobody can tell which it is
			continue
		}
		if !slices.ContainsFunc(got, func(r route) bool { return r.leads(w) }) {
			return fmt.Errorf("the container has no route to %v", &w.Dst)
		}
	}
	return nil
}
