// SPDX-License-Identifier: Apache-2.0

// Package cli is the colvin command: it asks the agent, or reads the files that
// an agent left, and prints what an operator wants to know.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cli/args"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// The formats of -o.
const (
	formatTable = view.Table
	formatWide  = view.Wide
	formatText  = view.Text
	formatJSON  = view.JSON
)

// ErrSilent ends the command with a failure that has been printed already.
var ErrSilent = errors.New("failed")

// An app is what the commands share.
type app struct {
	version string
	runDir  string
	format  string
	out     io.Writer
	now     func() time.Time
	given   *answers // nil where agent and node file are asked
}

// answers stand for those of the agent and the node file.
type answers struct {
	state    *agentapi.State
	noAnswer error
	file     *nodefile.File
}

// New returns the colvin command.
func New(version string, out io.Writer) *cobra.Command { return newCommand(version, out, time.Now) }

func newCommand(version string, out io.Writer, now func() time.Time) *cobra.Command {
	return (&app{version: version, out: out, now: now}).root()
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "colvin",
		Short:         "What network is this interface attached to?",
		Long:          "colvin shows what the agent on this node hears from the switches and what network names mean here.",
		Version:       a.version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(a.out)
	flags := root.PersistentFlags()
	flags.StringVar(&a.runDir, "run-directory", nodefile.DefaultDir, "`directory` of the agent's socket and node file")
	root.AddCommand(
		a.neighbors(), a.interfaces(), a.networks(), a.topology(), a.explain(), a.resolve(), a.attachments(), a.changes(), a.plan(), a.rules(),
		a.formats(a.decode(), formatText, formatWide, formatJSON), a.status(), a.forget(), a.gc(), a.installCNI(), a.uninstallCNI(), a.cleanNode(), a.bundle(), a.probe(), a.versionCommand(),
	)
	args.Check(root)
	return root
}

// formats gives a command its formats of -o; the first is the default.
func (a *app) formats(cmd *cobra.Command, formats ...string) *cobra.Command {
	return args.Formats(cmd, &a.format, formats...)
}

// complete offers what names finds in the agent's state as a command's only
// argument.
func (a *app) complete(cmd *cobra.Command, args []string, names func(*agentapi.State) []string) ([]string, cobra.ShellCompDirective) {
	s, err := a.state(cmd.Context())
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return names(s), cobra.ShellCompDirectiveNoFileComp
}

// state asks the agent.
func (a *app) state(ctx context.Context) (*agentapi.State, error) {
	if a.given != nil {
		return a.given.state, a.given.noAnswer
	}
	return agentapi.Query(ctx, filepath.Join(a.runDir, agentapi.SocketName))
}

// file reads what the agent left for the plugin.
func (a *app) file() (*nodefile.File, error) {
	if a.given != nil && a.given.file != nil {
		return a.given.file, nil
	}
	return nodefile.Read(filepath.Join(a.runDir, nodefile.FileName))
}

// needsAgent explains why a command has no answer without the agent.
func (a *app) needsAgent(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("the agent's socket is not yours to use (%w): run colvin as root, or as the agent's user or group; \"colvin networks\", \"colvin resolve\" and \"colvin status\" show what everybody may read", err)
	}
	if !a.noAgent(err) {
		return fmt.Errorf("the agent runs, but has no answer: %w", err)
	}
	f, fileErr := a.file()
	if fileErr != nil {
		return fmt.Errorf("no agent answers (%w); %w", err, fileErr)
	}
	return fmt.Errorf("no agent answers (%w); the last one wrote %s at %s: \"colvin networks\", \"colvin resolve\" and \"colvin attachments\" read that file",
		err, nodefile.FileName, fit.Stamp(f.Written))
}

// fileInstead reads the node file where the agent does not answer because there is none,
// or where its socket is not for this user, and says which. The file has not the shape of
// what the agent answers, and JSON has one only.
func (a *app) fileInstead(noAnswer error) (*nodefile.File, error) {
	denied := errors.Is(noAnswer, fs.ErrPermission)
	if a.format == formatJSON || !denied && !a.noAgent(noAnswer) {
		return nil, a.needsAgent(noAnswer)
	}
	f, err := a.file()
	switch {
	case err != nil && denied:
		return nil, fmt.Errorf("the agent's socket is not yours to use (%w), and %w", noAnswer, err)
	case err != nil:
		return nil, a.needsAgent(noAnswer)
	case denied:
		return f, a.print("The agent's socket is for root and the agent's group. What it wrote for everybody on %s at %s:", f.Node, fit.Stamp(f.Written))
	}
	return f, a.print("No agent runs on %s. What the last one knew at %s:", f.Node, fit.Stamp(f.Written))
}

// noAgent reports whether it failed to ask the agent because there is none.
func (a *app) noAgent(err error) bool {
	nobody := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
	return nobody && !agentlock.Held(filepath.Join(a.runDir, agentlock.Name))
}

// show is where what is asked for goes.
func (a *app) show() *view.Out {
	return &view.Out{W: a.out, Format: a.format, Now: a.now, Command: "colvin"}
}

// What follows is show's, in short.

func (a *app) json(v any) error { return a.show().JSON(v) }

func (a *app) table(header []string, rows [][]string, notes ...string) error {
	return a.show().Table(header, rows, notes...)
}

func (a *app) tableOr(nothing string, header []string, rows [][]string, notes ...string) error {
	return a.show().TableOr(nothing, header, rows, notes...)
}

func (a *app) cell(s string) string { return a.show().Cell(s) }

func (a *app) print(format string, args ...any) error { return a.show().Print(format, args...) }

func (a *app) write(s string) error { return a.show().Write(s) }

func (a *app) facts(facts []fact) error {
	out := make([]view.Fact, 0, len(facts))
	for _, f := range facts {
		out = append(out, view.Fact{Key: f.key, Value: f.value})
	}
	return a.show().Facts(out)
}

// A fact is one line of a description.
type fact struct{ key, value string }

// ownFacts are those of a view.
func ownFacts(of []view.Fact) []fact {
	out := make([]fact, 0, len(of))
	for _, f := range of {
		out = append(out, fact{f.Key, f.Value})
	}
	return out
}

// meant asks for what is near to a word, if anything is, before it says where to look.
func meant(word string, among []string, look string) string { return args.Meant(word, among, look) }
