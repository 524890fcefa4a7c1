// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/altnames"
	"github.com/colvin-net/colvin/agent/leftovers"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/cniplugin/uninstall"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/fit"
)

// cleanOptions are the flags of "colvin clean-node".
type cleanOptions struct {
	uninstallOptions
	commandDir, commandName string
	check, stay             bool
}

const cleanLong = `clean-node removes everything of Colvin's from this node, so that nothing of it is left:
the alternative names that a killed agent left, the CNI plugin, then the files of agents
and plugins, and with --command-directory the command that install-cni put there. While
an agent runs, or while there are attachments, it refuses and says so. The plugin goes
first: until it may, the files stay that it attaches and detaches by. What is not known to
be Colvin's stays, and so do colvind.yaml and the rules.

Run it as root. In a pod it needs the network namespace of the node and, at the same paths,
the directories of agent, plugin and records; with --stay it is what such a pod runs, and
with --check its probe of readiness. Containers that are gone it cannot tell there: what
their attachments left is ended by "colvin gc" on the node itself.`

// cleanNode is for the node that Colvin is to leave.
func (a *app) cleanNode() *cobra.Command {
	var o cleanOptions
	cmd := &cobra.Command{
		Use:   "clean-node",
		Short: "Remove everything of Colvin's from this node, unless containers are attached",
		Long:  cleanLong,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.clean(cmd, &o) },
	}
	o.addTo(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.commandDir, "command-directory", "", "`directory` of the command that install-cni put there; none without")
	flags.StringVar(&o.commandName, "command-name", "colvin", "`name` of the command there")
	flags.BoolVar(&o.stay, "stay", false, "try again until nothing is left, then stay until SIGTERM: for a pod")
	flags.BoolVar(&o.check, "check", false, "change nothing, and fail where anything is left")
	cmd.MarkFlagsMutuallyExclusive("stay", "check")
	return cmd
}

func (a *app) clean(cmd *cobra.Command, o *cleanOptions) error {
	c, err := a.configuration(cmd, o.config)
	if err != nil {
		return err
	}
	n := &nodeCleaner{o: o, plugin: o.options(c), run: c.RunDirectory, state: c.StateDirectory}
	switch {
	case o.check:
		return n.left(cmd.Context())
	case o.stay:
		return a.cleanAndStay(cmd.Context(), n)
	}
	removed, err := n.clean(cmd.Context())
	if err == nil && len(removed) == 0 {
		return a.print("Nothing to remove: nothing of Colvin's is on this node.")
	}
	return errors.Join(a.printRemoved(removed), err)
}

func (a *app) printRemoved(removed []string) error {
	for _, path := range removed {
		if err := a.print("Removed %s.", fit.Printable(path)); err != nil {
			return err
		}
	}
	return nil
}

// cleanEvery is how often it is tried.
const cleanEvery = 5 * time.Second

// cleanAndStay cleans until nothing is left. Then it stays, since a pod that ends is started
// again. What it waits for it says when that changes.
func (a *app) cleanAndStay(ctx context.Context, n *nodeCleaner) error {
	for said := ""; ctx.Err() == nil; {
		removed, err := n.clean(ctx)
		if err := a.printRemoved(removed); err != nil {
			return err
		}
		if err == nil {
			err = a.print("Nothing of Colvin's is left on this node.")
			<-ctx.Done()
			return err
		}
		if waits := "Waits: " + err.Error(); waits != said && ctx.Err() == nil {
			said = waits
			if err := a.print("%s", fit.Printable(waits)); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(cleanEvery):
		}
	}
	return nil // it was told to end
}

// A nodeCleaner knows where Colvin can be on a node.
type nodeCleaner struct {
	o          *cleanOptions
	plugin     *uninstall.Options
	run, state string // the agent's directories
}

// clean removes what is left, or says why not. The plugin goes before the files by which it
// attaches: a pod that is started while others keep the plugin is attached as long as the
// word of the agent counts that ran last (15 minutes), and not for longer.
//
// Names go before all else. Nobody looks after them any more, and a pod that is attached by
// one that is not true any more is in the wrong network.
func (n *nodeCleaner) clean(ctx context.Context) (removed []string, err error) {
	if err := n.agentRuns(); err != nil {
		return nil, err
	}
	if err := altnames.ClearUnlessRunning(n.run, n.state); err != nil {
		return nil, err
	}
	release, err := n.keepAgentsOut()
	if err != nil {
		return nil, err
	}
	defer release()
	r, err := uninstall.Run(ctx, n.plugin)
	for i := range r.Plugins {
		if r.Plugins[i].Removed {
			removed = append(removed, r.Plugins[i].Path)
		}
	}
	if err != nil {
		return removed, n.whyNot(r, err)
	}
	for _, remove := range []func() ([]string, error){n.removeLocks, n.removeFiles, n.removeCommand} {
		more, err := remove()
		if removed = append(removed, more...); err != nil {
			return removed, err
		}
	}
	return removed, n.left(ctx)
}

