// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
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
			problem := ""
			for _, c := range s.View.Conditions {
				if c.Type == mapping.RecordsUnreadable {
					problem = c.Message
				}
			}
			if a.format == formatJSON {
				return a.attachmentJSON(s.Attachments, problem)
			}
			return a.attachmentTable(s.Attachments, problem)
		},
	}, formatTable, formatWide, formatJSON)
	cmd.Flags().StringVar(&dir, "record-directory", record.DefaultDir, "`directory` of the plugin's records, for when no agent answers")
	return cmd
}

// attachmentsFromFile shows what the records and the last agent tell.
func (a *app) attachmentsFromFile(noAnswer error, dir string) error {
	f, err := a.file()
	if err != nil || !a.noAgent(noAnswer) || a.format == formatJSON {
		return a.needsAgent(noAnswer) // JSON cannot say how old the answer is
	}
	attached, problem, err := containers.JudgeWithoutAgent(dir, f)
	if err != nil {
		return err
	}
	if err := a.print("No agent runs on %s. What the last one knew at %s:", f.Node, fit.Stamp(f.Written)); err != nil {
		return err
	}
	return a.attachmentTable(attached, problem)
}

// attachmentJSON is no answer by itself where not all containers are known, and none
// at all where none is.
func (a *app) attachmentJSON(attached []agentapi.ContainerAttachment, problem string) error {
	if problem == "" {
		return a.json(append([]agentapi.ContainerAttachment{}, attached...))
	}
	incomplete := fmt.Errorf("not all attachments are known: %s", problem)
	if len(attached) == 0 {
		return incomplete
	}
	return errors.Join(a.json(attached), incomplete)
}

func (a *app) attachmentTable(attached []agentapi.ContainerAttachment, problem string) error {
	header := []string{"POD", "INTERFACE", "NETWORK", "DEVICE", "STATUS", "SINCE"}
	if a.format == formatWide {
		header = append(header, "IDENTITY", "LEADS TO", "SWITCH", "REASON", "CONTAINER")
	}
	var cells [][]string
	gone, unfinished, exposed := 0, 0, 0
	for i := range attached {
		at := &attached[i]
		row := []string{at.Owner(), at.IfName, at.Network, at.Device.Name, string(at.Status), fit.Age(a.now().Sub(at.Since))}
		switch {
		case at.Unfinished():
			unfinished++
			row[4] += ", unfinished"
		case at.Orphaned != "":
			gone++
			row[4] += ", orphaned"
		case at.Exposed:
			exposed++
			row[4] += ", exposed"
		}
		if a.format == formatWide {
			row = append(row, identity.Key(at.Identity).Named(), at.LeadsTo(), at.Neighbor, cmp.Or(at.Orphaned, at.Reason), at.ContainerID)
		}
		cells = append(cells, row)
	}
	var notes []string
	if gone > 0 {
		notes = append(notes, fmt.Sprintf(`Containers that are gone: %d; "colvin gc" removes what they left.`, gone))
	}
	if unfinished > 0 {
		notes = append(notes, fmt.Sprintf("Attachments that were begun and not completed: %d; the runtime's next DEL undoes them, or restart the container.", unfinished))
	}
	if exposed > 0 {
		notes = append(notes, fmt.Sprintf(`Containers that can reach tagged VLANs of their device if they may send raw frames: %d; "colvin status" tells what to do (%s).`, exposed, mapping.TrunkExposed))
	}
	if problem != "" {
		notes = append(notes, fmt.Sprintf("%s: %s", mapping.RecordsUnreadable, problem))
	}
	switch {
	case len(cells) > 0:
		return a.table(header, cells, notes...)
	case problem != "":
		return a.print("%s", notes[0])
	default:
		return a.print("No container is attached through the colvin plugin.")
	}
}
