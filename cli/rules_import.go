// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/rulesimport"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

const importLong = `Turns the map of interfaces that you have into rules, and prints a rules file, or with
--ruleset an object for kubectl. Nothing is changed.

FILE holds NetworkAttachmentDefinitions of which each node has its own (macvlan, ipvlan,
vlan, host-device, bridge), InterfaceMaps of Surveyor CNI, or a table of node, interface,
network and, for tagged frames, vlan, with commas between them. Of several files, and of
what kubectl prints, all counts together; - is the standard input:

  kubectl get net-attach-def,pods,nodes,nodetopologies,rulesets -A -o json |
    colvin rules import --ruleset z-imported -

What is heard comes from the NodeTopologies among them, and from the agent of this node,
where it answers. What a switch tells gets its name by the switch; a port where none
speaks is pinned by its name. At the head of the file stands what is not in the rules,
and why: what contradicts the wire comes first, then what would be a guess. What is there
is meant beside the rules in force, and behind them.

On which nodes a definition is used is told by its annotation
k8s.v1.cni.cncf.io/nodeSelector, or else by the node selectors of the pods that ask for it,
and by the nodes on which they run. What it is about is called what the definition is
called, without the name of the one node that it is for.

The exit code is 0 where every definition is in the rules, or known already, and 1 where
any is not.`

func (a *app) importRules() *cobra.Command {
	var r rulesimport.Request
	cmd := a.formats(&cobra.Command{
		Use:   "import FILE...",
		Short: "Make rules of NetworkAttachmentDefinitions, InterfaceMaps or a table",
		Long:  importLong,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runImport(cmd, r, args)
		},
	}, formatText, formatJSON)
	flags := cmd.Flags()
	flags.StringToStringVar(&r.Names, "name", nil, "the network that is meant by the `name` of a definition, such as macvlan-eth1=green")
	flags.BoolVar(&r.Everywhere, "everywhere", false, "definitions that say nothing of nodes are meant for all of which it is known what they hear")
	flags.StringVar(&r.RuleSet, "ruleset", "", "print a RuleSet of this `name`")
	return cmd
}

func (a *app) runImport(cmd *cobra.Command, r rulesimport.Request, args []string) error {
	for from, to := range r.Names {
		if !rules.ValidName(to) {
			return fmt.Errorf("--name %s=%s: a network's name has at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends", fit.Printable(from), fit.Printable(to))
		}
	}
	if r.RuleSet != "" && !rules.ValidName(r.RuleSet) {
		return fmt.Errorf("--ruleset %s: the name has at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends", fit.Printable(r.RuleSet))
	}
	for _, name := range args {
		f, err := readImport(cmd.InOrStdin(), name)
		if err != nil {
			return err
		}
		r.Files = append(r.Files, f)
	}
	r.Now = a.now()
	g, unasked := a.ground(cmd)
	r.Unasked = unasked
	if g != nil {
		s := g.State
		in := mapping.Input{World: s.World(nil), Snapshot: s.Snapshot, Memory: s.Memory, Colours: g.Basis.Colours}
		r.Here = &rulesimport.Witness{Input: in, Sources: g.Basis.Sources}
	}
	report, err := rulesimport.Import(r)
	if err != nil {
		return err
	}
	if a.format == formatJSON {
		err = a.json(report)
	} else {
		err = a.write(report.Rules)
	}
	if err != nil {
		return err
	}
	var left []string
	for _, k := range []struct {
		kind rulesimport.Kind
		text string
	}{{rulesimport.Contradicted, "contradicted"}, {rulesimport.NotPinned, "refused"}, {rulesimport.NotRead, "not read"}} {
		if n := report.Count(k.kind); n > 0 {
			left = append(left, fmt.Sprintf("%d %s", n, k.text))
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("not everything is in the rules: %s; the head of the file says what and why", strings.Join(left, ", "))
	}
	return nil
}

// maxImported bounds what is read of a file.
const maxImported = 256 << 20

func readImport(stdin io.Reader, file string) (rulesimport.File, error) {
	name, data, err := readInput(stdin, file, maxImported)
	switch {
	case err != nil:
		return rulesimport.File{}, fmt.Errorf("read what is to be imported: %w", err)
	case len(data) > maxImported:
		return rulesimport.File{}, fmt.Errorf("read %s: it is longer than %d MiB; leave out what is neither definition nor node nor pod", name, maxImported>>20)
	}
	return rulesimport.File{Name: name, Data: data}, nil
}
