// SPDX-License-Identifier: Apache-2.0

package cards

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/topology"
)

const (
	noNetwork = "no network"

	// maxNetworks is how many networks of one port a picture names.
	maxNetworks = 4
	// maxRest is how many ports that lead nowhere a card names.
	maxRest = 6
	// maxAbout is how many lines a port's whole story has.
	maxAbout = 40
)

// Of says what a picture of a topology shows, in the colours of it or of what it is a part of.
// Nodes that lead to the same switches and networks share a card, unless unfold has each drawn
// by itself.
func Of(t *topology.Topology, hues Hues, unfold bool) *Picture {
	b := &builder{topology: t, hues: hues, out: &Picture{}, ends: map[discovery.MSAP]end{}, carried: map[discovery.MSAP][]topology.Network{}}
	b.look()
	for _, group := range b.groups(unfold) {
		b.node(group)
	}
	b.switches()
	b.legend()
	return b.out
}

// An end says where an MSAP is.
type end struct {
	sw   int
	port *topology.SwitchPort
}

type builder struct {
	topology *topology.Topology
	hues     Hues
	short    []string // names of switches
	ends     map[discovery.MSAP]end
	carried  map[discovery.MSAP][]topology.Network // by each switch port, whichever node says so
	bundles  []map[string]int                      // of each switch: the port of a card that some MSAPs are
	ports    [][][]discovery.MSAP                  // of each switch, each port of its card
	out      *Picture
}

// look finds switches and what they carry.
func (b *builder) look() {
	var names []string
	for i := range b.topology.Switches {
		s := &b.topology.Switches[i]
		for j := range s.Ports {
			b.ends[s.Ports[j].MSAP] = end{i, &s.Ports[j]}
		}
		names = append(names, cmp.Or(s.System, string(s.Chassis)))
		b.bundles = append(b.bundles, map[string]int{})
	}
	b.short = short(names)
	b.ports = make([][][]discovery.MSAP, len(names))
	for _, n := range b.topology.Nodes {
		for _, p := range n.Ports {
			for _, l := range p.Links {
				b.carried[l.MSAP] = l.Networks
			}
		}
	}
}

// A member is a node with what it is grouped by.
type member struct {
	*topology.Node
	led  []led // its ports that lead somewhere
	rest []*topology.Port
}

// A led port leads somewhere. Its key is equal where it leads to the same.
type led struct {
	*topology.Port
	key   string
	links []*topology.Link // ordered by switch, only to switches that are known
}

// groups are the nodes that share a card.
func (b *builder) groups(unfold bool) (all [][]member) {
	of := map[string]int{}
	for i := range b.topology.Nodes {
		m := b.member(&b.topology.Nodes[i])
		key := m.key()
		at, ok := of[key]
		if !ok || unfold {
			of[key] = len(all)
			all = append(all, []member{m})
			continue
		}
		all[at] = append(all[at], m)
	}
	for _, group := range all {
		if len(group) < 2 {
			continue
		}
		slices.SortStableFunc(group, func(a, c member) int { return natural(a.Name, c.Name) })
		for i := range group {
			group[i].sort()
		}
	}
	return all
}

func (b *builder) member(n *topology.Node) member {
	m := member{Node: n}
	for j := range n.Ports {
		p := &n.Ports[j]
		l := led{Port: p, links: b.links(p)}
		if len(l.links) == 0 && len(p.Pinned) == 0 {
			m.rest = append(m.rest, p)
			continue
		}
		l.key = b.keyOf(&l)
		m.led = append(m.led, l)
	}
	return m
}

func (b *builder) links(p *topology.Port) (links []*topology.Link) {
	for k := range p.Links {
		if _, ok := b.ends[p.Links[k].MSAP]; ok {
			links = append(links, &p.Links[k])
		}
	}
	slices.SortStableFunc(links, func(x, y *topology.Link) int { return cmp.Compare(b.ends[x.MSAP].sw, b.ends[y.MSAP].sw) })
	return links
}

