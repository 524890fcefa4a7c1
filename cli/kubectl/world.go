// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A world is what the nodes resolve by, as far as the cluster knows it.
type world struct {
	set     *rules.Set
	sources []rules.Source
	colours mapping.Colours
	// note says why the names may be others than those on the nodes.
	note string
}

// world reads rules and colours. The nodes are those that tell whether pods may attach to
// colours: the controller labels them with such names then, and only then.
func (c *client) world(ctx context.Context, labelled []*node) (*world, error) {
	var w world
	var err error
	if w.sources, err = c.rules(ctx); err != nil {
		return nil, err
	}
	if w.colours.Book, err = c.book(ctx); err != nil {
		return nil, err
	}
	if w.set, _, err = rules.Merge(w.sources...); err != nil {
		w.set, _, _ = rules.Merge()
		mistakes, _ := errors.AsType[yamlfile.Mistakes](err)
		w.note = fmt.Sprintf("The RuleSets hold %s, so older rules are in force on the nodes, which are not known here: names of rules are missing from what is shown. \"kubectl get rules\" says what to mend.", plural(max(len(mistakes), 1), "mistake"))
	}
	w.colours.Attach = slices.ContainsFunc(w.colours.Book, func(c mapping.Colour) bool {
		return !w.set.Covers(c.Name) && slices.ContainsFunc(labelled, func(n *node) bool { return n.has(c.Name) })
	})
	return &w, nil
}

// rules are the sources of all RuleSets, in the order in which they count.
func (c *client) rules(ctx context.Context) ([]rules.Source, error) {
	type ruleSet struct {
		object
		Spec json.RawMessage `json:"spec"`
	}
	var bad error
	sources, err := list(ctx, c, query{resource: ruleSets}, func(r *ruleSet) (rules.Source, bool) {
		s, err := clusterview.RuleSource(r.Metadata.Name, r.Spec)
		if err != nil {
			bad = err
		}
		return s, true
	})
	clusterview.SortRuleSources(sources)
	return sources, cmp.Or(err, bad)
}

// book are the colours, the oldest first.
func (c *client) book(ctx context.Context) ([]mapping.Colour, error) {
	type colour struct {
		object
		Spec v1alpha1.ColourSpec `json:"spec"`
	}
	all, err := list(ctx, c, query{resource: colours}, func(c *colour) (*colour, bool) { return c, true })
	slices.SortFunc(all, func(a, b *colour) int {
		return cmp.Or(a.Metadata.Created.Compare(b.Metadata.Created.Time), cmp.Compare(a.Metadata.Name, b.Metadata.Name))
	})
	var book []mapping.Colour
	for _, c := range all {
		book = append(book, mapping.Colour{Name: c.Metadata.Name, Identity: clusterview.ColourIdentity(c.Spec.Switch, c.Spec.VLAN)})
	}
	return book, err
}

// A nodeTopology is a NodeTopology.
type nodeTopology struct {
	object
	Spec v1alpha1.NodeTopologySpec `json:"spec"`
}

// input is what a node resolves by, by what it publishes.
func (w *world) input(t *nodeTopology, now time.Time) (mapping.Input, error) {
	spec, _ := clusterview.Within(&t.Spec)
	in, err := clusterview.Input(spec, t.Metadata.Name, now)
	in.Rules, in.Colours = w.set, w.colours
	return in, err
}

// resolve is what a node knows and resolves, by what it publishes.
func (w *world) resolve(t *nodeTopology, now time.Time) (*view.Node, error) {
	in, err := w.input(t, now)
	if err != nil {
		return nil, err
	}
	n := &view.Node{Name: t.Metadata.Name, Snapshot: in.Snapshot, Memory: in.Memory, View: mapping.Resolve(in), Published: true}
	for i := range n.View.Uplinks { // until when silence is accepted follows from when the switch was last heard
		if a := &n.View.Uplinks[i]; a.Certainty != nodefile.Stale {
			a.Until = time.Time{}
		}
	}
	return n, nil
}

// belongs reports whether a topology is of a node that is there now: the garbage collector may
// not have come to that of a namesake before it.
func (t *nodeTopology) belongs(n *node) bool {
	return n == nil || n.UID == "" || slices.ContainsFunc(t.Metadata.Owners, func(o ownerReference) bool { return o.Kind == "Node" && o.UID == n.UID })
}

// A node is what counts of a Node.
type node struct {
	meta
	status string // as kubectl get nodes shows it
}

// has reports whether the scheduler may send pods there that want a network.
func (n *node) has(network string) bool { return n.Labels[plan.LabelPrefix+network] == "true" }

// expects reports whether an admin says that the node will have it, and its agent has not
// spoken yet.
func (n *node) expects(network string) bool {
	_, known := n.Labels[plan.KnownLabel]
	return !known && n.Labels[plan.ExpectPrefix+network] == "true"
}

// networks are those by which the node is labelled.
func (n *node) networks() []string {
	out := []string{}
	for key, value := range n.Labels {
		if name, ours := strings.CutPrefix(key, plan.LabelPrefix); ours && value == "true" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// nodes are all nodes by their names, without what makes a Node large.
func (c *client) nodes(ctx context.Context) ([]*node, error) {
	return listPages(ctx, c, query{resource: nodes, form: asTable}, func(p *page, r *row) (*node, bool) {
		return &node{meta: r.Object.Metadata, status: r.cell(p, "Status")}, true
	})
}

func byName(all []*node) map[string]*node {
	out := make(map[string]*node, len(all))
	for _, n := range all {
		out[n.Name] = n
	}
	return out
}
