// SPDX-License-Identifier: Apache-2.0

package cabling

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
)

// A checker holds a plan against what is heard.
type checker struct {
	heard   *Heard
	cables  []*judged
	devices map[string]*device // of the plan, by folded name
	byPeer  map[*peer][]*device
	planned map[*port]bool
	wants   map[*port]*judged // found already
}

// A device is one that the plan names.
type device struct {
	name   string
	nodes  []*node
	cables []*judged
	heard  []*peer // who calls himself so
	// twins are the chassis that sure peers of this name have, where they are several.
	twins []discovery.ID
}

// A judged cable is one of the plan, and what came of it.
type judged struct {
	*Cable
	verdict Verdict
	at      *port // the node's end
	node    string
	ifname  string
	want    End
	is      *peer // who is heard there
	note    string
	done    bool    // it is in a finding
	walk    *judged // from which one came here, looking for rings
}

func newChecker(h *Heard) *checker {
	return &checker{heard: h, devices: map[string]*device{}, byPeer: map[*peer][]*device{}, planned: map[*port]bool{}, wants: map[*port]*judged{}}
}

// Check holds a plan against what is heard. The error is of a plan that contradicts itself by
// the names of these nodes.
func Check(p *Plan, h *Heard) (*Report, error) {
	c := newChecker(h)
	for i := range p.Cables {
		c.plan(&p.Cables[i])
	}
	if err := c.twice(); err != nil {
		return nil, err
	}
	c.meet()
	for _, j := range c.cables {
		c.judge(j)
	}
	r := &Report{Totals: map[Verdict]int{}, Nodes: len(h.nodes), Findings: []Finding{}, Notes: slices.Clone(p.Notes)}
	c.findings(r)
	c.notes(r)
	return r, nil
}

// plan takes in a cable.
func (c *checker) plan(cable *Cable) {
	j := &judged{Cable: cable}
	c.cables = append(c.cables, j)
	for _, end := range []End{cable.A, cable.B} {
		key := fold(end.Device)
		d := c.devices[key]
		if d == nil {
			d = &device{name: end.Device, nodes: c.heard.named(end.Device)}
			c.devices[key] = d
		}
		d.cables = append(d.cables, j)
	}
}

func (c *checker) device(e End) *device { return c.devices[fold(e.Device)] }

// twice refuses a plan in which two cables end at one port of a node: which of them is meant is
// not for us to say.
func (c *checker) twice() error {
	at := map[*port]*Cable{}
	for _, j := range c.cables {
		for _, end := range []End{j.A, j.B} {
			p := c.portOf(end)
			if p == nil || j.Future {
				continue
			}
			if other := at[p]; other != nil && other != j.Cable {
				return fmt.Errorf("%s: %s is interface %s of node %s, and so is what %s says; leave one of them", j.Where, end, p.name, p.node.name, other.Where)
			}
			at[p] = j.Cable
			c.planned[p] = true
		}
	}
	return c.twiceThere()
}

// twiceThere refuses a plan in which two cables of nodes end at one port of a switch, which it
// writes in two ways: both could be right, and one cannot be.
func (c *checker) twiceThere() error {
	at := map[socket]*Cable{}
	for _, j := range c.cables {
		near, far := j.A, j.B
		if len(c.device(near).nodes) == 0 {
			near, far = far, near
		}
		if j.Future || len(c.device(near).nodes) == 0 || len(c.device(far).nodes) > 0 {
			continue
		}
		is := socketOf(far, j.ByDescription)
		if other := at[is]; other != nil {
			called := other.A
			if fold(called.Device) != is.device {
				called = other.B
			}
			return fmt.Errorf("%s: %s is the port that %s calls %s; leave one of them", j.Where, far, other.Where, called)
		}
		at[is] = j.Cable
	}
	return nil
}

// portOf is the port of a node that an end of a cable means; nil where it is not known.
func (c *checker) portOf(e End) *port {
	d := c.device(e)
	if len(d.nodes) != 1 {
		return nil
	}
	if found := d.nodes[0].port(e.Port); len(found) == 1 {
		return found[0]
	}
	return nil
}

