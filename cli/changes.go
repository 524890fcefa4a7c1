// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/agent/history"
	"github.com/colvin-net/colvin/internal/fit"
)

func (a *app) changes() *cobra.Command {
	var since, dir string
	cmd := a.formats(&cobra.Command{
		Use:   "changes",
		Short: "Show what changed on this node: neighbours, networks, prefixes of routers, containers in another network, conditions (-o wide: all of each)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := a.sinceWhen(since)
			if err != nil {
				return err
			}
			c, err := agentapi.QueryChanges(cmd.Context(), filepath.Join(a.runDir, agentapi.SocketName), from)
			if err != nil {
				return a.changesFromFile(err, dir, from)
			}
			return a.changeList(c, from)
		},
	}, formatTable, formatWide, formatJSON)
	cmd.Flags().StringVar(&since, "since", "24h", "a `time` such as 2026-01-02T15:04:05Z, or how long ago: 90m, 36h, 2d")
	cmd.Flags().StringVar(&dir, "state-directory", config.DefaultStateDir, "the agent's state `directory`, for when no agent answers")
	return cmd
}

// sinceWhen reads the value of --since.
func (a *app) sinceWhen(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return a.now().AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return a.now().Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("--since is %q; write a time such as 2026-01-02T15:04:05Z, or how long ago: 90m, 36h, 2d", s)
}

// changesFromFile shows what the last agent recorded.
func (a *app) changesFromFile(noAnswer error, dir string, from time.Time) error {
	if !a.noAgent(noAnswer) {
		return a.needsAgent(noAnswer)
	}
	c, err := history.Read(dir, from)
	if err != nil {
		return fmt.Errorf("no agent answers (%w); %w", noAnswer, err)
	}
	if a.format != formatJSON {
		if err := a.print("No agent answers; this is what the last one recorded in %s.", dir); err != nil {
			return err
		}
	}
	return a.changeList(c, from)
}

// maxReason is how many characters of a reason are shown, so that a change is a line.
const maxReason = 80

// inLine is what a line shows of a reason: all of it where the format is wide.
func (a *app) inLine(reason string) string {
	if a.format == formatWide {
		return reason
	}
	return fit.Cut(reason, maxReason)
}

func (a *app) changeList(c agentapi.Changes, from time.Time) error {
	if a.format == formatJSON {
		return a.json(append([]agentapi.Change{}, c.Changes...))
	}
	var cells [][]string
	for i := range c.Changes {
		k := &c.Changes[i]
		what, network := string(k.What), k.Network
		if k.Pod != "" {
			what += " " + k.Pod
		}
		if k.VID != 0 {
			network = strings.TrimSpace(fmt.Sprintf("%s (tagged %d)", network, k.VID))
		}
		cells = append(cells, []string{fit.Stamp(k.Time), a.cell(what), a.cell(network), k.Interface, a.cell(k.From), a.cell(k.To), a.inLine(k.Reason)})
	}
	var notes []string
	if len(cells) == 0 {
		notes = append(notes, fmt.Sprintf("Nothing changed since %s.", fit.Stamp(from)))
	}
	if c.Damaged > 0 {
		notes = append(notes, fmt.Sprintf("Damaged lines of the history, which were skipped: %d.", c.Damaged))
	}
	if len(cells) == 0 {
		return a.print("%s", strings.Join(notes, "\n"))
	}
	return a.table([]string{"TIME", "WHAT", "NETWORK", "INTERFACE", "FROM", "TO", "REASON"}, cells, notes...)
}
