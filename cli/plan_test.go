// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlan checks the cables of a node against plans, and saves them as one.
func TestPlan(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir)
	for name, args := range map[string]string{
		"plan-check":        "plan check testdata/plan/node1.yaml",
		"plan-check-all":    "plan check testdata/plan/node1.yaml --all",
		"plan-check-strict": "plan check testdata/plan/node1.yaml --strict",
		"plan-check-json":   "plan check testdata/plan/node1.yaml -o json",
		"plan-check-csv":    "plan check testdata/plan/node1.yaml -o csv",
		"plan-check-other":  "plan check testdata/plan/other.dot",
		"plan-check-bad":    "plan check testdata/plan/bad.dot",
		"plan-check-none":   "plan check testdata/plan/none.dot",
		"plan-check-help":   "plan check --help",
		"plan-check-format": "plan check testdata/plan/bad.dot --format xml",
		"plan-save":         "plan save",
		"plan-save-dot":     "plan save -o dot",
		"plan-save-csv":     "plan save -o csv",
	} {
		t.Run(name, func(t *testing.T) { expect(t, name, run(t, dir, strings.Fields(args)...)) })
	}
	for _, format := range []string{"yaml", "dot", "csv"} {
		file := filepath.Join(dir, "saved."+format)
		if err := os.WriteFile(file, []byte(run(t, dir, "plan", "save", "-o", format)), 0o600); err != nil {
			t.Fatal(err)
		}
		want := "Cables of RUN/saved." + format + ": 6 ok. Only those of node1 were judged; \"kubectl colvin plan check\" judges those of a cluster.\n"
		if got := run(t, dir, "plan", "check", "--strict", file); got != want {
			t.Errorf("what was saved as %s: %s", format, got)
		}
	}
	if got := run(t, t.TempDir(), "plan", "check", "testdata/plan/node1.yaml"); !strings.HasPrefix(got, "error: no agent answers") {
		t.Errorf("without an agent: %s", got)
	}
}
