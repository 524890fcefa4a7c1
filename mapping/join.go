// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A Member is one of several ports through which an uplink is reached.
type Member struct {
	Port           nodefile.Link  `json:"port"`
	CarrierChanges uint32         `json:"carrierChanges,omitempty"`
	VID            uint16         `json:"vid,omitempty"` // the tag at this port
	Neighbor       discovery.MSAP `json:"neighbor"`
	System         string         `json:"system,omitempty"`
	// Identity and Certainty are what this member alone shows.
	Identity  Identity           `json:"identity"`
	Certainty nodefile.Certainty `json:"certainty"`
	// Decides is set where traffic passes through this member now: only those say
	// where the device above leads.
	Decides bool `json:"decides"`
	// Junctions are the devices between Port and the uplink's device that join
	// ports, the lowest first.
	Junctions []nodefile.Junction `json:"junctions"`
}

// A candidate is an uplink on its way up from its port.
type candidate struct {
	Uplink
	joins   []junction // the junctions still above
	doubted bool       // words stand against each other on the port
	refused bool       // a junction below has no answer
}

// at is the ifindex of the device that the next junction joins with others.
func (w *candidate) at() int { return w.joins[0].member }

// credible reports whether there is reason to believe in the uplink.
func (w *candidate) credible() bool {
	return w.Usable || w.Certainty.Known()
}

// joinAll makes one uplink of those that a bond, team or bridge joins, or none
// where they lead to different networks.
func (r *resolver) joinAll() {
	if !slices.ContainsFunc(r.joins, func(joins []junction) bool { return len(joins) > 0 }) {
		return
	}
	candidates := make([]*candidate, 0, len(r.view.Uplinks))
	pins := r.pinnedWays()
	for i := range r.view.Uplinks {
		// What is said beside a pin that counts is not what a switch says: what is joined with
		// the port is joined with where the pin leads.
		w := r.newCandidate(&r.view.Uplinks[i], r.joins[i])
		if len(w.joins) == 0 || w.VLANSource == VLANPinned || !pins[way{w.Port.Index, w.VID}] {
			candidates = append(candidates, &w)
		}
	}
	half := r.budget.halfKnown(r.Snapshot)
	for lowest := lowestJunctions(candidates); len(lowest) > 0; lowest = lowestJunctions(candidates) {
		candidates = r.joinAt(lowest, candidates, half)
	}
	r.view.Uplinks = r.view.Uplinks[:0]
	for _, w := range candidates {
		r.view.Uplinks = append(r.view.Uplinks, w.Uplink)
	}
}

// newCandidate is an uplink at its port.
func (r *resolver) newCandidate(a *Uplink, joins []junction) candidate {
	w := candidate{Uplink: *a, joins: joins}
	if b, _ := r.Memory.port(a.Port.Index); b != nil {
		w.doubted = b.State == belief.Disputed
	}
	if len(w.joins) == 0 {
		return w
	}
	m := Member{
		Port: a.Port, CarrierChanges: a.CarrierChanges, VID: a.VID, Neighbor: a.Neighbor, System: a.System,
		Identity: a.Identity, Certainty: a.Certainty, Decides: true,
	}
	for _, j := range w.joins {
		m.Junctions = append(m.Junctions, nodefile.Junction{
			Link: linkOf(j.Interface), Members: r.links.carrying(j),
		})
	}
	w.Members = []Member{m}
	return w
}

// A way is how frames leave: through a port, with a tag.
type way struct {
	port int
	vid  uint16
}

// pinnedWays are those by which pods attach by a pin.
func (r *resolver) pinnedWays() map[way]bool {
	pins := map[way]bool{}
	for i := range r.view.Uplinks {
		if a := &r.view.Uplinks[i]; a.VLANSource == VLANPinned && a.Usable {
			pins[way{a.Port.Index, a.VID}] = true
		}
	}
	return pins
}

// lowestJunctions are those, by ifindex, that all candidates which lead there have reached.
func lowestJunctions(candidates []*candidate) map[int]bool {
	lowest, later := map[int]bool{}, map[int]bool{}
	for _, w := range candidates {
		for i := range w.joins {
			if i == 0 {
				lowest[w.joins[i].Index] = true
			} else {
				later[w.joins[i].Index] = true
			}
		}
	}
	maps.DeleteFunc(lowest, func(index int, _ bool) bool { return later[index] })
	return lowest
}

