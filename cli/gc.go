// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/altnames"
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/cniplugin"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/fit"
)

// defaultConfig is where colvind.service has its configuration.
const defaultConfig = "/etc/colvin/colvind.yaml"

// defaultCNIPath is where CNI plugins are.
const defaultCNIPath = "/opt/cni/bin"

const configUsage = "colvind's configuration `file`, for the directories; the defaults hold without one"

// gcOptions are the flags of "colvin gc".
type gcOptions struct {
	config, records, cniPath string
	dryRun, altNamesOnly     bool
}

// gc does what a runtime's GC would, for those that never call it.
func (a *app) gc() *cobra.Command {
	var o gcOptions
	cmd := a.formats(&cobra.Command{
		Use:   "gc",
		Short: "Detach containers that are gone, and remove what killed plugins and agents left",
		Long: "gc detaches the containers whose network namespace is gone, those that the runtime's DEL could not detach, and\n" +
			"what an ADD has begun and not completed: it runs the DEL of their delegates, which frees their addresses, brings\n" +
			"back the NICs that were moved into them and removes their records. An address that an IPAM plugin does not free\n" +
			"it names, and keeps nobody any more for it. Then it removes the locks and VLAN devices that killed CNI plugins\n" +
			"left and, while no agent runs, the alternative names that a killed agent left. What is in use stays. Run it as\n" +
			"root on the node itself: a container does not see everything that is alive.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.collect(cmd, &o) },
	}, formatTable, formatJSON)
	flags := cmd.Flags()
	flags.StringVar(&o.config, "config", defaultConfig, configUsage)
	flags.StringVar(&o.records, "record-directory", "", "`directory` of the CNI plugin's records, where it is not the configured one")
	flags.StringVar(&o.cniPath, "cni-path", defaultCNIPath, "`directories` of the CNI plugins, for records that name none")
	flags.BoolVar(&o.dryRun, "dry-run", false, "only show what would be detached")
	flags.BoolVar(&o.altNamesOnly, "alt-names-only", false, "only remove the alternative names that a killed agent left")
	return cmd
}

// configuration reads colvind's configuration, for the directories. Where the flag --config
// was not given there need not be any.
func (a *app) configuration(cmd *cobra.Command, file string) (config.Config, error) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("config") {
		file = ""
	}
	c, err := config.Load(file)
	if err == nil && cmd.Flags().Changed("run-directory") {
		c.RunDirectory = a.runDir
	}
	return c, err
}

func (a *app) collect(cmd *cobra.Command, o *gcOptions) error {
	c, err := a.configuration(cmd, o.config)
	if err != nil {
		return err
	}
	var errs []error
	if !o.dryRun {
		errs = append(errs, altnames.ClearUnlessRunning(c.RunDirectory, c.StateDirectory))
	}
	if !o.altNamesOnly {
		collected, err := cniplugin.Collect(cmp.Or(o.records, c.RecordDirectory), o.cniPath, o.dryRun)
		errs = append(errs, err)
		doubtful, _ := cniplugin.Doubtful(cmp.Or(o.records, c.RecordDirectory)) // what cannot be read was told
		if err == nil || len(collected) > 0 {
			errs = append(errs, a.collected(collected, doubtful, o.dryRun))
		}
	}
	return errors.Join(errs...)
}

// collectedAttachment is one attachment of "colvin gc" as JSON.
type collectedAttachment struct {
	Name        string `json:"name"`
	ContainerID string `json:"containerID"`
	IfName      string `json:"ifName"`
	Pod         string `json:"pod"`
	Network     string `json:"network"`
	// Reserved is what the IPAM plugin may still keep for it, and why.
	Reserved string `json:"reserved,omitempty"`
}

func collectedOf(r *record.Record) collectedAttachment {
	pod := r.Pod.Name
	if r.Pod.Namespace != "" {
		pod = r.Pod.Namespace + "/" + r.Pod.Name
	}
	return collectedAttachment{Name: r.Name, ContainerID: r.ContainerID, IfName: r.IfName, Pod: pod, Network: r.Network}
}

func (a *app) collected(all []cniplugin.Collected, doubtful []record.Record, dryRun bool) error {
	list := []collectedAttachment{}
	var cells [][]string
	var notes []string
	for i := range all {
		c := collectedOf(&all[i].Record)
		if c.Reserved = all[i].Reserved; c.Reserved != "" {
			notes = append(notes, fit.Printable(c.Reserved)+"; free it by hand there, if it is")
		}
		list = append(list, c)
		cells = append(cells, []string{a.cell(c.Pod), a.cell(c.ContainerID), a.cell(c.IfName), a.cell(c.Network)})
	}
	if a.format == formatJSON {
		return a.json(list)
	}
	done := "detached"
	if dryRun {
		done = "would be detached"
	}
	if len(doubtful) > 0 {
		first := collectedOf(&doubtful[0])
		notes = append(notes, fmt.Sprintf("Containers that may be gone, and are left alone, since that cannot be seen from here: %d, such as %s. Run gc as root on the node itself, outside of containers and other mount namespaces.",
			len(doubtful), fit.Printable(cmp.Or(first.Pod, first.ContainerID))))
	}
	switch {
	case len(list) == 0 && len(doubtful) > 0:
		return a.print("No container %s.\n%s", done, strings.Join(notes, "\n"))
	case len(list) == 0:
		return a.print("Nothing is left over: no container %s.", done)
	}
	return a.table([]string{"POD", "CONTAINER", "INTERFACE", "NETWORK"}, cells, append([]string{fmt.Sprintf("%d %s", len(list), done)}, notes...)...)
}
