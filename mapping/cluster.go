// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"maps"
	"slices"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/identity"
)

// maxSightings bounds how many ports can be of one switch: more are an invention, and
// to compare each with each takes time.
const maxSightings = 1024

// JoinSwitches tells which chassis that different nodes hear are one switch: what each
// node found out for itself, and what the same evidence shows for all of them together.
// It is for reading: a node resolves names by what it has seen itself, and nothing that
// another node says attaches a container. The answer depends on the order of the nodes,
// so callers keep one.
func JoinSwitches(nodes []Input) Switches {
	var out Switches
	byName := map[string][]sighting{}
	for i, in := range nodes {
		for _, w := range in.Memory.Switches {
			out = out.merge(w)
		}
		for _, s := range assumePresent(in.Memory.sightings(in.Snapshot)) {
			s.port.node = i
			byName[s.SystemName] = append(byName[s.SystemName], s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if all := byName[name]; severalChassis(all) && len(all) <= maxSightings {
			out = out.learn(all)
		}
	}
	return out
}

// assumePresent counts who is silent as if it were heard, unless its port is disputed.
// A node that reboots takes nothing from what was known of the switch, and what is one
// must not fall apart for so long.
func assumePresent(all []sighting) []sighting {
	for i := range all {
		all[i].live = !all[i].disputed
	}
	return all
}

// merge takes in what one node knows of a switch.
func (s Switches) merge(w Switch) Switches {
	at := slices.IndexFunc(s, func(o Switch) bool {
		return slices.ContainsFunc(w.Chassis, func(c discovery.ID) bool { return slices.Contains(o.Chassis, c) })
	})
	if at < 0 {
		if len(s) >= maxSwitches {
			return s
		}
		return append(s, Switch{ID: w.ID, Name: w.Name, Chassis: slices.Clone(w.Chassis)})
	}
	known := &s[at]
	for _, c := range w.Chassis {
		if s.index(c) < 0 && len(known.Chassis) < maxChassis {
			known.Chassis = append(known.Chassis, c)
		}
	}
	return s
}

func severalChassis(all []sighting) bool {
	return slices.ContainsFunc(all, func(s sighting) bool { return s.Chassis != all[0].Chassis })
}

// CanonicalIdentity is the identity that stands for all those of one switch and VLAN.
func (s Switches) CanonicalIdentity(id Identity) Identity {
	if id.Kind == identity.Chassis {
		id.Switch = string(s.Canonical(discovery.ID(id.Switch)))
	}
	return id
}
