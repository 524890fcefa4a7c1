// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/cli/args"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// A behindSwitch is "kubectl colvin switch" as JSON: what goes dark with a switch, or one of
// its ports.
type behindSwitch struct {
	Switches []shownSwitch `json:"switches"` // of that name: one as a rule
	Port     string        `json:"port,omitempty"`
	Nodes    []nodeBehind  `json:"nodes"`
	Pods     []attachment  `json:"pods"` // that lose a network
	// Unknown says why the list of pods is not whole.
	Unknown string `json:"unknown,omitempty"`
}

// A shownSwitch is what a switch says of itself.
type shownSwitch struct {
	System      string   `json:"system,omitempty"`
	Chassis     string   `json:"chassis"`
	Description string   `json:"description,omitempty"`
	Addresses   []string `json:"managementAddresses,omitempty"`
}

// A nodeBehind is a node with ports that lead to the switch.
type nodeBehind struct {
	Node     string         `json:"node"`
	Ports    []end          `json:"ports"`
	Networks []networkBelow `json:"networks"`
}

// A networkBelow is a network that the node reaches through the switch.
type networkBelow struct {
	Network   string   `json:"network,omitempty"` // empty where it has no name
	VLAN      string   `json:"vlan"`
	Interface string   `json:"interface"`
	Certainty string   `json:"certainty"`
	Dark      bool     `json:"dark"`              // it works now, and nothing else leads there from the node
	Already   bool     `json:"already,omitempty"` // it is dark now: nothing leads there for sure
	Stays     []string `json:"stays,omitempty"`   // the interfaces through which something else does
}

func (a *app) switches() *cobra.Command {
	cmd := a.command(&cobra.Command{
		Use:   "switch NAME[/PORT]",
		Short: "Show the nodes, networks and pods behind a switch, or one of its ports: what goes dark without it",
		Long: "switch shows the nodes, networks and pods behind a switch, or behind one of its ports: what goes dark when it reloads.\n" +
			"NAME is its system name, chassis ID or management address; PORT its port ID, with or without the kind before the colon.",
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, names []string) error {
		b, w, err := a.behind(ctx, c, names[0])
		if err != nil {
			return err
		}
		if printed, err := a.data(b); printed {
			return err
		}
		return a.withNote(w, a.behindText(b))
	})
	cmd.ValidArgsFunction = a.completeSwitches
	return cmd
}

// A cut is what a name of a switch, with or without a port behind it, may mean.
type cut struct{ name, port string }

// cuts are all ways to read NAME[/PORT]: names of both have slashes in them.
func cuts(text string) []cut {
	out := []cut{{text, ""}}
	for i, c := range text {
		if c == '/' {
			out = append(out, cut{text[:i], text[i+1:]})
		}
	}
	return out
}

// is reports whether a switch is called so.
func (k *cut) is(s *v1alpha1.Switch) bool {
	return k.name == s.SystemName || k.name == s.Chassis || k.name == s.KnownAs || bare(s.Chassis) == k.name || slices.Contains(s.ManagementAddresses, k.name)
}

// bare is an ID without its kind.
func bare(id string) string {
	_, rest, _ := strings.Cut(id, ":")
	return rest
}

// holds reports whether a port of a switch is the one that is meant.
func (k *cut) holds(n *v1alpha1.Neighbor) bool {
	return k.port == "" || k.port == n.PortID || k.port == bare(n.PortID)
}

// heard are the ports of a node that lead to the switch, and what it says of itself.
func (k *cut) heard(t *nodeTopology) (ports []end, says []shownSwitch) {
	known := map[string]*v1alpha1.Switch{}
	for i := range t.Spec.Switches {
		if s := &t.Spec.Switches[i]; k.is(s) {
			known[s.ID] = s
		}
	}
	for i := range t.Spec.Interfaces {
		ifi := &t.Spec.Interfaces[i]
		if ifi.Port == nil || ifi.Port.Holder == nil {
			continue
		}
		n := &ifi.Port.Holder.Neighbor
		if s := known[n.Switch]; s != nil && k.holds(n) {
			ports = append(ports, end{ifi.Name, cmp.Or(s.SystemName, s.Chassis), discovery.ID(s.Chassis), discovery.ID(n.PortID)})
			says = append(says, shownSwitch{s.SystemName, s.Chassis, s.SystemDescription, s.ManagementAddresses})
		}
	}
	return ports, says
}

// A candidate is a node behind what a name may mean.
type candidate struct {
	cut  int // of cuts
	node nodeBehind
	says []shownSwitch
}

