// SPDX-License-Identifier: Apache-2.0

// Package layout says where on paper the parts of a picture are: switches above, nodes below,
// in an order in which few lines cross. It is pure: cards go in, and places in pixels come
// out, which every format draws as they are.
//
// Switches stand in a row, and nodes below them in columns. A line leaves a node upwards. From
// the upper cards it goes through the channel between nodes and switches; from the others first
// through a lane beside their column. So no line meets a card that it does not end at.
package layout

import (
	"github.com/colvin-net/colvin/mapping/topology/cards"
)

// A Point is a place in pixels from the left and from above.
type Point struct{ X, Y int }

// A Box is a rectangle.
type Box struct{ X, Y, W, H int }

// Right and Bottom are where a box ends.
func (b Box) Right() int { return b.X + b.W }

// Bottom is where a box ends below.
func (b Box) Bottom() int { return b.Y + b.H }

// A Layout has a place for everything in a picture.
type Layout struct {
	W, H            int
	Switches, Nodes []Card   // as in the picture
	Routes          []Route  // of the picture's lines
	Legend          []Sample // of the picture's entries
}

// A Card is where a switch or a node is.
type Card struct {
	Box
	Ports  []Cell // as in the card
	Frames []Frame
	Labels []Label
}

// A Cell is where a port is.
type Cell struct {
	Box
	Anchor Point // where its line ends
	Labels []Label
}

// A Frame joins the ports of a bond or bridge.
type Frame struct {
	Box
	Labels []Label // its name, and the networks that all its ports lead to
	Ring   Box     // around the lines of a bond; without a width for others
}

// A Label is a text that fits into its box.
type Label struct {
	Box
	Text, About string // About is all of it where the text was cut, or more
	Colour      string // of the square before the text; empty: none
	Warn        bool   // a warning is beside it
	Font        Font
	Upright     bool // reads from below
	Left        bool // begins at the left, and is not in the middle
}

// A Route is where a line goes: from the switch down to the node. From one point to the next it
// goes straight down, or leaves and arrives so and lies between both.
type Route []Point

// A Sample is an entry of the legend.
type Sample struct {
	Box   // of the sample
	Label Label
}

// Labels are all texts of the picture.
func (l *Layout) Labels() (all []Label) {
	for _, cs := range [][]Card{l.Switches, l.Nodes} {
		for i := range cs {
			all = append(all, cs[i].Labels...)
			for _, p := range cs[i].Ports {
				all = append(all, p.Labels...)
			}
			for _, f := range cs[i].Frames {
				all = append(all, f.Labels...)
			}
		}
	}
	for _, s := range l.Legend {
		all = append(all, s.Label)
	}
	return all
}

// Of places a picture.
func Of(p *cards.Picture) *Layout { return arrange(p, true) }

func arrange(p *cards.Picture, ordered bool) *Layout {
	out := &Layout{Switches: make([]Card, len(p.Switches)), Nodes: make([]Card, len(p.Nodes)), Routes: make([]Route, len(p.Lines))}
	var blocks []*block
	for _, part := range parts(p) {
		b := &block{picture: p, out: out, part: part}
		b.arrange(ordered)
		blocks = append(blocks, b)
	}
	out.W, out.H = shelve(blocks)
	out.legend(p.Legend)
	return out
}
