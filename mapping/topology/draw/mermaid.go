// SPDX-License-Identifier: Apache-2.0

package draw

import (
	"fmt"
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/topology/cards"
	"github.com/colvin-net/colvin/mapping/topology/layout"
)

// What is drawn of a text, in characters: of a name all, since there is nothing to point at.
const (
	maxMermaid = 64
	maxName    = 253
)

// Mermaid is a picture as a flowchart, which many documentation sites draw. Mermaid places it
// anew; what stands together here is in the order of the layout.
func Mermaid(p *cards.Picture, l *layout.Layout) string {
	m := &mermaid{}
	m.WriteString("flowchart TB\n")
	for _, i := range asPlaced(l.Switches) {
		m.card(fmt.Sprintf("s%d", i), &p.Switches[i], &l.Switches[i])
	}
	for _, i := range asPlaced(l.Nodes) {
		m.card(fmt.Sprintf("n%d", i), &p.Nodes[i], &l.Nodes[i])
	}
	for i := range p.Lines {
		m.line(i, &p.Lines[i])
	}
	m.WriteString(m.styles.String())
	return m.String()
}

type mermaid struct {
	strings.Builder
	styles strings.Builder
}

func (m *mermaid) printf(format string, args ...any) { fmt.Fprintf(m, format, args...) }

func (m *mermaid) card(id string, c *cards.Card, at *layout.Card) {
	var rest []string
	for _, t := range c.Rest {
		rest = append(rest, t.Words)
	}
	title := c.Title // Mermaid has room for one line
	if c.Count > 1 {
		title += ": " + c.Sub
	}
	if len(c.Ports) == 0 {
		m.printf("  %s[%s]\n", id, quoteMermaid(append([]string{title}, rest...)...))
		return
	}
	m.printf("  subgraph %s[%s]\n", id, quoteMermaid(title))
	for _, i := range leftToRight(at.Ports) {
		p := &c.Ports[i]
		lines := words(p)
		if p.Master != "" {
			lines[0] += " in " + p.Master
		}
		m.printf("    %sp%d[%s]\n", id, i, quoteMermaid(lines...))
		dashed := ""
		if p.Nowhere || p.Look.Style != cards.Solid {
			dashed = ",stroke-dasharray:6 5"
		}
		fmt.Fprintf(&m.styles, "  style %sp%d stroke:%s,stroke-width:3px%s\n", id, i, p.Look.Colour, dashed)
	}
	if len(rest) > 0 {
		m.printf("    %sr[%s]\n", id, quoteMermaid(rest...))
		fmt.Fprintf(&m.styles, "  style %sr stroke-dasharray:2 5\n", id)
	}
	m.WriteString("  end\n")
}

func (m *mermaid) line(i int, l *cards.Line) {
	arrow := "---"
	switch {
	case l.Look.Style != cards.Solid:
		arrow = "-.-"
	case l.Look.Several || l.Count > 1:
		arrow = "==="
	}
	m.printf("  s%dp%d %s n%dp%d\n", l.Switch, l.SwitchPort, arrow, l.Node, l.NodePort)
	fmt.Fprintf(&m.styles, "  linkStyle %d stroke:%s,stroke-width:%gpx\n", i, l.Look.Colour, stroke(l))
}

// quoteMermaid is a label of lines, of which the first is a name.
func quoteMermaid(lines ...string) string {
	parts := []string{escapeMermaid(fit.Cut(lines[0], maxName))}
	for _, s := range lines[1:] {
		parts = append(parts, escapeMermaid(fit.Cut(s, maxMermaid)))
	}
	return `"` + strings.Join(parts, "<br/>") + `"`
}

// escapeMermaid writes every character by its number that Mermaid, Markdown or HTML could take for
// more than itself.
func escapeMermaid(s string) string {
	var b strings.Builder
	for _, r := range fit.Printable(s) {
		if r < 0x80 && strings.ContainsRune("\"#&<>;\\`*_~|{}[]()^$'!+@:", r) {
			fmt.Fprintf(&b, "#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
