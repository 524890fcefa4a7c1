// SPDX-License-Identifier: Apache-2.0

package cabling

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// findings puts the judged cables into findings: exchanged ones into one, and one that was
// found at another port too.
func (c *checker) findings(r *Report) {
	for _, j := range c.cables {
		if !j.done {
			c.swapped(r, j)
		}
	}
	c.extras(r)
	for _, j := range c.cables {
		if j.done {
			continue
		}
		if belongs := c.belongs(j); belongs != nil && belongs != j {
			j.note = strings.TrimPrefix(fmt.Sprintf("%s; the plan has %s %s there", j.note, belongs.node, belongs.ifname), "; ")
		}
		r.add(j.verdict, j.found())
	}
	order := map[Verdict]int{}
	for i, v := range Verdicts {
		order[v] = i
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		x, y := &a.Cables[0], &b.Cables[0]
		return cmp.Or(order[a.Verdict]-order[b.Verdict], strings.Compare(x.Node, y.Node), strings.Compare(x.Interface, y.Interface))
	})
}

func (r *Report) add(v Verdict, cables ...Found) {
	r.Totals[v] += len(cables)
	r.Findings = append(r.Findings, Finding{v, cables})
}

func (j *judged) found() Found {
	f := Found{Node: j.node, Interface: j.ifname, Expected: &j.want, Plan: j.Where.String(), Note: j.note}
	if j.is != nil {
		f.Actual = j.is.far()
	}
	return f
}

// elsewhere reports whether the cable certainly ends where another one might be meant to.
func (j *judged) elsewhere() bool { return j.verdict == WrongPort || j.verdict == WrongSwitch }

// belongs is the one cable of the plan whose far end is where this one ends; nil where there is
// none, or it is not sure which.
func (c *checker) belongs(j *judged) *judged {
	if j.at == nil || !j.elsewhere() {
		return nil
	}
	return c.wanted(j.at)
}

// wanted is the one cable of the plan whose far end is what a port hears.
func (c *checker) wanted(p *port) *judged {
	found, known := c.wants[p]
	if !known && p.state == sure {
		found = c.search(p)
	}
	c.wants[p] = found
	return found
}

func (c *checker) search(p *port) (found *judged) {
	for _, is := range p.peers {
		for _, d := range c.byPeer[is] {
			if len(d.twins) > 0 {
				continue
			}
			for _, other := range d.cables {
				far := other.far(d)
				if other == found || either(c.likeNodePort(is, far), is.likePort(far.Port, other.ByDescription)) != alike {
					continue
				}
				if found != nil {
					return nil
				}
				found = other
			}
		}
	}
	return found
}

// far is the end of the cable that is at a device.
func (j *judged) far(d *device) End {
	if fold(j.A.Device) == fold(d.name) {
		return j.A
	}
	return j.B
}

// swapped follows cables that end where another should, until they come back to one of them:
// then these are exchanged for each other, which is one mistake.
func (c *checker) swapped(r *Report, first *judged) {
	ring := []*judged{}
	next := first
	for ; next != nil && !next.done && next.walk == nil; next = c.belongs(next) {
		next.walk = first
		ring = append(ring, next)
	}
	if next == nil || next.walk != first {
		return // it leads nowhere, or where one was already
	}
	ring = ring[slices.Index(ring, next):]
	if len(ring) < 2 {
		return
	}
	var cables []Found
	for i, j := range ring {
		j.done, j.verdict = true, Swapped
		with := ring[(i+1)%len(ring)]
		j.note = fmt.Sprintf("swapped with %s %s", with.node, with.ifname)
		cables = append(cables, j.found())
	}
	r.add(Swapped, cables...)
}

// extras are the cables that are heard and not planned.
func (c *checker) extras(r *Report) {
	for _, n := range c.heard.nodes {
		for _, p := range n.ports {
			if c.planned[p] || p.state != sure || len(p.peers) == 0 {
				continue
			}
			c.extra(r, p)
		}
	}
}

// extra says what is to be said of a port that the plan does not name.
func (c *checker) extra(r *Report, p *port) {
	here := Found{Node: p.node.name, Interface: p.name, Actual: p.peers[0].far()}
	planned := c.wanted(p)
	switch {
	case planned != nil && planned.Future:
		return
	case planned != nil && !planned.done && (planned.verdict == Missing || planned.verdict == NotHeard):
		r.elsewhere(planned, p)
	case planned != nil && planned.verdict == OK:
		here.Note = fmt.Sprintf("%s %s hears the same port: something between them passes LLDP on, or copies it", planned.node, planned.ifname)
		r.add(Unplanned, here)
	case c.known(p):
		if planned != nil {
			here.Note = fmt.Sprintf("the plan has %s %s there", planned.node, planned.ifname)
		}
		r.add(Extra, here)
	default:
		r.add(Unplanned, here)
	}
}

// elsewhere says that a cable is plugged into another port of a node than the one that the plan
// names. Where the node has no port of that name, the one that has the cable may be the one that
// is meant: names of devices change with the driver.
func (r *Report) elsewhere(j *judged, p *port) {
	j.done = true
	f, verdict := j.found(), WrongPort
	if j.at == nil && j.node == p.node.name {
		verdict = Unsure
		f.Note = fmt.Sprintf("%s has no %s that is known, and %s is plugged in there: write %s if that is meant", j.node, j.ifname, p.name, p.name)
	} else {
		f.Note = fmt.Sprintf("its cable is plugged into %s %s; %s", p.node.name, p.name, f.Note)
	}
	r.add(verdict, f)
}

// known reports whether the plan has cables of who is heard on a port.
func (c *checker) known(p *port) bool {
	return slices.ContainsFunc(p.peers, func(is *peer) bool { return len(c.byPeer[is]) > 0 })
}

// notes says what is to be known of the plan's names.
func (c *checker) notes(r *Report) {
	var nobody []string
	for _, key := range slices.Sorted(maps.Keys(c.devices)) {
		d := c.devices[key]
		if len(d.heard) == 0 && len(d.nodes) == 0 {
			nobody = append(nobody, d.name)
		}
	}
	if len(nobody) == 0 || !c.heard.Whole {
		return
	}
	r.Notes = append(r.Notes, fmt.Sprintf("neither a node nor heard by one, under these names: %s", some(nobody)))
}

// some lists a few names, and says how many more there are.
func some(names []string) string {
	const few = 8
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
