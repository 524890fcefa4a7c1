// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/rules"
)

const replaceLong = `Puts the chassis ID of a new switch where the rules name that of an old one: in
every match of networks, switchGroups and ignore that names exactly this ID.
Comments and layout stay as they are.

Without FILE it is the rules file of the agent on this node. Where FILE is -,
the rules are read from the standard input and written to the standard output:
a rules file, a RuleSet or a list of RuleSets. For a cluster:

  kubectl get rulesets -o yaml | colvin rules replace OLD NEW - | kubectl replace -f -`

func (a *app) replaceRules() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "replace OLD NEW [FILE]",
		Short: "Have the rules name a new switch where they name the old one",
		Long:  replaceLong,
		Args:  cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			old, now, err := chassisIDs(args[0], args[1])
			if err != nil {
				return err
			}
			if len(args) < 3 {
				file, err := a.rulesFile(cmd.Context(), args)
				if err != nil {
					return err
				}
				args = append(args, file)
			}
			return a.replace(cmd, args[2], old, now, dryRun)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print what the file would be, and leave it alone")
	return cmd
}

// chassisIDs reads both IDs, and says what is wrong with either.
func chassisIDs(first, second string) (old, now discovery.ID, err error) {
	old, oldErr := rules.ParseChassisID(first)
	now, nowErr := rules.ParseChassisID(second)
	if err := errors.Join(oldErr, nowErr); err != nil {
		return "", "", err
	}
	if old == now {
		return "", "", fmt.Errorf("%s is the old switch and the new one: name two", old)
	}
	return old, now, nil
}

// rulesFile is that of the agent.
func (a *app) rulesFile(ctx context.Context, ids []string) (string, error) {
	s, err := a.state(ctx)
	switch {
	case err != nil:
		return "", fmt.Errorf("ask the agent for its rules file: %w; name the file: %s FILE", err, replaceCommand(ids))
	case s.Rules.File != "":
		return s.Rules.File, nil
	case len(s.Rules.RuleSets) > 0:
		return "", fmt.Errorf("the rules of this node are RuleSets of the cluster (%s): %s", strings.Join(s.Rules.RuleSets, ", "), kubectlWay(ids))
	}
	return "", errors.New("there are no rules on this node")
}

func kubectlWay(ids []string) string {
	return fmt.Sprintf("kubectl get rulesets -o yaml | %s - | kubectl replace -f -", replaceCommand(ids))
}

func replaceCommand(ids []string) string {
	return paste.Command(append([]string{"colvin", "rules", "replace"}, ids...)...)
}

func (a *app) replace(cmd *cobra.Command, file string, old, now discovery.ID, dryRun bool) error {
	toFile := !dryRun && file != "-"
	name, data, err := readRules(cmd, file)
	if err != nil {
		return err
	}
	r, err := rules.ReplaceChassis(name, data, old, now)
	if err != nil {
		return fmt.Errorf("%s is left as it is:\n%w", name, err)
	}
	stays := ""
	if len(r.Pattern) > 0 {
		stays = fmt.Sprintf("; a pattern %s fits it, and stays", lines(r.Pattern))
	}
	if len(r.Lines) == 0 {
		return fmt.Errorf("%s is left as it is: no match in it names %s%s", name, old, stays)
	}
	if !toFile {
		if _, err := a.out.Write(r.Data); err != nil {
			return fmt.Errorf("print rules: %w", err)
		}
		_, err := fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s would be replaced by %s in %s%s\n", name, old, now, matches(r.Lines), stays)
		return err
	}
	if err := exchange(file, data, r.Data); err != nil {
		return fmt.Errorf("write rules: %w", err)
	}
	return a.print("%s: %s is replaced by %s in %s%s", name, old, now, matches(r.Lines), stays)
}

// readRules reads a file, or the standard input where it is -, and says what to call it.
func readRules(cmd *cobra.Command, file string) (name string, data []byte, err error) {
	name, data, err = readInput(cmd.InOrStdin(), file, yamlfile.MaxSize)
	if err != nil {
		return "", nil, fmt.Errorf("read rules: %w", err)
	}
	return name, data, nil
}

// readInput reads a file, or the standard input where it is -, and says what to call it. Of
// what is longer than most it returns one octet more.
func readInput(stdin io.Reader, file string, most int64) (name string, data []byte, err error) {
	name, in := "standard input", stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", nil, err
		}
		defer func() { _ = f.Close() }() // read only
		name, in = file, f
	}
	data, err = io.ReadAll(io.LimitReader(in, most+1))
	return name, data, err
}

func matches(on []int) string {
	if len(on) == 1 {
		return "1 match, " + lines(on)
	}
	return fmt.Sprintf("%d matches, %s", len(on), lines(on))
}

func lines(numbers []int) string {
	text := strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ", "), "[]")
	if len(numbers) == 1 {
		return "on line " + text
	}
	return "on lines " + text
}

// exchange puts other content into the place of the file's, with its mode and owner. The
// file is the one that a link leads to, and must still hold what was read.
func exchange(path string, was, now []byte) (err error) {
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".colvin-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name())
		}
	}()
	_, err = temp.Write(now)
	err = errors.Join(err, keepOwner(temp, info), temp.Chmod(info.Mode().Perm()), temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	if current, err := os.ReadFile(path); err != nil || !bytes.Equal(current, was) {
		return errors.Join(err, fmt.Errorf("%s changed meanwhile: look at it, and try again", path))
	}
	return os.Rename(temp.Name(), path)
}

// keepOwner gives the file to who had the one before.
func keepOwner(f *os.File, before os.FileInfo) error {
	s, ok := before.Sys().(*syscall.Stat_t)
	if !ok || int(s.Uid) == os.Getuid() && int(s.Gid) == os.Getgid() {
		return nil
	}
	return f.Chown(int(s.Uid), int(s.Gid))
}
