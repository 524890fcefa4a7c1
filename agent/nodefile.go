// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"maps"
	"slices"

	"github.com/colvin-net/colvin/agent/rulebook"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// nodeFile is the View as the CNI plugin needs it: one network per name that
// resolves, so that a colour leads to its own identity only, even where the name
// that replaced it covers several.
func nodeFile(in mapping.Input, v mapping.View, moved []nodefile.Moved, r *rulebook.Rules, l lease) *nodefile.File {
	f := &nodefile.File{
		Version:       nodefile.Version,
		Node:          v.Node,
		BootID:        v.BootID,
		Written:       v.Time.UTC().Round(0),
		Converged:     v.Converged && !r.Unknown(),
		Pending:       v.Pending,
		Networks:      []nodefile.Network{},
		KnownNames:    in.KnownNames(),
		KnownPatterns: in.Rules.KnownPatterns(),
		Moved:         moved,
		RulesProblem:  fit.Line(r.Problem),
	}
	byName := make(map[string][]nodefile.Uplink, len(v.Uplinks))
	for i := range v.Uplinks {
		a := &v.Uplinks[i]
		if a.Name == "" {
			continue
		}
		said := fileUplink(a, l)
		byName[a.Name] = append(byName[a.Name], said)
		for _, name := range a.Aliases {
			byName[name] = append(byName[name], said)
		}
	}
	f.Networks = slices.Grow(f.Networks, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		f.Networks = append(f.Networks, nodefile.Network{Name: name, Uplinks: byName[name]})
	}
	return f
}

// fileUplink is what the plugin reads of an uplink.
func fileUplink(a *mapping.Uplink, l lease) nodefile.Uplink {
	rule := a.Rule.String()
	if rule == "" {
		rule = "colour"
	}
	device := a.Device
	if a.Made { // it comes and goes with the containers; the plugin finds or makes it
		device = nodefile.Link{}
	}
	return nodefile.Uplink{
		Identity:        string(a.Identity.Key()),
		OtherIdentities: otherIdentities(a),
		Device:          device,
		Parent:          a.Parent,
		VID:             a.VID,
		Certainty:       a.Certainty,
		Usable:          a.Usable,
		Spans:           a.Spans,
		Since:           a.Since.UTC().Round(0),
		Reason:          a.Reason,
		Neighbor:        a.NeighborText(),
		Rule:            rule,
		Trunk:           a.Trunk,
		Until:           l.until(a),
		Ports:           filePorts(a),
	}
}

// filePorts are all ports that frames can leave through, first the one that the
// evidence is from.
func filePorts(a *mapping.Uplink) []nodefile.Port {
	ports := []nodefile.Port{{Link: a.Port, CarrierChanges: a.CarrierChanges, VID: a.VID}}
	for _, m := range a.Members {
		if m.Port == a.Port && m.VID == a.VID {
			ports[0].Junctions = m.Junctions
		} else if m.Decides {
			ports = append(ports, nodefile.Port{Link: m.Port, CarrierChanges: m.CarrierChanges, VID: m.VID, Junctions: m.Junctions})
		}
	}
	return ports
}

// otherIdentities are the other identities through which the uplink is reached.
func otherIdentities(a *mapping.Uplink) []string {
	var out []string
	for _, m := range a.Members {
		if id := string(m.Identity.Key()); m.Decides && m.Identity != a.Identity && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
