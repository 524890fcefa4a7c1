// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
)

// The layout, in pixels, and what fits into it, in characters.
const (
	margin    = 30
	boxWidth  = 380
	width     = 1040
	header    = 56 // the title of a box
	rowHeight = 30 // a port
	subHeight = 20 // what is said of it
	gap       = 26
	stub      = 64 // a cable whose end nobody tells

	titleChars = 38
	leftChars  = 24
	rightChars = 20
	subChars   = 50
)

// The looks of text.
const (
	dark  = "#1b1f27"
	muted = "#646b78"
)

// A box is a node or a switch with its ports.
type box struct {
	title, subtitle string
	rows            []row
	x, y            int
}

// A row is a line in a box: a port, or something said of the port above.
type row struct {
	port        bool
	left, right string
	colour      string // of the right text and the dot
}

func (r *row) height() int {
	if r.port {
		return rowHeight
	}
	return subHeight
}

func (b *box) height() int {
	h := header + 10
	for i := range b.rows {
		h += b.rows[i].height()
	}
	return h
}

// rowY is the middle of row i, where its cable ends.
func (b *box) rowY(i int) int {
	y := b.y + header
	for j := range b.rows[:i] {
		y += b.rows[j].height()
	}
	return y + b.rows[i].height()/2 - 2
}

// A cable joins a row of a node to a row of a switch; where to is nil nobody tells its end.
type cable struct {
	from, to       *box
	fromRow, toRow int
	colour         string
	dashed         bool
}

// A picture is what is drawn where.
type picture struct {
	nodes, switches []*box
	cables          []cable
	height          int
}

