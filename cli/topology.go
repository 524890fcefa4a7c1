// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/topology"
)

// The formats in which a topology is drawn.
const (
	formatSVG     = "svg"
	formatDOT     = "dot"
	formatMermaid = "mermaid"
)

func (a *app) topology() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:   "topology",
		Short: "Show where the cable of each port ends, or why that is not known (-o svg: as a picture)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.needsAgent(err)
			}
			t := topology.New(a.now(), topology.Source{Node: s.Node, Snapshot: s.Snapshot, View: s.View, Switches: s.Memory.Switches})
			switch a.format {
			case formatJSON:
				return a.json(t)
			case formatSVG:
				return a.print("%s", t.SVG())
			case formatDOT:
				return a.print("%s", t.DOT())
			case formatMermaid:
				return a.print("%s", t.Mermaid())
			default:
				return a.topologyTable(t)
			}
		},
	}, formatTable, formatJSON, formatSVG, formatDOT, formatMermaid)
}

// topologyTable has a line for each cable, and for each port without one.
func (a *app) topologyTable(t *topology.Topology) error {
	system := map[discovery.MSAP]string{}
	for _, sw := range t.Switches {
		for _, p := range sw.Ports {
			system[p.MSAP] = cmp.Or(sw.System, string(sw.Chassis))
		}
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
					note = fmt.Sprintf("\"%s\" says why this is no network", paste.Operand(p.Name, "colvin", "explain"))
				}
				cells = append(cells, []string{p.Name, p.Master, a.cell(system[l.MSAP]), a.cell(string(l.Port)), a.list(networks(l.Networks)), note})
			}
			if len(p.Links) == 0 || len(p.Pinned) > 0 {
				cells = append(cells, []string{p.Name, p.Master, "", "", a.list(networks(p.Pinned)), pinNote(&p, note)})
			}
		}
	}
	return a.tableOr(upperFirst(noPort)+".", []string{"INTERFACE", "IN", "SWITCH", "PORT", "NETWORKS", "NOTE"}, cells)
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
