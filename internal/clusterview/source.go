// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/colvin-net/colvin/mapping/rules"
)

// specRoot is the path of the rules in a RuleSet.
const specRoot = "spec"

// RuleSourceName is what a RuleSet is called as a source of rules, in messages and in the
// places of rules.
func RuleSourceName(ruleSet string) string { return "ruleset/" + ruleSet }

// del is the one control character that JSON does not escape, and YAML does not take.
const del = 0x7f

// RuleSource returns the rules of a RuleSet for package rules, which reads them as it
// reads a file: what is valid and what it means is decided in one place. The spec is
// a v1alpha1.RuleSetSpec, or better the spec as the API server has it: a key that a later
// version brought is then a mistake. A RuleSetSpec would lose it, and a match without
// one of its keys applies to more than was meant.
func RuleSource(ruleSet string, spec any) (rules.Source, error) {
	data, err := json.Marshal(spec)
	if err != nil {
		return rules.Source{}, fmt.Errorf("write the rules of RuleSet %s: %w", ruleSet, err)
	}
	data = bytes.ReplaceAll(data, []byte{del}, []byte(`\u007f`))
	return rules.Source{Name: RuleSourceName(ruleSet), Data: data, Root: specRoot}, nil
}

// SortRuleSources puts the sources of RuleSets into the order in which they count: that of
// their names. A node's own rules file comes before them.
func SortRuleSources(all []rules.Source) {
	slices.SortFunc(all, func(a, b rules.Source) int { return cmp.Compare(a.Name, b.Name) })
}
