// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// An interface with an IPv6 gateway waits so long for the kernel to find its addresses free
// (duplicate address detection), since routes want an address that counts.
const (
	settleTime  = 5 * time.Second
	settlePause = 20 * time.Millisecond
)

// Configure gives an interface its addresses, sets it up and gives it its routes.
func (c *Container) Configure(index int, name string, result *current.Result) error {
	if err := c.setSysctls(name, result.IPs); err != nil {
		return err
	}
	var gateways gateways
	for _, ip := range result.IPs {
		if err := c.change(addressRequest(index, &ip.Address)); err != nil {
			return fmt.Errorf("add address %v: %w", &ip.Address, err)
		}
		gateways.note(ip.Gateway)
	}
	if err := c.SetUp(index); err != nil {
		return err
	}
	if gateways.v6 != nil {
		if err := c.settle(index, name); err != nil {
			return err
		}
	}
	for _, r := range result.Routes {
		if err := c.addRoute(index, r, gateways.of(r)); err != nil {
			return fmt.Errorf("add route to %v: %w", &r.Dst, err)
		}
	}
	return nil
}

// gateways are those of the first addresses that have one. A route that names none goes
// through that of its family.
type gateways struct{ v4, v6 net.IP }

func (g *gateways) note(ip net.IP) {
	switch v4 := ip.To4() != nil; {
	case v4 && g.v4 == nil:
		g.v4 = ip
	case !v4 && g.v6 == nil:
		g.v6 = ip
	}
}

func (g *gateways) of(r *types.Route) net.IP {
	switch {
	case r.GW != nil:
		return r.GW
	case r.Dst.IP.To4() != nil:
		return g.v4
	default:
		return g.v6
	}
}

// setSysctls has the interface tell its neighbours of its addresses, and where it gets IPv6
// addresses makes sure that they are possible and stay. /proc/sys/net shows the namespace of
// the thread that opens it.
func (c *Container) setSysctls(name string, ips []*current.IPConfig) error {
	return c.Do(func() error {
		// Where there is no IPv6, or /proc/sys cannot be written, it goes without.
		_ = writeSysctl("ipv4", name, "arp_notify", "1")
		_ = writeSysctl("ipv6", name, "ndisc_notify", "1")
		for _, ip := range ips {
			if ip.Address.IP.To4() == nil {
				return allowIPv6(name)
			}
		}
		return nil
	})
}

func allowIPv6(name string) error {
	for _, of := range []string{"lo", name} {
		value, err := os.ReadFile(sysctl("ipv6", of, "disable_ipv6"))
		if err != nil || strings.TrimSuffix(string(value), "\n") == "0" {
			continue // the address will tell
		}
		if err := writeSysctl("ipv6", of, "disable_ipv6", "0"); err != nil {
			return fmt.Errorf("enable IPv6 on %s: %w", of, err)
		}
	}
	if err := writeSysctl("ipv6", name, "keep_addr_on_down", "1"); err != nil {
		return fmt.Errorf("have %s keep its IPv6 addresses: %w", name, err)
	}
	return nil
}

// sysctl is the file of a setting. The names of interfaces have dots, never slashes.
func sysctl(family, name, key string) string {
	return filepath.Join("/proc/sys/net", family, "conf", name, key)
}

func writeSysctl(family, name, key, value string) error {
	f, err := os.OpenFile(sysctl(family, name, key), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// addressRequest adds an address, with the broadcast address of its network where that has
// one (RFC 3021).
func addressRequest(index int, address *net.IPNet) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	family, ip := familyOf(address.IP)
	length, _ := address.Mask.Size()
	msg := nl.NewIfAddrmsg(family)
	msg.Index, msg.Prefixlen = uint32(index), uint8(length)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, ip))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, ip))
	if family == unix.AF_INET && length < 31 {
		broadcast := net.IP(make([]byte, len(ip)))
		for i := range ip {
			broadcast[i] = ip[i] | ^address.Mask[i]
		}
		if !broadcast.Equal(net.IPv4zero) {
			req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, broadcast))
		}
	}
	return req
}

// familyOf is the family of an address, and its octets in that family.
func familyOf(ip net.IP) (int, []byte) {
	if v4 := ip.To4(); v4 != nil {
		return unix.AF_INET, v4
	}
	return unix.AF_INET6, ip.To16()
}

// settle waits until no IPv6 address of the interface is tentative any more. Without a link
// they stay so, and that is no reason to fail.
func (c *Container) settle(index int, name string) error {
	for start := time.Now(); ; time.Sleep(settlePause) {
		addresses, err := c.addresses(index, unix.AF_INET6)
		if err != nil {
			return err
		}
		tentative := false
		for _, a := range addresses {
			if a.flags&unix.IFA_F_DADFAILED != 0 {
				return fmt.Errorf("another system on the network has the address %v", a.ip)
			}
			tentative = tentative || a.flags&unix.IFA_F_TENTATIVE != 0
		}
		if !tentative {
			return nil
		}
		if time.Since(start) > settleTime {
			return c.excused(name)
		}
	}
}

// excused is the error of an interface whose addresses are tentative still; nil where it
// has no link.
func (c *Container) excused(name string) error {
	got, err := c.Origin(name)
	if err == nil && got.Operational() {
		err = fmt.Errorf("its addresses are tentative after %v still", settleTime)
	}
	return err
}

// addRoute adds a route through the interface. One that is there with another next hop gets
// it as one more.
func (c *Container) addRoute(index int, r *types.Route, gateway net.IP) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_ACK)
	msg := nl.NewRtMsg()
	if r.Dst.IP == nil { // a result that has such a route cannot be read again
		return errors.New("it has no destination")
	}
	family, ip := familyOf(r.Dst.IP)
	length, _ := r.Dst.Mask.Size()
	msg.Family, msg.Dst_len = uint8(family), uint8(length)
	attrs := []*nl.RtAttr{nl.NewRtAttr(unix.RTA_DST, ip)}
	if gateway != nil {
		of, ip := familyOf(gateway)
		if of != family {
			return errors.New("its destination is of another family than its gateway")
		}
		attrs = append(attrs, nl.NewRtAttr(unix.RTA_GATEWAY, ip))
	}
	if r.Scope != nil {
		msg.Scope = uint8(*r.Scope)
	}
	if table := tableOf(r); table < 256 {
		msg.Table = uint8(table)
	} else {
		msg.Table = unix.RT_TABLE_UNSPEC
		attrs = append(attrs, nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(uint32(table))))
	}
	if r.Priority > 0 {
		attrs = append(attrs, nl.NewRtAttr(unix.RTA_PRIORITY, nl.Uint32Attr(uint32(r.Priority))))
	}
	attrs = append(attrs, nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(index))))
	req.AddData(msg)
	for _, a := range attrs {
		req.AddData(a)
	}
	return c.change(req)
}

// tableOf is the routing table that a route goes into.
func tableOf(r *types.Route) int {
	if r.Table != nil && *r.Table > 0 {
		return *r.Table
	}
	return unix.RT_TABLE_MAIN
}
