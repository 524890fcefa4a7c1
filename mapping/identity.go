// SPDX-License-Identifier: Apache-2.0

// Package mapping turns what a node sees into network names: identities, their
// certainty, and the View from name to attachments. It is pure; the same code
// runs on a node and wherever else snapshots and rules are at hand.
package mapping

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/rules"
)

// groupPrefix marks Identity.Switch as a switch group. No chassis ID has it: a
// canonical chassis ID starts with the short name of its subtype.
const groupPrefix = "group:"

// Identity is what a name is given to: a switch, or a group of switches that
// share their VLANs, and a VLAN on it.
type Identity struct {
	// Switch is the chassis ID in canonical text, or "group:" and the name of a
	// switch group.
	Switch string `json:"switch"`
	// VLAN is 1..4094, or 0 where the switch does not tell it.
	VLAN uint16 `json:"vlan,omitempty"`
	// Port is the switch port where the VLAN is not told: without a VLAN two
	// ports of one switch are two networks until a rule says otherwise.
	Port discovery.ID `json:"port,omitempty"`
}

// String describes the identity for people.
func (i Identity) String() string {
	what := "chassis " + i.Switch
	if g, ok := strings.CutPrefix(i.Switch, groupPrefix); ok {
		what = "switch group " + g
	}
	switch {
	case i.VLAN != 0:
		return fmt.Sprintf("%s VLAN %d", what, i.VLAN)
	case i.Port != "":
		return fmt.Sprintf("%s port %s, VLAN not told", what, i.Port)
	default:
		return what + ", VLAN not told"
	}
}

// Told reports whether the VLAN is known.
func (i Identity) Told() bool { return i.VLAN != 0 }

// chassisIdentity is the identity of a neighbour's VLAN before rules join
// switches into groups. VLAN 0 is the untagged network of a switch that tells
// no PVID.
func chassisIdentity(n *discovery.Neighbor, vlan uint16) Identity {
	id := Identity{Switch: string(n.Chassis), VLAN: vlan}
	if vlan == 0 {
		id.Port = n.Port
	}
	return id
}

// identify is the identity of a neighbour's VLAN under the rules.
func identify(set *rules.Set, s rules.Subject, vlan uint16) Identity {
	id := chassisIdentity(s.Neighbor, vlan)
	if g, ok := set.Group(s); ok {
		id.Switch = groupPrefix + g.Name
		if g.UntoldSwitch {
			id.Port = ""
		} else if id.Port != "" { // the port alone names nothing in a group of switches
			id.Switch = string(s.Neighbor.Chassis)
		}
	}
	return id
}

// ColourKey is the text by which the colour book knows a chassis' VLAN.
func (i Identity) ColourKey() string { return fmt.Sprintf("%s vlan %d", i.Switch, i.VLAN) }

// ParseColourKey reads what ColourKey wrote.
func ParseColourKey(key string) (Identity, bool) {
	at := strings.LastIndex(key, " vlan ")
	if at < 0 {
		return Identity{}, false
	}
	vlan, err := strconv.ParseUint(key[at+len(" vlan "):], 10, 16)
	return Identity{Switch: key[:at], VLAN: uint16(vlan)}, err == nil && vlan != 0
}
