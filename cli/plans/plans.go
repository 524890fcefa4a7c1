// SPDX-License-Identifier: Apache-2.0

// Package plans is the command plan of colvin and of kubectl colvin: it checks the cables of a
// node, or of a cluster, against a plan, and saves them as one. What a plan means is decided in
// package cabling, how files are written in package planfile, and how findings look in package
// view.
package plans

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/cli/args"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/cabling"
	"github.com/colvin-net/colvin/mapping/cabling/planfile"
)

// A Host is the command that plan is part of.
type Host struct {
	Command string // that people type, such as colvin
	// Heard asks what nodes hear. With a pool, the nodes are told apart by that label.
	Heard func(cmd *cobra.Command, pool string) (*cabling.Heard, error)
	// Node is the one node whose cables are judged, once it is heard; nil for those of a cluster.
	Node   func() string
	Format *string // gets what -o says
	Print  func(show func(*view.Out) error) error
	More   []string // formats of findings, beside those of every command
	Failed error    // ends a command that has said what is wrong
}

const checkLong = `Holds a plan of cables against what is heard, and tells the cables that are not as they should
be: swapped with others, in the wrong port or at the wrong switch, missing, or extra. Where
nobody knows, that is said, and is no failure: a port that is down, a switch without LLDP, a
node without agent, names that cannot be compared.

FILE is DOT as ptmd reads it, "leaf1":"swp1" -- "server1":"eth1", a CSV of NetBox (cables, or
the connections of interfaces), any other CSV with --columns, or YAML:

  nodes:
    node1:
      ens3f0: {device: leaf-1, port: Ethernet1/7}

"plan save" writes one from today's cables. Where FILE is -, the plan is read from the standard
input. Names may be written with a domain or without, in any case, and ports as they are
abbreviated: docs/cabling.md says which names are the same.`

const checkExit = `

The exit code is 1 where a cable is wrong, with --strict also where it is not known whether one
is right, and where nothing could be checked; otherwise 0.`

const symmetryLong = `

With --symmetry there is no plan: nodes that are alike should be cabled alike, and those that
differ from the rest are told. Alike are nodes with the same ports on the same NICs that are
behind the same switches, or with --pool those whose label has the same value. One node has to
stand against three at least.`

// New returns the command.
func New(h *Host) *cobra.Command {
	cmd := &cobra.Command{Use: "plan", Short: "Check cables against a plan, and save them as one", Args: cobra.NoArgs}
	cmd.AddCommand(h.check(), h.save())
	return cmd
}

// A checkup is what is asked for.
type checkup struct {
	options               planfile.Options
	strict, all, symmetry bool
	pool                  string
}

func (h *Host) check() *cobra.Command {
	var c checkup
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Tell the cables that are not as a plan has them",
		Long:  checkLong + checkExit,
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return h.runCheck(cmd, &c, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&c.options.Format, "format", "", "how the plan is written: "+strings.Join(planfile.Formats, ", ")+"; otherwise the `format` that it looks like")
	flags.StringSliceVar(&c.options.Columns, "columns", nil, "the four `columns` of a CSV in which device, port, and the device and port at the other end stand: by name or number")
	flags.BoolVar(&c.strict, "strict", false, "fail where it is not known of a cable whether it is right, too")
	flags.BoolVar(&c.all, "all", false, "show every cable, not the wrong ones only")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(planfile.Formats, cobra.ShellCompDirectiveNoFileComp))
	if h.Node == nil {
		cmd.Use, cmd.Long, cmd.Args = "check [FILE]", checkLong+symmetryLong+checkExit, cobra.MaximumNArgs(1)
		cmd.Short = "Tell the cables that are not as a plan, or the rest of the nodes, has them"
		flags.BoolVar(&c.symmetry, "symmetry", false, "compare nodes with each other, without a plan")
		flags.StringVar(&c.pool, "pool", "", "with --symmetry: nodes are alike whose `label` has the same value")
	}
	return args.Formats(cmd, h.Format, append([]string{view.Table, view.Wide, view.JSON, view.CSV}, h.More...)...)
}

