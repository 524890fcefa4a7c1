// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"fmt"
	"testing"

	"github.com/colvin-net/colvin/mapping/topology"
	"github.com/colvin-net/colvin/mapping/topology/cards"
	"github.com/colvin-net/colvin/mapping/topology/topologytest"
)

// fabrics are topologies of all sizes.
func fabrics() map[string]*topology.Topology {
	all := map[string]*topology.Topology{
		"nothing": topologytest.New().Topology(), "rack": topologytest.Rack(), "60": topologytest.Of60.Topology(), "400": topologytest.Of400.Topology(),
		"400, cabled at random": topologytest.Fabric{Racks: 10, PerRack: 40, Seed: 1}.Topology(),
	}
	for i, size := range [][2]int{{1, 0}, {1, 1}, {5, 1}, {1, 5}, {7, 3}, {12, 12}, {30, 4}, {60, 4}, {120, 9}, {400, 20}, {200, 150}} {
		for seed := range uint64(max(1, 4-size[0]/40)) { // fewer of large ones
			all[fmt.Sprintf("random, %d nodes, %d switches, seed %d", size[0], size[1], seed)] = topologytest.Random(seed+uint64(10*i), size[0], size[1])
		}
	}
	return all
}

// TestPlaces holds what makes a picture readable: no text and no card lies on another, nothing
// is outside of its card or of the paper, and no line goes through a card or a text.
func TestPlaces(t *testing.T) {
	for name, topology := range fabrics() {
		for _, unfold := range []bool{false, true} {
			for _, ordered := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, unfold %t, ordered %t", name, unfold, ordered), func(t *testing.T) {
					t.Parallel()
					p := cardsOf(topology, unfold)
					check(t, p, arrange(p, ordered))
				})
			}
		}
	}
}

// check reports what is wrong with a layout.
func check(t *testing.T, p *cards.Picture, l *Layout) {
	t.Helper()
	paper := Box{0, 0, l.W, l.H}
	var boxes []Box
	for _, cs := range [][]Card{l.Switches, l.Nodes} {
		for i := range cs {
			c := &cs[i]
			boxes = append(boxes, c.Box)
			checkInside(t, paper, c.Box, "card")
			for _, p := range c.Ports {
				checkInside(t, c.Box, p.Box, "port")
				for _, label := range p.Labels {
					checkInside(t, p.Box, label.Box, label.Text)
				}
			}
			for _, f := range c.Frames {
				checkInside(t, c.Box, f.Box, "bond")
				for _, label := range f.Labels {
					checkInside(t, f.Box, label.Box, label.Text)
				}
			}
			for _, label := range c.Labels {
				checkInside(t, c.Box, label.Box, label.Text)
			}
		}
	}
	checkApart(t, "cards", boxes)
	var texts []Box
	for _, label := range l.Labels() {
		checkInside(t, paper, label.Box, label.Text)
		texts = append(texts, label.Box)
	}
	checkApart(t, "texts", texts)
	checkLines(t, p, l, append(boxes, legendOf(l)...))
}

func legendOf(l *Layout) (all []Box) {
	for _, s := range l.Legend {
		all = append(all, s.Box, s.Label.Box)
	}
	return all
}

func checkInside(t *testing.T, outer, inner Box, what string) {
	t.Helper()
	if inner.X < outer.X || inner.Y < outer.Y || inner.Right() > outer.Right() || inner.Bottom() > outer.Bottom() {
		t.Errorf("%s %+v is not in %+v", what, inner, outer)
	}
}

// cell is the size of squares in which boxes are looked for.
const cell = 128

// grid finds the boxes near a point.
type grid map[Point][]int

func gridOf(boxes []Box) grid {
	g := grid{}
	for i, b := range boxes {
		for x := b.X / cell; x <= b.Right()/cell; x++ {
			for y := b.Y / cell; y <= b.Bottom()/cell; y++ {
				g[Point{x, y}] = append(g[Point{x, y}], i)
			}
		}
	}
	return g
}

