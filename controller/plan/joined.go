// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"time"

	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A clusterView is what all nodes see together.
type clusterView struct {
	options Options
	set     *rules.Set
	book    []mapping.Colour
	given   map[string]int // how many colours, by the node that saw their networks
	now     time.Time
	plan    *Plan
	nodes   []*observed

	switches mapping.Switches
	same     identityClasses
	colours  map[mapping.Identity][]string // by class, the oldest first
	uplinks  []nodeUplink
}

// A nodeUplink is an uplink of one node, with the identities that it shows.
type nodeUplink struct {
	*observed
	*mapping.Uplink
	identities  []mapping.Identity // its own first, then those of the other members
	networkName string             // that the Network bears; empty for none
	colours     []string           // of its identity, as far as they resolve
}

// where is the uplink for messages.
func (b *nodeUplink) where() string { return b.node.Name + " " + b.Port.Name }

// isSure reports whether the uplink is known to lead to its network now.
func (b *nodeUplink) isSure() bool {
	return b.Certainty.Known() && (b.Device.Index != 0 || b.Parent.Index != 0)
}

// byRule reports whether a rule names the uplink.
func (b *nodeUplink) byRule() bool { return b.Rule != rules.Ref{} }

// join finds which identities are one network on all nodes together, and names
// whatever has no name by a rule.
func (w *clusterView) join() {
	inputs := make([]mapping.Input, 0, len(w.nodes))
	for _, o := range w.nodes {
		inputs = append(inputs, o.input)
	}
	w.switches = mapping.JoinSwitches(inputs)
	w.same = identityClasses{}
	for _, o := range w.nodes {
		for i := range o.view.Uplinks {
			w.uplinks = append(w.uplinks, w.noteUplink(o, &o.view.Uplinks[i]))
		}
	}
	w.colours = map[mapping.Identity][]string{}
	for _, c := range w.book {
		class := w.class(c.Identity)
		w.colours[class] = append(w.colours[class], c.Name)
	}
	for i := range w.uplinks {
		w.nameUplink(&w.uplinks[i])
	}
}

// noteUplink notes an uplink, and that its identities are the same: the switch and the
// group that it is in, and what LACP or a bridge proves to be one.
func (w *clusterView) noteUplink(o *observed, a *mapping.Uplink) nodeUplink {
	b := nodeUplink{observed: o, Uplink: a, identities: []mapping.Identity{a.Identity}}
	if a.Identity.HasVLAN() {
		w.same.merge(w.switches.CanonicalIdentity(a.Identity), w.switches.CanonicalIdentity(o.input.Memory.Ungrouped(a.Identity, a.Port.Index, a.Neighbor)))
	}
	if !b.isSure() {
		return b
	}
	for _, m := range a.Members {
		if m.Decides && !slices.Contains(b.identities, m.Identity) {
			b.identities = append(b.identities, m.Identity)
			w.same.merge(w.switches.CanonicalIdentity(a.Identity), w.switches.CanonicalIdentity(m.Identity))
		}
	}
	return b
}

// class is the identity that stands for all that are the same network.
func (w *clusterView) class(id mapping.Identity) mapping.Identity {
	return w.same.root(w.switches.CanonicalIdentity(id))
}

// nameUplink names an uplink: by its rule, or by the oldest colour of all that is the same
// network, wherever in the cluster it was heard.
func (w *clusterView) nameUplink(b *nodeUplink) {
	if b.Identity.HasVLAN() {
		b.colours = slices.DeleteFunc(slices.Clone(w.colours[w.class(b.Identity)]), w.set.Covers)
	}
	switch {
	case b.byRule():
		b.networkName = b.Name
	case len(b.colours) > 0:
		b.networkName = b.colours[0]
	}
}

// identityClasses says which identities are the same network: a forest of identities, in
// which each tree is one.
type identityClasses map[mapping.Identity]mapping.Identity

func (s identityClasses) root(id mapping.Identity) mapping.Identity {
	top := id
	for up, ok := s[top]; ok; up, ok = s[top] {
		top = up
	}
	if top != id {
		s[id] = top // the next time it is shorter
	}
	return top
}

func (s identityClasses) merge(a, b mapping.Identity) {
	a, b = s.root(a), s.root(b)
	switch c := identity.Compare(a, b); {
	case c < 0:
		s[b] = a
	case c > 0:
		s[a] = b
	}
}
