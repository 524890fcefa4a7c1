// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A RuleSetChange tells a RuleSet what became of it.
type RuleSetChange struct {
	Name           string
	Before, Status v1alpha1.RuleSetStatus
}

// The reasons of the condition Accepted.
const (
	reasonValid    = "Valid"
	reasonMistakes = "Mistakes"
	// reasonWithheld: the rules are without mistakes, but those of another RuleSet are
	// not, so the last good ones stay in force.
	reasonWithheld = "Withheld"
)

// merged is what package rules makes of some sources.
type merged struct {
	sources  []rules.Source
	names    map[string][]string // that a source gives, by its name; nil before the first
	set      *rules.Set          // nil where there are mistakes
	warnings []yamlfile.Mistake
	err      error
}

// of reads the sources, unless they are those that were read last.
func (m *merged) of(sources []rules.Source) *merged {
	if m.names == nil || !rules.EqualSources(sources, m.sources) {
		m.sources, m.names = sources, map[string][]string{}
		for _, s := range sources {
			m.names[s.Name] = rules.NamesIn(s)
		}
		m.set, m.warnings, m.err = rules.Merge(sources...)
	}
	return m
}

// rules reads the RuleSets and says which rules are in force.
func (p *Planner) rules(c *Cluster, now time.Time, out *Plan) *rules.Set {
	sources := make([]rules.Source, 0, len(c.RuleSets))
	for _, r := range c.RuleSets {
		s, err := clusterview.RuleSource(r.Name, r.Spec)
		if err != nil { // it was JSON before, so it is again
			out.Frozen = err.Error()
			return nil
		}
		sources = append(sources, s)
	}
	clusterview.SortRuleSources(sources)
	m := p.merged.of(sources)
	set := m.set
	if set != nil {
		out.InForce = sources
	} else {
		set = p.lastGood(c.LastGood, out)
	}
	for _, r := range c.RuleSets {
		status := m.status(r, out.Frozen, now)
		if !equality.Semantic.DeepEqual(status, r.Status) {
			out.RuleSets = append(out.RuleSets, RuleSetChange{r.Name, r.Status, status})
		}
	}
	return set
}

// lastGood are the rules that stay in force while those of the RuleSets hold a
// mistake. Without any that are known nothing may change: what the mistake hides
// could be the name of every network.
func (p *Planner) lastGood(sources []rules.Source, out *Plan) *rules.Set {
	if sources == nil {
		out.Frozen = "the rules hold a mistake, and no good ones from before are known"
		return nil
	}
	m := p.lasting.of(sources)
	if m.set == nil {
		out.Frozen = "the rules hold a mistake, and the good ones from before cannot be read: " + fit.Bound(m.err.Error(), v1alpha1.MaxMistake)
		return nil
	}
	out.InForce = sources
	return m.set
}

// status is what a RuleSet is told.
func (m *merged) status(r RuleSet, frozen string, now time.Time) v1alpha1.RuleSetStatus {
	source := clusterview.RuleSourceName(r.Name)
	mistakes, _ := errors.AsType[yamlfile.Mistakes](m.err)
	own, warnings := about(source, mistakes), about(source, m.warnings)
	c := metav1.Condition{
		Type: v1alpha1.RuleSetAccepted, Status: metav1.ConditionTrue, Reason: reasonValid, Message: "without mistakes",
		ObservedGeneration: r.Generation, LastTransitionTime: metav1.NewTime(now.UTC().Truncate(time.Second)),
	}
	switch {
	case len(own) > 0:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, reasonMistakes, first("mistake", own)
	case m.err != nil:
		c.Reason, c.Message = reasonWithheld, "without mistakes, but the last good rules stay in force until these are put right: "+culprits(mistakes)
	case len(warnings) > 0:
		c.Message = first("warning", warnings)
	}
	if frozen != "" {
		c.Message += " (nothing changes meanwhile: " + frozen + ")"
	}
	out := v1alpha1.RuleSetStatus{
		ObservedGeneration: r.Generation, Names: fit.Few(m.names[source], v1alpha1.MaxSummary), Mistakes: own, Warnings: warnings,
		Conditions: slices.Clone(r.Status.Conditions),
	}
	meta.SetStatusCondition(&out.Conditions, c)
	return out
}

// about are the texts about one source.
func about(source string, all []yamlfile.Mistake) []string {
	var out []string
	for _, m := range all {
		if m.File == source {
			out = append(out, fit.Bound(strings.TrimPrefix(m.String(), source+": "), v1alpha1.MaxMistake))
		}
	}
	if len(out) > v1alpha1.MaxMistakes {
		out = append(out[:v1alpha1.MaxMistakes-1], "there are more")
	}
	return out
}

// first is the first of several texts, and how many there are.
func first(kind string, all []string) string {
	if len(all) == 1 {
		return all[0]
	}
	return fmt.Sprintf("%d %ss: %s", len(all), kind, all[0])
}

// culprits are the sources that hold mistakes.
func culprits(all []yamlfile.Mistake) string {
	var out []string
	for _, m := range all {
		if !slices.Contains(out, m.File) {
			out = append(out, m.File)
		}
	}
	return few(out)
}