// behind finds what is behind a switch.
func (a *app) behind(ctx context.Context, c *client, text string) (*behindSwitch, *world, error) {
	w, err := c.world(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	all := cuts(text)
	found, err := list(ctx, c, query{resource: topologies}, func(t *nodeTopology) (out candidate, keep bool) {
		for i := range all {
			if ports, says := all[i].heard(t); len(ports) > 0 {
				n, err := w.resolve(t, a.now())
				if err != nil {
					return out, false
				}
				return candidate{i, nodeBehind{t.Metadata.Name, ports, below(n, ports)}, says}, true
			}
		}
		return out, false
	})
	if err != nil {
		return nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, a.noSwitch(ctx, c, text)
	}
	return a.gather(ctx, c, all, found, w)
}

// gather puts together the nodes behind the switch whose name is the longest that fits.
func (a *app) gather(ctx context.Context, c *client, all []cut, found []candidate, w *world) (*behindSwitch, *world, error) {
	least := slices.MinFunc(found, func(a, b candidate) int { return a.cut - b.cut }).cut
	out := &behindSwitch{Port: all[least].port, Switches: []shownSwitch{}, Nodes: []nodeBehind{}, Pods: []attachment{}}
	said := map[string]shownSwitch{}
	for _, f := range found {
		if f.cut != least {
			continue
		}
		out.Nodes = append(out.Nodes, f.node)
		for _, s := range f.says {
			said[s.Chassis] = s
		}
	}
	for _, chassis := range slices.Sorted(maps.Keys(said)) {
		out.Switches = append(out.Switches, said[chassis])
	}
	err := c.podsBelow(ctx, out)
	return out, w, err
}

// below are the networks that a node reaches through some of its ports.
func below(n *view.Node, ports []end) []networkBelow {
	through := func(ifname string) bool {
		return slices.ContainsFunc(ports, func(e end) bool { return e.Interface == ifname })
	}
	out := []networkBelow{}
	for i := range n.View.Uplinks {
		at := &n.View.Uplinks[i]
		via, others := split(at, through)
		if len(via) == 0 {
			continue
		}
		stays := others
		for k := range n.View.Uplinks {
			if other := &n.View.Uplinks[k]; k != i && at.Name != "" && slices.Contains(other.Names(), at.Name) && other.Usable {
				if beside, rest := split(other, through); len(beside) == 0 {
					stays = append(stays, rest...)
				}
			}
		}
		slices.Sort(stays)
		row := networkBelow{Network: at.Name, VLAN: view.VLANText(at), Interface: strings.Join(via, ", "), Certainty: string(at.Certainty), Stays: slices.Compact(stays)}
		row.Dark, row.Already = len(stays) == 0 && at.Certainty.Known(), len(stays) == 0 && !at.Certainty.Known()
		out = append(out, row)
	}
	return out
}

// split are the ports through which an uplink leads: those that are meant, and the others that
// work.
func split(at *mapping.Uplink, meant func(string) bool) (via, others []string) {
	if len(at.Members) == 0 {
		if meant(at.Port.Name) {
			return []string{at.Port.Name}, nil
		}
		return nil, []string{at.Port.Name}
	}
	for _, m := range at.Members {
		switch {
		case meant(m.Port.Name):
			via = append(via, m.Port.Name)
		case m.Certainty.Known():
			others = append(others, m.Port.Name)
		}
	}
	return via, others
}

// dark are the networks that nodes lose, by node.
func (b *behindSwitch) dark() map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, n := range b.Nodes {
		for _, below := range n.Networks {
			if below.Dark && below.Network != "" {
				if out[n.Node] == nil {
					out[n.Node] = map[string]bool{}
				}
				out[n.Node][below.Network] = true
			}
		}
	}
	return out
}

// podsBelow finds the pods that lose a network: in the whole cluster, or in the namespace of the
// user where that is all that he may read.
func (c *client) podsBelow(ctx context.Context, b *behindSwitch) error {
	dark := b.dark()
	if len(dark) == 0 {
		return nil
	}
	catalog, err := c.catalog(ctx, "")
	if err != nil {
		return err
	}
	b.Unknown = catalog.note
	for _, q := range podQueries(slices.Sorted(maps.Keys(dark))) {
		some, err := c.attachments(ctx, q, catalog, func(at *attachment) bool { return dark[at.Node][at.Network] })
		if refused, is := errors.AsType[*refusal](err); is {
			b.Unknown = "Pods of other namespaces are not shown: " + refused.short() + " in the whole cluster."
			q.namespace = c.namespace
			some, err = c.attachments(ctx, q, catalog, func(at *attachment) bool { return dark[at.Node][at.Network] })
		}
		if refused, is := errors.AsType[*refusal](err); is {
			b.Unknown = "Which pods are behind it is not known: " + refused.short() + "."
			return nil
		}
		if err != nil {
			return err
		}
		b.Pods = append(b.Pods, some...)
	}
	return nil
}

// podQueries ask for the pods of nodes: of each by itself, or for all where they are many.
func podQueries(nodes []string) []query {
	if len(nodes) >= manyNodes {
		return []query{{resource: pods, form: asTable}}
	}
	var out []query
	for _, n := range nodes {
		out = append(out, query{resource: pods, form: asTable, selector: map[string]string{"fieldSelector": "spec.nodeName=" + n}})
	}
	return out
}