// agentRuns is an error while an agent runs.
func (n *nodeCleaner) agentRuns() error {
	if path := filepath.Join(n.run, agentlock.Name); agentlock.Held(path) {
		return fmt.Errorf("an agent runs on this node (it holds %s), which everything is there for; stop it first", path)
	}
	return nil
}

// keepAgentsOut keeps agents from starting until release is called. A lock file that is not
// there is left to the agent to make, which may have another user.
func (n *nodeCleaner) keepAgentsOut() (release func(), err error) {
	path := filepath.Join(n.run, agentlock.Name)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	lock, err := agentlock.Take(path)
	if errors.Is(err, agentlock.ErrLocked) {
		return nil, n.agentRuns()
	}
	if err != nil {
		return nil, fmt.Errorf("keep an agent from starting meanwhile: %w", err)
	}
	return func() { _ = lock.Close() }, nil // nothing was written to it
}

// whyNot says why the plugin stays.
func (n *nodeCleaner) whyNot(r *uninstall.Report, err error) error {
	if !errors.Is(err, uninstall.ErrNeeded) {
		return err
	}
	collect := ""
	if len(r.Attachments) > 0 { // of any of them the container may be gone, where that cannot be seen
		collect = fmt.Sprintf(`run "%s gc" as root on the node itself, which ends what is failed, stuck, gone (in a pod nobody sees that) or rebooted`, n.o.commandName)
	}
	return whyNeeded(r, &n.o.uninstallOptions, collect)
}

// recordDirs are the directories that may hold records.
func (n *nodeCleaner) recordDirs() []string {
	return append([]string{n.plugin.Records}, n.plugin.AlsoRecords...)
}

// removeLocks removes what lies beside the records, of which there are none any more.
func (n *nodeCleaner) removeLocks() (removed []string, err error) {
	for _, dir := range n.recordDirs() {
		beside, err := record.Beside(dir)
		if err != nil {
			return removed, err
		}
		if len(beside) > 0 {
			store, err := record.Open(dir)
			if err == nil {
				err = store.Sweep(time.Time{})
			}
			if err != nil {
				return removed, err
			}
			removed = append(removed, slices.DeleteFunc(beside, isThere)...)
		}
		if err := leftovers.RemoveEmpty(dir); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (n *nodeCleaner) removeFiles() ([]string, error) { return leftovers.Remove(n.run, n.state) }

func (n *nodeCleaner) removeCommand() ([]string, error) {
	p, err := n.command()
	if p == nil || err != nil {
		return nil, err
	}
	return []string{p.Path}, p.Remove()
}

// command finds the command that install-cni put onto the node.
func (n *nodeCleaner) command() (*uninstall.Program, error) {
	if n.o.commandDir == "" {
		return nil, nil
	}
	return uninstall.FindCommand(n.o.commandDir, n.o.commandName)
}

// left is an error that says what is left. It changes nothing.
func (n *nodeCleaner) left(ctx context.Context) error {
	if err := n.agentRuns(); err != nil {
		return err
	}
	look := *n.plugin
	look.DryRun = true
	r, err := uninstall.Run(ctx, &look)
	if err != nil {
		return n.whyNot(r, err)
	}
	files, err := n.files()
	if err != nil {
		return err
	}
	command, err := n.command()
	if err != nil {
		return err
	}
	var found []string
	for i := range r.Plugins {
		found = append(found, r.Plugins[i].Path)
	}
	if found = append(found, files...); command != nil {
		found = append(found, command.Path)
	}
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("something of Colvin's is left on this node: %s", fit.Printable(strings.Join(found, ", ")))
}

// files lists the files of agents and plugins.
func (n *nodeCleaner) files() ([]string, error) {
	found, err := leftovers.Find(n.run, n.state)
	for _, dir := range n.recordDirs() {
		beside, besideErr := record.Beside(dir)
		found, err = append(found, beside...), cmp.Or(err, besideErr)
	}
	return found, err
}
