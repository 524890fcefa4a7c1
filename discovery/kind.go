// SPDX-License-Identifier: Apache-2.0

package discovery

import "slices"

// A Kind is what sort of software device an interface is, in the kernel's words
// (IFLA_INFO_KIND); it is empty for hardware.
type Kind string

// The kinds that matter to Colvin. There are others, each a device that no port is
// below.
const (
	KindBond        Kind = "bond"
	KindBridge      Kind = "bridge"
	KindOpenVSwitch Kind = "openvswitch"
	KindTeam        Kind = "team"
	KindVETH        Kind = "veth"
	KindVLAN        Kind = "vlan"
	KindVRF         Kind = "vrf"
)

// Aggregates reports whether a device of this kind makes one link of its members'.
func (k Kind) Aggregates() bool { return k == KindBond || k == KindTeam }

// JoinsPorts reports whether a device of this kind makes one network of its ports'.
func (k Kind) JoinsPorts() bool { return k == KindBridge || k.Aggregates() }

// containerKinds are the kinds of device that containers and virtual machines come and go
// with. None of them is ever the master of another device.
var containerKinds = []Kind{KindVETH, "netkit", "tun", "macvlan", "macvtap", "ipvlan", "ipvtap"}

// OfContainer reports whether the interface is one of a container or a virtual machine, as
// nodes have by the thousand. One that has another name or an alias may be more than that:
// a device that came back from a container.
func (i *Interface) OfContainer() bool {
	return slices.Contains(containerKinds, i.Kind) && len(i.AltNames) == 0 && i.Alias == ""
}

// Hardware reports whether the interface is a socket of the machine, as far as the
// kernel tells: no software device, and no function that a NIC only pretends to be.
func (i *Interface) Hardware() bool {
	return i.Kind == "" && i.Bus != "" && i.Ethernet && !i.VF
}
