// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
)

// An Explanation is of an interface, or of a network. Its JSON is what programs read.
type Explanation struct {
	Node       string              `json:"node,omitempty"`
	Interface  string              `json:"interface,omitempty"`
	Network    string              `json:"network,omitempty"`
	Details    any                 `json:"details,omitempty"`
	Uplinks    []mapping.Uplink    `json:"uplinks"`
	Neighbors  any                 `json:"neighbors"`
	Silence    *mapping.Silence    `json:"silence,omitempty"` // why there is no neighbour
	Conditions []mapping.Condition `json:"conditions"`
	// Taken are the containers in which the interface is, or one that leads to the network.
	Taken     any      `json:"taken,omitempty"`
	Sentences []string `json:"sentences"`
}

// Explain explains a name: an interface, a network, or another name of an interface, in this
// order. There are no sentences where the node has nothing that is called so.
func (o *Out) Explain(n *Node, name string) (*Explanation, []string) {
	e := &Explanation{Node: o.nodeField(n), Uplinks: []mapping.Uplink{}, Neighbors: []discovery.Neighbor{}, Conditions: []mapping.Condition{}}
	if lines, ok := mapping.Explain(&n.View, n.Snapshot, n.Memory, name, o.Now()); ok {
		o.ofInterface(e, n, name)
		return e, lines
	}
	if lines, reached := mapping.ExplainNetwork(&n.View, n.Snapshot, n.Memory, name, o.Now()); reached {
		e.OfNetwork(n, name)
		return e, lines
	}
	for i := range n.Snapshot.Interfaces {
		ifi := &n.Snapshot.Interfaces[i]
		if slices.Contains(ifi.AltNames, name) {
			lines, _ := mapping.Explain(&n.View, n.Snapshot, n.Memory, ifi.Name, o.Now())
			o.ofInterface(e, n, ifi.Name)
			return e, append([]string{fmt.Sprintf("%s is another name of %s.", name, ifi.Name)}, lines...)
		}
	}
	return e, nil
}

// Explanation prints an explanation with its sentences.
func (o *Out) Explanation(e *Explanation, lines []string) error {
	if o.Format == JSON {
		e.Sentences = slices.DeleteFunc(lines, func(s string) bool { return s == "" })
		return o.JSON(e)
	}
	for i := range lines { // an interface may have any octets in its name
		lines[i] = fit.Printable(lines[i])
	}
	return o.Print("%s", strings.Join(lines, "\n"))
}

// ofInterface adds the facts about an interface.
func (o *Out) ofInterface(e *Explanation, n *Node, ifname string) {
	i := slices.IndexFunc(n.Snapshot.Interfaces, func(i discovery.Interface) bool { return i.Name == ifname })
	ifi := n.Snapshot.Interfaces[i]
	row := newInterfaceRow(n, ifi)
	e.Interface, e.Details, e.Uplinks = ifname, &row.InterfaceFacts, row.Uplinks
	if n.Published {
		e.Details = &publishedFactsOf{InterfaceFacts: row.InterfaceFacts}
		e.Neighbors = neighborList(o.neighborRows(n, ifname), nil, true)
	} else if p, ok := n.Snapshot.Port(ifi.Index); ok {
		e.Neighbors = append([]discovery.Neighbor{}, p.Neighbors...)
	}
	if why, silent := mapping.Silent(n.Snapshot, ifi, o.Now()); silent {
		e.Silence = &why
	}
	e.Conditions = append(e.Conditions, conditionsOf(&n.View, func(c mapping.Condition) bool { return c.Interface == ifname })...)
}

// OfNetwork adds the facts about a network.
func (e *Explanation) OfNetwork(n *Node, name string) {
	e.Network, e.Uplinks = name, append([]mapping.Uplink{}, n.View.Named(name)...)
	e.Conditions = append(e.Conditions, conditionsOf(&n.View, func(c mapping.Condition) bool { return c.Network == name })...)
}

func conditionsOf(v *mapping.View, are func(mapping.Condition) bool) []mapping.Condition {
	return slices.DeleteFunc(slices.Clone(v.Conditions), func(c mapping.Condition) bool { return !are(c) })
}

// Explicable are the names of interfaces, and of the networks that are reached from a node.
func (n *Node) Explicable() []string {
	var names []string
	for i := range n.Snapshot.Interfaces {
		names = append(names, n.Snapshot.Interfaces[i].Name)
	}
	for i := range n.View.Uplinks {
		for _, name := range n.View.Uplinks[i].Names() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
