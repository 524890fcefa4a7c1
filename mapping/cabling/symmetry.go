// SPDX-License-Identifier: Apache-2.0

package cabling

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
)

// Symmetry judges cables without a plan: in a pool of nodes that are alike, it finds those that
// are cabled unlike the rest. What says so has to be many: of 3 nodes to 1, and never of two
// ways that are about as frequent, which may both be meant.
const (
	enough   = 3 // nodes are a pattern
	majority = 3 // times as many as differ
)

// A pattern is a way in which some nodes of a pool are cabled.
type pattern struct {
	ends  map[string]string
	nodes int
}

// A pool is nodes that should be cabled alike.
type pool struct {
	nodes    []*node
	labelled bool // somebody said that they should
	names    map[*peer]string
	ends     map[*node]map[string]string // the switch of each port, as far as it is sure
	own      map[*node]*pattern
	frequent []*pattern // of enough nodes
}

// Symmetry finds the nodes of each pool that differ from the rest. byPool is set where the
// nodes of a pool are those of which somebody said that they are alike; else the hardware says
// it, and those behind other switches are not compared.
func Symmetry(h *Heard, byPool bool) *Report {
	r := &Report{Totals: map[Verdict]int{}, Findings: []Finding{}}
	names := h.switchNames()
	for _, p := range h.pools(byPool) {
		p.names = names
		if p.sort(); len(p.nodes) <= enough {
			continue
		}
		for _, n := range p.nodes {
			before := len(r.Findings)
			if r.Nodes++; !p.compare(r, n) {
				p.pairs(r, n)
			}
			if len(r.Findings) == before {
				r.Totals[OK]++
			}
		}
	}
	if left := len(h.nodes) - r.Nodes; left > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("compared with nobody: %d of %d nodes; a pool has %d at least that hear switches", left, len(h.nodes), enough+1))
	}
	return r
}

// pools are the nodes that are compared with each other, in the order of their names.
func (h *Heard) pools(byPool bool) (out []*pool) {
	all := map[string]*pool{}
	for _, n := range h.nodes {
		if !n.known || byPool && n.pool == "" {
			continue
		}
		key := n.pool
		if !byPool {
			key = n.hardware()
		}
		if all[key] == nil {
			all[key] = &pool{labelled: byPool}
		}
		all[key].nodes = append(all[key].nodes, n)
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[key])
	}
	return out
}