func checkApart(t *testing.T, what string, boxes []Box) {
	t.Helper()
	wrong := 0
	for _, near := range gridOf(boxes) {
		for i, a := range near {
			for _, b := range near[:i] {
				if overlap(boxes[a], boxes[b]) {
					if wrong++; wrong < 4 {
						t.Errorf("%s overlap: %+v and %+v", what, boxes[a], boxes[b])
					}
				}
			}
		}
	}
}

func overlap(a, b Box) bool {
	return a.X < b.Right() && b.X < a.Right() && a.Y < b.Bottom() && b.Y < a.Bottom()
}

// checkLines walks along each line, and holds that it begins and ends at its ports and is in no
// card and on no text of the legend between.
func checkLines(t *testing.T, p *cards.Picture, l *Layout, boxes []Box) {
	t.Helper()
	g := gridOf(boxes)
	wrong := 0
	for i, r := range l.Routes {
		line := &p.Lines[i]
		if r[0] != l.Switches[line.Switch].Ports[line.SwitchPort].Anchor || r[len(r)-1] != l.Nodes[line.Node].Ports[line.NodePort].Anchor {
			t.Errorf("line %d goes from %v to %v, not to its ports", i, r[0], r[len(r)-1])
		}
		walk(r, func(x, y float64) {
			for _, k := range g[Point{int(x) / cell, int(y) / cell}] {
				b := boxes[k]
				const edge = 0.01
				if x > float64(b.X)+edge && x < float64(b.Right())-edge && y > float64(b.Y)+edge && y < float64(b.Bottom())-edge {
					if wrong++; wrong < 4 {
						t.Errorf("line %d %v goes through %+v at %.1f, %.1f", i, r, b, x, y)
					}
				}
			}
		})
	}
}

// walk calls visit for points along a line as it is drawn, in steps of a fortieth of the
// way.
func walk(r Route, visit func(x, y float64)) {
	const steps = 40
	for i := 1; i < len(r); i++ {
		from, to := r[i-1], r[i]
		for k := range steps + 1 {
			at := float64(k) / steps
			mid := float64(from.Y+to.Y) / 2
			bezier := func(a, b, c, d float64) float64 {
				u := 1 - at
				return u*u*u*a + 3*u*u*at*b + 3*u*at*at*c + at*at*at*d
			}
			visit(bezier(float64(from.X), float64(from.X), float64(to.X), float64(to.X)), bezier(float64(from.Y), mid, mid, float64(to.Y)))
		}
	}
}

// TestCrossings holds that ordering has fewer lines cross, and never more.
func TestCrossings(t *testing.T) {
	for name, topology := range fabrics() {
		p := cardsOf(topology, true)
		before, after := arrange(p, false).Crossings(), Of(p).Crossings()
		t.Logf("%s: %d crossings, %d as they come", name, after, before)
		if after > before {
			t.Errorf("%s: %d crossings, more than the %d of what is not ordered", name, after, before)
		}
	}
}

func BenchmarkLayout(b *testing.B) {
	for _, f := range []struct {
		name   string
		fabric topologytest.Fabric
	}{
		{"60", topologytest.Fabric{Racks: 2, PerRack: 30, Odd: 14, Seed: 1}}, {"400", topologytest.Fabric{Racks: 9, PerRack: 44, Gateways: 4, Odd: 67, Seed: 1}},
	} {
		t := f.fabric.Topology()
		for _, unfold := range []bool{false, true} {
			b.Run(fmt.Sprintf("nodes=%s/unfold=%t", f.name, unfold), func(b *testing.B) {
				b.ReportAllocs()
				var l *Layout
				var p *cards.Picture
				for b.Loop() {
					p = cardsOf(t, unfold)
					l = Of(p)
				}
				b.ReportMetric(float64(l.Crossings()), "crossings")
				b.ReportMetric(float64(arrange(p, false).Crossings()), "crossings-unordered")
			})
		}
	}
}

func cardsOf(t *topology.Topology, unfold bool) *cards.Picture {
	return cards.Of(t, cards.HuesOf(t), unfold)
}
