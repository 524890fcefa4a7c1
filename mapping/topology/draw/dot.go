// SPDX-License-Identifier: Apache-2.0

package draw

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/topology/cards"
	"github.com/colvin-net/colvin/mapping/topology/layout"
)

// DOT is a picture in the language of Graphviz. Cards are in its order and have its places, which
// "neato -n" keeps; dot places them anew.
func DOT(p *cards.Picture, l *layout.Layout, theme Theme) string {
	d := &dot{picture: p, layout: l, palette: theme.colours()}
	d.printf(`graph colvin {
  graph [rankdir=TB, ranksep=1.6, nodesep=0.3, bgcolor="%s", fontname="Helvetica"]
  node [shape=plain, fontname="Helvetica", fontsize=11, fontcolor="%s"]
  edge [penwidth=2.4]
  { rank=same
`, d.palette.paper, d.palette.text)
	for _, i := range asPlaced(l.Switches) {
		d.card(fmt.Sprintf("s%d", i), &p.Switches[i], &l.Switches[i], d.palette.sw, true)
	}
	d.WriteString("  }\n")
	for _, i := range asPlaced(l.Nodes) {
		d.card(fmt.Sprintf("n%d", i), &p.Nodes[i], &l.Nodes[i], d.palette.node, false)
	}
	for i := range p.Lines {
		d.line(&p.Lines[i])
	}
	d.WriteString("}\n")
	return d.String()
}

type dot struct {
	strings.Builder
	picture *cards.Picture
	layout  *layout.Layout
	palette palette
}

func (d *dot) printf(format string, args ...any) { fmt.Fprintf(d, format, args...) }

// card is a table: the ports at the edge at which their lines end.
func (d *dot) card(id string, c *cards.Card, at *layout.Card, fill string, portsBelow bool) {
	rows := []string{d.heading(c)}
	if ports := d.ports(c, at); ports != "" && portsBelow {
		rows = append(rows, ports)
	} else if ports != "" {
		rows = append([]string{ports}, rows...)
	}
	d.printf(`    %s [pos="%d,%d", tooltip=%s, label=<<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="4" STYLE="ROUNDED" COLOR="%s" BGCOLOR="%s">%s</TABLE>>]`+"\n",
		id, at.X+at.W/2, d.layout.H-at.Y-at.H/2, tooltipDOT(c.About), d.palette.border, fill, strings.Join(rows, ""))
}

func (d *dot) heading(c *cards.Card) string {
	text := &strings.Builder{}
	fmt.Fprintf(text, `<B>%s</B>`, labelDOT(c.Title))
	for _, line := range append([]cards.Text{{Words: c.Sub}}, c.Rest...) {
		if line.Words != "" {
			fmt.Fprintf(text, `<BR/><FONT COLOR="%s" POINT-SIZE="9">%s</FONT>`, d.palette.muted, labelDOT(line.Words))
		}
	}
	return "<TR><TD>" + text.String() + "</TD></TR>"
}

// maxDOT is how many characters of a text are drawn.
const maxDOT = 40

// labelDOT is a text in a label of HTML, in which a backslash begins an escape, too: \N is the
// name of the node in the file.
func labelDOT(text string) string {
	return strings.ReplaceAll(escapeXML(fit.Cut(text, maxDOT)), `\`, `\\`)
}

// ports are a row of cells, in the order in which they are placed.
func (d *dot) ports(c *cards.Card, at *layout.Card) string {
	order := leftToRight(at.Ports)
	var cells strings.Builder
	for i := 0; i < len(order); {
		p := &c.Ports[order[i]]
		j := i + 1
		for j < len(order) && p.Master != "" && c.Ports[order[j]].Master == p.Master {
			j++
		}
		if p.Master == "" {
			cells.WriteString(d.port(order[i], p))
			i = j
			continue
		}
		fmt.Fprintf(&cells, `<TD><TABLE BORDER="1" CELLBORDER="0" CELLSPACING="2" STYLE="ROUNDED" COLOR="%s"><TR>`, d.palette.frame)
		for _, k := range order[i:j] {
			cells.WriteString(d.port(k, &c.Ports[k]))
		}
		fmt.Fprintf(&cells, `</TR><TR><TD COLSPAN="%d"><B>%s</B></TD></TR></TABLE></TD>`, j-i, labelDOT(p.Master))
		i = j
	}
	if cells.Len() == 0 {
		return ""
	}
	return `<TR><TD><TABLE BORDER="0" CELLBORDER="0" CELLSPACING="2"><TR>` + cells.String() + "</TR></TABLE></TD></TR>"
}

func (d *dot) port(i int, p *cards.Port) string {
	lines := words(p)
	for k := range lines {
		lines[k] = labelDOT(lines[k])
	}
	style := "ROUNDED"
	if p.Nowhere || p.Look.Style != cards.Solid {
		style = "ROUNDED,DASHED"
	}
	return fmt.Sprintf(`<TD PORT="p%d" BORDER="2" CELLPADDING="5" STYLE="%s" COLOR="%s">%s</TD>`, i, style, p.Look.Colour, strings.Join(lines, "<BR/>"))
}

// asPlaced is the order in which cards are placed: row by row.
func asPlaced(all []layout.Card) []int {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(all[a].Y, all[b].Y), cmp.Compare(all[a].X, all[b].X))
	})
	return order
}

// leftToRight is the order in which ports are placed.
func leftToRight(cells []layout.Cell) []int {
	order := make([]int, len(cells))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(cells[a].X, cells[b].X) })
	return order
}

func (d *dot) line(l *cards.Line) {
	colour, width, style := l.Look.Colour, stroke(l), "solid"
	if l.Look.Several {
		colour, width = strings.Join([]string{colour, d.palette.paper, colour}, ":"), width/3
	}
	switch l.Look.Style {
	case cards.Dashed:
		style = "dashed"
	case cards.Dotted:
		style = "dotted"
	case cards.Solid:
	}
	d.printf("  s%d:p%d:s -- n%d:p%d:n [color=%q, penwidth=%.1f, style=%s, tooltip=%s]\n", l.Switch, l.SwitchPort, l.Node, l.NodePort, colour, width, style, tooltipDOT(l.About))
}

// tooltipDOT is a text of lines. In it a backslash begins an escape, of lines and then, in what
// that leaves, of names; an ampersand begins an entity.
func tooltipDOT(text string) string {
	escape := strings.NewReplacer(`\`, `\\\\`, `"`, `\"`, "&", "&amp;")
	lines := strings.Split(text, "\n")
	for i, s := range lines {
		lines[i] = escape.Replace(fit.Printable(s))
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
