// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/cli/args"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/mapping/topology"
)

// What the nodes see, as colvin shows it on one.

func (a *app) neighbors() *cobra.Command {
	return a.watched(a.ofNodes(&cobra.Command{
		Use:     "neighbors [NODE...]",
		Aliases: []string{"neighbours"},
		Short:   "Show the neighbours heard on each port of the nodes, and how sure it is that the port leads there (-o wide: all that they say)",
	}, func(o *view.Out, known []view.Node) error { return o.Neighbors(known, "") }))
}

func (a *app) interfaces() *cobra.Command {
	return a.watched(a.ofNodes(&cobra.Command{
		Use:   "interfaces [NODE...]",
		Short: "Show the ports of the nodes and the networks they lead to",
	}, func(o *view.Out, known []view.Node) error { return o.Interfaces(known) }))
}

func (a *app) topology() *cobra.Command {
	d := &view.Drawing{}
	cmd := &cobra.Command{
		Use:   "topology [NODE...]",
		Short: "Show where the cable of each port ends, or why that is not known (-o svg: as a picture)",
	}
	d.Flags(cmd)
	return a.ofNodes(cmd, func(o *view.Out, known []view.Node) error {
		return o.Topology(cmd, a.drawn(known), d)
	}, view.Table, view.Wide, view.JSON, formatYAML, view.SVG, view.Drawio, view.DOT, view.Mermaid)
}

// drawn is what nodes are connected to.
func (a *app) drawn(known []view.Node) *topology.Topology {
	sources := make([]topology.Source, 0, len(known))
	for i := range known {
		n := &known[i]
		sources = append(sources, topology.Source{Node: n.Name, Snapshot: n.Snapshot, View: n.View, Switches: n.Memory.Switches})
	}
	return topology.New(a.now(), sources...)
}

// ofNodes is a command about some nodes, or all.
func (a *app) ofNodes(cmd *cobra.Command, show func(*view.Out, []view.Node) error, formats ...string) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.ValidArgsFunction = a.completeNames(topologies)
	return a.command(cmd, func(ctx context.Context, c *client, names []string) error {
		w, known, err := a.seen(ctx, c, names)
		if err != nil {
			return err
		}
		return a.withNote(w, a.tidied(func(o *view.Out) error { return show(o, known) }))
	}, formats...)
}

// seen is what some nodes publish, or all, resolved.
func (a *app) seen(ctx context.Context, c *client, names []string) (*world, []view.Node, error) {
	w, err := c.world(ctx, c.labelled(ctx))
	if err != nil {
		return nil, nil, err
	}
	known := []view.Node{}
	if len(names) == 0 {
		known, err = resolved(ctx, c, w, nil, a.now(), func(n *view.Node) (view.Node, bool) { return *n, true })
		return w, known, err
	}
	told, err := c.toldBy(ctx, w, names, a.now())
	if err != nil {
		return nil, nil, err
	}
	for i, name := range names {
		n := told[name]
		if n == nil {
			return nil, nil, c.silent(ctx, name)
		}
		if slices.Contains(names[:i], name) {
			continue
		}
		known = append(known, *n.Node)
	}
	return w, known, nil
}

// labelled are some nodes, which tell whether colours are labels too. Who may not list nodes
// does not know it.
func (c *client) labelled(ctx context.Context) []*node {
	data, err := c.ask(ctx, query{resource: nodes, form: metadata}, "")
	if err != nil {
		return nil
	}
	p := new(page)
	if err := json.Unmarshal(data, p); err != nil {
		return nil
	}
	out, err := readAll(p, p.Items, func(_ *page, o *object) (*node, bool) { return &node{meta: o.Metadata}, true })
	if err != nil {
		return nil
	}
	return out
}

// silent says of a node that publishes nothing whether there is one at all.
func (c *client) silent(ctx context.Context, name string) error {
	names, err := list(ctx, c, query{resource: topologies, form: metadata}, func(o *object) (string, bool) { return o.Metadata.Name, true })
	if err != nil {
		return err
	}
	if _, err := get[object](ctx, c, query{resource: nodes, name: name}); err == nil {
		return fmt.Errorf("nothing is known of node %s: %s; look whether the agent runs there", name, unpublished)
	}
	return fmt.Errorf("there is no node %q that publishes what it hears; %s", name, args.Meant(name, names, `"`+Name+` nodes" lists all`))
}

func (a *app) explain() *cobra.Command {
	cmd := a.command(&cobra.Command{
		Use:   "explain NODE/INTERFACE|NODE/NETWORK",
		Short: "Say what network an interface of a node is attached to, or what leads to a network there, and why",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, names []string) error {
		name, of, ok := strings.Cut(names[0], "/")
		if !ok {
			return fmt.Errorf("%q is no NODE/INTERFACE; \"%s interfaces %s\" lists what there may be", names[0], Name, name)
		}
		w, known, err := a.seen(ctx, c, []string{name})
		if err != nil {
			return err
		}
		n := &known[0]
		o := a.show()
		e, lines := o.Explain(n, of)
		if len(lines) == 0 {
			return fmt.Errorf("%s publishes no interface or network %q; %s", name, of, args.Meant(of, n.Explicable(), `"`+Name+` interfaces" lists them`))
		}
		return a.withNote(w, a.tidied(func(o *view.Out) error { return o.Explanation(e, lines) }))
	}, view.Text, view.JSON, formatYAML)
	cmd.ValidArgsFunction = a.completeInterfaces
	return cmd
}

// completeInterfaces offers nodes, and then their interfaces and networks.
func (a *app) completeInterfaces(cmd *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	const noBlank = cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	name, _, named := strings.Cut(begin, "/")
	if !named {
		names, _ := a.completeNames(topologies)(cmd, nil, begin)
		for i := range names {
			names[i] += "/"
		}
		return names, noBlank
	}
	c, err := a.connect()
	if err != nil {
		return nil, noBlank
	}
	_, known, err := a.seen(cmd.Context(), c, []string{name})
	if err != nil {
		return nil, noBlank
	}
	var out []string
	for _, of := range known[0].Explicable() {
		if of = name + "/" + of; strings.HasPrefix(of, begin) {
			out = append(out, of)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
