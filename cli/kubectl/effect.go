// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A proposal is what RuleSets are to be in the place of those in force of the same names.
type proposal struct {
	sets    []proposed
	sources []rules.Source // of them, which messages are about
	made    []rules.Source // those in force of which it was made; nil where it is made of none
	others  []string       // what its file holds beside, which is not written
}

// add adds the rules of a source, as the RuleSet of a name.
func (p *proposal) add(ruleSet string, s rules.Source) error {
	spec, err := s.Spec()
	if err != nil {
		return err
	}
	p.sets, p.sources = append(p.sets, proposed{ruleSet, spec}), append(p.sources, s)
	return nil
}

// A proposed RuleSet.
type proposed struct {
	name string
	spec json.RawMessage
}

// beside are the rules as they would be: those in force, and the proposed ones in the place of
// those that they replace.
func (p *proposal) beside(inForce []rules.Source) []rules.Source {
	var out []rules.Source
	for _, s := range inForce {
		if !slices.ContainsFunc(p.sets, func(n proposed) bool { return clusterview.RuleSourceName(n.name) == s.Name }) {
			out = append(out, s)
		}
	}
	type keyed struct {
		key string
		rules.Source
	}
	var all []keyed
	for _, s := range out {
		all = append(all, keyed{s.Name, s})
	}
	for i, s := range p.sources {
		all = append(all, keyed{clusterview.RuleSourceName(p.sets[i].name), s})
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	out = out[:0:0]
	for _, s := range all {
		out = append(out, s.Source)
	}
	return out
}

// An effect is what a proposal does on the nodes.
type effect struct {
	Nodes     int           `json:"nodes"`     // that publish what they hear
	Unchanged int           `json:"unchanged"` // of which no name changes
	Changed   []*view.Trial `json:"changed"`   // the others
	// Note says why the names may be others than those on the nodes.
	Note string `json:"note,omitempty"`

	by []rules.Source // those in force
}

// try finds what a proposal does on every node. What the nodes hear does not change by it, so
// each is resolved twice.
func (a *app) try(ctx context.Context, c *client, p *proposal) (*effect, error) {
	w, err := c.world(ctx, c.labelled(ctx))
	if err != nil {
		return nil, err
	}
	set, _, err := rules.Merge(p.beside(w.sources)...)
	if err != nil {
		return nil, err // yamlfile.Mistakes
	}
	all, err := list(ctx, c, query{resource: topologies}, func(t *nodeTopology) (*view.Trial, bool) {
		was, err := w.input(t, a.now())
		if err != nil {
			return nil, false
		}
		in := was
		in.Rules = set
		before, after := mapping.Resolve(was), mapping.Resolve(in)
		return view.NewTrial(&was, &in, &before, &after), true
	})
	if err != nil {
		return nil, err
	}
	out := &effect{Nodes: len(all), Changed: []*view.Trial{}, Note: w.note, by: w.sources}
	for _, t := range all {
		if len(t.Names) == 0 && len(t.Conditions) == 0 {
			out.Unchanged++
		} else {
			out.Changed = append(out.Changed, t)
		}
	}
	return out, nil
}

// effectText shows an effect, with the nodes together on which it is the same.
func (a *app) effectText(e *effect) error {
	o := a.show()
	var all []nodeWithout
	for _, t := range e.Changed {
		all = append(all, nodeWithout{t.Node, strings.Join(t.Lines(), "\n  ")})
	}
	for _, g := range grouped(all) {
		if err := o.Print("On %s (%s):\n  %s", plural(len(g.nodes), "node"), a.few(g.nodes), g.why); err != nil {
			return err
		}
	}
	if e.Note != "" {
		if err := o.Print("%s", e.Note); err != nil {
			return err
		}
	}
	switch {
	case e.Nodes == 0:
		return o.Print("No node has published what it hears, so nothing is known of the effect.")
	case len(e.Changed) == 0:
		return o.Print("No name would change on any of %s.", plural(e.Nodes, "node"))
	case e.Unchanged == 0:
		return nil
	}
	return o.Print("No name would change on %s.", plural(e.Unchanged, "other node"))
}

// A writing is how a command that writes asks first.
type writing struct {
	yes, dryRun bool
}

// writes gives a command the flags of one that writes.
func writes(cmd flagged, w *writing) {
	cmd.BoolVarP(&w.yes, "yes", "y", false, "write without asking")
	cmd.BoolVar(&w.dryRun, "dry-run", false, "write nothing: have the API server check it")
}

type flagged interface {
	BoolVar(p *bool, name string, value bool, usage string)
	BoolVarP(p *bool, name, shorthand string, value bool, usage string)
}

// carry shows the effect of a proposal, and writes it where that is wanted then.
func (a *app) carry(ctx context.Context, c *client, p *proposal, w writing) error {
	e, err := a.try(ctx, c, p)
	if err != nil {
		return a.mistakes(err)
	}
	if err := a.effectText(e); err != nil {
		return err
	}
	var names []string
	for _, s := range p.sets {
		names = append(names, s.name)
	}
	if len(p.others) > 0 {
		if err := a.show().Print("Only RuleSets are written, and not what is beside them: %s.", fit.Printable(strings.Join(p.others, ", "))); err != nil {
			return err
		}
	}
	if !w.yes && !w.dryRun && !a.agreed(ctx, "Write RuleSet "+strings.Join(names, ", ")+"?") {
		return errors.New("nothing was written; --yes writes without asking")
	}
	return a.write(ctx, c, p, e, w.dryRun)
}

// agreed asks a question, and reports whether the answer is yes. Who interrupts it says no.
func (a *app) agreed(ctx context.Context, question string) bool {
	fmt.Fprintf(a.ErrOut, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.In).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(line)))
	case <-ctx.Done():
		fmt.Fprintln(a.ErrOut)
		return false
	}
}

