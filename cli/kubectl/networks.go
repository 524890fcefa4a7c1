// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/cli/args"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
)

// A network is a Network.
type network struct {
	object
	Status v1alpha1.NetworkStatus `json:"status"`
}

// names are its name and its aliases.
func (n *network) names() []string { return append([]string{n.Metadata.Name}, n.Status.Aliases...) }

// A shownNetwork is "kubectl colvin networks" as JSON.
type shownNetwork struct {
	Name string `json:"name"`
	v1alpha1.NetworkStatus
}

func (a *app) networks() *cobra.Command {
	var without bool
	cmd := a.command(&cobra.Command{
		Use:   "networks [NETWORK...]",
		Short: "Show the networks of the cluster; with names, how each node is attached to them; --missing: which nodes are not, and why",
		Args:  cobra.ArbitraryArgs,
	}, func(ctx context.Context, c *client, names []string) error {
		all, err := c.networksNamed(ctx, names)
		switch {
		case err != nil:
			return err
		case without:
			return a.withoutNetworks(ctx, c, all)
		case len(names) > 0:
			return a.waysInto(ctx, c, all)
		}
		return a.networkList(all)
	})
	cmd.ValidArgsFunction = a.completeNames(networks)
	cmd.Flags().BoolVar(&without, "missing", false, "show the nodes from which no pod can be attached to a network, and why")
	return a.watched(cmd)
}

// networksNamed are the Networks that bear one of the names, or all of them.
func (c *client) networksNamed(ctx context.Context, names []string) ([]*network, error) {
	all, err := list(ctx, c, query{resource: networks}, func(n *network) (*network, bool) { return n, true })
	if err != nil || len(names) == 0 {
		return all, err
	}
	var out []*network
	for _, name := range names {
		i := slices.IndexFunc(all, func(n *network) bool { return slices.Contains(n.names(), name) })
		if i < 0 {
			var known []string
			for _, n := range all {
				known = append(known, n.names()...)
			}
			return nil, fmt.Errorf("there is no network %q; %s", name, args.Meant(name, known, `"`+Name+` networks" lists what there is`))
		}
		out = append(out, all[i])
	}
	return out, nil
}

func (a *app) networkList(all []*network) error {
	shown := []shownNetwork{}
	for _, n := range all {
		shown = append(shown, shownNetwork{n.Metadata.Name, n.Status})
	}
	if printed, err := a.data(shown); printed {
		return err
	}
	o := a.show()
	header := []string{"NETWORK", "ALIASES", "VLAN", "SWITCHES", "NODES", "UPLINKS", "PROBLEMS", "BY"}
	if a.format == view.Wide {
		header = append(header, "PINNED", "IDENTITIES")
	}
	var cells [][]string
	var notes []string
	for _, n := range all {
		s := &n.Status
		row := []string{
			n.Metadata.Name, o.List(s.Aliases), s.Summary.VLANs, o.Cell(s.Summary.Switches), count(s.Nodes), count(s.Uplinks), s.Summary.Problems, namedBy(s),
		}
		if a.format == view.Wide {
			row = append(row, count(s.Pinned), identities(s))
			for _, c := range s.Conditions {
				notes = append(notes, fmt.Sprintf("%s: %s: %s", n.Metadata.Name, c.Type, fit.Printable(c.Message)))
			}
		}
		cells = append(cells, row)
	}
	return o.TableOr("There is no network. \""+Name+" nodes\" says what the nodes hear.", header, cells, notes...)
}

func count(n int32) string { return strconv.Itoa(int(n)) }

func namedBy(s *v1alpha1.NetworkStatus) string {
	switch more := len(s.NamedBy) - 1; {
	case more < 0:
		return "colour"
	case more > 0:
		return fmt.Sprintf("%s and %d more", s.NamedBy[0], more)
	}
	return s.NamedBy[0]
}

