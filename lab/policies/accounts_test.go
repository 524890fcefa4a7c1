// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// What is tried.
const (
	rights   = "../../deploy/manifests"
	optional = rights + "/optional"
	policies = rights + "/policies"
)

// A manifest is what these tests read of an object.
type manifest struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Subjects []struct{ Kind, Name, Namespace string }
	RoleRef  struct{ Kind, Name string } `yaml:"roleRef"`
}

func (m manifest) account() string {
	return "system:serviceaccount:" + m.Metadata.Namespace + ":" + m.Metadata.Name
}

// manifests reads the objects of all files in a directory.
func manifests(t *testing.T, dir string) []manifest {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests in %s: %v", dir, err)
	}
	var all []manifest
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		for d := yaml.NewDecoder(f); ; {
			var m manifest
			if d.Decode(&m) != nil {
				break // the API server of other tests reads all of it
			}
			all = append(all, m)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// accounts returns the users that the service accounts in deploy/manifests are.
func accounts(t *testing.T) []string {
	t.Helper()
	users := map[string]bool{}
	for _, m := range manifests(t, rights) {
		if m.Kind == "ServiceAccount" {
			users[m.account()] = true
		}
	}
	return slices.Sorted(maps.Keys(users))
}

// TestAccounts holds that the policies are about the accounts that are installed: a
// policy that names another holds nobody to anything.
func TestAccounts(t *testing.T) {
	want := map[string][]string{
		"controller.yaml":         {"system:serviceaccount:colvin-system:colvin-controller"},
		"definitions.yaml":        nil,
		"own-node.yaml":           {"system:serviceaccount:colvin-system:colvin-agent"},
		"pods-by-definition.yaml": nil, // about everybody
		"pods-by-name.yaml":       nil,
		"rulesets.yaml":           nil,
	}
	files, err := filepath.Glob(filepath.Join(policies, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	installed := accounts(t)
	got := map[string][]string{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		users := regexp.MustCompile(`system:serviceaccount:[^']*`).FindAllString(string(b), -1)
		slices.Sort(users)
		users = slices.Compact(users)
		got[filepath.Base(file)] = users
		for _, user := range users {
			if !slices.Contains(installed, user) {
				t.Errorf("%s is about %s; installed are %v", file, user, installed)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accounts that policies name (-want +got):\n%s", diff)
	}
}

// TestSubjects holds that rights are given to accounts that are installed, that each
// role exists, and that nobody has rights in two ways.
func TestSubjects(t *testing.T) {
	type grant struct{ Role, Account string }
	roles := map[string]bool{}
	var got []grant
	for _, m := range manifests(t, rights) {
		switch m.Kind {
		case "Role", "ClusterRole":
			roles[m.Kind+" "+m.Metadata.Name] = true
		case "RoleBinding", "ClusterRoleBinding":
			for _, s := range m.Subjects {
				got = append(got, grant{m.RoleRef.Kind + " " + m.RoleRef.Name, "system:serviceaccount:" + s.Namespace + ":" + s.Name})
			}
		}
	}
	want := []grant{
		{"ClusterRole colvin-agent", "system:serviceaccount:colvin-system:colvin-agent"},
		{"ClusterRole colvin-controller", "system:serviceaccount:colvin-system:colvin-controller"},
		{"ClusterRole colvin-controller-pods", "system:serviceaccount:colvin-system:colvin-controller"},
		{"Role colvin-controller", "system:serviceaccount:colvin-system:colvin-controller"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("roles that are given (-want +got):\n%s", diff)
	}
	installed := accounts(t)
	for _, g := range got {
		if !roles[g.Role] || !slices.Contains(installed, g.Account) {
			t.Errorf("%v: role or account is not installed", g)
		}
	}
}
