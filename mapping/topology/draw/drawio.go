// SPDX-License-Identifier: Apache-2.0

package draw

import (
	"fmt"
	"strings"

	"github.com/colvin-net/colvin/mapping/topology/cards"
	"github.com/colvin-net/colvin/mapping/topology/layout"
)

// Drawio draws a picture that can be edited in draw.io: cards are containers that take their
// ports along, and lines stay at their ports. Labels are plain text (no html=1), so nothing in a
// name is markup.
func Drawio(p *cards.Picture, l *layout.Layout, theme Theme) string {
	d := &drawio{picture: p, layout: l, palette: theme.colours()}
	d.printf(`<mxfile host="colvin">
  <diagram id="topology" name="Topology">
    <mxGraphModel dx="%d" dy="%d" grid="1" gridSize="10" guides="1" tooltips="1" connect="1" arrows="0" fold="0" page="0" pageScale="1" pageWidth="%d" pageHeight="%d" background="%s" math="0" shadow="0">
      <root>
        <mxCell id="0"/>
        <mxCell id="1" parent="0"/>
`, l.W, l.H, l.W, l.H, d.palette.paper)
	for i := range p.Switches {
		d.card(fmt.Sprintf("s%d", i), &p.Switches[i], &l.Switches[i], d.palette.sw)
	}
	for i := range p.Nodes {
		d.card(fmt.Sprintf("n%d", i), &p.Nodes[i], &l.Nodes[i], d.palette.node)
	}
	for i := range p.Lines {
		d.line(i)
	}
	for i := range p.Legend {
		d.sample(i)
	}
	d.WriteString("      </root>\n    </mxGraphModel>\n  </diagram>\n</mxfile>\n")
	return d.String()
}

type drawio struct {
	strings.Builder
	picture *cards.Picture
	layout  *layout.Layout
	palette palette
}

func (d *drawio) printf(format string, args ...any) { fmt.Fprintf(d, format, args...) }

// vertex writes a shape, in the coordinates of its parent.
func (d *drawio) vertex(id, parent, style string, b layout.Box, lines ...string) {
	for i := range lines {
		lines[i] = escapeXML(lines[i])
	}
	d.printf(`        <mxCell id="%s" value="%s" style="%s" vertex="1" parent="%s">
          <mxGeometry x="%d" y="%d" width="%d" height="%d" as="geometry"/>
        </mxCell>
`, id, strings.Join(lines, "&#10;"), style, parent, b.X, b.Y, b.W, b.H)
}

func (d *drawio) card(id string, c *cards.Card, at *layout.Card, fill string) {
	d.vertex(id, "1", fmt.Sprintf("rounded=1;arcSize=8;absoluteArcSize=1;container=1;collapsible=0;recursiveResize=0;fillColor=%s;strokeColor=%s;", fill, d.palette.border), at.Box)
	within := func(b layout.Box) layout.Box { return layout.Box{X: b.X - at.X, Y: b.Y - at.Y, W: b.W, H: b.H} }
	for i := range at.Labels {
		d.text(fmt.Sprintf("%st%d", id, i), id, &at.Labels[i], within(at.Labels[i].Box))
	}
	for i := range at.Frames {
		f := at.Frames[i]
		f.Y, f.H = at.Y, f.Bottom()-at.Y // around the ports, which have borders here
		d.vertex(fmt.Sprintf("%sf%d", id, i), id, fmt.Sprintf("rounded=1;arcSize=5;absoluteArcSize=1;fillColor=none;strokeColor=%s;fontColor=%s;fontSize=11;verticalAlign=bottom;spacingBottom=2;",
			d.palette.frame, d.palette.text), within(f.Box), textsOf(f.Labels)...)
	}
	for i := range at.Ports {
		d.port(fmt.Sprintf("%sp%d", id, i), id, &c.Ports[i], &at.Ports[i], within(at.Ports[i].Box))
	}
}

func textsOf(labels []layout.Label) (all []string) {
	for i := range labels {
		text := labels[i].Text
		if labels[i].Warn {
			text += " ⚠"
		}
		all = append(all, text)
	}
	return all
}

func (d *drawio) text(id, parent string, l *layout.Label, at layout.Box) {
	look, colour, align := "", d.palette.text, "center"
	if l.Font.Bold {
		look = "fontStyle=1;"
	}
	if l.Font.Muted {
		colour = d.palette.muted
	}
	if l.Left {
		align = "left"
	}
	d.vertex(id, parent, fmt.Sprintf("text;strokeColor=none;fillColor=none;%sfontSize=%d;fontColor=%s;align=%s;verticalAlign=middle;", look, l.Font.Size, colour, align), at, l.Text)
}