// valid says what is wrong with how the command is called.
func (c *checkup) valid(files []string) error {
	switch {
	case c.symmetry && len(files) > 0:
		return errors.New("--symmetry compares nodes with each other: leave out the plan, or --symmetry")
	case !c.symmetry && len(files) == 0:
		return errors.New("FILE is missing: name a plan, or compare nodes with each other by --symmetry")
	case !c.symmetry && c.pool != "":
		return errors.New("--pool is about nodes that are compared with each other: add --symmetry")
	}
	if c.options.Format == "" || slices.Contains(planfile.Formats, c.options.Format) {
		return nil
	}
	return fmt.Errorf("--format: no plan is written as %q; use %s", c.options.Format, strings.Join(planfile.Formats, ", "))
}

func (h *Host) runCheck(cmd *cobra.Command, c *checkup, files []string) error {
	if err := c.valid(files); err != nil {
		return err
	}
	var plan *cabling.Plan
	report := &view.CablingReport{Strict: c.strict, All: c.all}
	if !c.symmetry {
		var err error
		if report.Plan, plan, err = read(cmd.InOrStdin(), files[0], c.options); err != nil {
			return err
		}
	}
	heard, err := h.Heard(cmd, c.pool)
	if err != nil {
		return err
	}
	if c.symmetry {
		report.Report = cabling.Symmetry(heard, c.pool != "")
	} else if report.Report, err = cabling.Check(plan, heard); err != nil {
		return err
	}
	if h.Node != nil {
		report.Node = h.Node()
	}
	report.Wrong = report.Report.Wrong(c.strict)
	if err := h.Print(func(o *view.Out) error { return o.Cabling(report) }); err != nil {
		return err
	}
	return h.verdict(report, plan)
}

// verdict is how the command ends: a check that checked nothing has not passed.
func (h *Host) verdict(r *view.CablingReport, plan *cabling.Plan) error {
	switch {
	case r.Wrong > 0:
		return h.Failed
	case r.Plan == "" && r.Nodes == 0:
		return errors.New("nothing was checked: no pool has four nodes that hear switches")
	case r.Plan == "" || r.Judged() > 0:
		return nil
	}
	where := "of this cluster"
	if r.Node != "" {
		where = "called " + fit.Printable(r.Node)
	}
	return fmt.Errorf("nothing was checked: no cable of %s ends at a node %s; the first is %s -- %s", r.Plan, where, fit.Printable(plan.Cables[0].A.String()), fit.Printable(plan.Cables[0].B.String()))
}

// read reads a plan, and says what to call it.
func read(stdin io.Reader, file string, o planfile.Options) (name string, plan *cabling.Plan, err error) {
	name = file
	if file == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(file)
		if err != nil {
			return "", nil, fmt.Errorf("read the plan: %w", err)
		}
		defer func() { _ = f.Close() }() // read only
		stdin = f
	}
	data, err := io.ReadAll(io.LimitReader(stdin, planfile.MaxSize+1))
	if err != nil {
		return "", nil, fmt.Errorf("read the plan: %w", err)
	}
	plan, err = planfile.Read(name, data, o)
	return name, plan, err
}

const saveLong = `Writes the cables that are heard now as a plan, for "plan check" later: those of which it is
sure where they end. What is left out stands in comments at the end of the plan; a CSV has
none, so it is told on the standard error.`

func (h *Host) save() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "save",
		Short: "Write today's cables as a plan",
		Long:  saveLong,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			heard, err := h.Heard(cmd, "")
			if err != nil {
				return err
			}
			plan := cabling.Today(heard)
			if len(plan.Cables) == 0 {
				return fmt.Errorf("there is nothing to save: it is not sure of any cable where it ends; \"%s topology\" says why", h.Command)
			}
			if *h.Format == planfile.CSV {
				for _, note := range plan.Notes {
					fmt.Fprintln(cmd.ErrOrStderr(), "not in it:", fit.Printable(note))
				}
			}
			_, err = cmd.OutOrStdout().Write(planfile.Write(plan, *h.Format))
			return err
		},
	}
	return args.Formats(cmd, h.Format, planfile.YAML, planfile.DOT, planfile.CSV)
}
