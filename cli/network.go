// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

func (a *app) networks() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:   "networks",
		Short: "Show the networks of this node and how it is attached to them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.networksFromFile(err)
			}
			return a.show().Networks([]view.Node{nodeOf(s)}, nil)
		},
	}, formatTable, formatWide, formatJSON)
}

// nodeOf is what the agent knows of its node.
func nodeOf(s *agentapi.State) view.Node {
	return view.Node{Name: s.Node, Snapshot: s.Snapshot, Memory: s.Memory, View: s.View}
}

// networksFromFile shows what the last agent knew, or what this one tells everybody.
func (a *app) networksFromFile(noAnswer error) error {
	f, err := a.fileInstead(noAnswer)
	if err != nil {
		return err
	}
	var cells [][]string
	for _, n := range f.Networks {
		for _, at := range n.Uplinks {
			cells = append(cells, []string{n.Name, view.DeviceText(at.Device, at.Parent), string(at.Certainty), at.Rule, at.Neighbor})
		}
	}
	return a.tableOr("No network was known.", []string{"NETWORK", "DEVICE", "CERTAINTY", "BY", "SWITCH"}, cells)
}

// resolve answers from the node file, as the CNI plugin does.
func (a *app) resolve() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:   "resolve NAME",
		Short: "Show which device a network name means on this node",
		Long:  "resolve reads the node file, as the CNI plugin does, so it answers without an agent too.",
		Args:  cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return a.networkNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := a.file()
			if err != nil {
				return err
			}
			if len(f.Lookup(args[0])) == 0 {
				return a.leadsNowhere(cmd.Context(), f, args[0])
			}
			if err := a.resolved(f, args[0]); err != nil || a.format == formatJSON || a.alive() {
				return err
			}
			return a.print("No agent runs; this is what the last one knew at %s.", fit.Stamp(f.Written))
		},
	}, formatTable, formatJSON)
}

// alive reports whether an agent runs, as far as this user can tell.
func (a *app) alive() bool {
	lock := filepath.Join(a.runDir, agentlock.Name)
	f, err := os.Open(lock)
	if err == nil {
		_ = f.Close()
	}
	return errors.Is(err, fs.ErrPermission) || agentlock.Held(lock)
}

func (a *app) networkNames() []string {
	f, err := a.file()
	if err != nil {
		return nil
	}
	var names []string
	for _, n := range f.Networks {
		names = append(names, n.Name)
	}
	return names
}

func (a *app) resolved(f *nodefile.File, name string) error {
	uplinks := f.Lookup(name)
	if a.format == formatJSON {
		return a.json(uplinks)
	}
	var cells [][]string
	for _, at := range uplinks {
		tag := "untagged"
		if at.VID != 0 {
			tag = fmt.Sprintf("tagged %d", at.VID)
		}
		cells = append(cells, []string{view.DeviceText(at.Device, at.Parent), tag, string(at.Certainty), identity.Key(at.Identity).Named(), at.Neighbor, at.Rule, at.Reason})
	}
	return a.table([]string{"DEVICE", "VLAN", "CERTAINTY", "IDENTITY", "SWITCH", "BY", "REASON"}, cells)
}

// leadsNowhere says of a name that is none of a network here what it is, or may be.
func (a *app) leadsNowhere(ctx context.Context, f *nodefile.File, name string) error {
	look := `"colvin networks" lists what does`
	if s, err := a.state(ctx); err == nil {
		in := taken(s, func(at *agentapi.ContainerAttachment) bool { return at.Network == name || at.Device.Name == name })
		if len(in) > 0 {
			return fmt.Errorf("%q leads nowhere on %s now: %s", name, f.Node, strings.Join(whereTaken(in), " "))
		}
	}
	switch there := through(f, name); {
	case len(there) > 0:
		return fmt.Errorf("%q is an interface of %s, not a network; it leads to %s", name, f.Node, strings.Join(there, ", "))
	case f.Knows(name):
		look = "the rules know it, but no port here leads to it; " + look
	default:
		look = meant(name, slices.Concat(a.networkNames(), f.KnownNames), look)
	}
	if len(f.Pending) > 0 {
		look += fmt.Sprintf("; no switch was heard yet on %s", strings.Join(f.Pending, ", "))
	}
	return fmt.Errorf("%q leads nowhere on %s; %s", name, f.Node, look)
}

// through are the networks to which an interface leads.
func through(f *nodefile.File, ifname string) []string {
	var names []string
	for i := range f.Networks {
		n := &f.Networks[i]
		if slices.ContainsFunc(n.Uplinks, func(at nodefile.Uplink) bool {
			return at.Device.Name == ifname || at.Parent.Name == ifname || slices.ContainsFunc(at.Ports, func(p nodefile.Port) bool { return p.Name == ifname })
		}) {
			names = append(names, n.Name)
		}
	}
	return names
}
