// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/mapping/belief"
)

// forget is the one command that tells the agent something.
func (a *app) forget() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:   "forget INTERFACE",
		Short: "Say that what was heard on a port is over: the cable leads elsewhere now",
		Long: "forget has the agent forget who was heard on a port. Where a switch was heard that leads elsewhere than a rule\n" +
			"with silent says, the rule does not count (PinContradicted), not even when the switch is silent again; who knows\n" +
			"that the cable leads elsewhere now says so with forget. The port begins anew: nothing is attached there by what\n" +
			"was heard before. While a switch is heard there the agent refuses. Run it as root.",
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.complete(cmd, args, portNames)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := agentapi.Forget(cmd.Context(), filepath.Join(a.runDir, agentapi.SocketName), args[0])
			if refusal, ok := errors.AsType[agentapi.Refusal](err); ok {
				return refusal
			}
			if err != nil {
				return a.needsAgent(err)
			}
			if a.format == formatJSON {
				return a.json(f)
			}
			what := "nobody was remembered there"
			if f.Neighbor != "" {
				what = "forgot " + f.Neighbor
			}
			return a.print("%s: %s. Rules about ports where no switch speaks count there again, those with silent: true once nobody was heard for %v.",
				f.Interface, what, belief.SilentAfterCDP)
		},
	}, formatText, formatJSON)
}
