// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// An Interface is a Linux network device of the node, as rtnetlink describes it.
type Interface struct {
	Index int `json:"index"`
	// Instance counts how often this agent has seen a device with this ifindex go: one
	// that was deleted and made again is another, though all else be the same.
	Instance uint32   `json:"instance,omitempty"`
	Name     string   `json:"name"`
	AltNames []string `json:"altNames,omitempty"`
	MAC      MAC      `json:"mac,omitzero"`
	MTU      int      `json:"mtu"`
	Alias    string   `json:"alias,omitempty"` // IFLA_IFALIAS, a text for people
	Kind     Kind     `json:"kind,omitempty"`
	Bus      string   `json:"bus,omitempty"` // bus of the parent device: "pci", "virtio"; empty for software devices
	Ethernet bool     `json:"ethernet"`      // ARPHRD_ETHER and not loopback

	Up      bool `json:"up"`      // IFF_UP: administratively up
	Carrier bool `json:"carrier"` // IFLA_CARRIER: the link is there

	// CarrierChanges is IFLA_CARRIER_CHANGES, the kernel's count of carrier
	// transitions. It grows by one each time the carrier comes or goes, also
	// while nobody watches, so it decides whether a cable can have moved.
	CarrierChanges uint32 `json:"carrierChanges"`

	Master int `json:"master,omitempty"` // ifindex of the bridge, bond or other master
	// Parent is the ifindex of the lower device (IFLA_LINK) when that device is
	// in the same network namespace.
	Parent int    `json:"parent,omitempty"`
	VLAN   uint16 `json:"vlan,omitempty"` // VID of an 802.1Q VLAN device

	// Unfinished is set on a device that Colvin is making, or was when it was killed.
	Unfinished bool `json:"unfinished,omitempty"`

	// VLANFiltering is set on a bridge that keeps VLANs apart.
	VLANFiltering bool `json:"vlanFiltering,omitempty"`

	Bond       *Bond       `json:"bond,omitempty"`       // of a bond
	BondMember *BondMember `json:"bondMember,omitempty"` // of a member of a bond

	VF bool `json:"vf,omitempty"` // a virtual function, subfunction or representor: never a port, it shares its PF's networks
	PF int  `json:"pf,omitempty"` // ifindex of a VF's physical function, where that is in the same network namespace

	// Addresses are its IP addresses: those that Connect first, else in the kernel's order.
	// A Snapshot has them; who asks the kernel for one interface does not.
	Addresses []Address `json:"addresses,omitempty"`
	// AddressesOmitted is how many there are beyond MaxAddresses.
	AddressesOmitted int `json:"addressesOmitted,omitempty"`
}

// Same reports whether two descriptions are the same. Nodes have thousands of interfaces, and
// reflection takes long.
func (i *Interface) Same(o *Interface) bool {
	return i.Index == o.Index && i.Instance == o.Instance && i.Name == o.Name && slices.Equal(i.AltNames, o.AltNames) &&
		i.MAC == o.MAC && i.MTU == o.MTU && i.Alias == o.Alias && i.Kind == o.Kind && i.Bus == o.Bus && i.Ethernet == o.Ethernet &&
		i.Up == o.Up && i.Carrier == o.Carrier && i.CarrierChanges == o.CarrierChanges && i.Master == o.Master && i.Parent == o.Parent && i.VLAN == o.VLAN &&
		i.Unfinished == o.Unfinished && i.VLANFiltering == o.VLANFiltering && sameValue(i.Bond, o.Bond) && sameValue(i.BondMember, o.BondMember) &&
		i.VF == o.VF && i.PF == o.PF && slices.Equal(i.Addresses, o.Addresses) && i.AddressesOmitted == o.AddressesOmitted
}

// sameValue reports whether two point to the same, or both to nothing.
func sameValue[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// A Bond is what is particular to a bonding device.
type Bond struct {
	Mode       string `json:"mode"`                 // IFLA_BOND_MODE: "802.3ad", "active-backup", "balance-rr", ...
	Active     int    `json:"active,omitempty"`     // IFLA_BOND_ACTIVE_SLAVE: ifindex of the active member, where the mode has one
	Aggregator uint16 `json:"aggregator,omitempty"` // IFLA_BOND_AD_INFO_AGGREGATOR: the active aggregator of 802.3ad
}

// A BondMember is what a bond says of one of its members.
type BondMember struct {
	Active     bool   `json:"active"`               // IFLA_BOND_SLAVE_STATE: it carries traffic
	Up         bool   `json:"up"`                   // IFLA_BOND_SLAVE_MII_STATUS
	Aggregator uint16 `json:"aggregator,omitempty"` // IFLA_BOND_SLAVE_AD_AGGREGATOR_ID
}

// MaxInterfaceName is the length of the longest name of a network device: IFNAMSIZ of
// linux/if.h, which counts a NUL. Alternative names may be longer.
const MaxInterfaceName = 15

// OwnAlias begins the alias of the devices that Colvin makes.
const OwnAlias = "colvin: "

// Own reports whether Colvin made the device, for as long as containers need it.
func (i *Interface) Own() bool { return i.Unfinished || strings.HasPrefix(i.Alias, OwnAlias) }

// Operational reports whether frames can pass: administratively up with carrier.
func (i *Interface) Operational() bool { return i.Up && i.Carrier }

// Epoch names the carrier period that CarrierChanges places the interface in:
// the value the counter has throughout one unbroken presence of the carrier.
// While there is no carrier it is the value the counter will have when the
// carrier comes back, since that adds one. Two observations with the same epoch
// are of the same cable, or of none.
func (i *Interface) Epoch() uint32 {
	if i.Carrier {
		return i.CarrierChanges
	}
	return i.CarrierChanges + 1
}

// MAC is a 48-bit MAC address, comparable and usable as a map key.
type MAC [6]byte

// ParseMAC reads a MAC address in any form that net.ParseMAC takes.
func ParseMAC(s string) (MAC, error) {
	hw, err := net.ParseMAC(s)
	if err != nil {
		return MAC{}, fmt.Errorf("parse MAC address %q: %w", s, err)
	}
	if len(hw) != len(MAC{}) {
		return MAC{}, fmt.Errorf("parse MAC address %q: %d octets, want 6", s, len(hw))
	}
	return MAC(hw), nil
}

// String returns the address as 00:1b:21:aa:bb:cc.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// MarshalText implements encoding.TextMarshaler.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *MAC) UnmarshalText(b []byte) error {
	v, err := ParseMAC(string(b))
	if err != nil {
		return err
	}
	*m = v
	return nil
}