// meet finds out which devices of the plan are heard. Switches say the same on many ports, so
// each saying is compared once, and with those devices only that can be alike.
func (c *checker) meet() {
	type says struct {
		chassis, canonical discovery.ID
		system, addresses  string
	}
	named, others := c.labels()
	known := map[says][]*device{}
	for _, p := range c.heard.peers {
		key := says{p.Chassis, p.chassis, p.SystemName, strings.Join(p.ManagementAddresses, " ")}
		meant, ok := known[key]
		if !ok {
			candidates := map[*device]bool{}
			for _, name := range p.callsItself() {
				for _, d := range named[firstLabel(name)] {
					candidates[d] = true
				}
			}
			for _, d := range others {
				candidates[d] = true
			}
			for d := range candidates {
				if p.likeDevice(d.name) == alike {
					meant = append(meant, d)
				}
			}
			known[key] = meant
		}
		c.byPeer[p] = meant
		for _, d := range meant {
			d.heard = append(d.heard, p)
		}
	}
	for _, d := range c.devices {
		d.twins = twins(d.heard)
	}
}

// labels are the devices by the first part of their names, and those that are called by an ID or
// an address.
func (c *checker) labels() (named map[string][]*device, others []*device) {
	named = map[string][]*device{}
	for name, d := range c.devices {
		label := firstLabel(name)
		named[label] = append(named[label], d)
		_, notMAC := discovery.ParseMAC(name)
		if _, notIP := netip.ParseAddr(name); isID(d.name) || notMAC == nil || notIP == nil {
			others = append(others, d)
		}
	}
	return named, others
}

// twins are the chassis of peers, where they are several. A switch that speaks LLDP and CDP has
// an ID in each.
func twins(all []*peer) []discovery.ID {
	seen := map[discovery.Protocol][]discovery.ID{}
	for _, p := range all {
		if p.sure && !slices.Contains(seen[p.Protocol], p.chassis) {
			seen[p.Protocol] = append(seen[p.Protocol], p.chassis)
		}
	}
	for _, ids := range [][]discovery.ID{seen[discovery.ProtocolLLDP], seen[discovery.ProtocolCDP]} {
		if len(ids) > 1 {
			slices.Sort(ids)
			return ids
		}
	}
	return nil
}

// judge says what is to be said of a cable, from the end or the ends that are at nodes.
func (c *checker) judge(j *judged) {
	a, b := c.device(j.A), c.device(j.B)
	switch {
	case len(a.nodes) == 0 && len(b.nodes) == 0:
		j.verdict, j.node, j.ifname, j.want = Elsewhere, j.A.Device, j.A.Port, j.B
		if j.NodeA && c.heard.Whole {
			j.verdict, j.note = NoNode, "no node of the cluster bears this name"
		}
		return
	case len(b.nodes) == 0:
		c.judgeEnd(j, j.A, j.B)
	case len(a.nodes) == 0:
		c.judgeEnd(j, j.B, j.A)
	default:
		c.judgeBoth(j)
	}
	if j.Future && j.verdict != OK {
		j.verdict, j.note = Future, ""
	}
}

// judgeBoth judges a cable between two nodes. What one of them hears is enough, unless the other
// hears something else.
func (c *checker) judgeBoth(j *judged) {
	other := *j
	c.judgeEnd(j, j.A, j.B)
	c.judgeEnd(&other, j.B, j.A)
	switch {
	case j.verdict == OK && other.verdict.Wrong() || other.verdict == OK && j.verdict.Wrong():
		j.verdict, j.note = Unsure, fmt.Sprintf("the nodes contradict each other: on one end it is as planned, on the other %s", other.verdict)
	case other.verdict == OK || other.verdict == Unsure && j.verdict == NotHeard || other.verdict.Wrong() && !j.verdict.Wrong():
		*j = other
	}
}

// judgeEnd judges a cable by what is heard at one end.
func (c *checker) judgeEnd(j *judged, near, far End) {
	j.node, j.ifname, j.want = near.Device, near.Port, far
	d := c.device(near)
	if len(d.nodes) > 1 {
		j.verdict, j.note = Unsure, fmt.Sprintf("the name may be that of node %s or %s: write it whole", d.nodes[0].name, d.nodes[1].name)
		return
	}
	n := d.nodes[0]
	j.node = n.name
	if !n.known {
		j.verdict, j.note = NotHeard, cmp.Or(n.doubt, "the node publishes nothing: no agent runs there")
		return
	}
	found := n.port(near.Port)
	if len(found) != 1 {
		c.noPort(j, n, near.Port, len(found))
		return
	}
	j.at, j.ifname = found[0], found[0].name
	c.judgePort(j, far)
}

