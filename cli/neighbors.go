// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/paste"
)

func (a *app) neighbors() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:     "neighbors [INTERFACE]",
		Aliases: []string{"neighbours"},
		Short:   "Show the neighbours and routers heard on each port (-o wide: all that they say)",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.complete(cmd, args, portNames)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.needsAgent(err)
			}
			n := nodeOf(s)
			if len(args) == 1 && !slices.Contains(n.PortNames(), args[0]) {
				return fmt.Errorf("colvind does not listen on %q; \"%s\" says why", args[0], paste.Operand(args[0], "colvin", "explain"))
			}
			return a.show().Neighbors([]view.Node{n}, strings.Join(args, ""))
		},
	}, formatTable, formatWide, formatJSON)
}

func portNames(s *agentapi.State) []string { n := nodeOf(s); return n.PortNames() }
