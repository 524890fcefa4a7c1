// SPDX-License-Identifier: Apache-2.0

// Package plan decides what the objects of a cluster should be, out of what they are:
// which Networks there are and what they say, the labels of the nodes, what the
// RuleSets are told, and which networks need a colour. It is pure. It reads and writes
// nothing, knows no clock, and remembers nothing that the objects do not say, so a
// controller that is killed anywhere goes on where it was.
package plan

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A Cluster is what the API server lists.
type Cluster struct {
	Nodes      []Node
	Topologies []*v1alpha1.NodeTopology
	RuleSets   []RuleSet
	Colours    []*v1alpha1.Colour
	Networks   []*v1alpha1.Network

	// LastGood are the rules that were in force last; nil where none are known.
	LastGood []rules.Source
}

// A Node is what counts of a Node.
type Node struct {
	Name   string
	UID    types.UID
	Labels map[string]string
}

// A RuleSet is one as the API server has it: its spec may hold keys that this version
// does not know.
type RuleSet struct {
	Name       string
	Generation int64
	Spec       any
	Status     v1alpha1.RuleSetStatus
}

// Options say how colours are used.
type Options struct {
	Tagged bool // tagged VLANs get colours too (colours.of: all)
	Attach bool // a colour is a name that a pod may ask for
}

// A Plan is what has to change. Where nothing has to, all lists are empty.
type Plan struct {
	RuleSets []RuleSetChange
	// InForce are the rules that count from now on.
	InForce []rules.Source
	// Frozen says why nothing but the RuleSets may change; empty as a rule.
	Frozen string

	Uncoloured []Uncoloured // in the order in which colours are given
	Networks   []NetworkChange
	Nodes      []NodeChange

	// Names are all that a pod can ask for: what the rules give, and what Networks bear.
	// They are sorted.
	Names []string

	// Missing are networks that are expected on nodes and not there.
	Missing []Missing
	// Moved are all containers that are in another network than they asked for.
	Moved []Moved
	// Problems are what an admin should know of a node and no Network can tell.
	Problems []Problem
	// Wake is when something changes by itself; zero if nothing does.
	Wake time.Time

	covers func(string) bool
}

// Taken reports whether a name cannot be a colour because the rules use it.
func (p *Plan) Taken(name string) bool { return p.covers(name) }

// A NetworkChange creates a Network where there is none, deletes it where Status is
// nil, and changes its status otherwise.
type NetworkChange struct {
	Name     string
	Existing *v1alpha1.Network
	Status   *v1alpha1.NetworkStatus
}

// A Moved is a container that is in another network than it asked for.
type Moved struct {
	Node Node
	v1alpha1.MovedAttachment
}

// A Problem is what an admin should know of a node.
type Problem struct {
	Node    Node
	Reason  ProblemReason
	Message string
}

// ProblemReason names what a Problem is, in its Event too.
type ProblemReason string

// What can be wrong with a node.
const (
	TopologyUnreadable ProblemReason = "TopologyUnreadable" // its NodeTopology cannot be read
	TopologyTooLarge   ProblemReason = "TopologyTooLarge"   // not all that it tells counts
	TooManyNetworks    ProblemReason = "TooManyNetworks"    // it has more names than labels
	NotColoured        ProblemReason = "NotColoured"        // what it hears cannot be kept as a Colour
	TooManyUnnamed     ProblemReason = "TooManyUnnamed"     // no colour is left for what it hears
	ColourShadowed     ProblemReason = "ColourShadowed"     // the rules use every name that a colour could have
)

// A Planner makes plans. It keeps what was computed for the last one, so that a change
// on one node costs what one node costs; the result does not depend on it. It is not
// safe for concurrent use.
type Planner struct {
	options Options
	merged  merged
	lasting merged // of the last good rules
	book    []mapping.Colour
	edition int // counts the books
	nodes   map[string]*observed

	joined   joined
	networks map[string]*network // all to which something leads or about which a node says something, by name
}

// New returns a Planner.
func New(o Options) *Planner {
	return &Planner{options: o, nodes: map[string]*observed{}, networks: map[string]*network{}}
}

// Plan says what has to change in the cluster.
func (p *Planner) Plan(c *Cluster, now time.Time) *Plan {
	out := &Plan{}
	set := p.rules(c, now, out)
	out.covers = set.Covers
	if out.Frozen != "" {
		return out
	}
	p.setBook(c.Colours)
	before := p.nodes
	w := &clusterView{options: p.options, set: set, book: p.book, given: givenFor(c.Colours), now: now, plan: out, nodes: p.observe(c, set, now, out)}
	p.renew(w, before)
	w.uncoloured()
	for i := range c.Nodes {
		w.labels(&c.Nodes[i], p.nodes[c.Nodes[i].Name])
	}
	w.networks(p.networks, c.Networks)
	slices.SortFunc(out.Nodes, func(a, b NodeChange) int { return cmp.Compare(a.Node.Name, b.Node.Name) })
	slices.SortStableFunc(out.Missing, func(a, b Missing) int { return cmp.Compare(a.Node.Name, b.Node.Name) })
	return out
}

// renew brings up to date what the nodes bear, of those that are not as they were before.
func (p *Planner) renew(w *clusterView, before map[string]*observed) {
	anew := w.join(&p.joined)
	dirty := map[string]bool{} // networks
	for name, o := range before {
		if p.nodes[name] != o {
			o.leave(p.networks, dirty)
		}
	}
	for _, o := range w.nodes {
		if anew || !o.borne {
			o.leave(p.networks, dirty)
			w.bear(o)
			o.enter(p.networks, dirty)
		}
	}
	for name := range dirty {
		if n := p.networks[name]; len(n.parts) == 0 {
			delete(p.networks, name)
		} else {
			w.tell(n)
		}
	}
}

// wake asks for another plan at t.
func (p *Plan) wake(t time.Time) {
	if p.Wake.IsZero() || t.Before(p.Wake) {
		p.Wake = t
	}
}

// setBook puts the colours in order: the oldest first.
func (p *Planner) setBook(colours []*v1alpha1.Colour) {
	sorted := slices.SortedFunc(slices.Values(colours), func(a, b *v1alpha1.Colour) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	book := make([]mapping.Colour, 0, len(sorted))
	for _, c := range sorted {
		book = append(book, mapping.Colour{Name: c.Name, Identity: clusterview.ColourIdentity(c.Spec.Switch, c.Spec.VLAN)})
	}
	if !slices.Equal(book, p.book) || p.edition == 0 {
		p.book = book
		p.edition++
	}
}