// hardware are the ports of a node, with their drivers and NICs.
func (n *node) hardware() string {
	var all []string
	for _, p := range n.ports {
		all = append(all, p.name+" "+p.driver+" "+p.group)
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// switchNames are what to call the switch of each peer: its name, where that is of one switch.
func (h *Heard) switchNames() map[*peer]string {
	named := map[string][]*peer{}
	for _, p := range h.peers {
		if said := p.callsItself(); len(said) > 0 {
			label := firstLabel(said[len(said)-1])
			named[label] = append(named[label], p)
		}
	}
	out := map[*peer]string{}
	for _, all := range named {
		one := twins(all) == nil
		for _, p := range all {
			if out[p] = string(p.chassis); one {
				out[p] = all[0].system()
			}
		}
	}
	for _, p := range h.peers {
		if out[p] == "" {
			out[p] = string(p.chassis)
		}
	}
	return out
}

// switches are those at the ports of a node, as far as it is sure.
func (n *node) switches(names map[*peer]string) map[string]string {
	out := map[string]string{}
	for _, p := range n.ports {
		if p.state == sure && len(p.peers) > 0 && discovery.SpeakerOf(&p.peers[0].Neighbor) == discovery.SpeakerSwitch {
			out[p.name] = names[p.peers[0]]
		}
	}
	return out
}

// sort puts nodes that are cabled alike together, and leaves out those that hear nothing.
func (p *pool) sort() {
	p.ends, p.own = map[*node]map[string]string{}, map[*node]*pattern{}
	patterns := map[string]*pattern{}
	p.nodes = slices.DeleteFunc(p.nodes, func(n *node) bool {
		ends := n.switches(p.names)
		key := fmt.Sprintf("%q", ends) // which sorts them
		if patterns[key] == nil {
			patterns[key] = &pattern{ends: ends}
		}
		p.ends[n], p.own[n] = ends, patterns[key]
		patterns[key].nodes++
		return len(ends) == 0
	})
	for _, key := range slices.Sorted(maps.Keys(patterns)) {
		if patterns[key].nodes >= enough {
			p.frequent = append(p.frequent, patterns[key])
		}
	}
	all := slices.Clone(p.frequent)
	p.frequent = slices.DeleteFunc(p.frequent, func(q *pattern) bool {
		return slices.ContainsFunc(all, func(whole *pattern) bool { return q.partOf(whole) })
	})
}

// partOf reports whether some cables of a more frequent pattern are all there is of this one:
// of the others nobody knows.
func (q *pattern) partOf(whole *pattern) bool {
	for port, is := range q.ends {
		if whole.ends[port] != is {
			return false
		}
	}
	return len(q.ends) < len(whole.ends) && q.nodes <= whole.nodes
}

// compare finds what of a node is unlike the way that it should have. It returns false where
// there is no such way.
func (p *pool) compare(r *Report, n *node) bool {
	rest := p.meant(n)
	if rest == nil {
		return false
	}
	r.symmetric(p.differences(rest, n))
	return true
}

// meant is the way in which a node should be cabled and is not; nil where that is not sure.
func (p *pool) meant(n *node) *pattern {
	var best *pattern
	most, rival := -1, false
	for _, q := range p.frequent {
		shared, same := q.agreement(p.ends[n])
		if q.nodes < majority*p.own[n].nodes || shared == 0 && !p.labelled {
			continue
		}
		switch {
		case same > most:
			best, most, rival = q, same, false
		case same == most:
			rival = true
		}
	}
	if rival {
		return nil
	}
	return best
}

// agreement is how many switches two ways of cabling share, and at how many ports they agree.
func (q *pattern) agreement(ends map[string]string) (shared, same int) {
	for port, is := range ends {
		if q.ends[port] == is {
			same++
		}
		for _, other := range q.ends {
			if other == is {
				shared++
				break
			}
		}
	}
	return shared, same
}

// differences are the ports of a node that lead elsewhere than those of the rest. A port without
// carrier where the rest has a cable is one; where nothing is known of a port, nothing is said.
func (p *pool) differences(q *pattern, n *node) (out []Found) {
	for _, at := range n.ports {
		want, is := q.ends[at.name], p.ends[n][at.name]
		if want == "" || want == is || is == "" && at.state != dark {
			continue
		}
		f := Found{Node: n.name, Interface: at.name, Expected: &End{Device: want}}
		where := "no carrier"
		if is != "" {
			f.Actual = at.peers[0].far()
			f.Actual.Device = is
			where = "on " + is
		}
		f.Note = fmt.Sprintf("%s where %d others are on %s", where, q.nodes, want)
		out = append(out, f)
	}
	return out
}

// symmetric adds what is unlike at one node: ports that are exchanged are one finding.
func (r *Report) symmetric(cables []Found) {
	isAt := func(f *Found) string {
		if f.Actual == nil {
			return ""
		}
		return f.Actual.Device
	}
	for len(cables) > 0 {
		first := cables[0]
		cables = cables[1:]
		i := slices.IndexFunc(cables, func(f Found) bool {
			return f.Actual != nil && first.Actual != nil && isAt(&f) == first.Expected.Device && isAt(&first) == f.Expected.Device
		})
		switch {
		case i >= 0:
			second := cables[i]
			cables = slices.Delete(cables, i, i+1)
			first.Note += fmt.Sprintf("; swapped with %s?", second.Interface)
			second.Note += fmt.Sprintf("; swapped with %s?", first.Interface)
			r.add(Swapped, first, second)
		case first.Actual == nil:
			r.add(Missing, first)
		default:
			r.add(WrongSwitch, first)
		}
	}
}

// pairs finds two ports of a NIC or a bond that are on one switch where those of the rest are on
// two, whichever these are: so it is found in a pool of many racks, too.
func (p *pool) pairs(r *Report, n *node) {
	ends := p.ends[n]
	for i, a := range n.ports {
		for _, b := range n.ports[i+1:] {
			if a.group == "" || a.group != b.group || ends[a.name] == "" || ends[a.name] != ends[b.name] {
				continue
			}
			apart, together := p.apart(a.name, b.name)
			if apart < enough || apart < majority*together {
				continue
			}
			f := Found{Node: n.name, Interface: a.name + ", " + b.name, Actual: a.peers[0].far()}
			f.Actual.Device, f.Actual.Port = ends[a.name], f.Actual.Port+", "+b.peers[0].portText()
			f.Note = fmt.Sprintf("both on %s where those of %d others are on two switches", ends[a.name], apart)
			r.add(WrongSwitch, f)
		}
	}
}

// apart counts the nodes whose two ports are on two switches, and on one.
func (p *pool) apart(a, b string) (apart, together int) {
	for _, ends := range p.ends {
		switch x, y := ends[a], ends[b]; {
		case x == "" || y == "":
		case x == y:
			together++
		default:
			apart++
		}
	}
	return apart, together
}