// keyOf tells apart what is drawn differently: switches, networks, and how sure they are.
func (b *builder) keyOf(l *led) string {
	var key strings.Builder
	for _, link := range l.links {
		fmt.Fprintf(&key, "to %d %t\n", b.ends[link.MSAP].sw, link.Heard)
		for _, n := range link.Networks {
			fmt.Fprintf(&key, "%q %d %t %s %t\n", n.Name, n.VLAN, n.Tagged, n.Certainty, n.Standby)
		}
	}
	for _, n := range l.Pinned {
		fmt.Fprintf(&key, "pinned %q %d %t %s\n", n.Name, n.VLAN, n.Tagged, n.Certainty)
	}
	return key.String()
}

// key tells nodes apart by their ports, and by which of these are in one bond.
func (m *member) key() string {
	of, alone := map[string][]string{}, []string{}
	for _, l := range m.led {
		if l.Master != "" {
			of[l.Master] = append(of[l.Master], fmt.Sprintf("%s %s", l.MasterKind, l.key))
			continue
		}
		alone = append(alone, l.key)
	}
	for _, keys := range of {
		slices.Sort(keys)
		alone = append(alone, "in one: "+strings.Join(keys, "; "))
	}
	slices.Sort(alone)
	return strings.Join(alone, "\n")
}

// sort brings the ports into an order that is the same in all nodes of one key.
func (m *member) sort() {
	of := map[string][]string{} // by master, the keys of its ports
	for _, l := range m.led {
		of[l.Master] = append(of[l.Master], l.key)
	}
	for _, keys := range of {
		slices.Sort(keys)
	}
	slices.SortStableFunc(m.led, func(x, y led) int {
		return cmp.Or(cmp.Compare(x.key, y.key), slices.Compare(of[x.Master], of[y.Master]), natural(x.Master, y.Master), natural(x.Name, y.Name))
	})
}

// node adds a card for a node, or for several that are alike.
func (b *builder) node(group []member) {
	c := Card{Title: group[0].Name, About: group[0].Name, Count: len(group)}
	if len(group) > 1 {
		var names []string
		for _, m := range group {
			names = append(names, m.Name)
		}
		c.Title, c.Sub = fmt.Sprintf("%d nodes", len(group)), nodeSet(names)
		c.About = strings.Join(bounded(names), "\n")
	}
	c.Rest = rest(group)
	at := len(b.out.Nodes)
	b.out.Nodes = append(b.out.Nodes, c)
	for i := range group[0].led {
		alike := make([]*led, 0, len(group))
		for k := range group {
			alike = append(alike, &group[k].led[i])
		}
		b.out.Nodes[at].Ports = append(b.out.Nodes[at].Ports, b.port(alike))
		for k := range alike[0].links {
			b.line(at, i, k, alike)
		}
	}
}

// port is a port that leads somewhere, of one node or of several.
func (b *builder) port(alike []*led) Port {
	first := alike[0]
	var names, masters, far []string
	for _, l := range alike {
		names, masters = append(names, l.Name), append(masters, l.Master)
	}
	p := Port{Name: ranges(names), Look: b.hues.pinned(first.Pinned), Nowhere: len(first.links) == 0, About: b.about(first)}
	if more := len(alike) - 1; more > 0 {
		p.About += "\nand so on " + plural(more, "more node")
	}
	p.Doubt = first.doubt()
	if first.Master != "" {
		p.Master, p.Bond = ranges(masters), first.MasterKind.Aggregates()
	}
	for k, link := range first.links {
		if k == 0 {
			p.Look = b.hues.link(link)
		}
		p.Texts = append(p.Texts, b.hues.texts(link.Networks, "", p.Doubt)...)
		if len(link.Networks) == 0 {
			p.Texts = append(p.Texts, Text{Words: noNetwork, Colour: grey})
		}
		far = append(far, b.far(alike, k))
	}
	p.Texts = append(p.Texts, b.hues.texts(first.Pinned, ", pinned", p.Doubt)...)
	p.Far = strings.Join(far, ", ")
	if p.Nowhere {
		p.Far = "no switch speaks"
	}
	return p
}

// far says where the links at k of ports that are alike end.
func (b *builder) far(alike []*led, k int) string {
	at := b.msaps(alike, k)
	sw := b.ends[at[0]].sw
	if len(at) > 1 {
		return fmt.Sprintf("%s, %d ports", b.short[sw], len(at))
	}
	return fmt.Sprintf("%s %s", b.short[sw], bare(at[0].Port))
}

