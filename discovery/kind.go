// SPDX-License-Identifier: Apache-2.0

package discovery

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

// Hardware reports whether the interface is a socket of the machine, as far as the
// kernel tells: no software device, and no function that a NIC only pretends to be.
func (i *Interface) Hardware() bool {
	return i.Kind == "" && i.Bus != "" && i.Ethernet && !i.VF
}
