// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/cli/args"
	"github.com/colvin-net/colvin/cli/view"
)

// A shownNode is "kubectl colvin nodes" as JSON.
type shownNode struct {
	Node      string   `json:"node"`
	Status    string   `json:"status"`    // as kubectl get nodes shows it
	Published bool     `json:"published"` // its agent has told what it hears
	Ports     int      `json:"ports"`
	Heard     int      `json:"heard"`
	Pinned    int      `json:"pinned"`
	Unsure    string   `json:"unsure"` // ports with a cable of which the switch is not known for sure
	Moved     int      `json:"moved"`  // containers that are in another network than they asked for
	Converged bool     `json:"converged"`
	Networks  []string `json:"networks"` // by which it is labelled
}

func (a *app) nodes() *cobra.Command {
	cmd := a.command(&cobra.Command{
		Use:   "nodes [NODE...]",
		Short: "Show the nodes, how many switches they hear, and the networks that the scheduler finds there",
		Args:  cobra.ArbitraryArgs,
	}, func(ctx context.Context, c *client, names []string) error {
		shown, err := c.shownNodes(ctx, names)
		if err != nil {
			return err
		}
		if printed, err := a.data(shown); printed {
			return err
		}
		return a.nodeTable(shown)
	})
	cmd.ValidArgsFunction = a.completeNames(nodes)
	return a.watched(cmd)
}

// shownNodes puts together Nodes and what kubectl shows of their NodeTopologies.
func (c *client) shownNodes(ctx context.Context, names []string) ([]shownNode, error) {
	all, err := c.nodes(ctx)
	if err != nil {
		return nil, err
	}
	shown := []shownNode{}
	at := map[string]int{}
	for _, n := range all {
		if len(names) == 0 || slices.Contains(names, n.Name) {
			at[n.Name] = len(shown)
			shown = append(shown, shownNode{Node: n.Name, Status: n.status, Networks: n.networks()})
		}
	}
	if err := notThere(names, all); err != nil {
		return nil, err
	}
	known := byName(all)
	_, err = listPages(ctx, c, query{resource: topologies, form: asTable}, func(p *page, r *row) (struct{}, bool) {
		name := r.Object.Metadata.Name
		if i, wanted := at[name]; wanted && (&nodeTopology{object: r.Object}).belongs(known[name]) {
			shown[i].take(p, r)
		}
		return struct{}{}, false
	})
	return shown, err
}

// notThere refuses names that no node bears.
func notThere(names []string, all []*node) error {
	for _, name := range names {
		if !slices.ContainsFunc(all, func(n *node) bool { return n.Name == name }) {
			var known []string
			for _, n := range all {
				known = append(known, n.Name)
			}
			return fmt.Errorf("there is no node %q; %s", name, args.Meant(name, known, `"`+Name+` nodes" lists them`))
		}
	}
	return nil
}

// take takes what a table shows of a NodeTopology.
func (n *shownNode) take(p *page, r *row) {
	number := func(column string) int {
		i, _ := strconv.Atoi(r.cell(p, column))
		return i
	}
	n.Published, n.Ports, n.Heard, n.Pinned, n.Moved = true, number("Ports"), number("Heard"), number("Pinned"), number("Moved")
	n.Unsure, n.Converged = r.cell(p, "Unsure"), r.cell(p, "Converged") == "true"
}

func (a *app) nodeTable(shown []shownNode) error {
	o := a.show()
	header := []string{"NODE", "STATUS", "PORTS", "HEARD", "PINNED", "UNSURE", "MOVED", "NETWORKS"}
	if a.format == view.Wide {
		header = append(header, "CONVERGED")
	}
	var cells [][]string
	silent := 0
	for i := range shown {
		n := &shown[i]
		row := []string{n.Node, n.Status, "", "", "", "", "", o.List(n.Networks)}
		if n.Published {
			row = []string{n.Node, n.Status, strconv.Itoa(n.Ports), strconv.Itoa(n.Heard), strconv.Itoa(n.Pinned), o.Cell(n.Unsure), strconv.Itoa(n.Moved), o.List(n.Networks)}
		} else {
			silent++
		}
		if a.format == view.Wide {
			row = append(row, strconv.FormatBool(n.Converged))
		}
		cells = append(cells, row)
	}
	var notes []string
	if silent > 0 {
		notes = append(notes, fmt.Sprintf("Nodes whose agents have published nothing: %d; \"kubectl get daemonset -A -l app.kubernetes.io/name=colvin\" shows whether they run.", silent))
	}
	return o.TableOr("There is no node.", header, cells, notes...)
}
