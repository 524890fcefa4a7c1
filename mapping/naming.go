// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"slices"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// nameAll gives colours to what no rule named, and keeps a colour as an alias
// where a rule did: whoever attached to the colour still finds it.
func (r *resolver) nameAll() {
	byIdentity := r.colours()
	seen := map[Identity]bool{}
	for i := range r.view.Uplinks {
		a := &r.view.Uplinks[i]
		if !a.Identity.HasVLAN() {
			continue
		}
		colours := slices.Clone(byIdentity[a.Identity])
		switch {
		case len(colours) > 0:
			r.colour(a, colours)
		case a.Name == "" && a.Certainty == nodefile.Fresh && (a.VID == 0 || r.Colours.Tagged):
			if id := r.ungrouped(a); !seen[id] {
				seen[id] = true
				r.view.Uncoloured = append(r.view.Uncoloured, id)
			}
		}
	}
}

// ungrouped is the identity by which an uplink has a colour.
func (r *resolver) ungrouped(a *Uplink) Identity {
	id := r.Memory.Ungrouped(a.Identity, a.Port.Index, a.Neighbor)
	id.Port = ""
	return id
}

// Ungrouped is the identity of what a neighbour leads to at a port, as it would be if
// its switch were in no group.
func (m Memory) Ungrouped(id Identity, port int, by discovery.MSAP) Identity {
	if id.Kind == identity.Pin {
		return id // nobody was heard
	}
	out := Identity{Switch: string(m.Switches.Canonical(by.Chassis))}
	if p, held := m.port(port); held && p.Holder.MSAP == by {
		out = identifySwitch(m.Switches, m.Bearers, p.Interface, &p.Holder.Neighbor)
	}
	if out.VLAN = id.VLAN; !id.HasVLAN() {
		out.Port = by.Port
	}
	return out
}

// colours are the colours of each identity, oldest first. A group has those of
// its chassis seen here.
func (r *resolver) colours() map[Identity][]string {
	coloured := map[Identity]bool{}
	for _, c := range r.Colours.Book {
		coloured[r.switches.CanonicalIdentity(c.Identity)] = true
	}
	joined := map[Identity][]Identity{} // by the identity of the chassis
	for i := range r.view.Uplinks {
		a := &r.view.Uplinks[i]
		own := r.ungrouped(a)
		if coloured[own] && !slices.Contains(joined[own], a.Identity) {
			joined[own] = append(joined[own], a.Identity)
		}
	}
	out := map[Identity][]string{}
	for _, c := range r.Colours.Book {
		for _, id := range joined[r.switches.CanonicalIdentity(c.Identity)] {
			out[id] = append(out[id], c.Name)
		}
	}
	return out
}

func (r *resolver) colour(a *Uplink, colours []string) {
	a.Colour = colours[0]
	usable := slices.DeleteFunc(colours, func(c string) bool {
		shadowed := r.Rules.Covers(c)
		if shadowed {
			r.shadowed(c, a.Identity)
		}
		return shadowed
	})
	if len(usable) == 0 {
		return
	}
	if a.Name == "" {
		a.Name, usable = usable[0], usable[1:]
	}
	if r.Colours.Attach {
		a.Aliases = append(a.Aliases, usable...)
	}
}

// readOnlyColours takes what only a colour names out of use, where colours are for
// reading.
func (r *resolver) readOnlyColours() {
	for i := range r.view.Uplinks {
		if a := &r.view.Uplinks[i]; !r.Colours.Attach && a.Name != "" && a.Rule.String() == "" {
			a.Usable, a.Reason = false, "a colour is for reading only here (colours.attach: false); name it with a rule"
		}
	}
}

// shadowed reports a colour that a rule could give to something else: two
// meanings of one name could lead a pod to the wrong network.
func (r *resolver) shadowed(colour string, id Identity) {
	if slices.ContainsFunc(r.view.Conditions, func(c Condition) bool {
		return c.Type == ColourShadowed && c.Network == colour
	}) {
		return
	}
	r.condition(ColourShadowed, "", colour, "%s is the colour of %s, but a rule uses that name too; the colour does not resolve", colour, id)
}

// KnownNames are the names that could mean something on some node: what the
// rules name, and the colours.
func (in *Input) KnownNames() []string {
	names := slices.Clone(in.Rules.KnownNames())
	if in.Colours.Attach {
		for _, c := range in.Colours.Book {
			if !in.Rules.Covers(c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