// attachments are those of pods that are wanted. A table of pods is enough: it tells their nodes,
// and their annotations are metadata.
func (c *client) attachments(ctx context.Context, q query, k *catalog, wanted func(*attachment) bool) ([]attachment, error) {
	some, err := listPages(ctx, c, q, func(p *page, r *row) (out []attachment, keep bool) {
		of := &pod{object: r.Object}
		of.Spec.NodeName = r.cell(p, "Node")
		all, err := k.attachments(of)
		if err != nil { // Multus wrote what it cannot have written
			return nil, false
		}
		for i := range all {
			if wanted(&all[i]) {
				out = append(out, all[i])
			}
		}
		return out, len(out) > 0
	})
	return slices.Concat(some...), err
}

// noSwitch says that nobody hears the switch, and asks for one that was meant.
func (a *app) noSwitch(ctx context.Context, c *client, text string) error {
	names, err := c.switchNames(ctx)
	if err != nil {
		return err
	}
	name := text
	for _, k := range cuts(text) {
		if k.port != "" && slices.Contains(names, k.name) {
			return fmt.Errorf("no node leads to port %q of switch %s; \"%s switch %s\" lists the ports that one leads to", k.port, k.name, Name, k.name)
		}
	}
	return fmt.Errorf("no node hears a switch %q; %s", name, args.Meant(name, names, `"`+Name+` topology" shows who is heard`))
}

// switchNames are the names of all switches that lead somewhere, or their chassis.
func (c *client) switchNames(ctx context.Context) ([]string, error) {
	all, err := list(ctx, c, query{resource: topologies}, func(t *nodeTopology) (names []string, keep bool) {
		for i := range t.Spec.Switches {
			names = append(names, cmp.Or(t.Spec.Switches[i].SystemName, t.Spec.Switches[i].Chassis))
		}
		return names, true
	})
	names := slices.Concat(all...)
	slices.Sort(names)
	return slices.Compact(names), err
}

func (a *app) behindText(b *behindSwitch) error {
	o := a.show()
	for _, s := range b.Switches {
		text := cmp.Or(s.System, s.Chassis)
		if s.System != "" {
			text += ", chassis " + s.Chassis
		}
		if b.Port != "" {
			text += ", port " + b.Port
		}
		if s.Description != "" && a.format == view.Wide {
			text += ": " + s.Description
		}
		if err := o.Print("%s", text); err != nil {
			return err
		}
	}
	if len(b.Switches) > 1 {
		if err := o.Print("These are %d chassis IDs, and below is what goes without all of them at once; with a chassis ID in the place of the name, without that one.", len(b.Switches)); err != nil {
			return err
		}
	}
	var rows [][]string
	for _, n := range b.Nodes {
		rows = append(rows, behindRows(o, &n)...)
	}
	if err := errors.Join(o.Print(""), o.Table([]string{"NODE", "INTERFACE", "PORT", "NETWORK", "VLAN", "CERTAINTY", "WITHOUT IT"}, rows)); err != nil {
		return err
	}
	return errors.Join(o.Print(""), a.podsText(b))
}

func behindRows(o *view.Out, n *nodeBehind) (rows [][]string) {
	port := map[string]string{}
	unnamed := map[string]bool{}
	for _, e := range n.Ports {
		port[e.Interface], unnamed[e.Interface] = o.Cell(string(e.Port)), true
	}
	for _, at := range n.Networks {
		var on []string
		for ifname := range strings.SplitSeq(at.Interface, ", ") {
			on = append(on, port[ifname])
			delete(unnamed, ifname)
		}
		without := "stays through " + strings.Join(at.Stays, ", ")
		switch {
		case at.Dark:
			without = "dark"
		case at.Already:
			without = "dark already"
		}
		rows = append(rows, []string{n.Node, at.Interface, strings.Join(on, ", "), cmp.Or(at.Network, "unnamed"), at.VLAN, at.Certainty, without})
	}
	for _, ifname := range slices.Sorted(maps.Keys(unnamed)) {
		rows = append(rows, []string{n.Node, ifname, port[ifname], "", "", "", "leads to no network now"})
	}
	return rows
}

// podsText shows the pods that lose a network.
func (a *app) podsText(b *behindSwitch) error {
	o := a.show()
	var notes []string
	if b.Unknown != "" {
		notes = append(notes, b.Unknown)
	}
	if len(b.dark()) == 0 {
		return o.Print("No network that has a name goes dark without it.")
	}
	var rows [][]string
	for i := range b.Pods {
		at := &b.Pods[i]
		rows = append(rows, []string{at.Namespace + "/" + at.Pod, at.Node, at.Interface, at.Network, o.List(at.IPs)})
	}
	return o.TableOr("No pod that Multus attached there is known.", []string{"POD THAT GOES DARK", "NODE", "INTERFACE", "NETWORK", "IPS"}, rows, notes...)
}

// completeSwitches offers the switches that are heard.
func (a *app) completeSwitches(cmd *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	c, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, err := c.switchNames(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, begin) }), cobra.ShellCompDirectiveNoFileComp
}
