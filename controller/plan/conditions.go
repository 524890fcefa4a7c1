// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// conditionReasons are the conditions of a Network, in the order in which they are
// listed, with their reasons, and why they hold no longer.
var conditionReasons = []struct{ condition, reason, end string }{
	{v1alpha1.NetworkBondSplit, "MembersDisagree", "the members of each bond and bridge lead to one network, or are not heard any more"},
	{v1alpha1.NetworkConflict, "NeighborsDisagree", "nobody contradicts a switch there any more"},
	{v1alpha1.NetworkMissing, "NotOnNode", "the nodes that were to have it have it, or are not to any more"},
	{v1alpha1.NetworkMoved, "AttachmentsMoved", "its containers are where they asked to be, or gone"},
	{v1alpha1.NetworkPinContradicted, "SwitchDisagrees", "nothing that is heard leads elsewhere than the rule says"},
	{v1alpha1.NetworkSpans, "SeveralNetworks", "the name is of one network again, or a rule accepts that it is not"},
	{v1alpha1.NetworkStale, "NotHeard", "its switches are heard again, or count no more"},
	{v1alpha1.NetworkTopologyTooLarge, "MoreThanCounts", "all of it counts"},
}

// NetworkEnds says why a condition of a Network holds no longer. What its message advised is
// of no use any more.
func NetworkEnds(condition string) string {
	for _, c := range conditionReasons {
		if c.condition == condition {
			return c.end
		}
	}
	return "it is over" // a condition of an older release
}

// ofNode are the conditions of a node that concern the networks behind an interface.
var ofNode = map[mapping.ConditionType]string{
	mapping.Conflict:        v1alpha1.NetworkConflict,
	mapping.BondSplit:       v1alpha1.NetworkBondSplit,
	mapping.BridgeSplit:     v1alpha1.NetworkBondSplit,
	mapping.PinContradicted: v1alpha1.NetworkPinContradicted,
}

func (n *network) say(condition, format string, args ...any) {
	n.saying[condition] = append(n.saying[condition], fmt.Sprintf(format, args...))
}

func (n *network) tellStale() {
	for _, b := range n.uplinks {
		if b.Certainty == nodefile.Stale {
			n.say(v1alpha1.NetworkStale, "%s: %s is not heard any more", b.where(), b.NeighborText())
		}
	}
}

// tellSpans reports a name that stands for several networks, wherever they are heard. What a
// rule pins on one node is meant to be what others lead to; two ways of one node are not told
// apart by it.
func (w *clusterView) tellSpans(n *network) {
	ways := map[*observed]map[mapping.Identity]bool{}
	for _, b := range n.uplinks {
		if b.isSure() && !b.Spans {
			if ways[b.observed] == nil {
				ways[b.observed] = map[mapping.Identity]bool{}
			}
			ways[b.observed][w.class(b.Identity)] = true
		}
	}
	seen := map[mapping.Identity]bool{}
	var texts []string
	for _, b := range n.uplinks {
		class := w.class(b.Identity)
		if !b.isSure() || b.Spans || seen[class] || b.Identity.Kind == identity.Pin && len(ways[b.observed]) == 1 {
			continue
		}
		seen[class] = true
		texts = append(texts, fmt.Sprintf("%s (%s)", b.Identity, b.where()))
	}
	if len(seen) > 1 {
		n.say(v1alpha1.NetworkSpans, "%s names %s; put the switches into one group, split the rule, or accept it with spans: true", n.name, few(texts))
	}
}

