// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
)

// DOT is the topology in the language of Graphviz.
func (t *Topology) DOT() string {
	b, h := &strings.Builder{}, t.hues()
	b.WriteString(`graph colvin {
  graph [rankdir=LR, ranksep=2.5, fontname="Helvetica"]
  node [shape=box, style="rounded,filled", fillcolor="#f7f8fa", color="#c5cad3", fontname="Helvetica"]
  edge [fontname="Helvetica", fontsize=10, penwidth=2.5]
`)
	for i := range t.Nodes {
		fmt.Fprintf(b, "  subgraph cluster_n%d {\n    label=%s\n", i, quoteDOT(t.Nodes[i].Name))
		for j := range t.Nodes[i].Ports {
			p := &t.Nodes[i].Ports[j]
			look := ""
			switch {
			case p.pinned():
				look = fmt.Sprintf(`, color=%q, style="rounded,filled,dashed"`, h.of(&p.Pinned[0]))
			case p.Silence != nil:
				look = `, fontcolor="` + grey + `", style="rounded,dashed"`
			}
			fmt.Fprintf(b, "    n%dp%d [label=%s%s]\n", i, j, quoteDOT(p.lines()...), look)
		}
		b.WriteString("  }\n")
	}
	for i := range t.Switches {
		fmt.Fprintf(b, "  subgraph cluster_s%d {\n    label=%s\n", i, quoteDOT(t.Switches[i].lines()...))
		for j := range t.Switches[i].Ports {
			fmt.Fprintf(b, "    s%dp%d [label=%s]\n", i, j, quoteDOT(t.Switches[i].Ports[j].lines()...))
		}
		b.WriteString("  }\n")
	}
	t.edges(func(from, to string, l *Link) {
		style := ""
		if l.dashed() {
			style = ", style=dashed"
		}
		fmt.Fprintf(b, "  %s -- %s [label=%s, color=%q%s]\n", from, to, quoteDOT(l.lines()...), h.link(l), style)
	})
	b.WriteString("}\n")
	return b.String()
}

// quoteDOT is a label of lines. In a label a backslash begins an escape and an
// ampersand an entity.
func quoteDOT(lines ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `&`, `&amp;`)
	for i, s := range lines {
		lines[i] = escape.Replace(fit.Printable(s))
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}

// Mermaid is the topology as a flowchart, which many documentation sites draw.
func (t *Topology) Mermaid() string {
	b, h := &strings.Builder{}, t.hues()
	var styles []string
	b.WriteString("flowchart LR\n")
	for i := range t.Nodes {
		fmt.Fprintf(b, "  subgraph n%d[%s]\n", i, quoteMermaid(t.Nodes[i].Name))
		for j := range t.Nodes[i].Ports {
			p := &t.Nodes[i].Ports[j]
			fmt.Fprintf(b, "    n%dp%d[%s]\n", i, j, quoteMermaid(p.lines()...))
			if p.pinned() {
				styles = append(styles, fmt.Sprintf("  style n%dp%d stroke:%s,stroke-width:3px,stroke-dasharray:6 5\n", i, j, h.of(&p.Pinned[0])))
			}
		}
		b.WriteString("  end\n")
	}
	for i := range t.Switches {
		fmt.Fprintf(b, "  subgraph s%d[%s]\n", i, quoteMermaid(t.Switches[i].lines()...))
		for j := range t.Switches[i].Ports {
			fmt.Fprintf(b, "    s%dp%d[%s]\n", i, j, quoteMermaid(t.Switches[i].Ports[j].lines()...))
		}
		b.WriteString("  end\n")
	}
	links := 0
	t.edges(func(from, to string, l *Link) {
		line := "---"
		if l.dashed() {
			line = "-.-"
		}
		fmt.Fprintf(b, "  %s %s|%s| %s\n", from, line, quoteMermaid(l.lines()...), to)
		styles = append(styles, fmt.Sprintf("  linkStyle %d stroke:%s,stroke-width:3px\n", links, h.link(l)))
		links++
	})
	b.WriteString(strings.Join(styles, ""))
	return b.String()
}

// quoteMermaid is a label of lines. Every character that Mermaid, Markdown or
// HTML could take for more than itself is written by its number.
func quoteMermaid(lines ...string) string {
	var b strings.Builder
	for i, s := range lines {
		if i > 0 {
			b.WriteString("<br/>")
		}
		for _, r := range fit.Printable(s) {
			if r < 0x80 && strings.ContainsRune("\"#&<>;\\`*_~|{}[]()^$'!+", r) {
				fmt.Fprintf(&b, "#%d;", r)
			} else {
				b.WriteRune(r)
			}
		}
	}
	return `"` + b.String() + `"`
}

// edges calls draw for each link with the names of its two ends.
func (t *Topology) edges(draw func(from, to string, l *Link)) {
	ends := t.ends()
	for i := range t.Nodes {
		for j := range t.Nodes[i].Ports {
			for k := range t.Nodes[i].Ports[j].Links {
				l := &t.Nodes[i].Ports[j].Links[k]
				at := ends[l.MSAP]
				draw(fmt.Sprintf("n%dp%d", i, j), fmt.Sprintf("s%dp%d", at.sw, at.port), l)
			}
		}
	}
}
