// SPDX-License-Identifier: Apache-2.0

// Package topology draws what several agents see as one picture: nodes on the
// left, switches on the right, a line per cable in the colour of its network.
package topology

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/colour"
	"github.com/colvin-net/colvin/mapping/node"
)

// The layout, in pixels.
const (
	margin    = 30
	boxWidth  = 270
	width     = 880
	rowHeight = 30
	header    = 44
	gap       = 26
	uncolour  = "#808080" // a network without a colour
)

// A box is a node or a switch with its ports.
type box struct {
	title, subtitle string
	rows            []row
	x, y            int
}

func (b *box) height() int { return header + rowHeight*len(b.rows) + 8 }

// rowY is where the cable of row i ends: on the right of a node, on the left of
// a switch.
func (b *box) rowY(i int) int { return b.y + header + rowHeight*i + rowHeight/2 - 4 }

type row struct{ left, right, colour string }

// A cable joins a row of a node to a row of a switch.
type cable struct {
	node, nodeRow     int
	switchBox, swRow  int
	colour, certainty string
}

// SVG writes the picture of what the agents' states say.
func SVG(w io.Writer, states []*node.State) error {
	p := arrange(states)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="ui-sans-serif, Helvetica, Arial, sans-serif" font-size="14">`+"\n", width, p.height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="12" fill="#ffffff"/>`+"\n", width, p.height)
	for _, c := range p.cables {
		c.draw(&b, p)
	}
	for _, n := range p.nodes {
		n.draw(&b)
	}
	for _, s := range p.switches {
		s.draw(&b)
	}
	b.WriteString("</svg>\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

type plan struct {
	nodes, switches []*box
	cables          []cable
	height          int
}

func arrange(states []*node.State) *plan {
	p := &plan{}
	for _, s := range states {
		b := &box{title: s.Node, subtitle: "node"}
		for i := range s.View.Attachments {
			if a := &s.View.Attachments[i]; a.VID == 0 {
				p.attach(len(p.nodes), b, a)
			}
		}
		p.nodes = append(p.nodes, b)
	}
	left, right := stack(p.nodes, margin), stack(p.switches, width-margin-boxWidth)
	p.height = max(left, right)
	for _, s := range p.switches { // the shorter column stands in the middle
		s.y += max(0, left-right) / 2
	}
	return p
}

// attach adds a row to the node and to its switch, and the cable between them.
func (p *plan) attach(n int, b *box, a *mapping.Attachment) {
	hex, ok := colour.Hex(a.Colour)
	if !ok {
		hex = uncolour
	}
	name := cmp.Or(a.Name, "unnamed")
	b.rows = append(b.rows, row{left: a.Port.Name, right: name, colour: hex})
	sw := p.switchBox(a)
	vlan := "VLAN not told"
	if a.Identity.VLAN != 0 {
		vlan = fmt.Sprintf("VLAN %d", a.Identity.VLAN)
	}
	_, port, _ := strings.Cut(string(a.Neighbor.Port), ":")
	p.switches[sw].rows = append(p.switches[sw].rows, row{left: port, right: vlan, colour: hex})
	p.cables = append(p.cables, cable{
		node: n, nodeRow: len(b.rows) - 1, switchBox: sw, swRow: len(p.switches[sw].rows) - 1,
		colour: hex, certainty: string(a.Certainty),
	})
}

func (p *plan) switchBox(a *mapping.Attachment) int {
	chassis := string(a.Neighbor.Chassis)
	i := slices.IndexFunc(p.switches, func(b *box) bool { return b.subtitle == chassis })
	if i < 0 {
		i = len(p.switches)
		p.switches = append(p.switches, &box{title: cmp.Or(a.System, "switch"), subtitle: chassis})
	}
	return i
}

// stack places boxes below each other and returns the height they need.
func stack(boxes []*box, x int) int {
	y := margin
	for _, b := range boxes {
		b.x, b.y = x, y
		y += b.height() + gap
	}
	return y - gap + margin
}

func (c *cable) draw(b *strings.Builder, p *plan) {
	n, s := p.nodes[c.node], p.switches[c.switchBox]
	x1, y1, x2, y2 := n.x+boxWidth, n.rowY(c.nodeRow), s.x, s.rowY(c.swRow)
	mid := (x1 + x2) / 2
	dash := ""
	if c.certainty != "fresh" {
		dash = ` stroke-dasharray="6 5"`
	}
	fmt.Fprintf(b, `<path d="M%d %d C%d %d %d %d %d %d" fill="none" stroke="%s" stroke-width="3"%s/>`+"\n",
		x1, y1, mid, y1, mid, y2, x2, y2, c.colour, dash)
}

func (b *box) draw(out *strings.Builder) {
	fmt.Fprintf(out, `<rect x="%d" y="%d" width="%d" height="%d" rx="8" fill="#f7f8fa" stroke="#c5cad3"/>`+"\n", b.x, b.y, boxWidth, b.height())
	text(out, b.x+14, b.y+27, "start", "#1b1f27", "bold", b.title)
	text(out, b.x+boxWidth-14, b.y+27, "end", "#646b78", "small", b.subtitle)
	for i, r := range b.rows {
		y := b.rowY(i)
		fmt.Fprintf(out, `<circle cx="%d" cy="%d" r="5" fill="%s"/>`+"\n", b.x+22, y, r.colour)
		text(out, b.x+38, y+5, "start", "#1b1f27", "normal", r.left)
		text(out, b.x+boxWidth-14, y+5, "end", r.colour, "bold", r.right)
	}
}

// text escapes what it writes: names come from the wire. The style is "normal",
// "bold" or "small".
func text(b *strings.Builder, x, y int, anchor, fill, style, s string) {
	look := map[string]string{"bold": ` font-weight="bold"`, "small": ` font-size="12"`}[style]
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="%s" fill="%s"%s>%s</text>`+"\n", x, y, anchor, fill, look, html.EscapeString(s))
}
