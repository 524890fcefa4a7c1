// SPDX-License-Identifier: Apache-2.0

// Package link reads network devices from the kernel over rtnetlink, and makes
// those that Colvin owns. A notification is only a hint that something changed; the
// dump is the truth.
package link

import (
	"errors"
	"fmt"
	"net/netip"
)

// ErrNotFound is returned for a network device that does not exist.
var ErrNotFound = errors.New("no such network device")

// ErrAltName is the ErrNotFound of a name that is an alternative name of another network
// device: there is none of that name, and none can be given it.
var ErrAltName = fmt.Errorf("%w by its own name: it is an alternative name of another", ErrNotFound)

// Usage is what a network device is used for, and so what keeps it from being moved
// into a container.
type Usage struct {
	Addresses []netip.Prefix // all but IPv6 link-local ones
	// Routes are those through the device that are not the kernel's own, in any
	// table, as "10.0.0.0/8 via 192.0.2.1 table 100". Of very many it has some.
	Routes []string
	Master int // ifindex
	// Uppers are the names of the devices on top. Those in other network namespaces,
	// such as a container's macvlan, are not seen from here.
	Uppers []string
}

// A PCIDevice is what a device plugin gives to a container: a PCI function, or a
// subfunction. Names are those of the network devices in this network namespace.
type PCIDevice struct {
	Names []string // its own; none where a driver for user space has it
	VF    bool     // a virtual function or subfunction
	PF    []string // of a VF: its physical function's, without representors
	// Number is that of a virtual function at its physical function, as in
	// "ip link set eth0 vf 3". It is -1 of all else, and where it cannot be told.
	Number int
}
