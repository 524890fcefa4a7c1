// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// AddAltName gives a network device one more name (IFLA_ALT_IFNAME). The error is
// fs.ErrExist where any device of this network namespace has the name, be it this
// one, and ErrNotFound where there is no device with that ifindex.
func AddAltName(index int, name string) error {
	if err := execute(altNameRequest(unix.RTM_NEWLINKPROP, index, name)); err != nil {
		return fmt.Errorf("give network device %d the name %s: %w", index, name, err)
	}
	return nil
}

// RemoveAltName takes that alternative name, and nothing else, from a network
// device. Where the device does not have it nothing is to be done. The error is
// ErrNotFound where there is no device with that ifindex.
func RemoveAltName(index int, name string) error {
	err := execute(altNameRequest(unix.RTM_DELLINKPROP, index, name))
	// ENOENT: nobody has the name. EINVAL: another device has it, or it is no
	// alternative one.
	if err == nil || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return fmt.Errorf("take the name %s from network device %d: %w", name, index, err)
}

func altNameRequest(kind, index int, name string) *nl.NetlinkRequest {
	list := nl.NewRtAttr(unix.IFLA_PROP_LIST|unix.NLA_F_NESTED, nil)
	list.AddRtAttr(unix.IFLA_ALT_IFNAME, nl.ZeroTerminated(name))
	return linkRequest(kind, index, unix.NLM_F_ACK, list)
}