// tellInterfaces tells the networks behind an interface of what is wrong with it, and all to
// which a node leads that not all of its ways count.
func (o *observed) tellInterfaces(tell func(network, condition, text string)) {
	for _, c := range o.view.Conditions {
		condition, concerns := ofNode[c.Type]
		if !concerns {
			continue
		}
		index := indexOf(o, c.Interface)
		concerned := map[string]bool{"": true}
		say := func(network string) {
			if !concerned[network] {
				concerned[network] = true
				tell(network, condition, fmt.Sprintf("%s %s: %s", o.node.Name, c.Interface, strings.TrimPrefix(c.Message, c.Interface+": ")))
			}
		}
		if c.Type == mapping.PinContradicted { // which may not lead there at all now
			say(c.Network)
		}
		for i := range o.uplinks {
			if b := &o.uplinks[i]; b.LeadsThrough(index) {
				say(b.networkName)
			}
		}
	}
	for _, message := range o.leftOut() {
		for name, part := range o.parts {
			if len(part.uplinks) > 0 {
				tell(name, v1alpha1.NetworkTopologyTooLarge, o.node.Name+": "+message)
			}
		}
	}
}

func indexOf(o *observed, ifname string) int {
	for _, ifi := range o.input.Snapshot.Interfaces {
		if ifi.Name == ifname {
			return ifi.Index
		}
	}
	return 0
}

// said are what networks are told by their names and aliases: in which conditions they are.
type said map[*network]map[string][]string

func (s said) add(n *network, condition, text string) {
	if n == nil {
		return
	}
	if s[n] == nil {
		s[n] = map[string][]string{}
	}
	s[n][condition] = append(s[n][condition], text)
}

// tellByName reports containers that are in another network than they asked for, and tells the
// networks that they asked for by any of their names, and those that nodes are expected to have.
func (w *clusterView) tellByName(all map[string]*network) said {
	if len(w.plan.Missing) == 0 && !slices.ContainsFunc(w.nodes, func(o *observed) bool { return len(o.moved) > 0 }) {
		return nil
	}
	byName := map[string]*network{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if n := all[name]; n.exists() {
			for alias := range n.aliases {
				byName[alias] = cmp.Or(byName[alias], n)
			}
		}
	}
	for name, n := range all { // a name comes before an alias
		if n.exists() {
			byName[name] = n
		}
	}
	texts := said{}
	for _, o := range w.nodes {
		for _, m := range o.moved {
			w.plan.Moved = append(w.plan.Moved, Moved{o.node, m})
			texts.add(byName[m.Network], v1alpha1.NetworkMoved, fmt.Sprintf("%s: %s asked for %s and is in %s", o.node.Name, Container(&m), m.Network, identity.Key(m.To).Named()))
		}
	}
	for _, m := range w.plan.Missing {
		texts.add(byName[m.Network], v1alpha1.NetworkMissing, m.Node.Name+": "+m.Message)
	}
	return texts
}

// Container says which container it is, and whose.
func Container(m *v1alpha1.MovedAttachment) string {
	if m.Pod == nil {
		return fmt.Sprintf("container %s (%s)", m.ContainerID, m.IfName)
	}
	return fmt.Sprintf("pod %s/%s (%s)", m.Pod.Namespace, m.Pod.Name, m.IfName)
}

// conditions are those that hold. One that does not is not listed: there is nothing
// to know. What holds on keeps the time when it began.
func (n *network) conditions(byName map[string][]string, existing *v1alpha1.Network, now time.Time) []metav1.Condition {
	var out []metav1.Condition
	for _, c := range conditionReasons {
		texts := slices.Concat(n.saying[c.condition], byName[c.condition])
		if len(texts) == 0 {
			continue
		}
		slices.Sort(texts)
		condition := metav1.Condition{
			Type: c.condition, Status: metav1.ConditionTrue, Reason: c.reason, Message: few(texts),
			LastTransitionTime: metav1.NewTime(now.UTC().Truncate(time.Second)),
		}
		if existing != nil {
			if before := meta.FindStatusCondition(existing.Status.Conditions, c.condition); before != nil && before.Status == metav1.ConditionTrue {
				condition.LastTransitionTime = before.LastTransitionTime
			}
		}
		out = append(out, condition)
	}
	slices.SortFunc(out, func(a, b metav1.Condition) int { return cmp.Compare(a.Type, b.Type) })
	return out
}

// few tells the first few of several things, and how many more there are.
func few(all []string) string { return fit.Some(all) }
