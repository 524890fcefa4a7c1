// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/cniplugin"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/mapping/node"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// gc does what a runtime's GC would, for those that never call it.
func (a *app) gc() *cobra.Command {
	var (
		records, cniPath, state string
		dryRun                  bool
	)
	cmd := a.formats(&cobra.Command{
		Use:   "gc",
		Short: "Detach containers that are gone, and remove what killed plugins and agents left",
		Long: "gc detaches the containers whose network namespace is gone: it runs the DEL of their delegates, which frees\n" +
			"their addresses, and removes their records. Then it removes the locks and VLAN devices that killed CNI plugins\n" +
			"left and, while no agent runs, the alternative names that a killed agent left. What is in use stays.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var errs []error
			if !dryRun {
				errs = append(errs, a.clearAltNames(state))
			}
			collected, err := cniplugin.Collect(records, cniPath, dryRun)
			errs = append(errs, err, a.collected(collected, dryRun))
			return errors.Join(errs...)
		},
	}, formatTable, formatJSON)
	flags := cmd.Flags()
	flags.StringVar(&records, "record-directory", record.DefaultDir, "`directory` of the CNI plugin's records")
	flags.StringVar(&state, "state-directory", node.DefaultStateDir, "`directory` of the agent's state")
	flags.StringVar(&cniPath, "cni-path", "/opt/cni/bin", "`directories` of the CNI plugins, for records that name none")
	flags.BoolVar(&dryRun, "dry-run", false, "only show what would be detached")
	return cmd
}

// clearAltNames clears them unless an agent runs, and keeps one from starting
// meanwhile. A lock file that is not there is left to the agent to make: it may have
// another user.
func (a *app) clearAltNames(state string) error {
	path := filepath.Join(a.runDir, nodefile.LockName)
	if _, err := os.Lstat(path); err == nil {
		lock, err := nodefile.Lock(path)
		if errors.Is(err, nodefile.ErrLocked) {
			return nil
		}
		if err != nil {
			return err
		}
		defer func() { _ = lock.Close() }()
	}
	return node.ClearAltNames(state)
}

// collectedAttachment is one attachment of "colvin gc" as JSON.
type collectedAttachment struct {
	Name        string `json:"name"`
	ContainerID string `json:"containerID"`
	IfName      string `json:"ifName"`
	Pod         string `json:"pod"`
	Network     string `json:"network"`
}

func (a *app) collected(records []record.Record, dryRun bool) error {
	list := []collectedAttachment{}
	var cells [][]string
	for _, r := range records {
		pod := ""
		if r.Pod.Name != "" {
			pod = r.Pod.Namespace + "/" + r.Pod.Name
		}
		list = append(list, collectedAttachment{r.Name, r.ContainerID, r.IfName, pod, r.Network})
		cells = append(cells, []string{pod, a.cell(r.ContainerID), r.IfName, r.Network})
	}
	if a.format == formatJSON {
		return a.json(list)
	}
	done := "detached"
	if dryRun {
		done = "would be detached"
	}
	if len(list) == 0 {
		return a.print("Nothing is left over: no container %s.", done)
	}
	if err := a.table([]string{"POD", "CONTAINER", "INTERFACE", "NETWORK"}, cells); err != nil {
		return fmt.Errorf("print what was collected: %w", err)
	}
	return a.print("%d %s", len(list), done)
}
