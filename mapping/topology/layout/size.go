// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"cmp"
	"slices"

	"github.com/colvin-net/colvin/mapping/topology/cards"
)

// Sizes of cards, in pixels.
const (
	padding  = 10  // inside a card
	glyph    = 8   // the height of a port's mark at the edge
	glyphW   = 14  // and its width
	minCell  = 64  // of a port whose name reads from the left
	maxCell  = 200 // where longer texts are cut
	upright  = 18  // of a port whose name reads from below
	maxUp    = 120 // how long such a name is at most
	minCard  = 132
	maxTitle = 300 // how wide titles make a card at most
	flat     = 900 // how wide a switch may be to have names that read from the left
)

// cellLabels are what is written in the cell of a port.
func cellLabels(p *cards.Port) (all []Label) {
	name := portFont.label(p.Name, p.About, maxCell-padding-warning)
	name.Warn = p.Look.Warn
	all = append(all, name)
	if p.Doubt != "" {
		all = append(all, doubtFont.label(p.Doubt, "", maxCell-padding))
	}
	for _, t := range p.Texts {
		all = append(all, networkLabel(t))
	}
	if p.Far != "" {
		all = append(all, farFont.label(p.Far, "", maxCell-padding))
	}
	return all
}

// networkLabel is a network, after a square in its colour.
func networkLabel(t cards.Text) Label {
	l := networkFont.label(t.Words, t.About, maxCell-padding-networkFont.square())
	l.Colour = t.Colour
	return l
}

// cellWidth is what labels need.
func cellWidth(labels []Label) int {
	w := minCell
	for i := range labels {
		w = max(w, labels[i].needs()+padding)
	}
	return w
}

// heightOf is that of labels below each other.
func heightOf(labels []Label) (h int) {
	for i := range labels {
		h += labels[i].H
	}
	return h
}

// stack places labels below each other in the middle of a width, from a point on.
func stack(labels []Label, x, y, w int) {
	for i := range labels {
		need := labels[i].needs()
		labels[i].X, labels[i].Y, labels[i].W = x+(w-need)/2, y, need
		if labels[i].Left {
			labels[i].X = x
		}
		y += labels[i].H
	}
}

// heading are the labels that name a card.
func heading(c *cards.Card) []Label {
	labels := []Label{titleFont.label(c.Title, c.About, maxTitle)}
	if c.Sub != "" {
		labels = append(labels, subFont.label(c.Sub, c.About, maxTitle))
	}
	return labels
}

// nodeCard is a node with its ports at the upper edge, in an order, at the place 0, 0.
func nodeCard(c *cards.Card, order []int) Card {
	out := Card{Ports: make([]Cell, len(c.Ports))}
	const top = glyph + 4
	inner, strip := 0, 0
	runs := runsOf(c, order)
	for i := range runs {
		runs[i].size(c, out.Ports)
		inner, strip = inner+runs[i].w, max(strip, runs[i].h)
	}
	head := heading(c)
	for _, t := range c.Rest {
		head = append(head, subFont.label(t.Words, t.About, maxTitle))
	}
	out.W = max(minCard, inner+2*padding)
	for i := range head {
		out.W = max(out.W, head[i].needs()+2*padding)
	}
	x := (out.W - inner) / 2
	for i := range runs {
		out.place(&runs[i], x, top)
		x += runs[i].w
	}
	foot := top + strip + 6
	if len(c.Ports) == 0 {
		foot = 8
	}
	stack(head, 0, foot, out.W)
	out.Labels, out.H = head, foot+heightOf(head)+6
	return out
}

// A run is ports beside each other that are in one bond or bridge, or one port.
type run struct {
	ports  []int
	master string
	bond   bool
	shared []Label // what is the same for all ports, below the name of the bond
	w, h   int
}

func runsOf(c *cards.Card, order []int) (runs []run) {
	for _, i := range order {
		p := &c.Ports[i]
		if last := len(runs) - 1; last >= 0 && p.Master != "" && runs[last].master == p.Master {
			runs[last].ports = append(runs[last].ports, i)
			continue
		}
		runs = append(runs, run{ports: []int{i}, master: p.Master, bond: p.Bond})
	}
	return runs
}

// alike reports whether all ports of a run lead to the same networks.
func (r *run) alike(c *cards.Card) bool {
	for _, i := range r.ports {
		if !slices.Equal(c.Ports[i].Texts, c.Ports[r.ports[0]].Texts) {
			return false
		}
	}
	return len(r.ports) > 1
}

// size writes what is in the cells of a run, and what they share, and sees how large that is.
func (r *run) size(c *cards.Card, cells []Cell) {
	if r.master != "" {
		r.shared = []Label{{Text: r.master, About: r.master, Font: masterFont}}
	}
	alike := r.alike(c)
	for _, i := range r.ports {
		p := c.Ports[i]
		if alike {
			p.Texts = nil
		}
		cells[i].Labels = cellLabels(&p)
		cells[i].W = cellWidth(cells[i].Labels)
		r.w, r.h = r.w+cells[i].W, max(r.h, heightOf(cells[i].Labels))
	}
	for _, i := range r.ports {
		cells[i].H = glyph + 4 + r.h
	}
	if alike {
		for _, t := range c.Ports[r.ports[0]].Texts {
			r.shared = append(r.shared, networkLabel(t))
		}
	}
	if r.master == "" {
		return
	}
	for i := range r.shared {
		l := &r.shared[i]
		if i == 0 {
			*l = masterFont.label(r.master, r.master, max(r.w, maxCell)-2*padding)
		}
		if more := l.needs() + padding + 8 - r.w; more > 0 {
			cells[r.ports[0]].W += more / 2
			cells[r.ports[len(r.ports)-1]].W += more - more/2
			r.w += more
		}
	}
	r.w += 2 * padding // beside the frame
	r.h += heightOf(r.shared) + 4
}

