// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
)

// probe is for programs that look after the agent, such as a kubelet. People have status.
func (a *app) probe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "probe",
		Short: "Tell programs that look after the agent whether it lives, and whether it is ready",
		Long: "probe is for exec probes of a pod. It ends with 0 where it is so; else with 1, and says in a line why not. It reads no\n" +
			"configuration, which may have changed since the agent started: where the run directory is another one, say so.\n" +
			"What is wrong with the node or the cluster, \"colvin status\" shows.",
		Hidden: true,
	}
	cmd.AddCommand(
		a.probing("live", agentapi.LivePath, "Tell whether the agent makes a step of what it sees; allow it 10 s"),
		a.probing("ready", agentapi.ReadyPath, "Tell whether the agent has written its first node file"),
	)
	return cmd
}

func (a *app) probing(what, path, short string) *cobra.Command {
	return &cobra.Command{
		Use:   what,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := agentapi.Probe(cmd.Context(), filepath.Join(a.runDir, agentapi.SocketName), path)
			switch {
			case err == nil:
				return a.print("%s", what)
			case a.noAgent(err):
				return fmt.Errorf("not %s: no agent answers: %w", what, err)
			case errors.Is(err, agentapi.ErrNoSuchQuestion):
				return fmt.Errorf("not known to be %s: %w", what, err)
			}
			return fmt.Errorf("not %s: %w", what, err)
		},
	}
}
