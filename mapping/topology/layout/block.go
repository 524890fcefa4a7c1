// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"cmp"
	"slices"

	"github.com/colvin-net/colvin/mapping/topology/cards"
)

// Distances between cards, in pixels.
const (
	margin   = 28
	gap      = 26 // between cards beside each other
	rowGap   = 46 // between cards below each other, through which lines go
	lane     = 10 // between lines beside a column
	lead     = 14 // how far lines go straight at a node
	blockGap = 64
	screen   = 1800 // how wide rows may be before nodes stand below each other
	// least and most are the height of the channel between nodes and switches.
	least, most = 84, 260
)

// A block is a part of the picture in its place.
type block struct {
	picture *cards.Picture
	out     *Layout
	part
	columns []*column
	w, h    int
	top     int // of the nodes
}

// A column is nodes below each other, with lanes for the lines of the lower ones at both sides.
type column struct {
	nodes       []int
	left, right []way // from the column outwards
	x, w        int   // of its cards
}

// A way is a line of a lower card in a column.
type way struct{ line, row int }

// arrange places what is in the block, from the place 0, 0 on.
func (b *block) arrange(ordered bool) {
	if ordered {
		b.order(b.picture)
	}
	b.nodeCards(ordered)
	b.switchCards(ordered, nil)
	b.stackColumns()
	b.chooseLanes()
	b.packColumns()
	if ordered {
		b.switchCards(true, b.bottoms())
	}
	b.placeSwitches()
	b.moveColumns()
	b.placeSwitches()
	b.settle()
	b.route()
}

// nodeCards sizes the nodes, with their ports ordered by the switches that they lead to.
func (b *block) nodeCards(ordered bool) {
	place := places(b.switches)
	sum, count := map[[2]int]int{}, map[[2]int]int{}
	for _, i := range b.lines {
		l := &b.picture.Lines[i]
		key := [2]int{l.Node, l.NodePort}
		sum[key], count[key] = sum[key]+1000*place[l.Switch], count[key]+1
	}
	for _, n := range b.nodes {
		c := &b.picture.Nodes[n]
		b.out.Nodes[n] = nodeCard(c, portOrder(c.Ports, func(p int) (int, bool) {
			if !ordered {
				return 0, true
			}
			key := [2]int{n, p}
			return sum[key] / max(count[key], 1), count[key] > 0
		}))
	}
}

// switchCards sizes the switches, with their ports ordered by where their lines come from, if
// that is known.
func (b *block) switchCards(ordered bool, bottom map[int]int) {
	sum, count := map[[2]int]int{}, map[[2]int]int{}
	for _, i := range b.lines {
		l := &b.picture.Lines[i]
		key := [2]int{l.Switch, l.SwitchPort}
		sum[key], count[key] = sum[key]+bottom[i], count[key]+1
	}
	fromBelow := b.fromBelow()
	for _, s := range b.switches {
		c := &b.picture.Switches[s]
		b.out.Switches[s] = switchCard(c, portOrder(c.Ports, func(p int) (int, bool) {
			if !ordered {
				return 0, true
			}
			key := [2]int{s, p}
			return sum[key] / max(count[key], 1), count[key] > 0
		}), fromBelow)
	}
}

// fromBelow reports whether a switch has too many ports for names that read from the left.
func (b *block) fromBelow() bool {
	return slices.ContainsFunc(b.switches, func(s int) bool {
		c := &b.picture.Switches[s]
		wide, _ := flatCells(c, make([]Cell, len(c.Ports)))
		return wide > flat
	})
}

// stackColumns puts the nodes into columns, as high as makes the block fit a page.
func (b *block) stackColumns() {
	switches := -gap
	for _, s := range b.switches {
		switches += b.out.Switches[s].W + gap
	}
	best := 0
	for rows := 1; rows <= max(1, len(b.nodes)); rows++ {
		columns := b.columnsOf(rows)
		w, h := -gap, 0
		for _, c := range columns {
			high := 0
			for _, n := range c.nodes {
				high += b.out.Nodes[n].H + rowGap
			}
			w, h = w+c.w+gap+2*lane*(len(c.nodes)-1), max(h, high)
		}
		w = max(w, switches)
		cost := max(w*10/16, h+least) + 40*(rows-1)
		if rows == 1 || cost < best {
			best, b.columns = cost, columns
		}
		if w <= screen { // a row is the easiest to read
			break
		}
		if h > 2*w {
			break
		}
	}
}

