// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReference holds that docs/reference.md lists what programs tell by name, all of it
// and nothing else.
func TestReference(t *testing.T) {
	fset := token.NewFileSet()
	dirs := map[string][]*ast.File{}
	for dir, files := range sources(t, fset) {
		dirs[path.Clean(dir)] = slices.DeleteFunc(files, func(f *ast.File) bool { return isTest(fset, f) })
	}
	told := newTellings(fset, dirs)
	told.metrics(read(t, "agent/testdata/metrics.txt"))
	told.conditions()
	told.events()
	told.alerts(read(t, "deploy/chart/alerts.yaml"))
	told.codes(moduleDir(t, "github.com/containernetworking/cni"))
	for _, problem := range told.problems {
		t.Error(problem)
	}
	for _, problem := range told.differ(shownBy(read(t, "docs/reference.md"))) {
		t.Error(problem)
	}
}

func moduleDir(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", name)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("find module %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// rowOf is a row of a table that begins with a name or a number, as opposed to its head.
var rowOf = regexp.MustCompile("(?m)^\\| ([`\\d].*) \\|$")

// columns are how many of a row's cells are compared, by heading.
var columns = map[string]int{
	"Metrics of the agent": 3, "Alerts": 2, "Conditions of a node": 1, "Conditions of a Network": 2,
	"Conditions of a RuleSet": 2, "Events": 2, "CNI errors": 1,
}

// shownBy is what the page lists under each heading. Where one cell alone counts it may hold
// several names.
func shownBy(page string) map[string][]string {
	out := map[string][]string{}
	for section := range strings.SplitSeq(page, "\n## ") {
		heading, body, _ := strings.Cut(section, "\n")
		for _, m := range rowOf.FindAllStringSubmatch(body, -1) {
			cells := strings.Split(m[1], " |")[:columns[heading]]
			for i := range cells {
				cells[i] = strings.Join(strings.FieldsFunc(cells[i], func(r rune) bool { return strings.ContainsRune("`, ", r) }), " ")
			}
			line := strings.Join(strings.Fields(strings.Join(cells, " ")), " ")
			if len(cells) == 1 {
				out[heading] = append(out[heading], strings.Fields(line)...)
				continue
			}
			out[heading] = append(out[heading], line)
		}
	}
	return out
}

// differ says what one side has and the other lacks.
func (s *tellings) differ(page map[string][]string) (problems []string) {
	for heading := range columns {
		told, shown := s.under[heading], page[heading]
		if len(told) == 0 || len(shown) == 0 {
			problems = append(problems, fmt.Sprintf("docs/reference.md, %s: the code has %d, the page %d", heading, len(told), len(shown)))
		}
		for _, line := range told {
			if !slices.Contains(shown, line) {
				problems = append(problems, fmt.Sprintf("docs/reference.md, %s: lacks %s", heading, line))
			}
		}
		for i, line := range shown {
			if !slices.Contains(told, line) || slices.Contains(shown[:i], line) {
				problems = append(problems, fmt.Sprintf("docs/reference.md, %s: %s is twice there, or nothing in the code tells it", heading, line))
			}
		}
	}
	return problems
}

// TestReferenceBites holds that what is told is found, what cannot be understood is said,
// and either side's lack is.
func TestReferenceBites(t *testing.T) {
	fset := token.NewFileSet()
	dirs := map[string][]*ast.File{}
	for dir, text := range map[string]string{
		"agent": "package agent\nimport (\n\"" + prometheus + "\"\n\"" + module + "/mapping\"\n)\n" +
			"var a, b = desc(\"a\", \"help\", \"x\", \"y\"), prometheus.NewGauge(o)\nconst c mapping.ConditionType = \"C\"\n",
		"controller": "package controller\nimport (\nv1 \"k8s.io/api/core/v1\"\nmetav1 \"" + metav1 + "\"\n)\nconst d = \"D\"\nvar e = metav1.Condition{Type: d}\n" +
			"func f() {\nr.Eventf(o, nil, v1.EventTypeNormal, d, \"\")\nr.Eventf(o, nil, v1.EventTypeWarning, c.Type, \"\")\nr.Eventf(o, nil, v1.EventTypeWarning, g(), \"\")\n" +
			"r.Eventf(o, nil, v1.EventTypeWarning, string(p.Reason), \"\")\n}\n",
		"controller/plan": "package plan\ntype ProblemReason string\nconst h ProblemReason = \"H\"\nconst reasonI = \"I\"\nvar conditionReasons = []struct{ condition, reason string }{{\"J\", \"K\"}}\n",
		"api/v1alpha1":    "package v1alpha1\nconst RuleSetAccepted = \"L\"\n",
		"cniplugin":       "package cniplugin\nimport \"elsewhere\"\nconst errM uint = 100 + iota\nvar n = elsewhere.O\n",
	} {
		f, err := parser.ParseFile(fset, dir+"/x.go", text, 0)
		if err != nil {
			t.Fatal(err)
		}
		dirs[dir] = []*ast.File{f}
	}
	told := newTellings(fset, dirs)
	told.metrics("# TYPE colvin_a gauge\n")
	told.conditions()
	told.events()
	told.alerts("- alert: N\n  labels: {severity: page}\n")
	told.codes(moduleDir(t, "github.com/containernetworking/cni"))
	if len(told.problems) != 3 { // NewGauge, d, g()
		t.Errorf("not understood: %q", told.problems)
	}
	for heading, want := range map[string][]string{
		"Metrics of the agent": {"colvin_a gauge x y"}, "Alerts": {"N page"}, "Conditions of a node": {"C"}, "Conditions of a Network": {"J K"},
		"Conditions of a RuleSet": {"L I"}, "Events": {"CONDITION Warning", "D Normal", "H Warning"},
	} {
		if got := slices.Sorted(slices.Values(told.under[heading])); !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", heading, got, want)
		}
	}
	if got := told.under["CNI errors"]; !slices.Contains(got, "100") || !slices.Contains(got, "6") {
		t.Errorf("codes %q lack the plugin's own or the skeleton's", got)
	}
	page := "# Page\n\n## Conditions of a node\n\n| name | meaning |\n|---|---|\n| `C`, `X` | x |\n\n## Events\n\n| `D` | Normal | x |\n| `D` | Normal | x |\n"
	var got []string
	for _, problem := range told.differ(shownBy(page)) {
		if strings.Contains(problem, " node: ") || strings.Contains(problem, "Events: ") {
			got = append(got, strings.TrimPrefix(problem, "docs/reference.md, "))
		}
	}
	slices.Sort(got)
	want := []string{
		"Conditions of a node: X is twice there, or nothing in the code tells it", "Events: D Normal is twice there, or nothing in the code tells it",
		"Events: lacks CONDITION Warning", "Events: lacks H Warning",
	}
	if !slices.Equal(got, want) {
		t.Errorf("differ: %q, want %q", got, want)
	}
}
