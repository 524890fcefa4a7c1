// SPDX-License-Identifier: Apache-2.0

// Package mapping turns what a node sees into network names: identities, their
// certainty, and the View from name to uplinks. It is pure; the same code
// runs on a node and wherever else snapshots and rules are at hand.
package mapping

import (
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/rules"
)

// Identity is what a name is given to.
type Identity = identity.Identity

// A source is what an utterance says of itself, apart from its VLANs: which switch it is
// of, and what the rules make of that.
type source struct {
	said    *discovery.Neighbor
	told    map[uint16]string // the names of VLANs
	of      Identity          // the switch, without a VLAN
	read    *rules.Reading    // the utterance
	group   rules.Group
	grouped bool
}

// source reads what was said on a port.
func (w *World) source(ifname string, n *discovery.Neighbor) *source {
	if w.budget != nil && w.budget.sources[n] != nil { // of one port, as the neighbour is
		return w.budget.sources[n]
	}
	s := w.subject(ifname, n)
	out := &source{said: n, told: make(map[uint16]string, len(n.VLANs)), of: identifySwitch(w.switches, w.bearers, ifname, n), read: w.Rules.Read(w.known(s))}
	for _, v := range n.VLANs {
		out.told[v.ID] = v.Name
	}
	out.group, out.grouped = out.read.Group()
	// A chassis ID that identifies nothing puts nobody into a group.
	if out.of.Kind == identity.Sender {
		unidentified := *n
		unidentified.Chassis = ""
		s.Neighbor = &unidentified
		out.group, out.grouped = w.Rules.Read(w.known(s)).Group()
	}
	return out
}

// identity is that of a VLAN: of the switch, or of the group that rules put the switch into.
// VLAN 0 is the untagged network of a switch that advertises no PVID.
func (s *source) identity(vlan uint16) Identity {
	// The port alone names nothing in a group of switches, unless they are flat.
	if s.grouped && (vlan != 0 || s.group.UnadvertisedSwitch) {
		return Identity{Kind: identity.Group, Switch: s.group.Name, VLAN: vlan}
	}
	id := s.of
	if id.VLAN = vlan; vlan == 0 {
		id.Port = s.said.Port
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
