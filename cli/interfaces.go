// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/cli/view"
)

func (a *app) interfaces() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:   "interfaces",
		Short: "Show the node's ports and the networks they lead to (-o wide: all interfaces)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.needsAgent(err)
			}
			return a.show().Interfaces([]view.Node{nodeOf(s)})
		},
	}, formatTable, formatWide, formatJSON)
}
