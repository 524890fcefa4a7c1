// SPDX-License-Identifier: Apache-2.0

// Package identity says what a name is given to, and by which key that is kept: in the
// node file, in the plugin's records, in the agent's files and in the API. What leads
// to an identity is for package mapping to find out. The plugin links it: it uses the
// standard library and the types of package discovery only.
package identity

import (
	"cmp"
	"fmt"

	"github.com/colvin-net/colvin/discovery"
)

// A Kind says what the Switch of an Identity is.
type Kind string

// The kinds of switches.
const (
	// Chassis: a chassis ID in canonical text.
	Chassis Kind = ""
	// Group: the name of a group of switches that share their VLANs.
	Group Kind = "group"
	// Sender: a chassis ID that does not say which device it is, so that each port from
	// which it comes counts for itself.
	Sender Kind = "sender"
	// Pin: the MAC address of a port where no switch speaks, and an admin says where it leads.
	Pin Kind = "pin"
)

// Identity is what a name is given to: a switch, or a group of switches that share
// their VLANs, and a VLAN on it.
type Identity struct {
	Kind   Kind   `json:"kind,omitempty"`
	Switch string `json:"switch"`
	// Source is the MAC address that tells a Sender from its namesakes, and Says what it
	// says of itself: devices that share a chassis ID can share an address, too.
	Source discovery.MAC `json:"source,omitzero"`
	Says   string        `json:"says,omitempty"`
	// VLAN is 1..4094, or 0 where the switch does not advertise it.
	VLAN uint16 `json:"vlan,omitempty"`
	// Port is the switch port where the VLAN is not advertised: without a VLAN two
	// ports of one switch are two networks until a rule says otherwise.
	Port discovery.ID `json:"port,omitempty"`
}

// HasVLAN reports whether the VLAN is known.
func (i Identity) HasVLAN() bool { return i.VLAN != 0 }

// String describes the identity for people. What keeps or compares identities uses
// Key.
func (i Identity) String() string {
	what := "chassis " + i.Switch
	switch i.Kind {
	case Group:
		what = "switch group " + i.Switch
	case Sender:
		what += " from " + i.Source.String()
		if i.Says != "" {
			what += " (" + i.Says + ")"
		}
	case Pin:
		what = "the wire at " + i.Switch
		if i.VLAN == 0 {
			return what
		}
	case Chassis:
	}
	switch {
	case i.VLAN != 0:
		return fmt.Sprintf("%s VLAN %d", what, i.VLAN)
	case i.Port != "":
		return fmt.Sprintf("%s port %s, VLAN not advertised", what, i.Port)
	default:
		return what + ", VLAN not advertised"
	}
}

// Compare orders identities.
func Compare(a, b Identity) int {
	return cmp.Or(cmp.Compare(a.Switch, b.Switch), cmp.Compare(a.VLAN, b.VLAN), cmp.Compare(a.Port, b.Port),
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Source.String(), b.Source.String()), cmp.Compare(a.Says, b.Says))
}