// columnsOf are columns of at most so many nodes. Nodes that lead to other switches begin a
// column, unless that leaves one half empty.
func (b *block) columnsOf(rows int) (all []*column) {
	sets := b.sets()
	for i, n := range b.nodes {
		var last *column
		if len(all) > 0 {
			last = all[len(all)-1]
		}
		if last == nil || len(last.nodes) == rows || 2*len(last.nodes) > rows && sets[n] != sets[b.nodes[i-1]] {
			last = &column{}
			all = append(all, last)
		}
		last.nodes = append(last.nodes, n)
		last.w = max(last.w, b.out.Nodes[n].W)
	}
	return all
}

// sets number the sets of switches that nodes lead to.
func (b *block) sets() map[int]int {
	set := map[int]int{}
	for _, i := range b.lines {
		l := &b.picture.Lines[i]
		set[l.Node] += (l.Switch + 1) * 2654435761 // whatever the order of the ports
	}
	return set
}

// rowOf says in which column and row each node is.
func (b *block) rowOf() (of map[int]*column, row map[int]int) {
	of, row = map[int]*column{}, map[int]int{}
	for _, c := range b.columns {
		for i, n := range c.nodes {
			of[n], row[n] = c, i
		}
	}
	return of, row
}

// chooseLanes gives each line of a lower card a lane at that side of its column at which it
// finds its switch. The lanes of upper cards are nearer to the column, so that no line crosses
// one of its own column.
func (b *block) chooseLanes() {
	b.packColumns()
	b.placeSwitches()
	of, row := b.rowOf()
	for _, i := range b.lines {
		l := &b.picture.Lines[i]
		if row[l.Node] == 0 {
			continue
		}
		c, sw := of[l.Node], &b.out.Switches[l.Switch]
		if sw.X+sw.W/2 < c.x+c.w/2 {
			c.left = append(c.left, way{i, row[l.Node]})
		} else {
			c.right = append(c.right, way{i, row[l.Node]})
		}
	}
	for _, c := range b.columns {
		b.orderLanes(c.left, -1)
		b.orderLanes(c.right, 1)
	}
}

func (b *block) orderLanes(ways []way, outwards int) {
	slices.SortFunc(ways, func(x, y way) int {
		return cmp.Or(cmp.Compare(x.row, y.row), outwards*cmp.Compare(b.anchor(x.line).X, b.anchor(y.line).X), cmp.Compare(x.line, y.line))
	})
}

// anchor is where a line leaves its node.
func (b *block) anchor(line int) Point {
	l := &b.picture.Lines[line]
	return b.out.Nodes[l.Node].Ports[l.NodePort].Anchor
}

// leftOf and rightOf are what a column needs beside its cards.
func (c *column) leftOf() int  { return lanes(len(c.left)) }
func (c *column) rightOf() int { return lanes(len(c.right)) }

func lanes(n int) int {
	if n == 0 {
		return 0
	}
	return lane * (n + 1)
}

// packColumns places the columns beside each other, and the nodes in them.
func (b *block) packColumns() {
	x := 0
	for _, c := range b.columns {
		c.move(b, x+c.leftOf()-c.x)
		x = c.x + c.w + c.rightOf() + gap
	}
}

// move shifts a column, with its nodes in the middle of it.
func (c *column) move(b *block, dx int) {
	c.x += dx
	for _, n := range c.nodes {
		card := &b.out.Nodes[n]
		card.move(c.x+(c.w-card.W)/2-card.X, 0)
	}
}

// bottoms are where lines come out of the nodes, from the left.
func (b *block) bottoms() map[int]int {
	at := make(map[int]int, len(b.lines))
	for _, i := range b.lines {
		at[i] = b.anchor(i).X
	}
	for _, c := range b.columns {
		for k, w := range c.left {
			at[w.line] = c.x - lane*(k+1)
		}
		for k, w := range c.right {
			at[w.line] = c.x + c.w + lane*(k+1)
		}
	}
	return at
}

// placeSwitches places each switch above the lines that lead to it.
func (b *block) placeSwitches() {
	bottom := b.bottoms()
	sum, count := map[int]int{}, map[int]int{}
	for _, i := range b.lines {
		l := &b.picture.Lines[i]
		sw := &b.out.Switches[l.Switch]
		sum[l.Switch] += bottom[i] - (sw.Ports[l.SwitchPort].Anchor.X - sw.X)
		count[l.Switch]++
	}
	items := make([]item, 0, len(b.switches))
	for _, s := range b.switches {
		items = append(items, item{width: b.out.Switches[s].W, ideal: sum[s] / max(1, count[s]), weight: max(1, count[s])})
	}
	for k, x := range spread(items, gap) {
		sw := &b.out.Switches[b.switches[k]]
		sw.move(x-sw.X, 0)
	}
}

