// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"iter"
	"maps"
	"reflect"
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

	joined
}

// joined is which identities are one network on all nodes together.
type joined struct {
	switches mapping.Switches
	same     identityClasses
	colours  map[mapping.Identity][]string // by class, the oldest first
	book     []mapping.Colour              // that these are of
	set      *rules.Set                    // by which colours count
}

// A nodeUplink is an uplink of one node, with the identities that it shows.
type nodeUplink struct {
	*observed
	*mapping.Uplink
	others      []mapping.Identity // those of other members, beside its own
	networkName string             // that the Network bears; empty for none
	colours     []string           // of its identity, as far as they resolve
}

// where is the uplink for messages.
func (b *nodeUplink) where() string { return b.node.Name + " " + b.Port.Name }

// isSure reports whether the uplink is known to lead to its network now.
func (b *nodeUplink) isSure() bool {
	return b.Certainty.Known() && (b.Device.Index != 0 || b.Parent.Index != 0)
}

// identities are its own first, then those of the other members.
func (b *nodeUplink) identities() iter.Seq[mapping.Identity] {
	return func(yield func(mapping.Identity) bool) {
		if yield(b.Identity) {
			slices.Values(b.others)(yield)
		}
	}
}

// byRule reports whether a rule names the uplink.
func (b *nodeUplink) byRule() bool { return b.Rule != rules.Ref{} }

// join finds which identities are one network on all nodes together, and reports whether that
// is another answer than before.
func (w *clusterView) join(before *joined) (anew bool) {
	inputs := make([]mapping.Input, 0, len(w.nodes))
	for _, o := range w.nodes {
		inputs = append(inputs, o.input)
	}
	w.joined = joined{switches: mapping.JoinSwitches(inputs), same: identityClasses{}, book: w.book, set: w.set, colours: before.colours}
	for _, o := range w.nodes {
		for _, pair := range o.pairs {
			w.same.merge(w.switches.CanonicalIdentity(pair[0]), w.switches.CanonicalIdentity(pair[1]))
		}
	}
	w.same.shorten()
	anew = before.set != w.set || !slices.Equal(before.book, w.book) || !maps.Equal(before.same, w.same) || !reflect.DeepEqual(before.switches, w.switches)
	if anew {
		w.colours = map[mapping.Identity][]string{}
		for _, c := range w.book {
			class := w.class(c.Identity)
			w.colours[class] = append(w.colours[class], c.Name)
		}
	}
	*before = w.joined
	return anew
}

// note notes the uplinks of a node, and which of their identities are the same: the switch and
// the group that it is in, and what LACP or a bridge proves to be one.
func (o *observed) note() {
	o.uplinks, o.pairs = make([]nodeUplink, 0, len(o.view.Uplinks)), nil
	seen := map[[2]mapping.Identity]bool{}
	pair := func(a, b mapping.Identity) {
		if p := [2]mapping.Identity{a, b}; a != b && !seen[p] {
			seen[p] = true
			o.pairs = append(o.pairs, p)
		}
	}
	for i := range o.view.Uplinks {
		a := &o.view.Uplinks[i]
		b := nodeUplink{observed: o, Uplink: a}
		if a.Identity.HasVLAN() {
			pair(a.Identity, o.input.Memory.Ungrouped(a.Identity, a.Port.Index, a.Neighbor))
		}
		if b.isSure() {
			for _, m := range a.Members {
				if m.Decides && m.Identity != a.Identity && !slices.Contains(b.others, m.Identity) {
					b.others = append(b.others, m.Identity)
					pair(a.Identity, m.Identity)
				}
			}
		}
		o.uplinks = append(o.uplinks, b)
	}
}

// class is the identity that stands for all that are the same network.
func (w *clusterView) class(id mapping.Identity) mapping.Identity {
	return w.same.root(w.switches.CanonicalIdentity(id))
}

// nameUplink names an uplink: by its rule, or by the oldest colour of all that is the same
// network, wherever in the cluster it was heard.
func (w *clusterView) nameUplink(b *nodeUplink) {
	b.networkName, b.colours = "", nil
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

// shorten has every identity stand beside that which stands for it: then the same classes are
// the same map.
func (s identityClasses) shorten() {
	for id := range s {
		s.root(id)
	}
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