// msaps are the switch ports to which the links at k lead, each once.
func (b *builder) msaps(alike []*led, k int) (all []discovery.MSAP) {
	for _, l := range alike {
		all = append(all, l.links[k].MSAP)
	}
	slices.SortFunc(all, func(x, y discovery.MSAP) int {
		return cmp.Or(natural(bare(x.Port), bare(y.Port)), cmp.Compare(x.Chassis, y.Chassis))
	})
	return slices.Compact(all)
}

func (b *builder) names(all []discovery.MSAP) (names []string) {
	for _, id := range all {
		names = append(names, bare(id.Port))
	}
	return names
}

// bare is an ID without its type.
func bare(id discovery.ID) string {
	_, value, ok := strings.Cut(string(id), ":")
	if !ok {
		return string(id)
	}
	return value
}

// line adds what leads to a switch from the ports of nodes that are alike.
func (b *builder) line(node, port, k int, alike []*led) {
	at := b.msaps(alike, k)
	sw := b.ends[at[0]].sw
	key := fmt.Sprint(at)
	if _, ok := b.bundles[sw][key]; !ok {
		b.bundles[sw][key] = len(b.ports[sw])
		b.ports[sw] = append(b.ports[sw], at)
	}
	link := alike[0].links[k]
	b.out.Lines = append(b.out.Lines, Line{
		Switch: sw, SwitchPort: b.bundles[sw][key], Node: node, NodePort: port, Count: len(alike), Look: b.hues.link(link),
		About: fmt.Sprintf("%s %s to %s", b.out.Nodes[node].Title, b.out.Nodes[node].Ports[port].Name, b.far(alike, k)),
	})
}

// about is the whole of what is known of a port.
func (b *builder) about(l *led) string {
	lines := []string{l.Name}
	if l.Master != "" {
		lines[0] += " in " + l.Master
	}
	for _, link := range l.links {
		s := &b.topology.Switches[b.ends[link.MSAP].sw]
		lines = append(lines, fmt.Sprintf("to %s (%s) port %s", s.Title(), s.Chassis, link.Port))
		if d := b.ends[link.MSAP].port.Description; d != "" {
			lines = append(lines, "described as "+d)
		}
		lines = append(lines, list(link.Networks)...)
	}
	lines = append(lines, list(l.Pinned)...)
	if l.Silence != nil {
		lines = append(lines, l.Silence.Message)
	}
	return strings.Join(lines, "\n")
}

func list(networks []topology.Network) (all []string) {
	for i := range networks {
		all = append(all, networks[i].String())
	}
	return bounded(all)
}

// bounded is at most maxAbout texts.
func bounded(all []string) []string {
	if more := len(all) - maxAbout; more > 0 {
		return append(slices.Clone(all[:maxAbout]), fmt.Sprintf("and %d more", more))
	}
	return all
}

// doubt is what is to know about all networks of a port; empty where that is not one thing.
func (l *led) doubt() string {
	all := slices.Clone(l.Pinned)
	for _, link := range l.links {
		all = append(all, link.Networks...)
		if len(link.Networks) == 0 && !link.Heard && len(l.links) == 1 {
			return "not heard now"
		}
	}
	for i := range all {
		if all[i].Doubt() != all[0].Doubt() {
			return ""
		}
	}
	if len(all) == 0 {
		return ""
	}
	return all[0].Doubt()
}

// texts are networks as a port names them, without a doubt that is said of all.
func (h Hues) texts(networks []topology.Network, of, said string) (all []Text) {
	for i := range networks[:min(len(networks), maxNetworks)] {
		n := &networks[i]
		words := n.Title()
		if n.Tagged {
			words += fmt.Sprintf(" · tagged %d", n.VLAN)
		}
		if of == "" || n.Certainty != nodefile.Pinned {
			words += of
		}
		if doubt := n.Doubt(); doubt != said {
			words += ", " + doubt
		}
		all = append(all, Text{Words: words, Colour: h.of(n), About: n.String()})
	}
	if more := len(networks) - maxNetworks; more > 0 {
		all = append(all, Text{Words: fmt.Sprintf("and %d more", more)})
	}
	return all
}

