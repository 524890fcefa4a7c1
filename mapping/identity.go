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
	id := w.switches.identify(s.Neighbor)
	if id.VLAN = vlan; vlan == 0 {
		id.Port = s.Neighbor.Port
	}
	// The port alone names nothing in a group of switches, unless they are flat.
	if g, ok := w.groupOf(s); ok && (vlan != 0 || g.UnadvertisedSwitch) {
		return Identity{Kind: identity.Group, Switch: g.Name, VLAN: vlan}
	}
	return id
}

// asKnown is the subject with the chassis ID by which its switch is known, where
// that is another than the one heard.
func (w *World) asKnown(s rules.Subject) (rules.Subject, bool) {
	s.Switch = w.switches.Canonical(s.Neighbor.Chassis)
	return s, s.Switch != s.Neighbor.Chassis
}

// groupOf, declaredOn and nameOf ask the rules about the switch as it is heard. Only
// where they have nothing to say do rules about a chassis ID that the switch had
// before count.
func (w *World) groupOf(s rules.Subject) (rules.Group, bool) {
	g, ok := w.Rules.Group(s)
	if known, differs := w.asKnown(s); !ok && differs {
		return w.Rules.Group(known)
	}
	return g, ok
}

func (w *World) declaredOn(s rules.Subject) []rules.Declared {
	out := w.Rules.Declared(s)
	if known, differs := w.asKnown(s); len(out) == 0 && differs {
		return w.Rules.Declared(known)
	}
	return out
}

func (w *World) nameOf(s rules.Subject, o rules.Occurrence) (naming rules.Naming, named bool, notes []string) {
	naming, named, notes = w.Rules.Name(s, o)
	if known, differs := w.asKnown(s); !named && differs {
		naming, named, _ = w.Rules.Name(known, o)
	}
	return naming, named, notes
}
