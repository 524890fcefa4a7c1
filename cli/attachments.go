// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/node"
)

func (a *app) attachments() *cobra.Command {
	var dir string
	cmd := a.formats(&cobra.Command{
		Use:   "attachments",
		Short: "Show the containers that the CNI plugin attached, and whether they still are where they asked to be",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.attachmentsFromFile(err, dir)
			}
			if a.format == formatJSON {
				return a.json(append([]node.Attached{}, s.Attachments...))
			}
			problem := ""
			for _, c := range s.View.Conditions {
				if c.Type == mapping.RecordsUnreadable {
					problem = c.Message
				}
			}
			return a.attachmentTable(s.Attachments, problem)
		},
	}, formatTable, formatWide, formatJSON)
	cmd.Flags().StringVar(&dir, "record-directory", record.DefaultDir, "`directory` of the plugin's records, for when no agent answers")
	return cmd
}

// attachmentsFromFile shows what the records and the last agent tell.
func (a *app) attachmentsFromFile(agent error, dir string) error {
	f, err := a.file()
	if err != nil || errors.Is(agent, fs.ErrPermission) || a.format == formatJSON {
		return a.needsAgent(agent) // JSON cannot say how old the answer is
	}
	attached, problem, err := node.AttachedWithoutAgent(dir, f)
	if err != nil {
		return err
	}
	if err := a.print("No agent runs on %s. What the last one knew at %s:", f.Node, stamp(f.Written)); err != nil {
		return err
	}
	return a.attachmentTable(attached, problem)
}

func (a *app) attachmentTable(attached []node.Attached, problem string) error {
	header := []string{"POD", "INTERFACE", "NETWORK", "DEVICE", "STATUS", "SINCE"}
	if a.format == formatWide {
		header = append(header, "IDENTITY", "LEADS TO", "SWITCH", "REASON", "CONTAINER")
	}
	var cells [][]string
	orphans := 0
	for i := range attached {
		at := &attached[i]
		row := []string{at.Owner(), at.IfName, at.Network, at.Device.Name, string(at.Status), age(a.now().Sub(at.Since))}
		reason := at.Reason
		if at.Orphaned != "" {
			orphans++
			row[4] += ", orphaned"
			reason = at.Orphaned
		}
		if a.format == formatWide {
			row = append(row, at.Identity, at.LeadsTo(), at.Neighbor, reason, at.ContainerID)
		}
		for j := range row {
			row[j] = fit.Printable(row[j])
		}
		cells = append(cells, row)
	}
	if len(cells) > 0 {
		if err := a.table(header, cells); err != nil {
			return err
		}
	} else if problem == "" {
		return a.print("No container is attached through the colvin plugin.")
	}
	if orphans > 0 {
		if err := a.print("Containers that are gone: %d; \"colvin gc\" removes what they left.", orphans); err != nil {
			return err
		}
	}
	if problem == "" {
		return nil
	}
	return a.print("%s: %s", mapping.RecordsUnreadable, problem)
}