// port is a shape that lines end at, with what is written at the port.
func (d *drawio) port(id, parent string, p *cards.Port, at *layout.Cell, b layout.Box) {
	look := fmt.Sprintf("fontSize=10;fontColor=%s;fillColor=none;strokeColor=%s;strokeWidth=2;", d.palette.text, p.Look.Colour)
	if len(at.Labels) > 0 && at.Labels[0].Upright {
		look += "horizontal=0;align=left;"
	}
	if p.Nowhere || p.Look.Style != cards.Solid {
		look += "dashed=1;"
	}
	b.X, b.W = b.X+1, b.W-2
	d.vertex(id, parent, "rounded=1;arcSize=4;absoluteArcSize=1;"+look, b, textsOf(at.Labels)...)
}

// line joins two ports. The curve is drawn between the points that it has.
func (d *drawio) line(i int) {
	l := &d.picture.Lines[i]
	d.printf(`        <mxCell id="l%d" value="" style="%sexitX=0.5;exitY=1;exitDx=0;exitDy=0;entryX=0.5;entryY=0;entryDx=0;entryDy=0;" edge="1" parent="1" source="s%dp%d" target="n%dp%d">
          <mxGeometry relative="1" as="geometry">
            <Array as="points">
`, i, edgeStyle(l.Look, stroke(l)), l.Switch, l.SwitchPort, l.Node, l.NodePort)
	r := d.layout.Routes[i]
	for k := 1; k < len(r); k++ {
		y := (r[k-1].Y + r[k].Y) / 2
		if r[k-1].X == r[k].X {
			continue
		}
		d.printf("              <mxPoint x=\"%d\" y=\"%d\"/>\n              <mxPoint x=\"%d\" y=\"%d\"/>\n", r[k-1].X, y, r[k].X, y)
	}
	d.WriteString("            </Array>\n          </mxGeometry>\n        </mxCell>\n")
}

// edgeStyle is how a line looks: two lines where several networks are on it.
func edgeStyle(look cards.Look, width float64) string {
	style := fmt.Sprintf("endArrow=none;curved=1;strokeColor=%s;", look.Colour)
	if look.Several {
		style += fmt.Sprintf("shape=link;width=%g;strokeWidth=1.5;", width-1.5)
	} else {
		style += fmt.Sprintf("strokeWidth=%g;", width)
	}
	switch look.Style {
	case cards.Dashed:
		style += "dashed=1;dashPattern=8 5;"
	case cards.Dotted:
		style += "dashed=1;dashPattern=2 5;"
	case cards.Solid:
	}
	return style
}

// sample draws an entry of the legend.
func (d *drawio) sample(i int) {
	e, at := &d.picture.Legend[i], &d.layout.Legend[i]
	look, width := cards.Look{Colour: e.Colour}, 2.4
	mark := ""
	switch e.Kind {
	case cards.SampleNetwork, cards.SampleBundle:
		width = 5
	case cards.SampleDashed, cards.SampleNowhere:
		look.Style = cards.Dashed
	case cards.SampleDotted:
		look.Style = cards.Dotted
	case cards.SampleWarn:
		look.Style, mark = cards.Dashed, "⚠ "
	case cards.SampleSeveral:
		look.Several, width = true, 5
	case cards.SampleThin:
		width = 1.4
	case cards.SampleBond:
		d.vertex(fmt.Sprintf("k%d", i), "1", fmt.Sprintf("rounded=1;arcSize=5;absoluteArcSize=1;fillColor=none;strokeColor=%s;", d.palette.frame), at.Box, "")
	}
	if e.Kind != cards.SampleBond {
		y := at.Y + at.H/2
		d.printf(`        <mxCell id="k%d" value="" style="%s" edge="1" parent="1">
          <mxGeometry relative="1" as="geometry">
            <mxPoint x="%d" y="%d" as="sourcePoint"/>
            <mxPoint x="%d" y="%d" as="targetPoint"/>
          </mxGeometry>
        </mxCell>
`, i, edgeStyle(look, width), at.X, y, at.X+at.W, y)
	}
	label := at.Label
	label.Text = mark + label.Text
	d.text(fmt.Sprintf("k%dt", i), "1", &label, label.Box)
}
