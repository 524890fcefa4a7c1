// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/cli/args"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/topology"
	"github.com/colvin-net/colvin/mapping/topology/cards"
	"github.com/colvin-net/colvin/mapping/topology/draw"
	"github.com/colvin-net/colvin/mapping/topology/layout"
)

// The formats in which a topology is drawn.
const (
	SVG     = "svg"
	Drawio  = "drawio"
	DOT     = "dot"
	Mermaid = "mermaid"
)

// A Drawing is what of a topology is shown, and how.
type Drawing struct {
	Around  string
	Hops    int
	Network string
	Unfold  bool
	Theme   string
}

// Flags adds the flags of a drawing to a command.
func (d *Drawing) Flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&d.Around, "around", "", "show only what is within --hops cables of this `node or switch`: a node's name, a switch's system name or chassis ID")
	f.IntVar(&d.Hops, "hops", 1, "`cables` from --around to what is shown: 2 of a node are its switches and all nodes there")
	f.StringVar(&d.Network, "network", "", "show only what leads to this `network`")
	f.BoolVar(&d.Unfold, "unfold", false, "draw each node by itself, though others lead to the same switches and networks")
	f.StringVar(&d.Theme, "theme", string(draw.Auto), "`light` of a picture: auto (svg: as the reader's screen is, else light), light or dark")
	_ = cmd.RegisterFlagCompletionFunc("theme", cobra.FixedCompletions(draw.Themes(), cobra.ShellCompDirectiveNoFileComp))
}

// check refuses what is no drawing.
func (d *Drawing) check(cmd *cobra.Command, format string) error {
	picture := slices.Contains([]string{SVG, Drawio, DOT, Mermaid}, format)
	for _, name := range []string{"unfold", "theme"} {
		if cmd.Flags().Changed(name) && !picture {
			return fmt.Errorf("--%s is about pictures, and -o %s is none; use -o %s, %s, %s or %s", name, format, SVG, Drawio, DOT, Mermaid)
		}
	}
	switch {
	case cmd.Flags().Changed("theme") && format == Mermaid:
		return errors.New("--theme says nothing to Mermaid: whoever draws the text chooses the light; leave it out")
	case !slices.Contains(draw.Themes(), d.Theme):
		return fmt.Errorf("there is no theme %q; use %s, %s or %s", d.Theme, draw.Auto, draw.Light, draw.Dark)
	case cmd.Flags().Changed("hops") && d.Around == "":
		return errors.New("--hops counts from --around, which is missing")
	case d.Hops < 1:
		return fmt.Errorf("--hops %d shows nothing; use 1 or more", d.Hops)
	}
	return nil
}

// Topology shows who is connected to what, or the part of it that a drawing asks for.
func (o *Out) Topology(cmd *cobra.Command, t *topology.Topology, d *Drawing) error {
	if err := d.check(cmd, o.Format); err != nil {
		return err
	}
	part, err := d.part(t)
	if err != nil {
		return err
	}
	switch o.Format {
	case JSON:
		return o.JSON(part)
	case SVG, Drawio, DOT, Mermaid:
		return o.Write(d.draw(o.Format, part, cards.HuesOf(t)))
	}
	return o.topologyTable(part, len(t.Nodes) > 1)
}

// part is what of a topology is asked for.
func (d *Drawing) part(t *topology.Topology) (*topology.Topology, error) {
	part := t
	if d.Network != "" {
		leading, ok := t.Leading(d.Network)
		if !ok {
			return nil, fmt.Errorf("nothing leads to a network %q; %s", d.Network, args.Meant(d.Network, t.Networks(), "without --network all are shown"))
		}
		part = leading
	}
	if d.Around == "" {
		return part, nil
	}
	if around, ok := part.Around(d.Around, d.Hops); ok {
		return around, nil
	}
	if _, there := t.Around(d.Around, 0); there {
		return nil, fmt.Errorf("%q does not lead to network %q; without --network it is shown", d.Around, d.Network)
	}
	return nil, fmt.Errorf("there is no node or switch %q; %s", d.Around, args.Meant(d.Around, t.Names(), "without --around all are shown"))
}

func (d *Drawing) draw(format string, t *topology.Topology, hues cards.Hues) string {
	p := cards.Of(t, hues, d.Unfold)
	l, theme := layout.Of(p), draw.Theme(d.Theme)
	switch format {
	case Drawio:
		return draw.Drawio(p, l, theme)
	case DOT:
		return draw.DOT(p, l, theme)
	case Mermaid:
		return draw.Mermaid(p, l)
	}
	return draw.SVG(p, l, theme)
}

// topologyTable has a line for each cable, and for each port without one. It says of which node
// a port is where there is another, though it be left out.
func (o *Out) topologyTable(t *topology.Topology, several bool) error {
	system := map[discovery.MSAP]string{}
	for _, sw := range t.Switches {
		for _, p := range sw.Ports {
			system[p.MSAP] = cmp.Or(sw.System, string(sw.Chassis))
		}
	}
	name := func(_ *topology.Node, p *topology.Port) string { return p.Name }
	if several {
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
