// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
)

// unfinished is the group of a device that is being made. The kernel takes a group
// with the request that makes a device, but no alias, so this is what tells a device
// whose maker was killed. The number is "colv".
const unfinished = 0x636f6c76

// AddVLAN makes an 802.1Q VLAN device over the device with the ifindex parent and
// sets it up. The alias marks whose it is. It gets no IPv6 address by itself: it
// carries containers' frames, and is no interface of the node's. The error is
// fs.ErrExist where the name is taken or parent has a device for the VLAN, and
// ErrNotFound where there is no parent.
func AddVLAN(parent int, vid uint16, name, alias string) error {
	if err := addVLAN(parent, vid, name, alias); err != nil {
		return fmt.Errorf("add VLAN device %s: %w", name, err)
	}
	return nil
}

func addVLAN(parent int, vid uint16, name, alias string) error {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, nl.NonZeroTerminated(string(discovery.KindVLAN)))
	data := info.AddRtAttr(unix.IFLA_INFO_DATA, nil)
	data.AddRtAttr(unix.IFLA_VLAN_ID, nl.Uint16Attr(vid))
	data.AddRtAttr(unix.IFLA_VLAN_PROTOCOL, binary.BigEndian.AppendUint16(nil, unix.ETH_P_8021Q))
	err := execute(linkRequest(
		unix.RTM_NEWLINK, 0, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK,
		ifname(name), info,
		nl.NewRtAttr(unix.IFLA_LINK, nl.Uint32Attr(uint32(parent))),
		nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(unfinished)),
	))
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("the kernel (module 8021q) or the device below cannot: %w", err)
	case err != nil:
		return err
	}
	made, err := single(0, ifname(name))
	if err != nil {
		return err
	}
	if err := finish(made.Index, name, alias); err != nil {
		return errors.Join(err, Delete(made.Index))
	}
	return nil
}

// finish does what the kernel does not do with the request that makes a device,
// and sets it up last.
func finish(index int, name, alias string) error {
	mark := nl.NewRtAttr(unix.IFLA_IFALIAS, nl.NonZeroTerminated(alias))
	err := setLink(index, mark, noAddresses())
	if errors.Is(err, unix.EAFNOSUPPORT) { // no IPv6 in the kernel, or not on this device
		err = setLink(index, mark)
	}
	if err != nil {
		return fmt.Errorf("mark it: %w", err)
	}
	if err := ignoreRouters(name); err != nil {
		return err
	}
	if err := setUp(index, nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(0))); err != nil {
		return fmt.Errorf("set it up: %w", err)
	}
	return nil
}

func setLink(index int, attrs ...*nl.RtAttr) error {
	return execute(linkRequest(unix.RTM_NEWLINK, index, unix.NLM_F_ACK, attrs...))
}

// noAddresses keeps the kernel from making IPv6 link-local addresses.
func noAddresses() *nl.RtAttr {
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	spec.AddRtAttr(unix.AF_INET6, nil).AddRtAttr(unix.IFLA_INET6_ADDR_GEN_MODE, []byte{nl.IN6_ADDR_GEN_MODE_NONE})
	return spec
}

// ignoreRouters keeps routers on the network from giving the node addresses and
// routes.
func ignoreRouters(name string) error {
	f, err := os.OpenFile(filepath.Join("/proc/sys/net/ipv6/conf", name, "accept_ra"), os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) { // no IPv6
		return nil
	}
	if err != nil {
		return fmt.Errorf("ignore router advertisements: %w", err)
	}
	_, err = f.WriteString("0")
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("ignore router advertisements: %w", err)
	}
	return nil
}

// Delete removes a network device. The error is ErrNotFound where there is none
// with that ifindex.
func Delete(index int) error {
	if err := execute(linkRequest(unix.RTM_DELLINK, index, unix.NLM_F_ACK)); err != nil {
		return fmt.Errorf("delete network device %d: %w", index, err)
	}
	return nil
}

// Restore gives a network device that is down the name that it had, and takes away its
// alias, in which the plugin host-device keeps that name.
func Restore(index int, name string) error {
	if ifi, err := single(index); err == nil && slices.Contains(ifi.AltNames, name) { // as udev gives it
		if err := RemoveAltName(index, name); err != nil {
			return err
		}
	}
	if err := setLink(index, ifname(name), nl.NewRtAttr(unix.IFLA_IFALIAS, nil)); err != nil {
		return fmt.Errorf("rename network device %d to %s: %w", index, name, err)
	}
	return nil
}

func ifname(name string) *nl.RtAttr {
	return nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name))
}

// execute sends a request that the kernel only acknowledges.
func execute(req *nl.NetlinkRequest) error {
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	if errors.Is(err, unix.ENODEV) {
		return ErrNotFound
	}
	return err
}
