// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/colvin-net/colvin/agent/agentapi"
)

const (
	oldSwitch = "mac:00:1b:21:aa:bb:cc"
	newSwitch = "mac:00:1b:21:00:00:07"
)

func TestRulesReplace(t *testing.T) {
	file, err := os.ReadFile("testdata/replace.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.yaml")
	for name, args := range map[string][]string{
		"replace":          {oldSwitch, newSwitch, path},
		"replace-dry-run":  {"mac:001B.21AA.BBCC", "local:leaf (4)", path, "--dry-run"},
		"replace-unknown":  {"mac:00:1b:21:aa:bb:00", newSwitch, path},
		"replace-bad":      {"00:1b:21:aa:bb:cc", "mac:00:1b:21:*", path},
		"replace-same":     {oldSwitch, "mac:001B.21AA.BBCC", path},
		"replace-missing":  {oldSwitch, newSwitch, filepath.Join(dir, "missing.yaml")},
		"replace-no-file":  {oldSwitch, newSwitch},
		"replace-not-yaml": {oldSwitch, newSwitch, filepath.Join(dir, "bad.yaml")},
		"replace-help":     {"--help"},
	} {
		t.Run(name, func(t *testing.T) {
			for name, data := range map[string][]byte{"rules.yaml": file, "bad.yaml": []byte("networks: [{name: green")} {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o640); err != nil { //nolint:gosec // as rules are
					t.Fatal(err)
				}
			}
			got := run(t, dir, append([]string{"rules", "replace"}, args...)...)
			now, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(now, file) {
				got += "--- the file ---\n" + string(now)
			}
			expect(t, name, got)
		})
	}
}

// What a file is besides its content stays, and nothing is left beside it.
func TestRulesReplaceKeeps(t *testing.T) {
	dir := t.TempDir()
	target, path := filepath.Join(dir, "target.yaml"), filepath.Join(dir, "rules.yaml")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(target, []byte("ignore: [{chassis: "+oldSwitch+"}]\n"), 0o600))
	must(os.Chmod(target, 0o604))
	if os.Getuid() == 0 {
		must(os.Chown(target, 65534, 65533))
	}
	must(os.Symlink("target.yaml", path))
	before, err := os.Stat(target)
	must(err)
	if got := run(t, dir, "rules", "replace", oldSwitch, newSwitch, path); got != "RUN/rules.yaml: "+oldSwitch+" is replaced by "+newSwitch+" in 1 match, on line 1\n" {
		t.Error(got)
	}
	after, err := os.Stat(target)
	must(err)
	link, err := os.Lstat(path)
	must(err)
	if after.Mode() != before.Mode() || keepOwner(nil, after) == nil != (keepOwner(nil, before) == nil) || link.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("mode %v, before %v; the link is %v", after.Mode(), before.Mode(), link.Mode())
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
	must(os.WriteFile(path+".other", []byte("a"), 0o600))
	if err := exchange(path+".other", []byte("b"), []byte("c")); err == nil || !strings.Contains(err.Error(), "changed meanwhile") {
		t.Errorf("a file that changed: %v", err)
	}
}

// From the standard input come RuleSets as kubectl prints them, too.
func TestRulesReplaceInPipe(t *testing.T) {
	const list = `apiVersion: v1
items:
- apiVersion: colvin.dev/v1alpha1
  kind: RuleSet
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"spec":{"ignore":[{"chassis":"mac:00:1b:21:aa:bb:cc"}]}}
    name: site
  spec:
    ignore:
    - chassis: mac:00:1b:21:aa:bb:cc
kind: List
`
	var out, told strings.Builder
	cmd := New("v0.1.0", &out)
	cmd.SetIn(strings.NewReader(list))
	cmd.SetErr(&told)
	cmd.SetArgs([]string{"rules", "replace", oldSwitch, newSwitch, "-"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(list, "- chassis: "+oldSwitch, "- chassis: "+newSwitch, 1); out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
	if want := "standard input: " + oldSwitch + " would be replaced by " + newSwitch + " in 1 match, on line 12\n"; told.String() != want {
		t.Errorf("told %q, want %q", told.String(), want)
	}
}

// Without a file it is the agent's, or the cluster's.
func TestRulesReplaceOfTheAgent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(path, []byte("ignore: [{chassis: "+oldSwitch+"}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var state atomic.Pointer[agentapi.State]
	serveState(t, dir, func() (*agentapi.State, error) { return state.Load(), nil }, changesSince)
	for _, tt := range []struct {
		rules agentapi.Rules
		want  string
	}{
		{agentapi.Rules{File: path}, "RUN/rules.yaml: " + oldSwitch + " is replaced by " + newSwitch + " in 1 match, on line 1\n"},
		{
			agentapi.Rules{RuleSets: []string{"ruleset/a", "ruleset/b"}},
			"error: the rules of this node are RuleSets of the cluster (ruleset/a, ruleset/b): kubectl get rulesets -o yaml | colvin rules replace " + oldSwitch + " " + newSwitch + " - | kubectl replace -f -\n",
		},
		{agentapi.Rules{}, "error: there are no rules on this node\n"},
	} {
		state.Store(&agentapi.State{Rules: tt.rules})
		if got := run(t, dir, "rules", "replace", oldSwitch, newSwitch); got != tt.want {
			t.Errorf("%+v: %s", tt.rules, got)
		}
	}
}
