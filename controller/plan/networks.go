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
	name  string
	parts map[string]*part // of the nodes, by their names

	uplinks []*nodeUplink
	aliases map[string]bool
	saying  map[string][]string // by condition, what is to be said
	status  v1alpha1.NetworkStatus
}

// A part is what one node has to do with a network.
type part struct {
	uplinks []*nodeUplink       // that bear its name
	also    []*nodeUplink       // of which it is an alias: what asks for the one gets to the other, too
	saying  map[string][]string // by condition
}

// exists reports whether anything bears the name.
func (n *network) exists() bool { return n != nil && len(n.uplinks) > 0 }

// bear names the uplinks of a node, as many names as it may have, and finds what it says of
// networks.
func (w *clusterView) bear(o *observed) {
	o.parts, o.borne = map[string]*part{}, true
	of := func(name string) *part {
		if o.parts[name] == nil {
			o.parts[name] = &part{}
		}
		return o.parts[name]
	}
	names := 0
	for i := range o.uplinks {
		b := &o.uplinks[i]
		w.nameUplink(b)
		if b.networkName == "" || names >= maxLabels && o.parts[b.networkName] == nil {
			continue
		}
		n := of(b.networkName)
		if len(n.uplinks) == 0 {
			names++
		}
		n.uplinks = append(n.uplinks, b)
	}
	for i := range o.uplinks {
		b := &o.uplinks[i]
		for _, alias := range b.Aliases {
			if w.set.Covers(alias) {
				n := of(alias)
				n.also = append(n.also, b)
			}
		}
	}
	o.tellInterfaces(func(name, condition, text string) {
		n := of(name)
		if n.saying == nil {
			n.saying = map[string][]string{}
		}
		n.saying[condition] = append(n.saying[condition], text)
	})
}

// leave takes the parts of a node out of the networks.
func (o *observed) leave(all map[string]*network, dirty map[string]bool) {
	for name := range o.parts {
		delete(all[name].parts, o.node.Name)
		dirty[name] = true
	}
	o.parts = nil
}

// enter puts them in.
func (o *observed) enter(all map[string]*network, dirty map[string]bool) {
	for name, mine := range o.parts {
		n := all[name]
		if n == nil {
			n = &network{name: name, parts: map[string]*part{}}
			all[name] = n
		}
		n.parts[o.node.Name] = mine
		dirty[name] = true
	}
}

// tell puts together what the nodes have to do with a network, but for containers that moved.
func (w *clusterView) tell(n *network) {
	n.uplinks, n.aliases, n.saying = nil, map[string]bool{}, map[string][]string{}
	nodes := slices.Sorted(maps.Keys(n.parts))
	for _, node := range nodes {
		for _, b := range n.parts[node].uplinks {
			n.add(b)
		}
	}
	if !n.exists() {
		return
	}
	for _, node := range nodes {
		p := n.parts[node]
		n.uplinks = append(n.uplinks, p.also...)
		for condition, texts := range p.saying {
			n.saying[condition] = append(n.saying[condition], texts...)
		}
	}
	n.tellStale()
	w.tellSpans(n)
	n.status = w.status(n)
}

// networks plans the Networks: one for each name that an uplink bears.
func (w *clusterView) networks(all map[string]*network, existing []*v1alpha1.Network) {
	w.plan.Names = w.names(all)
	byName := w.tellByName(all)
	before := make(map[string]*v1alpha1.Network, len(existing))
	for _, e := range existing {
		before[e.Name] = e
		if !all[e.Name].exists() {
			w.plan.Networks = append(w.plan.Networks, NetworkChange{Name: e.Name, Existing: e})
		}
	}
	for name, n := range all {
		if !n.exists() {
			continue
		}
		e := before[name]
		status := n.status
		status.Conditions = n.conditions(byName[n], e, w.now)
		status.Summary = summary(&status)
		if e == nil || !equality.Semantic.DeepEqual(e.Status, status) {
			w.plan.Networks = append(w.plan.Networks, NetworkChange{name, e, &status})
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

func (n *network) add(b *nodeUplink) {
	n.uplinks = append(n.uplinks, b)
	for _, list := range [][]string{b.Aliases, b.colours} {
		for _, alias := range list {
			n.aliases[alias] = true
		}
	}
	delete(n.aliases, n.name)
}

// status is what the Network says, but for its conditions.
func (w *clusterView) status(n *network) v1alpha1.NetworkStatus {
	out := v1alpha1.NetworkStatus{
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
	return out
}

// atMost are the first of a list.
func atMost[T any](all []T, most int) []T { return all[:min(len(all), most)] }

// identities are what bears the name, each with the name of its switch.
func (n *network) identities() []v1alpha1.Identity {
	systems := map[mapping.Identity]string{}
	for _, b := range n.uplinks {
		for id := range b.identities() {
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