// link is how a cable is drawn: as what is least sure of what it carries.
func (h Hues) link(l *topology.Link) Look {
	look := h.networks(l.Networks)
	if !l.Heard && look.Style == Solid {
		look.Style = Dashed
	}
	return look
}

// pinned is how a port is drawn that a rule alone leads somewhere.
func (h Hues) pinned(networks []topology.Network) Look {
	look := h.networks(networks)
	if look.Style == Solid {
		look.Style = Dashed
	}
	return look
}

func (h Hues) networks(all []topology.Network) Look {
	look := Look{Colour: grey, Several: len(all) > 1, Thin: len(all) > 0}
	for i := range all {
		n := &all[i]
		if i == 0 {
			look.Colour = h.of(n)
		}
		look.Thin = look.Thin && n.Standby
		switch n.Certainty {
		case nodefile.Fresh:
		case nodefile.Down:
			look.Style = Dotted
		case nodefile.Unverified:
			look.Style, look.Warn = max(look.Style, Dashed), true
		default:
			look.Style = max(look.Style, Dashed)
		}
	}
	return look
}

// rest is what is said of the ports that lead nowhere: of one node each, of several how many.
func rest(group []member) (all []Text) {
	count := map[string]int{}
	for _, m := range group {
		for _, p := range m.rest {
			why := "nothing heard"
			about := ""
			if p.Silence != nil {
				why, about = string(p.Silence.Cause), p.Silence.Message
			}
			count[why]++
			all = append(all, Text{Words: fmt.Sprintf("%s: %s", p.Name, why), About: about})
		}
	}
	if len(group) > 1 {
		all = nil
		for _, why := range slices.Sorted(maps.Keys(count)) {
			all = append(all, Text{Words: fmt.Sprintf("%s: %s", why, plural(count[why], "port"))})
		}
	}
	if more := len(all) - maxRest; more > 0 {
		var about []string
		for _, t := range all[maxRest:] {
			about = append(about, t.Words)
		}
		all = append(all[:maxRest], Text{Words: "and " + plural(more, "more port"), About: strings.Join(bounded(about), "\n")})
	}
	return all
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// switches adds the cards of switches, whose ports the lines have found.
func (b *builder) switches() {
	for i := range b.topology.Switches {
		s := &b.topology.Switches[i]
		c := Card{Title: s.Title(), Sub: string(s.Chassis), About: fmt.Sprintf("%s\n%s", s.Title(), s.Chassis), Count: 1}
		if s.Kind != discovery.SpeakerSwitch {
			c.Sub += fmt.Sprintf(" (%s)", s.Kind)
		}
		for _, ids := range b.ports[i] {
			c.Ports = append(c.Ports, b.switchPort(ids))
		}
		b.out.Switches = append(b.out.Switches, c)
	}
}

// switchPort is a port of a switch, or several that lead to nodes that are alike.
func (b *builder) switchPort(ids []discovery.MSAP) Port {
	networks := b.carried[ids[0]]
	p := Port{Name: ranges(b.names(ids)), Look: Look{Colour: b.hues.networks(networks).Colour}}
	var about []string
	for _, id := range ids {
		line := string(id.Port)
		if d := b.ends[id].port.Description; d != "" && d != bare(id.Port) {
			line += ": " + d
		}
		about = append(about, line)
	}
	p.About = strings.Join(bounded(about), "\n")
	tagged := 0
	for i := range networks {
		if n := &networks[i]; n.Tagged {
			tagged++
		} else if len(p.Texts) == 0 {
			p.Texts = append(p.Texts, Text{Words: n.InVLAN()})
		}
	}
	if tagged > 0 {
		p.Texts = append(p.Texts, Text{Words: fmt.Sprintf("%d tagged", tagged)})
	}
	if len(ids) == 1 {
		if d := b.ends[ids[0]].port.Description; d != "" && d != bare(ids[0].Port) {
			p.Texts = append(p.Texts, Text{Words: fit.Line(d)})
		}
	}
	return p
}
