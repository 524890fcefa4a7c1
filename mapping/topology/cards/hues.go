// SPDX-License-Identifier: Apache-2.0

package cards

import (
	"cmp"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/mapping/colour"
	"github.com/colvin-net/colvin/mapping/topology"
)

// grey is what has no name or is silent.
const grey = "#808080"

// Hues are the colours in which networks are drawn, by their names. A name has one in the whole
// picture: that which it is called after, or the colour of the first network that bears it, or
// else one that few others have.
type Hues map[string]string

// HuesOf are the colours of all networks of a topology, for pictures of it and of its parts.
func HuesOf(t *topology.Topology) Hues {
	h := Hues{}
	var others []string
	for _, n := range t.Nodes {
		for _, p := range n.Ports {
			for _, l := range p.Links {
				others = h.add(l.Networks, others)
			}
			others = h.add(p.Pinned, others)
		}
	}
	slices.SortFunc(others, natural)
	h.share(slices.Compact(others))
	return h
}

// add gives networks the colours that they have by themselves, and adds those that have none
// to others.
func (h Hues) add(networks []topology.Network, others []string) []string {
	for _, n := range networks {
		if n.Name == "" || h[n.Name] != "" {
			continue
		}
		if hex, ok := colour.Hex(speciesOf(n.Name)); ok {
			h[n.Name] = hex
		} else if hex, ok := colour.Hex(n.Colour); ok {
			h[n.Name] = hex
		} else {
			others = append(others, n.Name)
		}
	}
	return others
}

// share gives names the colours that are used least, each the one that it prefers among those.
func (h Hues) share(names []string) {
	used := map[string]int{}
	for _, hex := range h {
		used[hex]++
	}
	for _, name := range names {
		if h[name] != "" {
			continue
		}
		best, _ := colour.Hex(colour.Preferred(name))
		for _, hex := range colour.Hues() {
			if used[hex] < used[best] {
				best = hex
			}
		}
		h[name] = best
		used[best]++
	}
}

// kin are hues of the palette for words that people use instead.
var kin = map[string]string{"green": "sage", "grey": "ash", "gray": "ash", "purple": "plum", "violet": "plum", "yellow": "amber", "orange": "amber"}

// speciesOf is a colour in the hue that a network is called after, so that no network called
// green is drawn in blue.
func speciesOf(name string) string {
	word, _, _ := strings.Cut(name, "-")
	return cmp.Or(kin[word], word) + "-swan"
}

func (h Hues) of(n *topology.Network) string { return cmp.Or(h[n.Name], grey) }
