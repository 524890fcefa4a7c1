// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/topology"
)

// The formats in which a topology is drawn.
const (
	SVG     = "svg"
	DOT     = "dot"
	Mermaid = "mermaid"
)

// Topology shows who is connected to what.
func (o *Out) Topology(t *topology.Topology) error {
	switch o.Format {
	case JSON:
		return o.JSON(t)
	case SVG:
		return o.Write(t.SVG())
	case DOT:
		return o.Write(t.DOT())
	case Mermaid:
		return o.Write(t.Mermaid())
	}
	return o.topologyTable(t)
}

// topologyTable has a line for each cable, and for each port without one.
func (o *Out) topologyTable(t *topology.Topology) error {
	system := map[discovery.MSAP]string{}
	for _, sw := range t.Switches {
		for _, p := range sw.Ports {
			system[p.MSAP] = cmp.Or(sw.System, string(sw.Chassis))
		}
	}
	name := func(_ *topology.Node, p *topology.Port) string { return p.Name }
	if len(t.Nodes) > 1 {
		name = func(n *topology.Node, p *topology.Port) string { return n.Name + " " + p.Name }
	}
	var cells [][]string
	for _, n := range t.Nodes {
		for _, p := range n.Ports {
			note := ""
			if p.Silence != nil {
				note = p.Silence.Message
			}
			for i := range p.Links {
				l := &p.Links[i]
				if note == "" && len(l.Networks) == 0 {
					note = fmt.Sprintf("\"%s\" says why this is no network", o.paste(o.operand(&n, &p), "explain"))
				}
				cells = append(cells, []string{name(&n, &p), p.Master, o.Cell(system[l.MSAP]), o.Cell(string(l.Port)), o.List(networks(l.Networks)), note})
			}
			if len(p.Links) == 0 || len(p.Pinned) > 0 {
				cells = append(cells, []string{name(&n, &p), p.Master, "", "", o.List(networks(p.Pinned)), pinNote(&p, note)})
			}
		}
	}
	return o.TableOr(UpperFirst(NoPort)+".", []string{"INTERFACE", "IN", "SWITCH", "PORT", "NETWORKS", "NOTE"}, cells)
}

// operand is what explains a port.
func (o *Out) operand(n *topology.Node, p *topology.Port) string {
	if o.PerNode {
		return n.Name + "/" + p.Name
	}
	return p.Name
}

// pinNote says what a rule's word about a port is worth, where it counts.
func pinNote(p *topology.Port, note string) string {
	if slices.ContainsFunc(p.Pinned, func(n topology.Network) bool { return n.Certainty == nodefile.Pinned }) {
		return "pinned by a rule: no switch speaks there, so nobody confirms it"
	}
	return note
}

func networks(list []topology.Network) []string {
	var out []string
	for i := range list {
		out = append(out, list[i].String())
	}
	return out
}
