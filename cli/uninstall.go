// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/cniplugin/uninstall"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/fit"
)

// uninstallOptions are the flags of "colvin uninstall-cni".
type uninstallOptions struct {
	config, records, cniPath, name string
	dryRun                         bool
	wait                           time.Duration
}

// uninstallCNI is for packages and whoever installed the plugin by hand.
func (a *app) uninstallCNI() *cobra.Command {
	var o uninstallOptions
	cmd := a.formats(&cobra.Command{
		Use:   "uninstall-cni",
		Short: "Remove the CNI plugin from this node, unless containers are attached through it",
		Long: "uninstall-cni removes the CNI plugin's binary. While there are attachments it refuses, and lists them: a runtime\n" +
			"could not end them without the plugin, and their pods would stay Terminating. A binary that is not Colvin's stays,\n" +
			"and so does what a symbolic link leads to. Run it as root on the node itself, before colvin is removed.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.uninstall(cmd, &o) },
	}, formatTable, formatJSON)
	o.addTo(cmd)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "only show whether it would be removed")
	return cmd
}

// addTo adds the flags that say where everything is.
func (o *uninstallOptions) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.config, "config", defaultConfig, configUsage)
	flags.StringVar(&o.records, "record-directory", "", "`directory` of the CNI plugin's records, where it is not the configured one")
	flags.StringVar(&o.cniPath, "cni-path", defaultCNIPath, "`directories` of the CNI plugins")
	flags.StringVar(&o.name, "name", "colvin", "`name` of the plugin there")
	flags.DurationVar(&o.wait, "wait", 10*time.Second, "how long to wait for plugins that are at work")
}

// options are what the plugin is removed by.
func (o *uninstallOptions) options(c config.Config) *uninstall.Options {
	options := &uninstall.Options{
		Dirs: filepath.SplitList(o.cniPath), Name: o.name, Records: cmp.Or(o.records, c.RecordDirectory),
		AgentLock: filepath.Join(c.RunDirectory, agentlock.Name), DryRun: o.dryRun, Wait: o.wait,
	}
	if o.records == "" { // a configuration can be newer than the plugin's
		options.AlsoRecords = []string{record.DefaultDir}
	}
	return options
}

func (a *app) uninstall(cmd *cobra.Command, o *uninstallOptions) error {
	c, err := a.configuration(cmd, o.config)
	if err != nil {
		return err
	}
	r, err := uninstall.Run(cmd.Context(), o.options(c))
	if errors.Is(err, uninstall.ErrNeeded) {
		err = whyNeeded(r, o, collectable(r))
	}
	return errors.Join(a.uninstalled(r, o, err), err)
}

// uninstallReport is what "colvin uninstall-cni" says as JSON.
type uninstallReport struct {
	Plugins     []uninstalledPlugin `json:"plugins"`
	Attachments []neededAttachment  `json:"attachments"`
	Unreadable  int                 `json:"unreadable,omitempty"` // records
}

type uninstalledPlugin struct {
	Path    string `json:"path"`
	Target  string `json:"target,omitempty"` // of a symbolic link; it stays
	Removed bool   `json:"removed"`
}

type neededAttachment struct {
	collectedAttachment
	State uninstall.State `json:"state"`
}

// uninstalled prints the report. Where nothing else is to be said an error says it all.
func (a *app) uninstalled(r *uninstall.Report, o *uninstallOptions, failed error) error {
	if a.format == formatJSON {
		return a.uninstallJSON(r)
	}
	if r.Needed() {
		return a.neededTable(r)
	}
	for i := range r.Plugins {
		if err := a.print("%s", pluginLine(&r.Plugins[i], o)); err != nil {
			return err
		}
	}
	if len(r.Plugins) > 0 || failed != nil {
		return nil
	}
	return a.print("Nothing to remove: there is no plugin %s in %s, and nothing is attached.", o.name, o.cniPath)
}

// pluginLine says what became of a plugin.
func pluginLine(p *uninstall.Program, o *uninstallOptions) string {
	what := p.Path
	if p.Target != "" {
		what = fmt.Sprintf("%s, a link to %s, which stays", p.Path, p.Target)
	}
	switch {
	case p.Removed:
		return fmt.Sprintf("Removed %s. Pods whose network has the type %s do not start here any more.", what, o.name)
	case o.dryRun:
		return fmt.Sprintf("Would remove %s: nothing is attached.", what)
	}
	return fmt.Sprintf("Not removed: %s.", what)
}

func (a *app) uninstallJSON(r *uninstall.Report) error {
	out := uninstallReport{Plugins: []uninstalledPlugin{}, Attachments: []neededAttachment{}, Unreadable: r.Unreadable}
	for _, p := range r.Plugins {
		out.Plugins = append(out.Plugins, uninstalledPlugin{p.Path, p.Target, p.Removed})
	}
	for i := range r.Attachments {
		at := &r.Attachments[i]
		out.Attachments = append(out.Attachments, neededAttachment{collectedOf(&at.Record), at.State})
	}
	return a.json(out)
}

func (a *app) neededTable(r *uninstall.Report) error {
	var notes []string
	if r.Unreadable > 0 {
		notes = append(notes, fmt.Sprintf("Records that cannot be read, and so count as attachments: %d (%s).", r.Unreadable, fit.Printable(r.Why.Error())))
	}
	if len(r.Attachments) == 0 {
		return a.print("%s", notes[0])
	}
	var cells [][]string
	for i := range r.Attachments {
		at := &r.Attachments[i]
		row := collectedOf(&at.Record)
		cells = append(cells, []string{a.cell(row.Pod), a.cell(row.ContainerID), a.cell(row.IfName), a.cell(row.Network), string(at.State)})
	}
	return a.table([]string{"POD", "CONTAINER", "INTERFACE", "NETWORK", "STATE"}, cells, notes...)
}

// maxNamed is how many characters of pods' names an error has.
const maxNamed = 200

// collectable is how to end what "colvin gc" ends; empty where there is nothing.
func collectable(r *uninstall.Report) string {
	n := 0
	for i := range r.Attachments {
		if r.Attachments[i].State.Collectable() {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(`run "colvin gc", which ends what is failed, stuck, gone or rebooted (%d)`, n)
}

// whyNeeded says what has to be done first; collect is the part of "colvin gc".
func whyNeeded(r *uninstall.Report, o *uninstallOptions, collect string) error {
	var live []string
	for i := range r.Attachments {
		if at := &r.Attachments[i]; !at.State.Collectable() {
			owner := agentapi.ContainerAttachment{Key: at.Key, Pod: at.Pod}
			live = append(live, owner.Owner())
		}
	}
	var steps []string
	if live = slices.Compact(slices.Sorted(slices.Values(live))); len(live) > 0 {
		steps = append(steps, fmt.Sprintf("delete or move away what is attached (%s)", fit.List(live, maxNamed)))
	}
	if collect != "" {
		steps = append(steps, collect)
	}
	if r.Unreadable > 0 {
		steps = append(steps, fmt.Sprintf("remove the records that cannot be read once their containers are gone (%d)", r.Unreadable))
	}
	n := len(r.Attachments) + r.Unreadable
	todo := strings.Join(steps, "; ")
	if len(r.Plugins) == 0 {
		return fmt.Errorf("there is no plugin %s in %s, and attachments need it: %d; runtimes cannot end them (failed to find plugin), and pods stay Terminating; "+
			"install it again; then %s", o.name, o.cniPath, n, todo)
	}
	return fmt.Errorf("%s stays, because attachments need it: %d; runtimes could not end them without it, and pods would stay Terminating; %s; then try again", r.Plugins[0].Path, n, todo)
}
