// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/controlplane"
)

// alerts are the rules for Prometheus, of which the chart makes a PrometheusRule.
const alerts = chart + "/alerts.yaml"

// promtool checks and tries rules as Prometheus reads them.
var promtool = netnstest.NewFeature("promtool", "make test-chart", func() error {
	_, err := exec.LookPath("promtool")
	return err
})

// groups is a file of rules, or the spec of a PrometheusRule.
type groups struct {
	Groups []struct {
		Name  string
		Rules []rule
	}
}

type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func (g groups) names() (names []string) {
	for _, group := range g.Groups {
		for _, r := range group.Rules {
			names = append(names, r.Alert)
		}
	}
	return names
}

func readAlerts(t *testing.T) (g groups) {
	t.Helper()
	readYAML(t, alerts, &g)
	if len(g.names()) == 0 {
		t.Fatalf("%s has no rules", alerts)
	}
	return g
}

// TestAlerts tries each rule: what it says of what is wrong, and that it says nothing of
// something like it.
func TestAlerts(t *testing.T) {
	netnstest.Require(t, promtool)
	const file = "testdata/alerts.yaml"
	for _, args := range [][]string{{"check", "rules", alerts}, {"test", "rules", file}} {
		if out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	var cases struct {
		Tests []struct {
			Rules []struct {
				Alertname string
				Expected  []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	readYAML(t, file, &cases)
	said, silent := map[string]bool{}, map[string]bool{}
	for _, c := range cases.Tests {
		for _, r := range c.Rules {
			said[r.Alertname] = said[r.Alertname] || len(r.Expected) > 0
			silent[r.Alertname] = silent[r.Alertname] || len(r.Expected) == 0
		}
	}
	for _, name := range readAlerts(t).names() {
		if !said[name] || !silent[name] {
			t.Errorf("%s has no case where %s fires and one where it does not", file, name)
		}
	}
}

// TestAlertsInWords holds that rules ask for metrics and conditions that there are, and that
// their runbooks are there to be read.
func TestAlertsInWords(t *testing.T) {
	metrics, conditions := sourceHas(t, "agent/metrics.go", `= desc\("(\w+)"`), sourceHas(t, "mapping/view.go", `ConditionType = "(\w+)"`)
	for _, group := range readAlerts(t).Groups {
		for _, r := range group.Rules {
			for _, m := range regexp.MustCompile(`\bcolvin_(\w+)`).FindAllStringSubmatch(r.Expr, -1) {
				if !slices.Contains(metrics, m[1]) {
					t.Errorf("%s asks for colvin_%s, which nobody tells", r.Alert, m[1])
				}
			}
			for _, m := range regexp.MustCompile(`type=~?"([^"]*)"`).FindAllStringSubmatch(r.Expr, -1) {
				for condition := range strings.SplitSeq(m[1], "|") {
					if !slices.Contains(conditions, condition) {
						t.Errorf("%s asks for the condition %s, which there is not", r.Alert, condition)
					}
				}
			}
			page, anchor, _ := strings.Cut(strings.TrimPrefix(r.Annotations["runbook_url"], "https://github.com/colvin-net/colvin/blob/main/docs/"), "#")
			if !slices.Contains(anchors(t, page), anchor) {
				t.Errorf("the runbook of %s is %s, which there is not", r.Alert, r.Annotations["runbook_url"])
			}
		}
	}
}

// sourceHas is what a pattern finds in a file of the source.
func sourceHas(t *testing.T, file, pattern string) (all []string) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("../..", file))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(source), -1) {
		all = append(all, m[1])
	}
	if len(all) == 0 {
		t.Fatalf("%s has nothing like %s", file, pattern)
	}
	return all
}

// anchors are those of the headings of a page.
func anchors(t *testing.T, page string) (all []string) {
	t.Helper()
	for _, heading := range sourceHas(t, filepath.Join("docs", page), `(?m)^#+ (.*)$`) {
		all = append(all, strings.ReplaceAll(regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(heading), ""), " ", "-"))
	}
	return all
}

// TestPrometheusRule holds that the chart renders the rules as they are, but for those that
// are switched off, and refuses to switch off what there is not.
func TestPrometheusRule(t *testing.T) {
	netnstest.Require(t, controlplane.HelmInstalled)
	all := readAlerts(t)
	render := func(disabled string) (groups, error) {
		v := variant{set: []string{"prometheusRule.enabled=true,prometheusRule.labels.release=monitoring,prometheusRule.disabled={" + disabled + "}"}}
		out, err := controlplane.Helm(t.Context(), append(v.args(t, "template"), "--show-only=templates/prometheusrule.yaml")...)
		if err != nil {
			return groups{}, err
		}
		var object struct {
			Metadata struct{ Labels map[string]string }
			Spec     groups
		}
		if err := yaml.Unmarshal([]byte(out), &object); err != nil {
			return groups{}, err
		}
		if got := object.Metadata.Labels["release"]; got != "monitoring" {
			t.Errorf("the label release is %q", got)
		}
		return object.Spec, nil
	}
	for _, off := range all.names()[:2] {
		got, err := render(off)
		if err != nil {
			t.Fatal(err)
		}
		want := readAlerts(t)
		for i := range want.Groups {
			want.Groups[i].Rules = slices.DeleteFunc(want.Groups[i].Rules, func(r rule) bool { return r.Alert == off })
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("without %s (-want +got):\n%s", off, diff)
		}
	}
	if _, err := render("ColvinNothing"); err == nil || !strings.Contains(err.Error(), "prometheusRule/disabled") {
		t.Errorf("a rule that there is not is switched off: %v", err)
	}
}

// A panel of a dashboard of Grafana's, as far as it asks for something.
type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource struct{ UID string }
	Targets    []struct {
		Expr       string
		Datasource struct{ UID string }
	}
}

func readPanels(t *testing.T) []panel {
	t.Helper()
	var dashboard struct{ Panels []panel }
	readYAML(t, "../../deploy/grafana/colvin.json", &dashboard)
	return dashboard.Panels
}

// TestDashboard holds that each panel asks Prometheus for metrics that there are, in
// expressions that it takes, by the data source that somebody chooses.
func TestDashboard(t *testing.T) {
	metrics := sourceHas(t, "agent/metrics.go", `= desc\("(\w+)"`)
	rules, ids := strings.Builder{}, map[int]bool{}
	rules.WriteString("groups:\n- name: panels\n  rules:\n")
	for _, p := range readPanels(t) {
		if ids[p.ID] {
			t.Errorf("two panels have the ID %d", p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && (len(p.Targets) == 0 || p.Datasource.UID != "${datasource}") {
			t.Errorf("panel %q asks for nothing, or somebody else", p.Title)
		}
		for _, target := range p.Targets {
			for _, m := range regexp.MustCompile(`\bcolvin_(\w+)`).FindAllStringSubmatch(target.Expr, -1) {
				if !slices.Contains(metrics, m[1]) {
					t.Errorf("panel %q asks for colvin_%s, which nobody tells", p.Title, m[1])
				}
			}
			if target.Datasource.UID != "${datasource}" {
				t.Errorf("panel %q asks somebody else", p.Title)
			}
			expr := strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
			rules.WriteString("  - record: panel\n    expr: '" + expr + "'\n")
		}
	}
	netnstest.Require(t, promtool)
	tried := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(tried, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	// Rules of one name are no mistake here.
	if out, err := exec.CommandContext(t.Context(), "promtool", "check", "rules", "--lint=none", tried).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
