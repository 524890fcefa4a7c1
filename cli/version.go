// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"io/fs"

	"github.com/spf13/cobra"
)

// versionCommand tells its own version whatever the agent does.
func (a *app) versionCommand() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:   "version",
		Short: "Show the version of this command and of the agent",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			agent, why := "", ""
			s, err := a.state(cmd.Context())
			switch {
			case err == nil:
				agent = s.Version
			case errors.Is(err, fs.ErrPermission):
				why = "not known: the agent's socket is for root and the agent's group"
			case a.noAgent(err):
				why = "not running"
			default:
				why = "not known: the agent runs, but has no answer"
			}
			if a.format == formatJSON {
				return a.json(map[string]string{"colvin": a.version, "colvind": agent})
			}
			return a.print("colvin  %s\ncolvind %s", a.version, agent+why)
		},
	}, formatText, formatJSON)
}
