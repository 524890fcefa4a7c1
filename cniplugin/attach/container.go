// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery/link"
)

// A Container is the network namespace of a container, in which an interface is made.
type Container struct {
	*link.Namespace
	// Requested is told of each request that changes something, before it is sent and once
	// it was answered; nil for nobody. Tests end the program there.
	Requested func()
}

// Open opens the network namespace at path.
func Open(path string) (*Container, error) {
	ns, err := link.Open(path)
	if err != nil {
		return nil, err
	}
	return &Container{Namespace: ns}, nil
}

// change sends a request that changes something in the container.
func (c *Container) change(req *nl.NetlinkRequest) error {
	return c.told(func() error {
		_, err := c.Execute(req, 0)
		return err
	})
}

func (c *Container) told(do func() error) error {
	if c.Requested == nil {
		return do()
	}
	c.Requested()
	defer c.Requested()
	return do()
}

// Make makes an interface in the container over the node's device with the ifindex parent,
// and sets it up where that is wanted. Unlike a name an ifindex cannot be another device's
// by then. The error is EEXIST where the container has one of that name and, with an older
// kernel (6.1), where the node has.
func (c *Container) Make(parent int, s *Spec, name string, up bool) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	info := nl.NewIfInfomsg(unix.AF_UNSPEC)
	if up {
		info.Flags, info.Change = unix.IFF_UP, unix.IFF_UP
	}
	req.AddData(info)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	req.AddData(nl.NewRtAttr(unix.IFLA_LINK, nl.Uint32Attr(uint32(parent))))
	req.AddData(nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(c.Fd()))))
	if s.mtu != 0 {
		req.AddData(nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(s.mtu)))
	}
	if s.mac != nil {
		req.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, s.mac))
	}
	req.AddData(s.info())
	err := c.told(func() error { // by the node, which knows the ifindex
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("make %s: the kernel (module %[1]s) or the device below cannot: %w", s.Kind, err)
	}
	if err != nil {
		return fmt.Errorf("make %s: %w", s.Kind, err)
	}
	return nil
}

// info is what the driver is told.
func (s *Spec) info() *nl.RtAttr {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, nl.NonZeroTerminated(s.Kind))
	data := info.AddRtAttr(unix.IFLA_INFO_DATA, nil)
	if s.Kind == IPVLAN {
		data.AddRtAttr(nl.IFLA_IPVLAN_MODE, nl.Uint16Attr(uint16(s.Mode)))
		data.AddRtAttr(nl.IFLA_IPVLAN_FLAG, nl.Uint16Attr(0)) // IPVLAN_F_PRIVATE and IPVLAN_F_VEPA are not wanted
		return info
	}
	data.AddRtAttr(nl.IFLA_MACVLAN_MODE, nl.Uint32Attr(uint32(s.Mode)))
	if s.queue != 0 {
		data.AddRtAttr(nl.IFLA_MACVLAN_BC_QUEUE_LEN, nl.Uint32Attr(s.queue))
	}
	return info
}

// set is a request to change the interface with that ifindex.
func set(index int, flags uint32, attrs ...*nl.RtAttr) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	info := nl.NewIfInfomsg(unix.AF_UNSPEC)
	info.Index, info.Flags, info.Change = int32(index), flags, flags
	req.AddData(info)
	for _, a := range attrs {
		req.AddData(a)
	}
	return req
}

// Rename gives an interface that is down its name. The error is EEXIST where the container
// has one of that name.
func (c *Container) Rename(index int, name string) error {
	if err := c.change(set(index, 0, nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))); err != nil {
		return fmt.Errorf("name it %s: %w", name, err)
	}
	return nil
}

// SetUp sets an interface administratively up.
func (c *Container) SetUp(index int) error {
	if err := c.change(set(index, unix.IFF_UP)); err != nil {
		return fmt.Errorf("set it up: %w", err)
	}
	return nil
}

// Remove removes an interface. That there is none any more is no error.
func (c *Container) Remove(index int) error {
	err := c.told(func() error { return c.Delete(index) })
	if errors.Is(err, link.ErrNotFound) {
		return nil
	}
	return err
}
