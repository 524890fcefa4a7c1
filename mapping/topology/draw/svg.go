// SPDX-License-Identifier: Apache-2.0

package draw

import (
	"fmt"
	"strings"

	"github.com/colvin-net/colvin/mapping/topology/cards"
	"github.com/colvin-net/colvin/mapping/topology/layout"
)

// SVG draws a picture that every browser shows, and that can be printed.
func SVG(p *cards.Picture, l *layout.Layout, theme Theme) string {
	d := &svg{picture: p, layout: l}
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="Inter, &#34;Helvetica Neue&#34;, Helvetica, Arial, sans-serif">`+"\n", l.W, l.H, l.W, l.H)
	d.style(theme)
	d.printf(`<rect class="paper" width="%d" height="%d"/>`+"\n", l.W, l.H)
	for i := range p.Lines {
		d.line(&p.Lines[i], l.Routes[i])
	}
	for i := range p.Switches {
		d.card(&p.Switches[i], &l.Switches[i], "sw")
	}
	for i := range p.Nodes {
		d.card(&p.Nodes[i], &l.Nodes[i], "node")
	}
	for i := range p.Legend {
		d.sample(&p.Legend[i], &l.Legend[i])
	}
	d.WriteString("</svg>\n")
	return d.String()
}

type svg struct {
	strings.Builder
	picture *cards.Picture
	layout  *layout.Layout
}

func (d *svg) printf(format string, args ...any) { fmt.Fprintf(d, format, args...) }

// style tells the colours of classes: of a theme, or light ones that are dark where the
// reader's screen is.
func (d *svg) style(theme Theme) {
	d.WriteString("<style>\n")
	d.classes(theme.colours())
	d.WriteString("text{dominant-baseline:auto}\n.b{font-weight:bold}\n.line{fill:none;stroke-linecap:butt}\n")
	if theme == Auto {
		d.WriteString("@media (prefers-color-scheme: dark){\n")
		d.classes(dark)
		d.WriteString("}\n")
	}
	d.WriteString("</style>\n")
}

func (d *svg) classes(p palette) {
	for _, c := range []struct{ class, property, value string }{
		{"paper", "fill", p.paper},
		{"node", "fill", p.node},
		{"sw", "fill", p.sw},
		{"edge", "stroke", p.border},
		{"frame", "stroke", p.frame},
		{"text", "fill", p.text},
		{"muted", "fill", p.muted},
		{"warn", "fill", p.warn},
		{"core", "stroke", p.paper},
	} {
		d.printf(".%s{%s:%s}\n", c.class, c.property, c.value)
	}
}

// line draws a cable: a hollow line where several networks are on it.
func (d *svg) line(l *cards.Line, r layout.Route) {
	d.path(pathOf(r), l.Look, stroke(l), l.About)
}

func (d *svg) path(path string, look cards.Look, width float64, about string) {
	d.printf(`<g class="line"><path d="%s" stroke="%s" stroke-width="%g"%s>%s</path>`, path, look.Colour, width, dashes(look.Style, width), title(about))
	if look.Several {
		d.printf(`<path class="core" d="%s" stroke-width="%g"/>`, path, width-3.4)
	}
	d.WriteString("</g>\n")
}

// dashes break a line; the dots of thick ones are longer.
func dashes(s cards.Style, width float64) string {
	switch s {
	case cards.Dashed:
		return ` stroke-dasharray="8 5"`
	case cards.Dotted:
		return fmt.Sprintf(` stroke-dasharray="%g 5"`, max(2, width-1))
	case cards.Solid:
	}
	return ""
}

func title(about string) string {
	if about == "" {
		return ""
	}
	lines := strings.Split(about, "\n")
	for i := range lines {
		lines[i] = escapeXML(lines[i])
	}
	return "<title>" + strings.Join(lines, "&#10;") + "</title>"
}

// pathOf goes straight down, or in an S from one point to the next.
func pathOf(r layout.Route) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%d %d", r[0].X, r[0].Y)
	for i := 1; i < len(r); i++ {
		from, to := r[i-1], r[i]
		if from.X == to.X {
			fmt.Fprintf(&b, "V%d", to.Y)
			continue
		}
		mid := (from.Y + to.Y) / 2
		fmt.Fprintf(&b, "C%d %d %d %d %d %d", from.X, mid, to.X, mid, to.X, to.Y)
	}
	return b.String()
}

func (d *svg) card(c *cards.Card, at *layout.Card, class string) {
	d.printf(`<rect class="%s edge" x="%d" y="%d" width="%d" height="%d" rx="8"/>`+"\n", class, at.X, at.Y, at.W, at.H)
	for i := range at.Labels {
		d.label(&at.Labels[i])
	}
	for i := range at.Frames {
		d.frame(&at.Frames[i])
	}
	for i := range at.Ports {
		d.port(&c.Ports[i], &at.Ports[i], class == "sw")
	}
}

// port draws the mark of a port at the edge of its card, and what is written there.
func (d *svg) port(p *cards.Port, at *layout.Cell, below bool) {
	const w, h = 14, 8
	y := at.Anchor.Y
	if below {
		y -= h
	}
	wide := w
	if at.W < wide+4 {
		wide = at.W - 6
	}
	d.printf(`<rect x="%d" y="%d" width="%d" height="%d" rx="1.5" fill="%s">%s</rect>`+"\n", at.Anchor.X-wide/2, y, wide, h, p.Look.Colour, title(p.About))
	if p.Nowhere {
		d.stub(p, at.Anchor)
	}
	for i := range at.Labels {
		d.label(&at.Labels[i])
	}
}

// stub is a line whose end nobody tells.
func (d *svg) stub(p *cards.Port, from layout.Point) {
	const long, r = 16, 4
	d.path(fmt.Sprintf("M%d %dV%d", from.X, from.Y, from.Y-long), p.Look, 2.4, p.About)
	d.printf(`<circle class="paper" cx="%d" cy="%d" r="%d" stroke="%s" stroke-width="2"/>`+"\n", from.X, from.Y-long-r, r, p.Look.Colour)
}

// frame joins the ports of a bond; a ring goes around its lines.
func (d *svg) frame(f *layout.Frame) {
	d.printf(`<rect class="frame" fill="none" x="%d" y="%d" width="%d" height="%d" rx="5"/>`+"\n", f.X, f.Y, f.W, f.H)
	for i := range f.Labels {
		d.label(&f.Labels[i])
	}
	if r := f.Ring; r.W > 0 {
		d.printf(`<ellipse class="frame" fill="none" stroke-width="1.6" cx="%d" cy="%g" rx="%d" ry="%g"/>`+"\n", r.X+r.W/2, float64(r.Y)+float64(r.H)/2, r.W/2, float64(r.H)/2)
	}
}

func (d *svg) label(l *layout.Label) {
	class := "text"
	switch {
	case l.Font.Muted:
		class = "muted"
	case l.Font.Doubt:
		class = "warn"
	}
	if l.Font.Bold {
		class += " b"
	}
	square := ""
	if l.Colour != "" {
		square = fmt.Sprintf(`<tspan fill="%s">■</tspan> `, l.Colour)
	}
	text := title(about(l)) + square + escapeXML(l.Text)
	base := l.Y + l.H - 4
	switch {
	case l.Upright:
		x, y := l.X+l.W-4, l.Bottom()
		d.printf(`<text class="%s" font-size="%d" transform="translate(%d %d) rotate(-90)">%s</text>`+"\n", class, l.Font.Size, x, y, text)
	case l.Left:
		d.printf(`<text class="%s" font-size="%d" x="%d" y="%d">%s</text>`+"\n", class, l.Font.Size, l.X, base, text)
	case l.Warn:
		d.printf(`<text class="%s" font-size="%d" x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", class, l.Font.Size, l.X+(l.W-16)/2, base, text)
		d.warning(l.Right()-14, base)
	default:
		d.printf(`<text class="%s" font-size="%d" x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", class, l.Font.Size, l.X+l.W/2, base, text)
	}
}

// about is what shows when a label is pointed at, unless it is all there.
func about(l *layout.Label) string {
	if l.About == l.Text {
		return ""
	}
	return l.About
}

// warning is a triangle with a mark in it, 12 pixels wide.
func (d *svg) warning(x, base int) {
	d.printf(`<path class="warn" fill-rule="evenodd" d="M%d %dh12l-6-11zM%d %dv-4h1.6v4zM%d %dv-1.6h1.6v1.6z"/>`+"\n", x, base, x+5, base-3, x+5, base-1)
}

// sample draws an entry of the legend.
func (d *svg) sample(e *cards.Entry, at *layout.Sample) {
	x, y, w := at.X, at.Y+at.H/2, at.W
	straight := func(look cards.Look, width float64) {
		look.Colour = e.Colour
		d.path(fmt.Sprintf("M%d %dh%d", x, y, w), look, width, "")
	}
	switch e.Kind {
	case cards.SampleNetwork:
		straight(cards.Look{}, 5)
	case cards.SampleDashed:
		straight(cards.Look{Style: cards.Dashed}, 2.4)
	case cards.SampleDotted:
		straight(cards.Look{Style: cards.Dotted}, 2.4)
	case cards.SampleWarn:
		straight(cards.Look{Style: cards.Dashed}, 2.4)
		d.warning(x+w/2-6, y+6)
	case cards.SampleSeveral:
		straight(cards.Look{Several: true}, 5)
	case cards.SampleBundle:
		straight(cards.Look{}, 5)
	case cards.SampleThin:
		straight(cards.Look{}, 1.4)
	case cards.SampleBond:
		d.printf(`<path class="line" d="M%d %dh%dM%d %dh%d" stroke="%s" stroke-width="2"/>`+"\n", x, y-3, w, x, y+3, w, e.Colour)
		d.printf(`<ellipse class="frame" fill="none" stroke-width="1.6" cx="%d" cy="%d" rx="4" ry="7"/>`+"\n", x+w/2, y)
	case cards.SampleNowhere:
		d.path(fmt.Sprintf("M%d %dh%d", x, y, w-9), cards.Look{Colour: e.Colour, Style: cards.Dashed}, 2.4, "")
		d.printf(`<circle class="paper" cx="%d" cy="%d" r="4" stroke="%s" stroke-width="2"/>`+"\n", x+w-5, y, e.Colour)
	}
	d.label(&at.Label)
}
