// SPDX-License-Identifier: Apache-2.0

package link

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// OriginIn reads the network device with that name in the network namespace at path, and
// what is below it. The errors are those of InNetns.
func OriginIn(path, name string) (Origin, error) {
	n, err := open(path)
	if err != nil {
		return Origin{}, fmt.Errorf("read network device %s in %s: %w", name, path, err)
	}
	defer n.Close()
	return n.Origin(name)
}

// addLower reads what is below the device, and whether that is where the namespace was
// opened.
func (o *Origin) addLower(msg []byte, n *Namespace) error {
	own, lower := true, int32(0)
	for kind, value := range attributes(msg[unix.SizeofIfInfomsg:]) {
		switch kind {
		case unix.IFLA_LINK:
			o.Lower = int(u32(value))
		case unix.IFLA_LINK_NETNSID:
			own, lower = false, int32(u32(value))
		case unix.IFLA_PARENT_DEV_NAME:
			o.Function = text(value)
		}
	}
	switch {
	case o.Lower == 0:
		return nil
	case own:
		home, err := n.isHome()
		o.Here = home
		return err
	}
	id, err := n.homeID()
	o.Here = err == nil && id >= 0 && id == lower
	return err
}

// DeleteIn removes the network device with that name in the network namespace at path.
// The errors are those of InNetns.
func DeleteIn(path, name string) error {
	n, err := open(path)
	if err != nil {
		return fmt.Errorf("delete network device %s in %s: %w", name, path, err)
	}
	defer n.Close()
	o, err := n.Origin(name)
	if err == nil {
		err = n.Delete(o.Index)
	}
	if err != nil {
		return fmt.Errorf("delete network device %s in %s: %w", name, path, err)
	}
	return nil
}
