// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"cmp"
	"slices"

	"github.com/colvin-net/colvin/mapping/topology/cards"
)

const (
	// sweeps is how often nodes and switches are ordered by each other.
	sweeps = 12
	// maxWork bounds what exchanging neighbours may cost: pairs of switches times lines.
	maxWork = 4_000_000
)

// A part is what hangs together, in the order in which it is placed.
type part struct {
	switches, nodes, lines []int // indexes of the picture
}

// parts are what hangs together by lines; what has none is one part, the last.
func parts(p *cards.Picture) []part {
	root := make([]int, len(p.Switches)+len(p.Nodes))
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	linked := make([]bool, len(root))
	for _, l := range p.Lines {
		s, n := l.Switch, len(p.Switches)+l.Node
		linked[s], linked[n] = true, true
		root[find(n)] = find(s)
	}
	const alone = -1
	at := map[int]int{}
	var all []part
	of := func(i int) *part {
		r := alone
		if linked[i] {
			r = find(i)
		}
		if _, ok := at[r]; !ok {
			at[r] = len(all)
			all = append(all, part{})
		}
		return &all[at[r]]
	}
	for i := range p.Switches {
		of(i).switches = append(of(i).switches, i)
	}
	for i := range p.Nodes {
		of(len(p.Switches) + i).nodes = append(of(len(p.Switches)+i).nodes, i)
	}
	for i := range p.Lines {
		of(p.Lines[i].Switch).lines = append(of(p.Lines[i].Switch).lines, i)
	}
	if i, ok := at[alone]; ok {
		last := all[i]
		all = append(slices.Delete(all, i, i+1), last)
	}
	return all
}

// order brings switches and nodes into an order in which few lines cross: by turns, each side is
// ordered by the median of what it leads to on the other, and the best order is kept (Sugiyama's
// layers, of which there are two). Then switches change places with their neighbours as
// long as that helps.
func (t *part) order(p *cards.Picture) {
	best, fewest := *t, t.crossings(p)
	try := func() {
		if n := t.crossings(p); n < fewest {
			best, fewest = t.clone(), n
		}
	}
	for range sweeps {
		if fewest == 0 {
			break
		}
		t.nodes = byMedian(t.nodes, t.switches, t.lines, func(i int) (node, sw int) { return p.Lines[i].Node, p.Lines[i].Switch })
		try()
		t.switches = byMedian(t.switches, t.nodes, t.lines, func(i int) (sw, node int) { return p.Lines[i].Switch, p.Lines[i].Node })
		try()
	}
	*t = best
	t.exchange(p, fewest)
}

func (t *part) clone() part {
	return part{slices.Clone(t.switches), slices.Clone(t.nodes), t.lines}
}

// byMedian orders one side by the median of the places of what it leads to on the other.
func byMedian(side, other, lines []int, ends func(int) (here, there int)) []int {
	place := places(other)
	led := map[int][]int{}
	for _, i := range lines {
		here, there := ends(i)
		led[here] = append(led[here], place[there])
	}
	median, mean := map[int]int{}, map[int]int{}
	for here, all := range led {
		slices.Sort(all)
		sum := 0
		for _, v := range all {
			sum += v
		}
		median[here], mean[here] = all[(len(all)-1)/2]+all[len(all)/2], 1000*sum/len(all)
	}
	out := slices.Clone(side)
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Or(cmp.Compare(median[a], median[b]), cmp.Compare(mean[a], mean[b])) })
	return out
}

// places are where in an order each is.
func places(order []int) map[int]int {
	at := make(map[int]int, len(order))
	for i, v := range order {
		at[v] = i
	}
	return at
}

// exchange swaps neighbouring switches, with the nodes ordered after them, while lines cross
// less for it.
func (t *part) exchange(p *cards.Picture, fewest int) {
	for better := true; better && fewest > 0 && len(t.switches)*len(t.lines)*len(t.switches) < maxWork; {
		better = false
		for i := range len(t.switches) - 1 {
			next := t.clone()
			next.switches[i], next.switches[i+1] = next.switches[i+1], next.switches[i]
			next.nodes = byMedian(next.nodes, next.switches, t.lines, func(i int) (node, sw int) { return p.Lines[i].Node, p.Lines[i].Switch })
			if n := next.crossings(p); n < fewest {
				*t, fewest, better = next, n, true
			}
		}
	}
}

// crossings is how many lines cross, however the ports are ordered.
func (t *part) crossings(p *cards.Picture) int {
	sw, node := places(t.switches), places(t.nodes)
	pairs := make([][2]int, 0, len(t.lines))
	for _, i := range t.lines {
		pairs = append(pairs, [2]int{sw[p.Lines[i].Switch], node[p.Lines[i].Node]})
	}
	return crossed(pairs)
}

// crossed counts the pairs that are in one order above and in the other below. Lines that share
// an end do not cross.
func crossed(pairs [][2]int) int {
	slices.SortFunc(pairs, func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	below := make([]int, 0, len(pairs))
	for _, p := range pairs {
		below = append(below, p[1])
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(below)))
	tree := make([]int, len(sorted)+1) // a Fenwick tree: how many have been seen at each place
	count := 0
	for seen, v := range below {
		i, _ := slices.BinarySearch(sorted, v)
		upTo := 0
		for k := i + 1; k > 0; k -= k & -k {
			upTo += tree[k]
		}
		count += seen - upTo
		for k := i + 1; k < len(tree); k += k & -k {
			tree[k]++
		}
	}
	return count
}