// place puts the ports of a run into the card, and their frame.
func (c *Card) place(r *run, x, top int) {
	if r.master != "" {
		f := Frame{Box: Box{x + 3, glyph + 3, r.w - 6, r.h + 2}, Labels: r.shared}
		x += padding
		stack(f.Labels, f.X, f.Bottom()-4-heightOf(f.Labels), f.W)
		c.Frames = append(c.Frames, f)
	}
	for _, i := range r.ports {
		cell := &c.Ports[i]
		cell.X, cell.Y = x, 0
		cell.Anchor = Point{cell.X + cell.W/2, 0}
		stack(cell.Labels, cell.X, top, cell.W)
		x += cell.W
	}
	if r.bond {
		first, last := c.Ports[r.ports[0]].Anchor.X, c.Ports[r.ports[len(r.ports)-1]].Anchor.X
		c.Frames[len(c.Frames)-1].Ring = Box{first - 8, 1 - lead, last - first + 16, lead - 5}
	}
}

// switchCard is a switch with its ports at the lower edge, in an order, at the place 0, 0. Names
// of many ports read from below.
func switchCard(c *cards.Card, order []int, fromBelow bool) Card {
	out := Card{Ports: make([]Cell, len(c.Ports))}
	head := heading(c)
	inner, strip := flatCells(c, out.Ports)
	if fromBelow {
		inner, strip = uprightCells(c, out.Ports)
	}
	out.W = max(minCard, inner+2*padding)
	for i := range head {
		out.W = max(out.W, head[i].needs()+2*padding)
	}
	stack(head, 0, 6, out.W)
	out.Labels = head
	top := 6 + heightOf(head) + 6
	out.H = top + strip + glyph + 4
	x, spare := padding, out.W-2*padding-inner
	for k, i := range order {
		cell := &out.Ports[i]
		cell.X, cell.Y, cell.H = x+spare*(2*k+1)/(2*len(order)), top, out.H-top
		cell.Anchor = Point{cell.X + cell.W/2, out.H}
		if fromBelow {
			l := &cell.Labels[0]
			l.X, l.Y = cell.X+(cell.W-l.W)/2, top+strip-l.H
		} else {
			stack(cell.Labels, cell.X, top+strip-heightOf(cell.Labels), cell.W)
		}
		x += cell.W
	}
	return out
}

// flatCells gives ports names that read from the left, and what is said of them below.
func flatCells(c *cards.Card, cells []Cell) (width, height int) {
	for i := range cells {
		cells[i].Labels = cellLabels(&c.Ports[i])
		cells[i].W = cellWidth(cells[i].Labels)
		width, height = width+cells[i].W, max(height, heightOf(cells[i].Labels))
	}
	return width, height
}

// uprightCells gives ports names that read from below.
func uprightCells(c *cards.Card, cells []Cell) (width, height int) {
	for i := range cells {
		l := networkFont.label(c.Ports[i].Name, c.Ports[i].About, maxUp)
		l.Upright = true
		l.W, l.H = l.H, l.W
		cells[i].Labels, cells[i].W = []Label{l}, upright
		width, height = width+upright, max(height, l.H)
	}
	return width, height
}

// move shifts a card.
func (c *Card) move(dx, dy int) {
	shift := func(b *Box) { b.X, b.Y = b.X+dx, b.Y+dy }
	shift(&c.Box)
	for i := range c.Ports {
		p := &c.Ports[i]
		shift(&p.Box)
		p.Anchor = Point{p.Anchor.X + dx, p.Anchor.Y + dy}
		for j := range p.Labels {
			shift(&p.Labels[j].Box)
		}
	}
	for i := range c.Frames {
		shift(&c.Frames[i].Box)
		for j := range c.Frames[i].Labels {
			shift(&c.Frames[i].Labels[j].Box)
		}
		shift(&c.Frames[i].Ring)
	}
	for i := range c.Labels {
		shift(&c.Labels[i].Box)
	}
}

// portOrder orders the ports of a card by their far ends: those of a bond stay together, and
// what leads nowhere is last.
func portOrder(ports []cards.Port, far func(port int) (x int, ok bool)) []int {
	const nowhere = 1 << 40
	own, of, size := make([]int, len(ports)), map[string]int{}, map[string]int{}
	for i := range ports {
		x, ok := far(i)
		if !ok {
			x = nowhere
		}
		own[i] = x
		of[ports[i].Master] += x
		size[ports[i].Master]++
	}
	group := func(i int) int {
		if m := ports[i].Master; m != "" {
			return of[m] / size[m]
		}
		return own[i]
	}
	order := make([]int, len(ports))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(group(a), group(b)), cmp.Compare(ports[a].Master, ports[b].Master), cmp.Compare(own[a], own[b]))
	})
	return order
}
