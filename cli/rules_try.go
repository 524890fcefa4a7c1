// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

// try resolves what the agent knows by the rules in force and by the others, in the same
// way, and compares.
func (c *candidate) try(g *agentapi.Ground) *view.Trial {
	if g == nil {
		return nil
	}
	s := g.State
	resolve := func(sources []rules.Source) (mapping.Input, mapping.View) {
		set, _, _ := rules.Merge(sources...) // they are valid
		in := mapping.Input{World: s.World(set), Snapshot: s.Snapshot, Memory: s.Memory, Colours: g.Basis.Colours}
		v := mapping.Try(&in)
		return in, v
	}
	was, before := resolve(g.Basis.Sources)
	in, after := resolve(c.sources(g.Basis.Sources))
	stay, instead := c.beside(g.Basis.Sources)
	t := view.NewTrial(&was, &in, &before, &after)
	t.Instead, t.Beside, t.Moved = sourceNames(instead), sourceNames(stay), moved(s.Attachments, was, in, &before, &after)
	t.LooksCut = slices.ContainsFunc(instead, func(s rules.Source) bool { return s.Root == "" && rules.LooksCut(c.data, s.Data) })
	for _, i := range in.Idle(&after) {
		if i.Ref.File == c.name {
			t.Idle = append(t.Idle, i)
		}
	}
	return t
}

func sourceNames(sources []rules.Source) []string {
	out := []string{}
	for _, s := range sources {
		out = append(out, s.Name)
	}
	return out
}

// moved are the containers that would count as moved, and do not now.
func moved(attached []agentapi.ContainerAttachment, was, in mapping.Input, before, after *mapping.View) []view.TriedContainer {
	now := containers.Rejudge(attached, containers.Seen{View: before, Memory: was.Memory, Snapshot: was.Snapshot})
	then := containers.Rejudge(now, containers.Seen{View: after, Memory: in.Memory, Snapshot: in.Snapshot})
	out := []view.TriedContainer{}
	for i := range then {
		if a := &then[i]; a.Status == agentapi.ContainerMoved && now[i].Status != agentapi.ContainerMoved {
			out = append(out, view.TriedContainer{
				Container: a.Owner(), IfName: fit.Printable(a.IfName), Network: fit.Printable(a.Network), Device: fit.Printable(a.Device.Name), To: a.LeadsTo(),
			})
		}
	}
	return out
}
