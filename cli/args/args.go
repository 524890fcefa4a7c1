// SPDX-License-Identifier: Apache-2.0

// Package args says how the commands of colvin and of kubectl colvin are called: what is wrong
// with arguments, in one line, and which formats of -o a command has. What the commands do is
// for others.
package args

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/internal/fit"
)

// Check has a command, and those below it, say in one line what is wrong with
// their arguments, and how they are used.
func Check(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; usage: %s; \"%s --help\" lists the flags", err, cmd.UseLine(), cmd.CommandPath())
	})
	if !cmd.HasSubCommands() {
		cmd.Args = withUsage(cmd.Args)
		return
	}
	cmd.Args = subcommand
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, below := range cmd.Commands() {
		Check(below)
	}
}

// subcommand refuses what is none, for commands that have some.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, below := range cmd.Commands() {
		names = append(append(names, below.Name()), below.Aliases...)
	}
	all := fmt.Sprintf("\"%s --help\" lists them", cmd.CommandPath())
	return fmt.Errorf("there is no command \"%s %s\"; %s", cmd.CommandPath(), fit.Printable(args[0]), Meant(args[0], names, all))
}

// withUsage says what a check of arguments has against them.
func withUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil || check(cmd, args) == nil {
			return nil
		}
		wanted := strings.Fields(cmd.Use)[1:]
		missing := slices.DeleteFunc(slices.Clone(wanted[min(len(args), len(wanted)):]), func(w string) bool { return strings.HasPrefix(w, "[") })
		var what string
		switch len(missing) {
		case 0:
			what = fmt.Sprintf("unexpected argument %q", args[len(wanted)])
		case 1:
			what = missing[0] + " is missing"
		default:
			what = strings.Join(missing, " and ") + " are missing"
		}
		return fmt.Errorf("%s; usage: %s", what, cmd.UseLine())
	}
}

// Meant asks for what is near to a word, if anything is, before it says where to look.
func Meant(word string, among []string, look string) string {
	if near := fit.Nearest(word, among); near != "" {
		return fmt.Sprintf("did you mean %q? %s", near, look)
	}
	return look
}

// Formats gives a command its formats of -o, of which the first is the default; format gets
// the one that is asked for.
func Formats(cmd *cobra.Command, format *string, formats ...string) *cobra.Command {
	last := len(formats) - 1
	choice := strings.Join(formats[:last], ", ") + " or " + formats[last]
	cmd.Flags().StringP("output", "o", formats[0], "output `format`: "+choice)
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if *format, err = cmd.Flags().GetString("output"); err != nil {
			return fmt.Errorf("read output format: %w", err)
		}
		if !slices.Contains(formats, *format) {
			return fmt.Errorf("%s has no output format %q; use %s", cmd.CommandPath(), *format, choice)
		}
		return nil
	}
	return cmd
}
