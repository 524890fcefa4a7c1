// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/topology"
)

// A difference is a port whose cable, or whose networks, are others than they were.
type difference struct {
	Node      string `json:"node"`
	Interface string `json:"interface,omitempty"` // empty: the node as a whole
	Was       string `json:"was,omitempty"`
	Is        string `json:"is,omitempty"`
}

func (a *app) diff() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "diff SAVED",
		Short: "Show the ports whose cable or networks are others than in what topology -o json saved; fails where there are any",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, files []string) error {
		before, err := readSaved(files[0])
		if err != nil {
			return err
		}
		_, known, err := a.seen(ctx, c, nil)
		if err != nil {
			return err
		}
		return a.different(differences(before, a.drawn(known)))
	})
}

func readSaved(file string) (*topology.Topology, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read what was saved: %w", err)
	}
	var t topology.Topology
	if err := json.Unmarshal(data, &t); err != nil || len(t.Nodes) == 0 {
		return nil, fmt.Errorf("%s holds no topology; \"%s topology -o json\" prints what is wanted", file, Name)
	}
	return &t, nil
}

// portsOf are what leads where, by node and interface.
func portsOf(t *topology.Topology) map[[2]string]string {
	system := map[discovery.MSAP]string{}
	for _, s := range t.Switches {
		for _, p := range s.Ports {
			system[p.MSAP] = cmp.Or(s.System, string(s.Chassis))
		}
	}
	out := map[[2]string]string{}
	for _, n := range t.Nodes {
		for i := range n.Ports {
			p := &n.Ports[i]
			var ends []string
			for k := range p.Links {
				l := &p.Links[k]
				ends = append(ends, fmt.Sprintf("%s port %s%s", system[l.MSAP], l.Port, of(l.Networks)))
			}
			if len(p.Pinned) > 0 {
				ends = append(ends, "pinned"+of(p.Pinned))
			}
			slices.Sort(ends)
			out[[2]string{n.Name, p.Name}] = cmp.Or(strings.Join(ends, "; "), "nothing heard")
		}
	}
	return out
}

// of lists networks, without what changes while none does.
func of(all []topology.Network) string {
	var out []string
	for _, n := range all {
		name := cmp.Or(n.Name, "unnamed")
		if n.Tagged {
			name += fmt.Sprintf(" tagged %d", n.VLAN)
		}
		out = append(out, name)
	}
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, ", ") + ")"
}

func differences(before, after *topology.Topology) []difference {
	was, is := portsOf(before), portsOf(after)
	all := maps.Clone(was)
	maps.Copy(all, is)
	keys := slices.SortedFunc(maps.Keys(all), func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	out := []difference{}
	for _, key := range keys {
		if was[key] != is[key] {
			out = append(out, difference{key[0], key[1], was[key], is[key]})
		}
	}
	return out
}

// different shows differences, and fails where there are any, as kubectl diff does.
func (a *app) different(all []difference) error {
	failed := error(nil)
	if len(all) > 0 {
		failed = ErrSilent
	}
	if printed, err := a.data(all); printed {
		return cmp.Or(err, failed)
	}
	var rows [][]string
	for _, d := range all {
		rows = append(rows, []string{d.Node, d.Interface, cmp.Or(d.Was, "not there"), cmp.Or(d.Is, "not there")})
	}
	return cmp.Or(a.show().TableOr("Every port leads where it did.", []string{"NODE", "INTERFACE", "WAS", "IS"}, rows), failed)
}
