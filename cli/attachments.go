// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
)

// attachmentsOptions are the flags of "colvin attachments".
type attachmentsOptions struct{ config, records string }

func (a *app) attachments() *cobra.Command {
	var o attachmentsOptions
	cmd := a.formats(&cobra.Command{
		Use:   "attachments",
		Short: "Show the containers that the CNI plugin attached, and whether they still are where they asked to be",
		Long: "attachments shows the containers that the CNI plugin attached, and whether they still are where they asked to be.\n" +
			"As root on the node itself it also looks whether their interfaces are there, which an agent cannot.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir := a.recordDirectory(cmd, &o)
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.attachmentsFromFile(cmd.Context(), err, dir)
			}
			problem := ""
			for _, c := range s.View.Conditions {
				if c.Type == mapping.RecordsUnreadable {
					problem = c.Message
				}
			}
			attached := a.lookInside(cmd.Context(), s.Attachments, dir)
			if a.format == formatJSON {
				return a.attachmentJSON(attached, problem)
			}
			return a.attachmentTable(attached, problem)
		},
	}, formatTable, formatWide, formatJSON)
	cmd.Flags().StringVar(&o.config, "config", defaultConfig, configUsage)
	cmd.Flags().StringVar(&o.records, "record-directory", "", "`directory` of the CNI plugin's records, where it is not the configured one")
	return cmd
}

// recordDirectory is where the records are. Without a configuration that can be read it is
// the default: the agent's answer counts all the same.
func (a *app) recordDirectory(cmd *cobra.Command, o *attachmentsOptions) string {
	if o.records != "" {
		return o.records
	}
	c, err := a.configuration(cmd, o.config)
	if err != nil {
		return record.DefaultDir
	}
	return c.RecordDirectory
}

// attachmentsFromFile shows what the records and the last agent tell.
func (a *app) attachmentsFromFile(ctx context.Context, noAnswer error, dir string) error {
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
	return a.attachmentTable(a.lookInside(ctx, attached, dir), problem)
}

// attachmentJSON is no answer by itself where not all containers are known, and none
// at all where none is.
func (a *app) attachmentJSON(attached []shownAttachment, problem string) error {
	if problem == "" {
		return a.json(append([]shownAttachment{}, attached...))
	}
	incomplete := fmt.Errorf("not all attachments are known: %s", problem)
	if len(attached) == 0 {
		return incomplete
	}
	return errors.Join(a.json(attached), incomplete)
}

func (a *app) attachmentTable(attached []shownAttachment, problem string) error {
	header := []string{"POD", "INTERFACE", "NETWORK", "DEVICE", "STATUS", "SINCE"}
	if a.format == formatWide {
		header = append(header, "IDENTITY", "LEADS TO", "SWITCH", "REASON", "MADE BY", "CONTAINER")
	}
	var cells [][]string
	for i := range attached {
		at := &attached[i]
		row := []string{at.Owner(), at.IfName, at.Network, at.Device.Name, at.statusCell(), fit.Age(a.now().Sub(at.Since))}
		if a.format == formatWide {
			reason := cmp.Or(at.Orphaned, at.Reason)
			if !at.Attached() {
				reason = at.Reason
			}
			row = append(row, identity.Key(at.Identity).Named(), at.LeadsTo(), at.Neighbor, reason, at.MadeBy, at.ContainerID)
		}
		cells = append(cells, row)
	}
	notes := attachmentNotes(attached)
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

// statusCell is the status, and what else there is to say of the attachment.
func (at *shownAttachment) statusCell() string {
	switch {
	case at.Orphaned != "" && !at.Unfinished():
		return string(at.Status) + ", orphaned"
	case at.Exposed && at.Orphaned == "":
		return string(at.Status) + ", exposed"
	}
	return string(at.Status)
}

// attachmentNotes say what helps.
func attachmentNotes(attached []shownAttachment) (notes []string) {
	count := func(is func(at *shownAttachment) bool) (n int) {
		for i := range attached {
			if is(&attached[i]) {
				n++
			}
		}
		return n
	}
	is := func(all ...agentapi.ContainerStatus) func(at *shownAttachment) bool {
		return func(at *shownAttachment) bool { return slices.Contains(all, at.Status) && at.Gone.IsZero() }
	}
	for _, n := range []struct {
		format string
		is     func(at *shownAttachment) bool
	}{
		{`Containers that are gone: %d; "colvin gc" removes what they left.`, func(at *shownAttachment) bool { return at.Orphaned != "" && !at.Unfinished() }},
		{`Attachments that were begun and not completed: %d; "colvin gc" undoes them, and so does the runtime's next DEL.`, is(agentapi.ContainerFailed)},
		{`Attachments whose DEL fails: %d; "colvin attachments -o wide" says why: mend that, or "colvin gc" ends them and says what it could not free.`, is(agentapi.ContainerStuck)},
		{`Interfaces that are missing or altered in their containers: %d; "colvin attachments -o wide" says how: restart these containers.`, is(agentapi.ContainerMissing, agentapi.ContainerAltered)},
		{
			`Devices that came back from containers by themselves, not as they were: %d; "colvin gc" restores them, and so does the DEL of these containers.`,
			func(at *shownAttachment) bool { return at.Returned != nil },
		},
		{
			`Containers that can reach tagged VLANs of their device if they may send raw frames: %d; "colvin status" tells what to do (` + string(mapping.TrunkExposed) + `).`,
			func(at *shownAttachment) bool { return at.Exposed && at.Orphaned == "" },
		},
	} {
		if n, format := count(n.is), n.format; n > 0 {
			notes = append(notes, fmt.Sprintf(format, n))
		}
	}
	if i := slices.IndexFunc(attached, func(at shownAttachment) bool { return at.Unseen != "" }); i >= 0 {
		notes = append(notes, fmt.Sprintf("Containers that were not looked into: %d, so their STATUS is about the device alone (such as %s: %s).",
			count(func(at *shownAttachment) bool { return at.Unseen != "" }), attached[i].Owner(), fit.Printable(attached[i].Unseen)))
	}
	return notes
}
