// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/rules"
)

const checkLong = `Reports every mistake in a rules file, or in the RuleSets of a file for kubectl: one,
several documents, or a list. Where FILE is -, the rules are read from the standard
input.

Where the agent of this node answers, it is also told what the rules would do here:
which interface would get which name, what changes against the rules in force, which
containers would count as moved, and which rules are without effect. The file counts in
the place of the agent's rules file, RuleSets in the place of those of the same name; the
other rules in force stay. Nothing is changed.

The exit code is 0 where the rules are valid, also where nobody could be asked what they
would do here, and 1 where they hold mistakes or cannot be read.`

func (a *app) rules() *cobra.Command {
	cmd := &cobra.Command{Use: "rules", Short: "Work with rules files and RuleSets", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return cmd.Help()
	}}
	cmd.AddCommand(a.formats(&cobra.Command{
		Use:   "check FILE",
		Short: "Check rules: every mistake in them, and what they would change on this node",
		Long:  checkLong,
		Args:  cobra.ExactArgs(1),
		RunE:  a.checkRules,
	}, formatText, formatJSON), a.replaceRules(), a.importRules())
	return cmd
}

// A ruleCheck is "colvin rules check" as JSON.
type ruleCheck struct {
	Valid    bool              `json:"valid"`
	Mistakes yamlfile.Mistakes `json:"mistakes"`
	Warnings yamlfile.Mistakes `json:"warnings"`
	Rules    int               `json:"rules"`             // how many there are
	RuleSets []string          `json:"ruleSets"`          // in a file for kubectl
	Skipped  []string          `json:"skipped"`           // what else is in there
	Here     *view.Trial       `json:"here"`              // what they would do here; null where nobody could be asked
	Unasked  string            `json:"unasked,omitempty"` // why not
}

func (a *app) checkRules(cmd *cobra.Command, args []string) error {
	name, data, err := readRules(cmd, args[0])
	if err != nil {
		return err
	}
	c := newCandidate(name, data)
	ground, unasked := a.ground(cmd)
	r := c.check(ground)
	if r.Valid {
		r.Here, r.Unasked = c.try(ground), unasked
	}
	if a.format == formatJSON {
		if err := a.json(r); err != nil || r.Valid {
			return err
		}
		return ErrSilent
	}
	return a.checkText(c, r)
}

// ground asks the agent what it goes by, or says why it has no answer.
func (a *app) ground(cmd *cobra.Command) (g *agentapi.Ground, unasked string) {
	g, err := agentapi.QueryGround(cmd.Context(), filepath.Join(a.runDir, agentapi.SocketName))
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Sprintf("the agent's socket is not yours to use (%v): run colvin as root, or as the agent's user or group", err)
	case a.noAgent(err):
		return nil, fmt.Sprintf("no agent answers (%v)", err)
	case err != nil:
		return nil, fmt.Sprintf("the agent runs, but has no answer: %v", err)
	case g.State == nil || g.State.Snapshot == nil:
		return nil, "the agent is of another version, and says less"
	case g.Basis == nil:
		return nil, cmp.Or(g.State.Rules.Problem, "the agent does not know the rules in force yet")
	}
	return g, ""
}

// A candidate is what is to be checked: a rules file, or RuleSets.
type candidate struct {
	name     string
	data     []byte
	ruleSets []rules.RuleSet
	others   []string
	manifest bool
}

func newCandidate(name string, data []byte) *candidate {
	c := &candidate{name: name, data: data}
	m, ok := rules.ReadManifest(name, data)
	c.ruleSets, c.others, c.manifest = m.RuleSets, m.Others, ok
	return c
}

// beside are the sources in force that stay, and instead those in whose place it would be.
func (c *candidate) beside(inForce []rules.Source) (stay, instead []rules.Source) {
	for _, s := range inForce {
		replaced := s.Root == "" // the file
		if c.manifest {
			replaced = slices.ContainsFunc(c.ruleSets, func(r rules.RuleSet) bool { return ruleSetName(r.Name) == s.Name })
		}
		if replaced {
			instead = append(instead, s)
		} else {
			stay = append(stay, s)
		}
	}
	return stay, instead
}

