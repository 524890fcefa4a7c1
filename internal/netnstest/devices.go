// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
)

// bondMonitor is how often a bond looks at its members, in milliseconds.
const bondMonitor = 50

// vrfTable is the routing table of every VRF: they are alone in their namespace.
const vrfTable = 100

// AddDevice makes a device of a kind, such as bridge or dummy, makes it the master
// of its members and sets all up.
func (n *Namespace) AddDevice(kind, name string, members ...string) error {
	if kind == "vrf" {
		return n.addMaster(&netlink.Vrf{LinkAttrs: attributes(name), Table: vrfTable}, members)
	}
	return n.addMaster(&netlink.GenericLink{LinkAttrs: attributes(name), LinkType: kind}, members)
}

// AddFilteringBridge makes a bridge that keeps VLANs apart.
func (n *Namespace) AddFilteringBridge(name string, ports ...string) error {
	filtering := true
	return n.addMaster(&netlink.Bridge{LinkAttrs: attributes(name), VlanFiltering: &filtering}, ports)
}

// AddBond makes a bond in a mode by the kernel's name of it, such as 802.3ad.
func (n *Namespace) AddBond(name, mode string, members ...string) error {
	return n.addMaster(bond(name, mode), members)
}

// AddUpper makes a device of a kind, such as macvlan, over its parent and sets it
// up.
func (n *Namespace) AddUpper(kind, name, parent string) error {
	return n.addOver(parent, &netlink.GenericLink{LinkAttrs: attributes(name), LinkType: kind})
}

// AddVLAN makes an 802.1Q VLAN device over its parent and sets it up.
func (n *Namespace) AddVLAN(name, parent string, vid uint16) error {
	return n.addOver(parent, &netlink.Vlan{
		LinkAttrs: attributes(name), VlanId: int(vid), VlanProtocol: netlink.VLAN_PROTOCOL_8021Q,
	})
}

// Rename gives a device another name. Before Linux 6.2 it has to be down meanwhile.
func (n *Namespace) Rename(name, to string) error {
	err := n.rename(name, to)
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	if err := n.setDown(name); err != nil {
		return err
	}
	if err := n.rename(name, to); err != nil {
		return err
	}
	return n.SetUp(to)
}

func (n *Namespace) rename(name, to string) error {
	return n.change("rename", name, func(l netlink.Link) error { return n.handle.LinkSetName(l, to) })
}

// Give moves a device to another namespace, where it is down.
func (n *Namespace) Give(name string, to *Namespace) error {
	return n.change("give", name, func(l netlink.Link) error { return n.handle.LinkSetNsFd(l, int(to.net.Fd())) })
}

// Remove deletes a device.
func (n *Namespace) Remove(name string) error { return n.change("remove", name, n.handle.LinkDel) }

// LosePower does to devices what the end of power does to a machine's: cables, which are veth
// pairs that belong to no bridge, have no link until HavePower, and all others are gone. Only
// loopback and one more stay as they are.
func (n *Namespace) LosePower(keep string) error {
	links, err := n.handle.LinkList()
	if err != nil {
		return fmt.Errorf("list devices of %s: %w", n.name, err)
	}
	for _, l := range links {
		a := l.Attrs()
		switch {
		case a.Name == "lo" || a.Name == keep:
		case l.Type() == "veth" && a.MasterIndex == 0:
			err = n.setDown(a.Name)
		default:
			if err = n.handle.LinkDel(l); errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) {
				err = nil // it went with another, or with the namespace of its other end
			}
		}
		if err != nil {
			return fmt.Errorf("take the power from %s of %s: %w", a.Name, n.name, err)
		}
	}
	return nil
}

// HavePower sets all devices up.
func (n *Namespace) HavePower() error {
	links, err := n.handle.LinkList()
	if err != nil {
		return fmt.Errorf("list devices of %s: %w", n.name, err)
	}
	for _, l := range links {
		if err := n.SetUp(l.Attrs().Name); err != nil {
			return err
		}
	}
	return nil
}

// Aggregate makes ports of the switch one LACP aggregate. Switches with the same
// system are one switch to whoever speaks LACP with them, as a pair with
// multi-chassis link aggregation is.
func (s *Switch) Aggregate(name string, system discovery.MAC, ports ...string) error {
	lag := bond(name, "802.3ad")
	lag.AdActorSystem = net.HardwareAddr(system[:])
	if err := s.addMaster(lag, ports); err != nil {
		return err
	}
	return s.enslave(name, BridgeName)
}

func attributes(name string) netlink.LinkAttrs {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	return attrs
}

func bond(name, mode string) *netlink.Bond {
	b := netlink.NewLinkBond(attributes(name))
	b.Mode = netlink.StringToBondMode(mode)
	b.Miimon = bondMonitor
	if b.Mode == netlink.BOND_MODE_802_3AD {
		b.LacpRate = netlink.BOND_LACP_RATE_FAST
	}
	return b
}

func (n *Namespace) addOver(parent string, device netlink.Link) error {
	lower, err := n.link(parent)
	if err != nil {
		return err
	}
	device.Attrs().ParentIndex = lower.Attrs().Index
	return n.addMaster(device, nil)
}

func (n *Namespace) addMaster(device netlink.Link, members []string) error {
	name := device.Attrs().Name
	if err := n.handle.LinkAdd(device); err != nil {
		return fmt.Errorf("add %s %s to %s: %w", device.Type(), name, n.name, err)
	}
	for _, m := range members {
		if err := n.enslave(m, name); err != nil {
			return err
		}
	}
	return n.SetUp(name)
}

// enslave gives a device a master. A bond takes no device that is up.
func (n *Namespace) enslave(name, master string) error {
	if err := n.setDown(name); err != nil {
		return err
	}
	if err := n.setMaster(name, master); err != nil {
		return err
	}
	return n.SetUp(name)
}

func (n *Namespace) setMaster(name, master string) error {
	upper, err := n.link(master)
	if err != nil {
		return err
	}
	return n.change("enslave", name, func(l netlink.Link) error { return n.handle.LinkSetMaster(l, upper) })
}

// probeDevices reports whether the kernel makes the devices that f makes.
func probeDevices(f func(*Namespace) error) func() error {
	return func() error {
		if err := NetNS.Missing(); err != nil {
			return err
		}
		ns, err := New(context.Background(), "probe")
		if err != nil {
			return err
		}
		return errors.Join(f(ns), ns.Close())
	}
}

// probeKind probes a kind that AddDevice makes.
func probeKind(kind string) func() error {
	return probeDevices(func(n *Namespace) error { return n.AddDevice(kind, "probe0") })
}

// probeUpper probes a kind of device that stands on another.
func probeUpper(add func(n *Namespace, parent string) error) func() error {
	return probeDevices(func(n *Namespace) error {
		if err := n.AddDevice("bridge", "probe0"); err != nil {
			return err
		}
		return add(n, "probe0")
	})
}
