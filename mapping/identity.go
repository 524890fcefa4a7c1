// SPDX-License-Identifier: Apache-2.0

// Package mapping turns what a node sees into network names: identities, their
// certainty, and the View from name to uplinks. It is pure; the same code
// runs on a node and wherever else snapshots and rules are at hand.
package mapping

import (
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/rules"
)

// Identity is what a name is given to.
type Identity = identity.Identity

// identify is the identity of a neighbour's VLAN: of its switch, or of the group
// that rules put the switch into. VLAN 0 is the untagged network of a switch that
// advertises no PVID.
func (w *World) identify(s rules.Subject, vlan uint16) Identity {
	id := identifySwitch(w.switches, w.bearers, s.Interface, s.Neighbor)
	if id.VLAN = vlan; vlan == 0 {
		id.Port = s.Neighbor.Port
	}
	// A chassis ID that identifies nothing puts nobody into a group.
	if id.Kind == identity.Sender {
		unidentified := *s.Neighbor
		unidentified.Chassis = ""
		s.Neighbor = &unidentified
	}
	// The port alone names nothing in a group of switches, unless they are flat.
	if g, ok := w.Rules.Group(w.known(s)); ok && (vlan != 0 || g.UnadvertisedSwitch) {
		return Identity{Kind: identity.Group, Switch: g.Name, VLAN: vlan}
	}
	return id
}

// known is the subject with the chassis ID by which its switch is known: rules may be
// about any of those that it bears.
func (w *World) known(s rules.Subject) rules.Subject {
	if known := w.switches.Canonical(s.Neighbor.Chassis); known != s.Neighbor.Chassis {
		s.Switch = known
	}
	return s
}
