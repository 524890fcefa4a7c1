// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"io/fs"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:   "version",
		Short: "Show the version of this command and of the agent",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			agent := ""
			s, err := a.state(cmd.Context())
			switch {
			case err == nil:
				agent = s.Version
			case errors.Is(err, fs.ErrPermission):
				return a.needsAgent(err)
			}
			if a.format == formatJSON {
				return a.json(map[string]string{"colvin": a.version, "colvind": agent})
			}
			if agent == "" {
				agent = "not running"
			}
			return a.print("colvin  %s\ncolvind %s", a.version, agent)
		},
	}, formatText, formatJSON)
}