// write writes a proposal, if the rules in force are still those by which its effect was found.
// What is written is what was read before they were looked at again, so that the API server
// refuses it where somebody else was faster.
func (a *app) write(ctx context.Context, c *client, p *proposal, e *effect, dryRun bool) error {
	var all []*draft
	for _, s := range p.sets {
		d, err := c.draft(ctx, s)
		if err != nil {
			return err
		}
		all = append(all, d)
	}
	now, err := c.rules(ctx)
	if err != nil {
		return err
	}
	if !sameRules(now, e.by) || p.made != nil && !sameRules(now, p.made) {
		return errors.New("nothing was written: somebody changed RuleSets meanwhile, so the effect may be another; run it again to see it")
	}
	for _, d := range all {
		done, err := c.put(ctx, d, dryRun)
		if err != nil {
			return err
		}
		if err := a.show().Print("RuleSet %s %s.", d.name, done); err != nil {
			return err
		}
	}
	return nil
}

// sameRules reports whether two lists of sources hold the same.
func sameRules(a, b []rules.Source) bool {
	return slices.EqualFunc(a, b, func(x, y rules.Source) bool { return x.Name == y.Name && bytes.Equal(x.Data, y.Data) })
}

// A draft is a RuleSet as it is to be written.
type draft struct {
	proposed
	object map[string]json.RawMessage
	method string
}

// draft reads a RuleSet and puts other rules into it; what else is in the object stays. Where
// there is none it is to be made.
func (c *client) draft(ctx context.Context, s proposed) (*draft, error) {
	out := &draft{proposed: s, method: "update"}
	object, err := get[map[string]json.RawMessage](ctx, c, query{resource: ruleSets, name: s.name})
	switch {
	case isMissing(err):
		out.method, object = "create", &map[string]json.RawMessage{
			"apiVersion": json.RawMessage(strconv.Quote(v1alpha1.GroupVersion.String())), "kind": json.RawMessage(`"RuleSet"`),
			"metadata": json.RawMessage(`{"name":` + strconv.Quote(s.name) + `}`),
		}
	case err != nil:
		return nil, err
	}
	out.object = *object
	out.object["spec"] = s.spec
	delete(out.object, "status")
	return out, nil
}

// put writes a draft. What the API server does not know of is refused, as it would be left out
// otherwise, and the rest would mean something else.
func (c *client) put(ctx context.Context, d *draft, dryRun bool) (done string, err error) {
	body, err := json.Marshal(d.object)
	if err != nil {
		return "", fmt.Errorf("write RuleSet %s: %w", d.name, err)
	}
	r, done := c.api.Put().AbsPath(ruleSets.path("", d.name)...), "is written"
	if d.method == "create" {
		r, done = c.api.Post().AbsPath(ruleSets.path("", "")...), "is made"
	}
	r.Param("fieldManager", "kubectl-colvin").Param("fieldValidation", "Strict")
	if dryRun {
		r.Param("dryRun", "All")
		done = "would be taken; nothing was written"
	}
	if _, err := said(r.Body(body).Do(ctx)); err != nil {
		if apierrors.IsForbidden(err) {
			return "", &refusal{d.method, ruleSets, "", err}
		}
		return "", fmt.Errorf("%s RuleSet %s: %w", d.method, fit.Printable(d.name), err)
	}
	return done, nil
}
