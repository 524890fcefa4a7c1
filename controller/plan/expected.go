// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/mapping/rules"
)

// Labels of a node about networks that are not heard there yet.
const (
	// ExpectPrefix begins those by which an admin says that a node will have a network,
	// before anybody can hear it there; the name ends them, and "true" is the value. They
	// are the admin's: Colvin never writes them.
	ExpectPrefix = "colvin.dev/expect-"
	// KnownLabel is the controller's, on nodes of which something is expected: the node's
	// agent has spoken for itself, so what was expected counts no more.
	KnownLabel = "colvin.dev/networks-known"
)

// maxMissing bounds how many networks that are missing are told of one node.
const maxMissing = 16

// A Missing is a network that an admin expects on a node, and that is not there.
type Missing struct {
	Node    Node
	Network string
	Message string
}

// expectations compares what is expected of a node with what is there. The result is what
// becomes of KnownLabel. It goes with the NodeTopology, and not before: a node that
// reboots is known already.
func (w *clusterView) expectations(n *Node, o *observed, there func(string) bool) (known *bool) {
	expected := expectedOf(n)
	is := n.Labels[KnownLabel] == labelValue
	want := len(expected) > 0 && o != nil && (is || w.spoke(o))
	if _, has := n.Labels[KnownLabel]; has != want || want && !is {
		known = &want
	}
	if !want || o.err == nil && !o.topology.Spec.Converged {
		return known
	}
	told := 0
	for _, name := range expected {
		if told < maxMissing && !there(name) {
			told++
			w.plan.Missing = append(w.plan.Missing, Missing{*n, name, w.whyMissing(o, name)})
		}
	}
	return known
}

// expectedOf are the networks that an admin expects on a node, in order.
func expectedOf(n *Node) []string {
	var out []string
	for key, value := range n.Labels {
		if name, ok := strings.CutPrefix(key, ExpectPrefix); ok && value == labelValue && rules.ValidName(name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// spoke reports whether an agent has said all that it will say as long as nothing changes.
// One that just came may not see the carrier of all its ports yet.
func (w *clusterView) spoke(o *observed) bool {
	if o.err != nil { // this is all that it says
		return true
	}
	if until, waits := within(Grace, o.topology.CreationTimestamp.Time, w.now); waits {
		w.plan.wake(until)
		return false
	}
	return o.topology.Spec.Converged
}

// whyMissing says why no pod can be attached to a network on a node.
func (w *clusterView) whyMissing(o *observed, name string) string {
	said := fmt.Sprintf("%s is expected here by the label %s, and no pod can be attached to it: ", name, ExpectPrefix+name)
	if o.err != nil {
		return said + "what the node publishes cannot be read"
	}
	why, leads := o.view.WhyNot(w.set, name)
	if said += why; leads {
		return said
	}
	return said + "; look at the cable, the VLAN and the rules, or remove the label"
}