// noPort says why a node has not the port that a plan names.
func (c *checker) noPort(j *judged, n *node, name string, found int) {
	why, there := n.others[name]
	switch {
	case found > 1:
		j.verdict, j.note = Unsure, "several interfaces of the node may be meant: write the name as the kernel has it"
	case there:
		j.verdict, j.note = Unsure, name+" "+why
	case n.least:
		j.verdict, j.note = NotHeard, "the node publishes no such port: there is none, or its agent does not listen there"
	case n.doubt != "":
		j.verdict, j.note = NotHeard, n.doubt
	default:
		j.verdict, j.note = Missing, "the node has no such interface"
	}
	if !there && found == 0 {
		if near := fit.Nearest(name, n.portNames()); near != "" {
			j.note += fmt.Sprintf("; did the plan mean %s?", near)
		}
	}
}

func (n *node) portNames() (names []string) {
	for _, p := range n.ports {
		names = append(names, p.name)
	}
	return names
}

// judgePort compares who is heard on a port with who should be.
func (c *checker) judgePort(j *judged, far End) {
	p := j.at
	if len(p.peers) > 0 {
		j.is = p.peers[0]
	}
	switch p.state {
	case dark:
		j.verdict, j.note, j.is = Missing, p.why, nil
		return
	case unheard:
		j.verdict, j.note, j.is = NotHeard, p.why, nil
		return
	case sure, doubtful:
	}
	who, where := c.compare(p, far, j.ByDescription)
	switch {
	case p.state == doubtful:
		j.verdict, j.note = Unsure, p.why
		if who == alike && where == alike {
			j.note += "; until then it was as planned"
		}
	case who == unlike:
		j.verdict, j.note = WrongSwitch, c.unknownName(far)
	case who == unclear:
		j.verdict, j.note = Unsure, fmt.Sprintf("the switch says no name that could be compared: write its chassis ID %s into the plan if it is meant", j.is.Chassis)
	case where == unlike:
		j.verdict = WrongPort
	case where == unclear && j.ByDescription:
		j.verdict, j.note = Unsure, fmt.Sprintf("the plan means the port description, and that is %q", j.is.PortDescription)
	case where == unclear:
		j.verdict, j.note = Unsure, fmt.Sprintf("the switch calls its port %s, which cannot be compared with the plan's %q", j.is.portText(), far.Port)
	case len(c.device(far).twins) > 0:
		twins := c.device(far).twins
		j.verdict, j.note = Unsure, fmt.Sprintf("%d switches call themselves so (%s, %s): write the chassis ID of the one that is meant", len(twins), twins[0], twins[1])
	default:
		j.verdict = OK
	}
}

// compare compares those who speak on a port with the far end of a cable of the plan.
func (c *checker) compare(p *port, far End, byDescription bool) (who, where likeness) {
	var whos, wheres []likeness
	for _, is := range p.peers {
		who := is.likeDevice(far.Device)
		if who == unclear && len(c.byPeer[is]) > 0 {
			who = unlike // it is another device of the plan
		}
		whos = append(whos, who)
		if who == alike {
			wheres = append(wheres, c.likeNodePort(is, far), is.likePort(far.Port, byDescription))
		}
	}
	return either(whos...), either(wheres...)
}

// likeNodePort compares the port at the other end where that is one of a node, whose interfaces
// are known.
func (c *checker) likeNodePort(is *peer, far End) likeness {
	want := c.portOf(far)
	if want == nil {
		return unclear
	}
	kind, value, _ := strings.Cut(string(is.Port), ":")
	if kind != "ifname" && kind != "mac" {
		return unclear
	}
	if found := want.node.port(value); len(found) == 1 {
		return when(found[0] == want, alike)
	}
	return unclear
}

// unknownName says that nobody is heard by the plan's name of a device.
func (c *checker) unknownName(far End) string {
	if len(c.device(far).heard) > 0 || len(c.device(far).nodes) > 0 {
		return ""
	}
	return fmt.Sprintf("no node hears a switch that is called %s", far.Device)
}
