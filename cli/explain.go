// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// An explanation is "colvin explain" as JSON.
type explanation struct {
	Interface  string               `json:"interface"`
	Details    interfaceFacts       `json:"details"`
	Uplinks    []mapping.Uplink     `json:"uplinks"`
	Neighbors  []discovery.Neighbor `json:"neighbors"`
	Silence    *mapping.Silence     `json:"silence,omitempty"` // why there is no neighbour
	Conditions []mapping.Condition  `json:"conditions"`
	Sentences  []string             `json:"sentences"`
}

func (a *app) explain() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:   "explain INTERFACE",
		Short: "Say what network an interface is attached to, and why",
		Args:  cobra.ExactArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.complete(cmd, args, interfaceNames)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.needsAgent(err)
			}
			lines, ok := mapping.Explain(&s.View, s.Snapshot, s.Memory, args[0], a.now())
			if !ok {
				return fmt.Errorf("there is no interface %q on %s; \"colvin interfaces -o wide\" lists all", args[0], s.Node)
			}
			if a.format == formatJSON {
				return a.json(a.explanation(s, args[0], lines))
			}
			return a.print("%s", strings.Join(lines, "\n"))
		},
	}, formatText, formatJSON)
}

func interfaceNames(s *agentapi.State) []string {
	var names []string
	for i := range s.Snapshot.Interfaces {
		names = append(names, s.Snapshot.Interfaces[i].Name)
	}
	return names
}

// explanation gives the sentences about an interface their facts.
func (a *app) explanation(s *agentapi.State, ifname string, sentences []string) *explanation {
	i := slices.IndexFunc(s.Snapshot.Interfaces, func(i discovery.Interface) bool { return i.Name == ifname })
	ifi := s.Snapshot.Interfaces[i]
	row := newInterfaceRow(s, ifi)
	e := &explanation{
		Interface: ifname, Details: row.interfaceFacts, Uplinks: row.Uplinks,
		Neighbors: []discovery.Neighbor{}, Conditions: []mapping.Condition{},
		Sentences: slices.DeleteFunc(sentences, func(s string) bool { return s == "" }),
	}
	if p, ok := s.Snapshot.Port(ifi.Index); ok {
		e.Neighbors = append(e.Neighbors, p.Neighbors...)
	}
	if why, silent := mapping.Silent(s.Snapshot, ifi, a.now()); silent {
		e.Silence = &why
	}
	for _, c := range s.View.Conditions {
		if c.Interface == ifname {
			e.Conditions = append(e.Conditions, c)
		}
	}
	return e
}
