// SPDX-License-Identifier: Apache-2.0

// Package kubectl is the command kubectl colvin: it asks the API server of a cluster for what
// its nodes see, resolves that as the nodes do, and prints it in the words of colvin on a node.
// What both print alike is in package view; what objects of the cluster mean is decided in
// packages clusterview and mapping.
package kubectl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/colvin-net/colvin/cli/args"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/fit"
)

// Name is what people type.
const Name = "kubectl colvin"

// formatYAML is JSON for who reads YAML more easily.
const formatYAML = "yaml"

// watchEvery is how often --watch looks.
const watchEvery = 2 * time.Second

// ErrSilent ends the command with a failure that has been printed already.
var ErrSilent = errors.New("failed")

// An app is what the commands share.
type app struct {
	genericiooptions.IOStreams
	version string
	format  string
	now     func() time.Time
	flags   *genericclioptions.ConfigFlags
	every   time.Duration // of --watch
}

// New returns the command.
func New(version string, streams genericiooptions.IOStreams) *cobra.Command {
	return (&app{IOStreams: streams, version: version, now: time.Now, every: watchEvery}).root()
}

func (a *app) root() *cobra.Command {
	a.flags = genericclioptions.NewConfigFlags(false)
	a.flags.CacheDir = nil // nothing is discovered
	root := &cobra.Command{
		Use:           "kubectl-colvin",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: Name},
		Short:         "Which switch and network is each interface of the nodes on, and why does a pod wait?",
		Long:          "kubectl colvin shows what the nodes of a cluster hear from the switches, and what network names mean there.\ndocs/cluster.md says what each command reads.",
		Version:       a.version,
		SilenceUsage:  true,
		SilenceErrors: true,
		// kubectl completes by kubectl_complete-colvin, which comes beside this.
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetOut(a.Out)
	root.SetErr(a.ErrOut)
	root.SetIn(a.In)
	a.flags.AddFlags(root.PersistentFlags())
	_ = root.RegisterFlagCompletionFunc("namespace", a.completeNames(namespaces))
	root.AddCommand(a.why(), a.networks(), a.nodes(), a.neighbors(), a.interfaces(), a.switches(), a.explain(), a.attachments(), a.topology(), a.plan(), a.name(), a.rules(), a.diff())
	args.Check(root)
	return root
}

// command gives a command its formats, of which the first is the default, and runs it once
// the API server is found.
func (a *app) command(cmd *cobra.Command, run func(context.Context, *client, []string) error, formats ...string) *cobra.Command {
	if len(formats) == 0 {
		formats = []string{view.Table, view.Wide, view.JSON, formatYAML}
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		return run(cmd.Context(), c, args)
	}
	return args.Formats(cmd, &a.format, formats...)
}

// watched gives a command --watch: it prints again whenever what it prints is different.
func (a *app) watched(cmd *cobra.Command) *cobra.Command {
	var watch bool
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, fmt.Sprintf("look every %s, and print again when something changed, until interrupted", fit.Span(a.every)))
	once := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !watch {
			return once(cmd, args)
		}
		return a.again(cmd, args, once)
	}
	return cmd
}

// again runs a command until its context ends. What goes wrong is printed too, as it may
// be well again later, unless it is so from the beginning.
func (a *app) again(cmd *cobra.Command, args []string, once func(*cobra.Command, []string) error) error {
	out, before := a.Out, ""
	defer func() { a.Out = out }()
	tick := time.NewTicker(a.every)
	defer tick.Stop()
	for first := true; ; first = false {
		var text strings.Builder
		a.Out = &text
		err := once(cmd, args)
		switch {
		case cmd.Context().Err() != nil:
			return nil
		case err != nil && first:
			return err
		case err != nil:
			text.WriteString("error: " + fit.Printable(fit.Line(err.Error())) + "\n")
		}
		if now := text.String(); now != before {
			if !first {
				fmt.Fprintf(out, "\n%s\n", fit.Stamp(a.now()))
			}
			if _, err := io.WriteString(out, now); err != nil {
				return fmt.Errorf("print: %w", err)
			}
			before = now
		}
		select {
		case <-cmd.Context().Done():
			return nil
		case <-tick.C:
		}
	}
}

// show is where what is asked for goes.
func (a *app) show() *view.Out {
	return &view.Out{W: a.Out, Format: a.format, Now: a.now, Command: Name, PerNode: true}
}

// data prints v where the format is for programs.
func (a *app) data(v any) (printed bool, err error) {
	switch a.format {
	case view.JSON:
		return true, a.show().JSON(v)
	case formatYAML:
		return true, a.yaml(v)
	}
	return false, nil
}

// yaml prints v as JSON would be.
func (a *app) yaml(v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		text, err = yaml.JSONToYAML(text)
	}
	if err != nil {
		return fmt.Errorf("print YAML: %w", err)
	}
	return a.show().Write(string(text))
}

// asYAML has a view that knows JSON print YAML.
func (a *app) asYAML(show func(*view.Out) error) error {
	var text strings.Builder
	o := a.show()
	o.W, o.Format = &text, view.JSON
	if err := show(o); err != nil {
		return err
	}
	return a.yaml(json.RawMessage(text.String()))
}
