// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
)

// An explanation is "colvin explain" as JSON: of an interface, or of a network.
type explanation struct {
	Interface  string               `json:"interface,omitempty"`
	Network    string               `json:"network,omitempty"`
	Details    *interfaceFacts      `json:"details,omitempty"`
	Uplinks    []mapping.Uplink     `json:"uplinks"`
	Neighbors  []discovery.Neighbor `json:"neighbors"`
	Silence    *mapping.Silence     `json:"silence,omitempty"` // why there is no neighbour
	Conditions []mapping.Condition  `json:"conditions"`
	// Taken are the containers in which the interface is, or one that leads to the network.
	Taken     []agentapi.ContainerAttachment `json:"taken,omitempty"`
	Sentences []string                       `json:"sentences"`
}

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
			if a.format == formatJSON {
				e.Sentences = slices.DeleteFunc(lines, func(s string) bool { return s == "" })
				return a.json(e)
			}
			for i := range lines { // an interface may have any octets in its name
				lines[i] = fit.Printable(lines[i])
			}
			return a.print("%s", strings.Join(lines, "\n"))
		},
	}, formatText, formatJSON)
}

// explicable are the names of interfaces, and of the networks that are reached from here.
func explicable(s *agentapi.State) []string {
	var names []string
	for i := range s.Snapshot.Interfaces {
		names = append(names, s.Snapshot.Interfaces[i].Name)
	}
	for i := range s.View.Uplinks {
		for _, name := range s.View.Uplinks[i].Names() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// explanation explains a name, and gives the sentences their facts. An alternative name
// may be that of a network, which counts then. There are no sentences where nothing here
// is called so.
func (a *app) explanation(s *agentapi.State, name string) (*explanation, []string) {
	e := &explanation{Uplinks: []mapping.Uplink{}, Neighbors: []discovery.Neighbor{}, Conditions: []mapping.Condition{}}
	if lines, ok := mapping.Explain(&s.View, s.Snapshot, s.Memory, name, a.now()); ok {
		return a.ofInterface(e, s, name), lines
	}
	if lines := a.ofNetwork(e, s, name); len(lines) > 0 {
		return e, lines
	}
	for i := range s.Snapshot.Interfaces {
		ifi := &s.Snapshot.Interfaces[i]
		if slices.Contains(ifi.AltNames, name) {
			lines, _ := mapping.Explain(&s.View, s.Snapshot, s.Memory, ifi.Name, a.now())
			return a.ofInterface(e, s, ifi.Name), append([]string{fmt.Sprintf("%s is another name of %s.", name, ifi.Name)}, lines...)
		}
	}
	e.Interface, e.Taken = name, taken(s, func(at *agentapi.ContainerAttachment) bool { return at.Device.Name == name })
	return e, whereTaken(e.Taken)
}

// ofInterface adds the facts about an interface.
func (a *app) ofInterface(e *explanation, s *agentapi.State, ifname string) *explanation {
	i := slices.IndexFunc(s.Snapshot.Interfaces, func(i discovery.Interface) bool { return i.Name == ifname })
	ifi := s.Snapshot.Interfaces[i]
	row := newInterfaceRow(s, ifi)
	e.Interface, e.Details, e.Uplinks = ifname, &row.interfaceFacts, row.Uplinks
	if p, ok := s.Snapshot.Port(ifi.Index); ok {
		e.Neighbors = append(e.Neighbors, p.Neighbors...)
	}
	if why, silent := mapping.Silent(s.Snapshot, ifi, a.now()); silent {
		e.Silence = &why
	}
	e.Conditions = append(e.Conditions, conditionsOf(&s.View, func(c mapping.Condition) bool { return c.Interface == ifname })...)
	return e
}

// ofNetwork adds the facts about a network, and explains it.
func (a *app) ofNetwork(e *explanation, s *agentapi.State, name string) []string {
	lines, reached := mapping.ExplainNetwork(&s.View, s.Snapshot, s.Memory, name, a.now())
	e.Uplinks = append(e.Uplinks, s.View.Named(name)...)
	e.Taken = taken(s, func(at *agentapi.ContainerAttachment) bool { return at.Network == name })
	e.Conditions = append(e.Conditions, conditionsOf(&s.View, func(c mapping.Condition) bool { return c.Network == name })...)
	if !reached && len(e.Taken) > 0 {
		lines = []string{fmt.Sprintf("%s is a network, to which no device of %s leads now.", name, s.Node)}
	}
	if len(lines) > 0 {
		e.Network = name
	}
	return append(lines, whereTaken(e.Taken)...)
}

func conditionsOf(v *mapping.View, are func(mapping.Condition) bool) []mapping.Condition {
	return slices.DeleteFunc(slices.Clone(v.Conditions), func(c mapping.Condition) bool { return !are(c) })
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
