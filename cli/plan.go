// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/cli/plans"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/mapping/cabling"
)

// plan is about the cables of this node.
func (a *app) plan() *cobra.Command {
	node := ""
	return plans.New(&plans.Host{
		Command: "colvin", Format: &a.format, Failed: ErrSilent,
		Print: func(show func(*view.Out) error) error { return show(a.show()) },
		Heard: func(cmd *cobra.Command, _ string) (*cabling.Heard, error) {
			s, err := a.state(cmd.Context())
			if err != nil {
				return nil, a.needsAgent(err)
			}
			node = s.Node
			return cabling.NewHeard(a.now(), false, cabling.Source{Node: s.Node, Snapshot: s.Snapshot, Memory: s.Memory}), nil
		},
		Node: func() string { return node },
	})
}
