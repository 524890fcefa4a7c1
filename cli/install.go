// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/cniplugin/install"
	"github.com/colvin-net/colvin/internal/fit"
)

// installOptions are the flags of "colvin install-cni".
type installOptions struct {
	programs, pluginDir, name, commandDir, commandName string
}

const installLong = `Puts the CNI plugin into a directory of plugins, and with --command-directory this
command into another, each in one step: a runtime that starts the plugin meanwhile gets
the old one or the new one. A file that is the same already is not written; one that is
not Colvin's stays, and is an error. Its SELinux label is kept.

It is for whoever has the directories of a node at hand, such as the first container of the
agent's pod. "colvin uninstall-cni" on the node is the way back.`

// installCNI is for images, and for whoever built the programs.
func (a *app) installCNI() *cobra.Command {
	var o installOptions
	cmd := &cobra.Command{
		Use:   "install-cni",
		Short: "Put the CNI plugin into its directory, or a new one in its place",
		Long:  installLong,
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.install(&o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.programs, "programs", "", "`directory` of colvin-cni and colvin, where it is not that of this command")
	flags.StringVar(&o.pluginDir, "cni-directory", defaultCNIPath, "`directory` of the CNI plugins")
	flags.StringVar(&o.name, "name", "colvin", "`name` of the plugin there")
	flags.StringVar(&o.commandDir, "command-directory", "", "`directory` that gets the command colvin, too")
	flags.StringVar(&o.commandName, "command-name", "colvin", "`name` of the command there")
	return cmd
}

func (a *app) install(o *installOptions) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this command: %w; name the directory with --programs", err)
	}
	from := cmp.Or(o.programs, filepath.Dir(self))
	all := []install.Program{{From: filepath.Join(from, "colvin-cni"), Dir: o.pluginDir, Name: o.name, Package: install.Plugin}}
	if o.commandDir != "" {
		if filepath.Clean(o.commandDir) == filepath.Clean(o.pluginDir) && o.commandName == o.name {
			return fmt.Errorf("--command-directory is the plugins' (%s), where %s is the plugin: give the command another name with --command-name, or another directory", o.pluginDir, o.name)
		}
		all = append(all, install.Program{From: filepath.Join(from, "colvin"), Dir: o.commandDir, Name: o.commandName, Package: install.Command})
	}
	for _, p := range all {
		if _, err := os.Stat(p.From); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no %s to install: name the directory that has it with --programs", p.From)
		}
		changed, err := install.Run(p)
		if err != nil {
			return err
		}
		said := "is the same already"
		if changed {
			said = "installed"
		}
		if err := a.print("%s: %s", fit.Printable(filepath.Join(p.Dir, p.Name)), said); err != nil {
			return err
		}
	}
	return nil
}
