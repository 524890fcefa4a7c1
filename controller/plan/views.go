// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

// observed is what a node sees, and what that means by the rules and colours of the
// last plan.
type observed struct {
	node     Node
	topology *v1alpha1.NodeTopology
	input    mapping.Input
	moved    []v1alpha1.MovedAttachment
	err      error  // the topology cannot be read
	tooLarge string // what does not count of it, in words

	set     *rules.Set
	edition int // of the colours
	view    mapping.View

	uplinks []nodeUplink
	pairs   [][2]mapping.Identity // that are the same network
	borne   bool                  // parts are of these uplinks
	parts   map[string]*part      // what the node has to do with networks, by their names
	names   nodeNames
}

// observe resolves what each node sees, in the order of the nodes' names. A topology
// counts while its Node is there: that of a deleted node, or of a namesake before it,
// is ignored at once, before the garbage collector comes to it.
func (p *Planner) observe(c *Cluster, set *rules.Set, now time.Time, out *Plan) []*observed {
	nodes := make(map[string]Node, len(c.Nodes))
	for _, n := range c.Nodes {
		nodes[n.Name] = n
	}
	before := p.nodes
	p.nodes = make(map[string]*observed, len(nodes))
	var all []*observed
	for _, t := range c.Topologies {
		node, ok := nodes[t.Name]
		if !ok || !owned(t, node.UID) {
			continue
		}
		o := before[t.Name]
		if o == nil || o.topology.UID != t.UID || o.topology.ResourceVersion != t.ResourceVersion || o.set != set || o.edition != p.edition || o.ended(now) {
			o = &observed{node: node}
			p.resolve(o, &t.Spec, set, now)
		}
		o.node, o.topology = node, t
		p.nodes[t.Name] = o
		if o.err != nil {
			out.Problems = append(out.Problems, Problem{node, TopologyUnreadable, o.err.Error()})
			continue
		}
		if turn := o.view.Turn; !turn.IsZero() {
			out.wake(turn)
		}
		for _, message := range o.leftOut() {
			out.Problems = append(out.Problems, Problem{node, TopologyTooLarge, message})
		}
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b *observed) int { return cmp.Compare(a.node.Name, b.node.Name) })
	return all
}

// ended reports whether time alone has changed where a node leads, such as that of a switch which
// was silent for longer than is accepted.
func (o *observed) ended(now time.Time) bool {
	return !o.view.Turn.IsZero() && !now.Before(o.view.Turn)
}

// leftOut says what of a node does not count, because it is more than one node may cost.
func (o *observed) leftOut() []string {
	var out []string
	if o.tooLarge != "" {
		out = append(out, o.tooLarge)
	}
	for _, c := range o.view.Conditions {
		if c.Type == mapping.TopologyTooLarge {
			out = append(out, c.Message)
		}
	}
	return out
}

// owned reports whether a topology belongs to the Node with the UID.
func owned(t *v1alpha1.NodeTopology, node types.UID) bool {
	return slices.ContainsFunc(t.OwnerReferences, func(r metav1.OwnerReference) bool { return r.Kind == "Node" && r.UID == node })
}

// resolve reads what a node tells now, and resolves it.
func (p *Planner) resolve(o *observed, told *v1alpha1.NodeTopologySpec, set *rules.Set, now time.Time) {
	spec, tooLarge := clusterview.Within(told)
	o.tooLarge, o.moved, o.set, o.edition = tooLarge, spec.Moved, set, p.edition
	if o.input, o.err = clusterview.Input(spec, o.node.Name, now); o.err != nil {
		return
	}
	o.input.Rules = set
	o.input.Colours = mapping.Colours{Book: p.book, Tagged: p.options.Tagged, Attach: p.options.Attach}
	o.view = mapping.Resolve(o.input)
	o.names = o.keepNames()
	o.note()
}