// identities are what bears a name, in the words of colvin on a node.
func identities(s *v1alpha1.NetworkStatus) string {
	var out []string
	for _, id := range s.Identities {
		text := id.Switch
		if id.SystemName != "" {
			text = id.SystemName + " " + id.Switch
		}
		if id.VLAN != 0 {
			text += " VLAN " + count(id.VLAN)
		}
		if id.Port != "" {
			text += " port " + id.Port
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// waysInto shows how each node is attached to some networks.
func (a *app) waysInto(ctx context.Context, c *client, some []*network) error {
	w, nodes, err := c.cluster(ctx)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, n := range some {
		for _, name := range n.names() {
			names[name] = true
		}
	}
	leads := func(at *mapping.Uplink) bool {
		return slices.ContainsFunc(at.Names(), func(name string) bool { return names[name] })
	}
	known, err := resolved(ctx, c, w, nodes, a.now(), func(n *view.Node) (view.Node, bool) {
		slim := view.Node{Name: n.Name, View: mapping.View{Uplinks: slices.DeleteFunc(n.View.Uplinks, func(at mapping.Uplink) bool { return !leads(&at) })}}
		return slim, len(slim.View.Uplinks) > 0
	})
	if err != nil {
		return err
	}
	return a.withNote(w, a.tidied(func(o *view.Out) error { return o.Networks(known, nil) }))
}

// A networkWithout is a network and the nodes that it is not on.
type networkWithout struct {
	Network string        `json:"network"`
	Nodes   []nodeWithout `json:"nodes"`
}

type nodeWithout struct {
	Node string `json:"node"`
	Why  string `json:"why"`
}

// withoutNetworks shows on which nodes networks are not.
func (a *app) withoutNetworks(ctx context.Context, c *client, all []*network) error {
	w, nodes, err := c.cluster(ctx)
	if err != nil {
		return err
	}
	why, err := w.whyNot(ctx, c, nodes, all, a)
	if err != nil {
		return err
	}
	shown := []networkWithout{}
	for i, n := range all {
		without := networkWithout{n.Metadata.Name, []nodeWithout{}}
		for _, node := range nodes {
			if text := why[node.Name][i]; text != "" {
				without.Nodes = append(without.Nodes, nodeWithout{node.Name, text})
			}
		}
		shown = append(shown, without)
	}
	if printed, err := a.data(shown); printed {
		return err
	}
	return a.withNote(w, a.withoutTable(shown))
}

// unpublished is why nothing is known of a node.
const unpublished = "its agent has published nothing"

// whyNot are, by node, why no pod can be attached there to each of the networks; empty for
// those to which one can.
func (w *world) whyNot(ctx context.Context, c *client, nodes []*node, all []*network, a *app) (map[string][]string, error) {
	type verdict struct {
		node string
		why  []string
	}
	verdicts, err := resolved(ctx, c, w, nodes, a.now(), func(n *view.Node) (verdict, bool) {
		v := verdict{n.Name, make([]string, len(all))}
		for i, network := range all {
			v.why[i] = w.lacks(n, network)
		}
		return v, true
	})
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, v := range verdicts {
		out[v.node] = v.why
	}
	for _, n := range nodes {
		if out[n.Name] == nil {
			out[n.Name] = slices.Repeat([]string{unpublished}, len(all))
		}
	}
	return out, nil
}

// lacks says why no pod can be attached to a network on a node; empty where one can. A colour
// that is for reading counts as if pods could be attached to it.
func (w *world) lacks(n *view.Node, network *network) string {
	names := network.names()
	for i := range n.View.Uplinks {
		at := &n.View.Uplinks[i]
		if !slices.ContainsFunc(at.Names(), func(name string) bool { return slices.Contains(names, name) }) {
			continue
		}
		if at.Usable || !w.colours.Attach && at.Rule.String() == "" && at.Certainty.Known() && (at.Device.Index != 0 || at.Parent.Index != 0) {
			return ""
		}
	}
	for _, name := range names { // one by which it is known there
		if why, leads := n.View.WhyNot(w.set, name); leads {
			return why
		}
	}
	why, _ := n.View.WhyNot(w.set, network.Metadata.Name)
	if len(network.Status.NamedBy) == 0 { // a colour is no name of rules
		why = strings.Replace(why, "no rule gives that name", "no port leads there", 1)
	}
	return why
}

// withoutTable has a line for each network and reason.
func (a *app) withoutTable(shown []networkWithout) error {
	var cells [][]string
	for _, n := range shown {
		for _, g := range grouped(n.Nodes) {
			cells = append(cells, []string{n.Network, strconv.Itoa(len(g.nodes)), a.few(g.nodes), g.why})
		}
	}
	return a.show().TableOr("Every network is on every node.", []string{"NETWORK", "MISSING ON", "NODES", "WHY"}, cells)
}

// A reason is shared by nodes.
type reason struct {
	why   string
	nodes []string
}

// grouped puts nodes together that have a reason in common, the most first.
func grouped(all []nodeWithout) []reason {
	var out []reason
	at := map[string]int{}
	for _, n := range all {
		i, known := at[n.Why]
		if !known {
			i = len(out)
			at[n.Why] = i
			out = append(out, reason{why: n.Why})
		}
		out[i].nodes = append(out[i].nodes, n.Node)
	}
	slices.SortStableFunc(out, func(a, b reason) int { return cmp.Compare(len(b.nodes), len(a.nodes)) })
	return out
}

// few lists nodes: the first of them, unless the format is wide.
func (a *app) few(nodes []string) string {
	const most = 4
	if more := len(nodes) - most; a.format != view.Wide && more > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(nodes[:most], ", "), more)
	}
	return strings.Join(nodes, ", ")
}