// ruleSetName is what messages of the agent call a RuleSet.
func ruleSetName(name string) string { return "ruleset/" + name }

// sources are all rules as they would count: a file first, then RuleSets by their names.
func (c *candidate) sources(inForce []rules.Source) []rules.Source {
	type named struct {
		key string
		rules.Source
	}
	var all []named
	stay, _ := c.beside(inForce)
	for _, s := range stay {
		if s.Root == "" {
			all = append(all, named{"", s})
		} else {
			all = append(all, named{s.Name, s})
		}
	}
	for _, r := range c.ruleSets {
		all = append(all, named{ruleSetName(r.Name), r.Source})
	}
	if !c.manifest {
		all = append(all, named{"", rules.Source{Name: c.name, Data: c.data}})
	}
	slices.SortStableFunc(all, func(a, b named) int { return cmp.Compare(a.key, b.key) })
	var out []rules.Source
	for _, s := range all {
		out = append(out, s.Source)
	}
	return out
}

// check finds the mistakes: of RuleSets without those beside them, all but what these may
// make up for.
func (c *candidate) check(g *agentapi.Ground) *ruleCheck {
	r := &ruleCheck{Mistakes: yamlfile.Mistakes{}, Warnings: yamlfile.Mistakes{}, RuleSets: []string{}, Skipped: append([]string{}, c.others...)}
	for _, s := range c.ruleSets {
		r.RuleSets = append(r.RuleSets, s.Name)
	}
	var (
		warnings []yamlfile.Mistake
		err      error
	)
	switch {
	case g != nil:
		_, warnings, err = rules.Merge(c.sources(g.Basis.Sources)...)
	case c.manifest:
		_, warnings, err = rules.MergePart(c.sources(nil)...)
	default:
		_, warnings, err = rules.Merge(c.sources(nil)...)
	}
	own, _, _ := rules.MergePart(c.sources(nil)...)
	mistakes, _ := errors.AsType[yamlfile.Mistakes](err)
	r.Mistakes = append(r.Mistakes, mistakes...)
	if len(c.ruleSets) == 0 && len(c.others) > 0 {
		r.Mistakes = append(r.Mistakes, yamlfile.Mistake{
			File: c.name, Line: 1, Column: 1, Message: "there is no RuleSet in it, but " + strings.Join(c.others, ", "), Hint: "name a rules file, or a file that holds RuleSets",
		})
	}
	slices.SortStableFunc(r.Mistakes, func(x, y yamlfile.Mistake) int { // RuleSets were read by name
		if x.File != c.name || y.File != c.name {
			return 0
		}
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column))
	})
	r.Rules, r.Valid = own.Len(), len(r.Mistakes) == 0
	for _, w := range warnings {
		if w.File == c.name { // the others are in force already
			r.Warnings = append(r.Warnings, w)
		}
	}
	return r
}

// checkText says what is wrong, or else what the rules would do.
func (a *app) checkText(c *candidate, r *ruleCheck) error {
	for _, w := range r.Warnings {
		if err := a.print("warning: %s", w); err != nil {
			return err
		}
	}
	if !r.Valid {
		if err := a.print("%s", r.Mistakes); err != nil {
			return err
		}
		return fmt.Errorf("%s is not valid (%d to mend)", c.name, len(r.Mistakes))
	}
	if err := a.print("%s: %s", c.name, c.verdict(r)); err != nil {
		return err
	}
	if r.Here == nil {
		return a.print("What they would do on this node was not looked at: %s.", r.Unasked)
	}
	return a.show().Trial(r.Here)
}

// verdict is about rules that are valid.
func (c *candidate) verdict(r *ruleCheck) string {
	text := "the rules are valid"
	switch {
	case len(c.data) == 0:
		text = "there are no rules in it; an agent that has rules takes an empty file for one that is cut off, so write networks: [] if that is meant"
	case r.Rules == 0:
		text = "there are no rules in it"
	}
	if len(c.others) > 0 {
		text += fmt.Sprintf(" (beside it: %s)", strings.Join(c.others, ", "))
	}
	return text
}
