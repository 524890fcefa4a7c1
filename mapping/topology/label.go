// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/colour"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

const (
	grey      = "#808080" // what has no name or is silent
	noNetwork = "no network"

	// maxNetworks is how many networks of one link a picture names.
	maxNetworks = 5
)

// hues are the colours in which networks are drawn. A name has one in the whole
// picture: that of the first network that bears it.
type hues map[string]string

func (t *Topology) hues() hues {
	h := hues{}
	for _, n := range t.Nodes {
		for _, p := range n.Ports {
			for _, l := range p.Links {
				for i := range l.Networks {
					h.add(&l.Networks[i])
				}
			}
			for i := range p.Pinned {
				h.add(&p.Pinned[i])
			}
		}
	}
	return h
}

func (h hues) add(n *Network) {
	if n.Name == "" || h[n.Name] != "" {
		return
	}
	for _, candidate := range []string{speciesOf(n.Name), n.Colour, colour.Preferred(n.Name)} {
		if hex, ok := colour.Hex(candidate); ok {
			h[n.Name] = hex
			return
		}
	}
}

// kin are hues of the palette for words that people use instead.
var kin = map[string]string{"green": "sage", "grey": "ash", "gray": "ash", "purple": "plum", "violet": "plum", "yellow": "amber", "orange": "amber"}

// speciesOf is a colour in the hue that a network is called after, so that no
// network called green is drawn in blue.
func speciesOf(name string) string {
	word, _, _ := strings.Cut(name, "-")
	return cmp.Or(kin[word], word) + "-swan"
}

func (h hues) of(n *Network) string {
	if hex := h[n.Name]; hex != "" {
		return hex
	}
	return grey
}

// link is the colour of a cable: that of the first network on it.
func (h hues) link(l *Link) string {
	if len(l.Networks) == 0 {
		return grey
	}
	return h.of(&l.Networks[0])
}

// dashed reports whether a cable is drawn so: what it says is not fresh.
func (l *Link) dashed() bool {
	return !l.Heard || len(l.Networks) > 0 && l.Networks[0].Certainty != nodefile.Fresh
}

// pinned reports whether a port is drawn as one that a rule alone leads somewhere.
func (p *Port) pinned() bool { return len(p.Links) == 0 && len(p.Pinned) > 0 }

// silent reports whether it is to be said why nobody is heard on a port: not where a rule
// says that nobody is.
func (p *Port) silent() bool {
	return p.Silence != nil && !slices.ContainsFunc(p.Pinned, func(n Network) bool { return n.Certainty == nodefile.Pinned })
}

// Title is the name of a network, or that it has none.
func (n *Network) Title() string { return cmp.Or(n.Name, "unnamed") }

// Doubt is what to know about a network before relying on it; empty where nothing is.
func (n *Network) Doubt() string {
	switch {
	case n.Certainty != nodefile.Fresh:
		return string(n.Certainty)
	case n.Standby:
		return "standby"
	default:
		return ""
	}
}

// label is the name of a network with what to know about it.
func (n *Network) label() string {
	if doubt := n.Doubt(); doubt != "" {
		return fmt.Sprintf("%s (%s)", n.Title(), doubt)
	}
	return n.Title()
}

// InVLAN says in which VLAN a network is, or that nobody tells.
func (n *Network) InVLAN() string {
	switch {
	case n.Tagged:
		return fmt.Sprintf("tagged %d", n.VLAN)
	case n.Pinned:
		return "untagged"
	case n.VLAN == 0:
		return "VLAN not advertised"
	default:
		return fmt.Sprintf("VLAN %d", n.VLAN)
	}
}

// String is what the network is called, its VLAN, and what to know about it.
func (n *Network) String() string {
	if doubt := n.Doubt(); doubt != "" {
		return fmt.Sprintf("%s (%s, %s)", n.Title(), n.InVLAN(), doubt)
	}
	return fmt.Sprintf("%s (%s)", n.Title(), n.InVLAN())
}

// lines are the networks of a link, one a line, at most maxNetworks of them.
func (l *Link) lines() []string {
	if len(l.Networks) == 0 {
		return []string{noNetwork}
	}
	var out []string
	for i := range l.Networks[:min(len(l.Networks), maxNetworks)] {
		out = append(out, l.Networks[i].String())
	}
	if more := len(l.Networks) - maxNetworks; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}

// lines are what a port says of itself, one a line.
func (p *Port) lines() []string {
	out := []string{p.title()}
	for i := range p.Pinned[:min(len(p.Pinned), maxNetworks)] {
		out = append(out, p.Pinned[i].String())
	}
	if more := len(p.Pinned) - maxNetworks; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	if p.silent() {
		out = append(out, fit.Wrap(p.Silence.Message, 40)...)
	}
	return out
}

func (p *Port) title() string {
	if p.Master != "" {
		return fmt.Sprintf("%s in %s", p.Name, p.Master)
	}
	return p.Name
}

// lines name a switch.
func (s *Switch) lines() []string {
	chassis := string(s.Chassis)
	if s.Kind != discovery.SpeakerSwitch {
		chassis += fmt.Sprintf(" (%s)", s.Kind)
	}
	return []string{s.Title(), chassis}
}

// Title is the name of a switch, or that it has none.
func (s *Switch) Title() string {
	return cmp.Or(s.System, fmt.Sprintf("a %s without a name", s.Kind))
}

// lines name a switch port.
func (p *SwitchPort) lines() []string {
	name := bare(p.Port)
	if p.Description == "" || p.Description == name {
		return []string{name}
	}
	return []string{name, p.Description}
}

// bare is an ID without its type.
func bare(id discovery.ID) string {
	_, value, _ := strings.Cut(string(id), ":")
	return value
}

// An end says which switch and which of its ports an MSAP is.
type end struct{ sw, port int }

func (t *Topology) ends() map[discovery.MSAP]end {
	ends := map[discovery.MSAP]end{}
	for i, s := range t.Switches {
		for j, p := range s.Ports {
			ends[p.MSAP] = end{i, j}
		}
	}
	return ends
}
