// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

func TestRulesCheck(t *testing.T) {
	for name, args := range map[string][]string{
		"check-good":     {"good.yaml"},
		"check-bad":      {"bad.yaml"},
		"check-bad-json": {"bad.yaml", "-o", "json"},
		"check-missing":  {"missing.yaml"},
		"check-help":     {"--help"},
	} {
		t.Chdir("testdata")
		got := run(t, t.TempDir(), append([]string{"rules", "check"}, args...)...)
		t.Chdir("..")
		expect(t, name, got)
	}
}

// TestRulesCheckAlone has no agent to ask: mistakes are found, and the rest is said to be
// open.
func TestRulesCheckAlone(t *testing.T) {
	for _, name := range []string{"new", "manifest", "list", "syntax", "empty", "none", "no-items", "pod", "group", "more"} {
		t.Chdir("testdata/check")
		got := run(t, t.TempDir(), "rules", "check", name+".yaml")
		t.Chdir("../..")
		expect(t, "check/alone-"+name, got)
	}
}

// TestRulesCheckHere asks an agent what the rules would do.
func TestRulesCheckHere(t *testing.T) {
	dir := t.TempDir()
	serveGround(t, dir)
	for _, name := range []string{"new", "manifest", "list", "syntax", "empty", "none", "no-items", "pod", "group", "more", "cut", "wider"} {
		t.Chdir("testdata/check")
		got := run(t, dir, "rules", "check", name+".yaml")
		t.Chdir("../..")
		expect(t, "check/here-"+name, got)
	}
	t.Chdir("testdata/check")
	asJSON := run(t, dir, "rules", "check", "new.yaml", "-o", "json")
	t.Chdir("../..")
	expect(t, "check/here-new-json", asJSON)
}

// TestTriedNames holds what is said of names that stay in part.
func TestTriedNames(t *testing.T) {
	for want, n := range map[string]view.TriedName{
		"a moves: it leads to 1, 2, 3, 4 and 2 more now, and would lead to 1 and 2 and 3 and 4 and 7.": {Name: "a", From: []string{"1", "2", "3", "4", "5", "6"}, To: []string{"1", "2", "3", "4", "7"}},
		"a comes to more: it leads to x now, and would lead to x and y.":                               {Name: "a", From: []string{"x"}, To: []string{"x", "y"}, Stays: true},
		"a goes in part: it leads to x and y now, and would lead to y.":                                {Name: "a", From: []string{"x", "y"}, To: []string{"y"}, Stays: true},
		"a moves: it leads to x and y now, and would lead to y and z.":                                 {Name: "a", From: []string{"x", "y"}, To: []string{"y", "z"}},
		"a moves: it would be another network at x.":                                                   {Name: "a", From: []string{"x"}, To: []string{"x"}},
	} {
		if got := (&view.Trial{Names: []view.TriedName{n}}).Lines(); len(got) != 1 || got[0] != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestRulesCheckInPipe reads the standard input, RuleSets too.
func TestRulesCheckInPipe(t *testing.T) {
	dir := t.TempDir()
	serveGround(t, dir)
	for _, tt := range []struct{ in, want string }{
		{ruleText, "standard input: the rules are valid\nOn node1, in the place of /etc/colvin/rules.yaml, beside ruleset/site:\n"},
		{"", "standard input: there are no rules in it; an agent that has rules takes an empty file for one that is cut off, so write networks: [] if that is meant\nOn node1, in"},
		{"networks: [{name: green}]\n", "standard input:1:12: networks[0].match: is missing; add match: with at least one entry, such as {system: \"leaf-*\", vlan: 100}\nerror: standard input is not valid (1 to mend)\n"},
		{`{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "colvin.dev/v1alpha1", "kind": "RuleSet", "metadata": {"name": "new"}, "spec": {"ignore": [{"system": "phone"}]}}]}`, "standard input: the rules are valid\nOn node1, beside /etc/colvin/rules.yaml, ruleset/site:\n"},
	} {
		var out strings.Builder
		cmd := New("v0.1.0", &out)
		cmd.SetIn(strings.NewReader(tt.in))
		cmd.SetArgs([]string{"--run-directory", dir, "rules", "check", "-"})
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			out.WriteString("error: " + err.Error() + "\n")
		}
		if !strings.HasPrefix(out.String(), tt.want) {
			t.Errorf("%s\ngot\n%s\nwant\n%s", tt.in, out.String(), tt.want)
		}
	}
}

// TestRulesCheckUnasked says why it was not looked what rules would do, and that is no
// mistake of theirs.
func TestRulesCheckUnasked(t *testing.T) {
	for name, tt := range map[string]struct {
		state func() (*agentapi.State, error)
		want  string
	}{
		"not ready": {func() (*agentapi.State, error) { return nil, agentapi.ErrNotReady }, "the agent runs, but has no answer: ask agent at RUN/agent.sock: " + agentapi.ErrNotReady.Error()},
		"waiting": {func() (*agentapi.State, error) {
			s := agentState(t)
			s.Rules.Problem = "the RuleSets of the cluster are not known yet"
			return s, nil
		}, "the RuleSets of the cluster are not known yet"},
		"another version": {func() (*agentapi.State, error) { return new(agentapi.State), nil }, "the agent is of another version, and says less"},
	} {
		dir := t.TempDir()
		serveState(t, dir, tt.state, changesSince)
		want := "good.yaml: the rules are valid\nWhat they would do on this node was not looked at: " + tt.want + ".\n"
		t.Chdir("testdata")
		got := run(t, dir, "rules", "check", "good.yaml")
		t.Chdir("..")
		if got != want {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
}

// TestRulesCheckExit holds what the exit code goes by.
func TestRulesCheckExit(t *testing.T) {
	for file, valid := range map[string]bool{"new.yaml": false, "manifest.yaml": true, "none.yaml": true, "empty.yaml": true, "syntax.yaml": false, "pod.yaml": false} {
		for _, format := range []string{"text", "json"} {
			cmd := New("v0.1.0", new(strings.Builder))
			cmd.SetArgs([]string{"--run-directory", t.TempDir(), "rules", "check", "-o", format, filepath.Join("testdata/check", file)})
			err := cmd.ExecuteContext(t.Context())
			if (err == nil) != valid || format == "json" && !valid && !errors.Is(err, ErrSilent) {
				t.Errorf("%s as %s: %v", file, format, err)
			}
		}
	}
}

// serveGround answers as an agent in a cluster: there is a RuleSet beside its file.
func serveGround(t *testing.T, dir string) {
	t.Helper()
	file, cluster := rules.Source{Name: "/etc/colvin/rules.yaml", Data: []byte(ruleText)}, rules.Source{
		Name: "ruleset/site", Root: "spec", Data: []byte(`{"switchGroups": {"mlag": {"match": [{"system": "mlag-*"}]}}}`),
	}
	s := agentState(t)
	s.Basis = &agentapi.Basis{Sources: []rules.Source{file, cluster}, Colours: mapping.Colours{
		Attach: true, Book: []mapping.Colour{{Name: "teal-heron", Identity: mapping.Identity{Switch: "mac:00:00:5e:00:53:02", VLAN: 200}}},
	}}
	// One was attached through a switch that another has replaced since, under the same name.
	follows := s.Attachments[0]
	follows.ContainerID, follows.Pod.Name, follows.Identity = "6ea1c7e4d1a2b3c4d5e6", "web-6", "mac:00:00:5e:00:53:99 vlan 100"
	s.Attachments = append(s.Attachments, follows)
	serveState(t, dir, func() (*agentapi.State, error) { return s, nil }, changesSince)
}