// moveColumns places each column below the switches that it leads to.
func (b *block) moveColumns() {
	of, _ := b.rowOf()
	bottom := b.bottoms()
	sum, count := map[*column]int{}, map[*column]int{}
	for _, i := range b.lines {
		l := &b.picture.Lines[i]
		c := of[l.Node]
		sum[c] += b.out.Switches[l.Switch].Ports[l.SwitchPort].Anchor.X - (bottom[i] - (c.x - c.leftOf()))
		count[c]++
	}
	items := make([]item, 0, len(b.columns))
	for _, c := range b.columns {
		items = append(items, item{width: c.leftOf() + c.w + c.rightOf(), ideal: sum[c] / max(1, count[c]), weight: max(1, count[c])})
	}
	for k, x := range spread(items, gap) {
		c := b.columns[k]
		c.move(b, x+c.leftOf()-c.x)
	}
}

// An item wants to be at a place.
type item struct{ width, ideal, weight int }

// spread places items from left to right, as near to where they want to be as their widths
// and the gap between them allow: where two would overlap they move as one, to the mean of
// what they want (pool adjacent violators).
func spread(items []item, gap int) []int {
	type pool struct{ first, sum, weight, width int }
	var pools []pool
	for i, it := range items {
		pools = append(pools, pool{i, it.ideal * it.weight, it.weight, it.width})
		for len(pools) > 1 {
			p, next := &pools[len(pools)-2], pools[len(pools)-1]
			if p.sum/p.weight+p.width+gap <= next.sum/next.weight {
				break
			}
			p.sum += next.sum - next.weight*(p.width+gap)
			p.weight += next.weight
			p.width += gap + next.width
			pools = pools[:len(pools)-1]
		}
	}
	out := make([]int, len(items))
	for k, p := range pools {
		end := len(items)
		if k+1 < len(pools) {
			end = pools[k+1].first
		}
		x := p.sum / p.weight
		for i := p.first; i < end; i++ {
			out[i] = x
			x += items[i].width + gap
		}
	}
	return out
}

// settle moves the block to the place 0, 0, and gives it its heights.
func (b *block) settle() {
	left, right := 1<<30, 0
	for _, s := range b.switches {
		left, right = min(left, b.out.Switches[s].X), max(right, b.out.Switches[s].Right())
	}
	for _, c := range b.columns {
		left, right = min(left, c.x-c.leftOf()), max(right, c.x+c.w+c.rightOf())
	}
	b.w = max(0, right-left)
	high := 0
	for _, s := range b.switches {
		high = max(high, b.out.Switches[s].H)
	}
	for _, s := range b.switches {
		b.out.Switches[s].move(-left, high-b.out.Switches[s].H)
	}
	if b.top = high; high > 0 {
		b.top += b.channel()
	}
	for _, c := range b.columns {
		c.move(b, -left)
		y := b.top
		for _, n := range c.nodes {
			b.out.Nodes[n].move(0, y)
			y += b.out.Nodes[n].H + rowGap
		}
		b.h = max(b.h, y-rowGap)
	}
	b.h = max(b.h, high)
	if high == 0 && len(b.nodes) > 0 { // for what is above the nodes
		b.shift(0, lead+8)
		b.h += lead + 8
		b.top += lead + 8
	}
}

// channel is how high the channel between nodes and switches is: the farther lines go, the
// higher.
func (b *block) channel() int {
	far := 0
	for i, x := range b.bottoms() {
		l := &b.picture.Lines[i]
		to := b.out.Switches[l.Switch].Ports[l.SwitchPort].Anchor.X
		far = max(far, x-to, to-x)
	}
	return min(most, least+far/6+len(b.lines)/3)
}

// shift moves everything of the block.
func (b *block) shift(dx, dy int) {
	for _, s := range b.switches {
		b.out.Switches[s].move(dx, dy)
	}
	for _, c := range b.columns {
		c.x += dx
	}
	for _, n := range b.nodes {
		b.out.Nodes[n].move(dx, dy)
	}
	for _, i := range b.lines {
		for k := range b.out.Routes[i] {
			b.out.Routes[i][k].X += dx
			b.out.Routes[i][k].Y += dy
		}
	}
}

// route draws the lines.
func (b *block) route() {
	bottom := b.bottoms()
	_, row := b.rowOf()
	for _, i := range b.lines {
		l := &b.picture.Lines[i]
		to, from := b.out.Switches[l.Switch].Ports[l.SwitchPort].Anchor, b.anchor(i)
		r := Route{to, {to.X, to.Y + lead/2}}
		if row[l.Node] > 0 {
			r = append(r, Point{bottom[i], b.top - lead}, Point{bottom[i], from.Y - rowGap})
		}
		b.out.Routes[i] = append(r, Point{from.X, from.Y - lead}, from)
	}
}
