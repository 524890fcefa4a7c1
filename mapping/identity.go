// SPDX-License-Identifier: Apache-2.0

// Package mapping turns what a node sees into network names: identities, their
// certainty, and the View from name to uplinks. It is pure; the same code
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
	// VLAN is 1..4094, or 0 where the switch does not advertise it.
	VLAN uint16 `json:"vlan,omitempty"`
	// Port is the switch port where the VLAN is not advertised: without a VLAN two
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
		return fmt.Sprintf("%s port %s, VLAN not advertised", what, i.Port)
	default:
		return what + ", VLAN not advertised"
	}
}

// HasVLAN reports whether the VLAN is known.
func (i Identity) HasVLAN() bool { return i.VLAN != 0 }

// identify is the identity of a neighbour's VLAN: of its switch, or of the group
// that rules put the switch into. VLAN 0 is the untagged network of a switch that
// advertises no PVID.
func (w *World) identify(s rules.Subject, vlan uint16) Identity {
	id := Identity{Switch: w.switches.nameFor(s.Neighbor), VLAN: vlan}
	if vlan == 0 {
		id.Port = s.Neighbor.Port
	}
	if g, ok := w.groupOf(s); ok {
		switch {
		case g.UnadvertisedSwitch:
			id.Switch, id.Port = groupPrefix+g.Name, ""
		case id.Port == "": // the port alone names nothing in a group of switches
			id.Switch = groupPrefix + g.Name
		}
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