// joinAt replaces the candidates that junctions join with what they are above them. Each
// VLAN is joined for itself. Where one of the VLAN devices of a junction is left out nothing is
// joined.
func (r *resolver) joinAt(lowest map[int]bool, candidates []*candidate, leftOut map[int]string) []*candidate {
	groups := map[tag][]*candidate{}
	tags := make([]tag, len(candidates)) // by which each is joined, as it was before; the zero tag for none
	for i, w := range candidates {
		if len(w.joins) > 0 && lowest[w.joins[0].Index] {
			tags[i] = tag{w.joins[0].Index, w.joins[0].vid}
			groups[tags[i]] = append(groups[tags[i]], w)
		}
	}
	out := make([]*candidate, 0, len(candidates))
	for i, w := range candidates {
		if tags[i] == (tag{}) {
			out = append(out, w)
		} else if group := groups[tags[i]]; group != nil { // else an earlier one stands for it
			groups[tags[i]] = nil
			j := w.joins[0]
			out = append(out, r.join(j, group, leftOut[j.Index])...)
		}
	}
	return out
}

func (r *resolver) join(j junction, group []*candidate, leftOut string) []*candidate {
	if leftOut != "" {
		return refuseAll(group, fmt.Sprintf("%s joins %s, whose VLAN is left out, because there are more than count", j.Name, leftOut))
	}
	carrying := r.links.carrying(j)
	var deciding []*candidate
	for _, w := range group {
		member, _ := r.links.get(w.at())
		decides := slices.Contains(carrying, w.at()) || j.Kind == discovery.KindBridge && member.Operational()
		for k := range w.Members {
			w.Members[k].Decides = w.Members[k].Decides && decides
		}
		if decides {
			deciding = append(deciding, w)
		}
	}
	why, split := r.objection(j, group, deciding, carrying)
	if split {
		r.condition(splitOf(j), j.Name, "", "%s", why)
	}
	if why != "" {
		return refuseAll(group, why)
	}
	return []*candidate{merge(j, group, deciding)}
}

// splitOf is the condition of a junction whose members lead to different networks.
func splitOf(j junction) ConditionType {
	if j.Kind == discovery.KindBridge {
		return BridgeSplit
	}
	return BondSplit
}

// refuseAll takes every candidate of a group out of use.
func refuseAll(group []*candidate, why string) []*candidate {
	for _, w := range group {
		if w.Certainty != nodefile.Down && w.Certainty != nodefile.Unverified {
			w.Reason = why
		}
		if w.Certainty.Known() {
			w.Device, w.Parent, w.Made = nodefile.Link{}, nodefile.Link{}, false // time alone will not help
		}
		w.joins, w.refused, w.Usable = w.joins[1:], true, false
	}
	return group
}

// objection says what speaks against joining the candidates of a group, and whether that
// is because they lead to different networks.
func (r *resolver) objection(j junction, group, deciding []*candidate, carrying []int) (why string, split bool) {
	credible := slices.DeleteFunc(slices.Clone(deciding), func(w *candidate) bool { return !w.credible() })
	if bondMode(j) == discovery.BondActiveBackup { // a failure of the active member must not move pods
		for _, w := range group {
			if w.credible() && !slices.Contains(carrying, w.at()) {
				credible = append(credible, w)
			}
		}
	}
	for i := range credible {
		for k := range i {
			if a, b := &credible[k].Uplink, &credible[i].Uplink; differ(j, a, b) {
				return fmt.Sprintf("the members of %s %s lead to different networks: %s to %s, %s to %s; if they are one, one rule has to name both",
					j.Kind, j.Name, a.Port.Name, nameAndIdentity(a), b.Port.Name, nameAndIdentity(b)), true
			}
		}
	}
	doubtful := deciding
	if bondMode(j) == discovery.BondActiveBackup {
		doubtful = group
	}
	for _, w := range doubtful {
		switch {
		case w.refused, w.doubted && !w.Usable && w.Certainty == nodefile.Unverified:
			return fmt.Sprintf("%s joins %s: %s", j.Name, w.Port.Name, w.Reason), false
		}
	}
	return r.unheard(j, deciding, carrying), false
}

// unheard says through which member traffic passes though nothing is known of it.
func (r *resolver) unheard(j junction, deciding []*candidate, carrying []int) string {
	switch {
	case len(deciding) == 0:
		return fmt.Sprintf("%s sends through %s now, where nothing tells this network", j.Name, r.interfaceNames(carrying))
	case provesOneNetwork(j):
		return ""
	}
	for _, index := range carrying {
		if !slices.ContainsFunc(deciding, func(w *candidate) bool { return w.at() == index }) {
			return fmt.Sprintf("%s sends through %s too, where nothing tells this network", j.Name, r.interfaceNames([]int{index}))
		}
	}
	return ""
}

func bondMode(j junction) string {
	if j.Bond == nil {
		return ""
	}
	return j.Bond.Mode
}

// provesOneNetwork reports whether the junction itself proves that its members lead to one
// network: LACP, that they end at one system, be it two switches (MLAG); a bridge,
// by making one network of its ports.
func provesOneNetwork(j junction) bool {
	return j.Kind == discovery.KindBridge || bondMode(j) == discovery.BondLACP
}

