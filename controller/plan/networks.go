// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// maxOctets bounds what identities hold of the wire: an object has little more than a
// megabyte, in which a control character takes six octets.
const maxOctets = 1 << 17

// A network gathers what bears one name.
type network struct {
	name    string
	uplinks []*nodeUplink
	aliases map[string]bool
	saying  map[string][]string // by condition, what is to be said
}

// networks plans the Networks: one for each name that an uplink bears.
func (w *clusterView) networks(existing []*v1alpha1.Network) {
	all := w.gather()
	w.plan.Names = w.names(all)
	w.tellConditions(all)
	before := make(map[string]*v1alpha1.Network, len(existing))
	for _, e := range existing {
		before[e.Name] = e
		if all[e.Name] == nil {
			w.plan.Networks = append(w.plan.Networks, NetworkChange{Name: e.Name, Existing: e})
		}
	}
	for name, n := range all {
		status := w.status(n, before[name])
		if e := before[name]; e == nil || !equality.Semantic.DeepEqual(e.Status, *status) {
			w.plan.Networks = append(w.plan.Networks, NetworkChange{name, e, status})
		}
	}
	slices.SortFunc(w.plan.Networks, func(a, b NetworkChange) int { return cmp.Compare(a.Name, b.Name) })
}

// names are those that a pod can ask for. A colour is none where it is for reading.
func (w *clusterView) names(all map[string]*network) []string {
	names := (&mapping.Input{World: mapping.World{Rules: w.set}, Colours: mapping.Colours{Book: w.book, Attach: w.options.Attach}}).KnownNames()
	for name, n := range all {
		for _, b := range n.uplinks {
			if b.byRule() {
				names = append(append(names, name), b.Aliases...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// gather collects the uplinks of each name, as many names of one node as it may have. An
// alias that is the name of something else as well is borne like a name.
func (w *clusterView) gather() map[string]*network {
	all := map[string]*network{}
	perNode := map[*observed]map[string]bool{}
	for i := range w.uplinks {
		b := &w.uplinks[i]
		own := perNode[b.observed]
		if own == nil {
			own = map[string]bool{}
			perNode[b.observed] = own
		}
		if b.networkName == "" || len(own) >= maxLabels && !own[b.networkName] {
			continue
		}
		own[b.networkName] = true
		n := all[b.networkName]
		if n == nil {
			n = &network{name: b.networkName, aliases: map[string]bool{}, saying: map[string][]string{}}
			all[b.networkName] = n
		}
		n.add(b)
	}
	for i := range w.uplinks {
		b := &w.uplinks[i]
		for _, alias := range b.Aliases { // what asks for the one gets to the other, too
			if n := all[alias]; n != nil && w.set.Covers(alias) {
				n.uplinks = append(n.uplinks, b)
			}
		}
	}
	return all
}

func (n *network) add(b *nodeUplink) {
	n.uplinks = append(n.uplinks, b)
	for _, list := range [][]string{b.Aliases, b.colours} {
		for _, alias := range list {
			n.aliases[alias] = true
		}
	}
	delete(n.aliases, n.name)
}

// status is what the Network says.
func (w *clusterView) status(n *network, existing *v1alpha1.Network) *v1alpha1.NetworkStatus {
	out := &v1alpha1.NetworkStatus{
		Identities: n.identities(),
		Aliases:    atMost(slices.Sorted(maps.Keys(n.aliases)), v1alpha1.MaxAliases),
		NamedBy:    n.namedBy(),
	}
	nodes := map[*observed]bool{}
	for _, b := range n.uplinks {
		if b.Certainty.Known() {
			out.Uplinks++
		}
		if b.Certainty == nodefile.Pinned {
			out.Pinned++
		}
		if b.Usable || !b.byRule() && !w.options.Attach && b.isSure() { // a colour is for reading, and this is what is read
			nodes[b.observed] = true
		}
	}
	out.Nodes = int32(len(nodes))
	out.Conditions = n.conditions(existing, w.now)
	out.Summary = summary(out)
	return out
}

// atMost are the first of a list.
func atMost[T any](all []T, most int) []T { return all[:min(len(all), most)] }

// identities are what bears the name, each with the name of its switch.
func (n *network) identities() []v1alpha1.Identity {
	systems := map[mapping.Identity]string{}
	for _, b := range n.uplinks {
		for _, id := range b.identities {
			systems[id] = betterName(systems[id], b.systemOf(id))
		}
	}
	var out []v1alpha1.Identity
	room := maxOctets
	for _, id := range atMost(slices.SortedFunc(maps.Keys(systems), identity.Compare), v1alpha1.MaxIdentities) {
		name := fit.Bound(id.SwitchKey(), v1alpha1.MaxID)
		if room -= len(name) + len(systems[id]) + len(id.Port); room < 0 {
			break
		}
		out = append(out, v1alpha1.Identity{Switch: name, SystemName: systems[id], VLAN: int32(id.VLAN), Port: string(id.Port)})
	}
	return out
}

// betterName is the name to show of two that a switch tells: of those that are told,
// always the same.
func betterName(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

// systemOf is the name of the switch of an identity. A group has none.
func (b *nodeUplink) systemOf(id mapping.Identity) string {
	if id.Kind == identity.Group {
		return ""
	}
	for _, m := range b.Members {
		if m.Identity == id {
			return m.System
		}
	}
	return b.System
}

// namedBy are the rules that give the name.
func (n *network) namedBy() []string {
	refs := map[string]bool{}
	for _, b := range n.uplinks {
		if b.byRule() {
			refs[fit.Bound(b.Rule.String(), v1alpha1.MaxRef)] = true
		}
	}
	return atMost(slices.Sorted(maps.Keys(refs)), v1alpha1.MaxNamedBy)
}

// pinned stands for the switches of ports on which none speaks.
const pinned = "pinned"

func summary(s *v1alpha1.NetworkStatus) v1alpha1.NetworkSummary {
	vlans, switches, untagged := map[int32]bool{}, map[string]bool{}, false
	for _, id := range s.Identities {
		switch pin := identity.IsPin(id.Switch); {
		case pin && id.VLAN == 0:
			switches[pinned], untagged = true, true
		case pin: // a thousand nodes can have one each
			switches[pinned], vlans[id.VLAN] = true, true
		default:
			switches[cmp.Or(id.SystemName, id.Switch)], vlans[id.VLAN] = true, true
		}
	}
	var numbers, problems []string
	for _, vlan := range slices.Sorted(maps.Keys(vlans)) {
		numbers = append(numbers, vlanText(vlan))
	}
	if untagged {
		numbers = append(numbers, "untagged")
	}
	for _, c := range s.Conditions {
		problems = append(problems, c.Type)
	}
	return v1alpha1.NetworkSummary{
		VLANs: fit.Few(numbers, v1alpha1.MaxSummary), Switches: fit.Few(slices.Sorted(maps.Keys(switches)), v1alpha1.MaxSummary),
		Aliases: fit.Few(s.Aliases, v1alpha1.MaxSummary), Problems: fit.Few(problems, v1alpha1.MaxSummary),
	}
}

func vlanText(vlan int32) string {
	if vlan == 0 {
		return "unadvertised"
	}
	return strconv.Itoa(int(vlan))
}
