// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strings"
	"testing"
)

// TestRulesProblemIsALine holds that the plugin is told all mistakes in one line, as its
// errors are.
func TestRulesProblemIsALine(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw1, 100))
		b.write("rules.yaml", "networks:\n  - {name: green, match: [{vlans: 100}]}\n  - {nane: blue, match: [{vlan: 200}]}\n")
		b.readRules()
		problem := b.nodeFile().RulesProblem
		if strings.Contains(problem, "\n") || strings.Count(problem, "rules.yaml:") < 2 || !strings.Contains(problem, "stay in force: ") {
			t.Errorf("problem %q", problem)
		}
	})
}