// SVG draws nodes on the left, switches on the right and a line for each cable
// in the colour of its network, dashed where what it says is not fresh.
func (t *Topology) SVG() string {
	p := t.arrange()
	b := &strings.Builder{}
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="ui-sans-serif, Helvetica, Arial, sans-serif" font-size="14">`+"\n", width, p.height)
	fmt.Fprintf(b, `<rect width="%d" height="%d" rx="12" fill="#ffffff"/>`+"\n", width, p.height)
	for i := range p.cables {
		p.cables[i].draw(b)
	}
	for _, x := range append(p.nodes, p.switches...) {
		x.draw(b)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (t *Topology) arrange() *picture {
	p, h, ends, carried := &picture{}, t.hues(), t.ends(), t.carried()
	rows := make([][]int, len(t.Switches)) // of each switch port
	for i := range t.Switches {
		b, at := t.Switches[i].box(carried, h)
		p.switches, rows[i] = append(p.switches, b), at
	}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		b := &box{title: n.Name, subtitle: "node"}
		for j := range n.Ports {
			at := len(b.rows)
			b.rows = append(b.rows, n.Ports[j].rows(h)...)
			for k := range n.Ports[j].Links {
				l := &n.Ports[j].Links[k]
				to := ends[l.MSAP]
				p.cables = append(p.cables, cable{b, p.switches[to.sw], at, rows[to.sw][to.port], h.link(l), l.dashed()})
			}
			if n.Ports[j].pinned() {
				p.cables = append(p.cables, cable{from: b, fromRow: at, colour: h.of(&n.Ports[j].Pinned[0]), dashed: true})
			}
		}
		p.nodes = append(p.nodes, b)
	}
	left, right := stack(p.nodes, margin), stack(p.switches, width-margin-boxWidth)
	p.height = max(left, right)
	for _, b := range p.switches { // the shorter column stands in the middle
		b.y += max(0, left-right) / 2
	}
	for _, b := range p.nodes {
		b.y += max(0, right-left) / 2
	}
	return p
}

// stack places boxes below each other and returns the height they need.
func stack(boxes []*box, x int) int {
	y := margin
	for _, b := range boxes {
		b.x, b.y = x, y
		y += b.height() + gap
	}
	return max(y-gap, margin) + margin
}

// rows are a port, its networks, and why it is silent.
func (p *Port) rows(h hues) []row {
	first := row{port: true, left: p.title(), colour: grey}
	var more []row
	for i := range p.Links {
		l := &p.Links[i]
		if i == 0 && len(l.Networks) == 0 {
			first.right = noNetwork
		}
		for j := range l.Networks[:min(len(l.Networks), maxNetworks)] {
			n := &l.Networks[j]
			r := row{left: n.InVLAN(), right: n.label(), colour: h.of(n)}
			if i == 0 && j == 0 && !n.Tagged { // the VLAN stands at the switch
				first.right, first.colour = r.right, r.colour
				continue
			}
			more = append(more, r)
		}
		if n := len(l.Networks) - maxNetworks; n > 0 {
			more = append(more, row{left: fmt.Sprintf("and %d more", n)})
		}
	}
	for i := range p.Pinned[:min(len(p.Pinned), maxNetworks)] {
		n := &p.Pinned[i]
		if i == 0 && p.pinned() && !n.Tagged {
			first.right, first.colour = n.label(), h.of(n)
			continue
		}
		more = append(more, row{left: n.InVLAN() + ", by a rule alone", right: n.label(), colour: h.of(n)})
	}
	if n := len(p.Pinned) - maxNetworks; n > 0 {
		more = append(more, row{left: fmt.Sprintf("and %d more", n)})
	}
	if p.silent() {
		for _, line := range fit.Wrap(p.Silence.Message, subChars) {
			more = append(more, row{left: line})
		}
	}
	return append([]row{first}, more...)
}

// carried are the networks that lead to each switch port, from whichever node.
func (t *Topology) carried() map[discovery.MSAP][]Network {
	networks := map[discovery.MSAP][]Network{}
	for _, n := range t.Nodes {
		for _, p := range n.Ports {
			for _, l := range p.Links {
				networks[l.MSAP] = l.Networks
			}
		}
	}
	return networks
}

// box is a switch, and the rows in which its ports stand.
func (s *Switch) box(carried map[discovery.MSAP][]Network, h hues) (b *box, at []int) {
	b = &box{title: s.lines()[0], subtitle: s.lines()[1]}
	for i := range s.Ports {
		at = append(at, len(b.rows))
		r := row{port: true, left: s.Ports[i].lines()[0], colour: grey}
		tagged := 0
		for _, n := range carried[s.Ports[i].MSAP] {
			switch {
			case n.Tagged:
				tagged++
			case r.right == "":
				r.right, r.colour = n.InVLAN(), h.of(&n)
			}
		}
		if tagged > 0 {
			r.right = strings.TrimPrefix(fmt.Sprintf("%s + %d tagged", r.right, tagged), " + ")
		}
		b.rows = append(b.rows, r)
		for _, line := range s.Ports[i].lines()[1:] {
			b.rows = append(b.rows, row{left: line})
		}
	}
	return b, at
}

func (c *cable) draw(b *strings.Builder) {
	x1, y1 := c.from.x+boxWidth, c.from.rowY(c.fromRow)
	x2, y2 := x1+stub, y1
	if c.to != nil {
		x2, y2 = c.to.x, c.to.rowY(c.toRow)
	}
	mid := (x1 + x2) / 2
	dash := ""
	if c.dashed {
		dash = ` stroke-dasharray="6 5"`
	}
	fmt.Fprintf(b, `<path d="M%d %d C%d %d %d %d %d %d" fill="none" stroke="%s" stroke-width="3"%s/>`+"\n",
		x1, y1, mid, y1, mid, y2, x2, y2, c.colour, dash)
}

func (b *box) draw(out *strings.Builder) {
	fmt.Fprintf(out, `<rect x="%d" y="%d" width="%d" height="%d" rx="8" fill="#f7f8fa" stroke="#c5cad3"/>`+"\n", b.x, b.y, boxWidth, b.height())
	right := b.x + boxWidth - 14
	text{b.x + 14, b.y + 26, "start", dark, `font-weight="bold"`}.write(out, b.title, titleChars)
	text{b.x + 14, b.y + 44, "start", muted, `font-size="12"`}.write(out, b.subtitle, subChars)
	for i := range b.rows {
		r, y := &b.rows[i], b.rowY(i)
		if r.port {
			fmt.Fprintf(out, `<circle cx="%d" cy="%d" r="5" fill="%s"/>`+"\n", b.x+22, y, r.colour)
			text{b.x + 38, y + 5, "start", dark, ""}.write(out, r.left, leftChars)
			text{right, y + 5, "end", r.colour, `font-weight="bold"`}.write(out, r.right, rightChars)
			continue
		}
		text{b.x + 38, y + 4, "start", muted, `font-size="12"`}.write(out, r.left, subChars)
		text{right, y + 4, "end", r.colour, `font-size="12" font-weight="bold"`}.write(out, r.right, leftChars)
	}
}

// text is a place for words and what they look like there.
type text struct {
	x, y         int
	anchor, fill string
	look         string // further attributes
}

// write writes at most n characters of s; what was cut shows when pointed at.
// Names come from the wire.
func (t text) write(b *strings.Builder, s string, n int) {
	if s == "" {
		return
	}
	if t.look != "" {
		t.look = " " + t.look
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="%s" fill="%s"%s>`, t.x, t.y, t.anchor, t.fill, t.look)
	short := fit.Cut(s, n)
	if short != s {
		b.WriteString("<title>")
		escapeXML(b, s)
		b.WriteString("</title>")
	}
	escapeXML(b, short)
	b.WriteString("</text>\n")
}

func escapeXML(b *strings.Builder, s string) {
	_ = xml.EscapeText(b, []byte(fit.Printable(s))) // a strings.Builder takes everything
}
