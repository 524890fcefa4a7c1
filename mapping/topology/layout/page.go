// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"slices"

	"github.com/colvin-net/colvin/mapping/topology/cards"
)

// shelve places blocks on shelves, so that the page has about the shape of a screen, and says
// how large it is.
func shelve(blocks []*block) (w, h int) {
	best := -1
	var widest int
	for _, b := range blocks {
		widest += b.w + blockGap
		if tw, th := onShelves(blocks, widest, false); best < 0 || max(tw*10/16, th) < best {
			best, w = max(tw*10/16, th), widest
		}
	}
	return onShelves(blocks, w, true)
}

// onShelves places blocks on shelves of a width, or finds how large that would be.
func onShelves(blocks []*block, width int, place bool) (w, h int) {
	x, y, high := margin, margin, 0
	for _, b := range blocks {
		if x > margin && x+b.w > margin+width {
			x, y, high = margin, y+high+blockGap, 0
		}
		if place {
			b.shift(x, y)
		}
		w, high = max(w, x+b.w), max(high, b.h)
		x += b.w + blockGap
	}
	return w + margin, y + high + margin
}

// Sizes of the legend.
const (
	sampleW, sampleH = 30, 14
	minLegend        = 420
	legendGap        = 22
)

// legend places the entries below the picture: networks first, and then what signs mean.
func (l *Layout) legend(entries []cards.Entry) {
	if len(entries) == 0 {
		return
	}
	l.W = max(l.W, minLegend)
	x, y := margin, l.H+8
	row := legendFont.height() + 8
	for i, e := range entries {
		label := legendFont.label(e.Words, "", l.W-2*margin-sampleW-8)
		need := sampleW + 8 + label.W
		signs := i > 0 && e.Kind != cards.SampleNetwork && entries[i-1].Kind == cards.SampleNetwork
		if x > margin && (signs || x+need > l.W-margin) {
			x, y = margin, y+row
		}
		label.Box = Box{x + sampleW + 8, y, label.W, label.H}
		label.Left = true
		l.Legend = append(l.Legend, Sample{Box{x, y + (label.H-sampleH)/2, sampleW, sampleH}, label})
		x += need + legendGap
	}
	l.H = y + row + margin - 8
}

// Crossings is how many pairs of lines cross between nodes and switches.
func (l *Layout) Crossings() int {
	pairs := make([][2]int, 0, len(l.Routes))
	for _, r := range l.Routes {
		pairs = append(pairs, [2]int{r[0].X, r[2].X})
	}
	return crossed(slices.Clone(pairs))
}
