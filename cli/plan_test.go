// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/agent/agentapi"
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

// TestPlanHostile holds that what a switch says does nothing to a terminal or a spreadsheet.
func TestPlanHostile(t *testing.T) {
	dir := t.TempDir()
	s := agentState(t)
	for i := range s.Memory.Ports {
		if b := &s.Memory.Ports[i]; b.Interface == "eth1" {
			holder := *b.Holder
			holder.SystemName, holder.PortDescription, holder.Port = "=cmd|'/C calc'!A0\u202e\u0007", "+1", "local:1"
			b.Holder = &holder
		}
	}
	serveState(t, dir, func() (*agentapi.State, error) { return s, nil }, changesSince)
	for _, format := range []string{"table", "wide", "csv"} {
		got := run(t, dir, "plan", "check", "testdata/plan/node1.yaml", "--all", "-o", format)
		if strings.ContainsAny(got, "\u202e\u0007") || !strings.Contains(got, "=cmd|") {
			t.Errorf("%s: %q", format, got)
		}
		if format == "csv" && (strings.Contains(got, ",=") || strings.Contains(got, `,"=`) || !strings.Contains(got, ",'=cmd|")) {
			t.Errorf("a spreadsheet computes it: %s", got)
		}
	}
	if got := run(t, dir, "plan", "save"); strings.Contains(got, "cmd") || !strings.Contains(got, `"eth1": {device: "mac:00:00:5e:00:53:01", port: "local:1"}`) {
		t.Errorf("what cannot be read is saved: %s", got)
	}
}
