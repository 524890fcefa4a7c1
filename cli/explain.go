// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/fit"
)

func (a *app) explain() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:   "explain INTERFACE|NETWORK",
		Short: "Say what network an interface is attached to, or what leads to a network, and why",
		Args:  cobra.ExactArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.complete(cmd, args, explicable)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.needsAgent(err)
			}
			e, lines := a.explanation(s, args[0])
			if f, err := a.file(); len(lines) == 0 && err == nil && f.Knows(args[0]) {
				return fmt.Errorf("the rules know %q, but no port of %s leads to it; \"colvin topology\" shows where they lead", args[0], s.Node)
			}
			if len(lines) == 0 {
				return fmt.Errorf("there is no interface or network %q on %s; %s", args[0], s.Node,
					meant(args[0], explicable(s), `"colvin interfaces -o wide" and "colvin networks" list them`))
			}
			return a.show().Explanation(e, lines)
		},
	}, formatText, formatJSON)
}

func explicable(s *agentapi.State) []string { n := nodeOf(s); return n.Explicable() }

// explanation explains a name, and says in which containers its devices are.
func (a *app) explanation(s *agentapi.State, name string) (*view.Explanation, []string) {
	n := nodeOf(s)
	e, lines := a.show().Explain(&n, name)
	if e.Interface != "" {
		return e, lines
	}
	in := taken(s, func(at *agentapi.ContainerAttachment) bool { return at.Network == name })
	if len(lines) == 0 && len(in) > 0 {
		e.OfNetwork(&n, name)
		lines = []string{fmt.Sprintf("%s is a network, to which no device of %s leads now.", name, s.Node)}
	}
	if len(lines) == 0 {
		e.Interface, in = name, taken(s, func(at *agentapi.ContainerAttachment) bool { return at.Device.Name == name })
	}
	if len(in) > 0 {
		e.Taken = in
	}
	return e, append(lines, whereTaken(in)...)
}

// taken are the containers that have one of the node's own devices inside.
func taken(s *agentapi.State, of func(*agentapi.ContainerAttachment) bool) []agentapi.ContainerAttachment {
	return slices.DeleteFunc(slices.Clone(s.Attachments), func(at agentapi.ContainerAttachment) bool {
		return !at.Taken || at.Status == agentapi.ContainerDown || !of(&at)
	})
}

// whereTaken says in which containers devices are.
func whereTaken(taken []agentapi.ContainerAttachment) []string {
	var lines []string
	for i := range taken {
		at := &taken[i]
		line := fmt.Sprintf("%s is in the container of %s, where it is called %s: it was taken for network %s. Nothing is heard on it there; it comes back when the container ends.",
			fit.Printable(at.Device.Name), at.Owner(), fit.Printable(at.IfName), fit.Printable(at.Network))
		if at.Orphaned != "" {
			line = fmt.Sprintf("%s was taken into the container of %s for network %s, and what is left of that was not removed: %s. \"colvin gc\" does that.",
				fit.Printable(at.Device.Name), at.Owner(), fit.Printable(at.Network), at.Orphaned)
		}
		lines = append(lines, line)
	}
	return lines
}