// differ reports whether two uplinks of one junction are of different networks.
// Unless the junction proves it, only the same identity or the same rule's name will
// do. The identity of a pin says nothing of where it leads, and whoever says otherwise
// contradicts it.
func differ(j junction, a, b *Uplink) bool {
	byRule := a.Rule != rules.Ref{} && b.Rule != rules.Ref{}
	switch {
	case a.VLANSource == VLANPinned || b.VLANSource == VLANPinned:
		return !byRule || a.Name != b.Name
	case a.Identity == b.Identity:
		return false
	case byRule && a.Name != b.Name, a.Identity.HasVLAN() && b.Identity.HasVLAN() && a.Identity.VLAN != b.Identity.VLAN:
		return true
	default:
		return !provesOneNetwork(j) && !byRule
	}
}

// nameAndIdentity is how a message calls the network of an uplink.
func nameAndIdentity(a *Uplink) string {
	if a.Name == "" {
		return a.Identity.String()
	}
	return fmt.Sprintf("%s (%s)", a.Name, a.Identity)
}

func (r *resolver) interfaceNames(indexes []int) string {
	var out []string
	for _, index := range indexes {
		ifi, _ := r.Snapshot.Interface(index)
		out = append(out, ifi.Name)
	}
	if len(out) == 0 {
		return "no port"
	}
	return strings.Join(out, " and ")
}

// certainties from the best to the worst.
var certainties = []nodefile.Certainty{nodefile.Fresh, nodefile.Stale, nodefile.Pinned, nodefile.Unverified, nodefile.Down}

func compareCertainty(a, b *candidate) int {
	return cmp.Compare(slices.Index(certainties, a.Certainty), slices.Index(certainties, b.Certainty))
}

// merge makes one uplink of those that decide, and notes every member of the group.
// Its name is the one that a rule gives, if any does. Where the junction proves them one,
// those that are sure speak for all; elsewhere the least sure one counts.
func merge(j junction, group, deciding []*candidate) *candidate {
	if sure := slices.DeleteFunc(slices.Clone(deciding), func(w *candidate) bool { return !w.Usable }); provesOneNetwork(j) && len(sure) > 0 {
		deciding = sure
	}
	named := slices.DeleteFunc(slices.Clone(deciding), func(w *candidate) bool { return w.Rule == rules.Ref{} })
	if len(named) == 0 {
		named = deciding
	}
	evidence := slices.MaxFunc(deciding, compareCertainty)
	if provesOneNetwork(j) {
		evidence = slices.MinFunc(named, compareCertainty)
	}
	out := *named[0]
	if (out.VLANSource == VLANPinned) != (evidence.VLANSource == VLANPinned) { // whether a switch says it goes with how sure it is
		out.Identity, out.VLANSource, out.Rule = evidence.Identity, evidence.VLANSource, evidence.Rule
	}
	out.joins = out.joins[1:]
	out.Certainty, out.Since, out.Reason, out.Usable = evidence.Certainty, evidence.Since, evidence.Reason, evidence.Usable
	out.Port, out.CarrierChanges, out.VID, out.Parent = evidence.Port, evidence.CarrierChanges, evidence.VID, evidence.Parent
	out.Neighbor, out.System = evidence.Neighbor, evidence.System
	out.Members, out.Aliases = nil, nil
	for _, w := range group {
		for _, m := range w.Members {
			if !slices.ContainsFunc(out.Members, func(o Member) bool { return o.Port.Index == m.Port.Index }) { // of a disputed port there are two
				out.Members = append(out.Members, m)
			}
		}
	}
	for _, w := range deciding {
		for _, name := range w.Names() {
			if name != out.Name && !slices.Contains(out.Aliases, name) {
				out.Aliases = append(out.Aliases, name)
			}
		}
	}
	return &out
}

// Passes are the interfaces through which the uplink is reached, by ifindex, some maybe
// more than once.
func (a *Uplink) Passes() iter.Seq[int] {
	return func(yield func(int) bool) {
		if !yield(a.Port.Index) || a.Device.Index != 0 && a.Device.Index != a.Port.Index && !yield(a.Device.Index) {
			return
		}
		for i := range a.Members {
			m := &a.Members[i]
			if !yield(m.Port.Index) {
				return
			}
			for k := range m.Junctions {
				if !yield(m.Junctions[k].Index) {
					return
				}
			}
		}
	}
}

// LeadsThrough reports whether the uplink is reached through the interface.
func (a *Uplink) LeadsThrough(index int) bool {
	for passed := range a.Passes() {
		if passed == index {
			return true
		}
	}
	return false
}
