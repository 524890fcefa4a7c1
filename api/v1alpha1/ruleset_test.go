// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/mapping/rules"
)

func read(tb testing.TB, file string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// The RuleSet in the reference is one.
func TestReference(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```yml\n(.*?)^```$").FindSubmatch(read(t, "../../docs/rules.md"))
	if block == nil {
		t.Fatal("docs/rules.md shows no RuleSet")
	}
	var r v1alpha1.RuleSet
	if err := yaml.UnmarshalStrict(block[1], &r); err != nil {
		t.Fatal(err)
	}
	if r.APIVersion != v1alpha1.GroupVersion.String() || r.Kind != "RuleSet" || len(r.Spec.Networks) == 0 {
		t.Errorf("docs/rules.md shows a %s %s without networks", r.APIVersion, r.Kind)
	}
}

// What the API server refuses is a mistake in a file, too: the schema asks for
// nothing more.
func TestRefusedIsAMistake(t *testing.T) {
	for _, tt := range refusals(t) {
		document, err := yaml.Marshal(tt.Spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := rules.Parse("r.yaml", document); err == nil {
			t.Errorf("%s: no mistake as a file:\n%s", tt.Name, document)
		}
	}
}

// A refused RuleSet is one that the API server refuses.
type refused struct {
	Name string
	Spec map[string]any
}

func refusals(t *testing.T) []refused {
	t.Helper()
	var all []refused
	if err := yaml.UnmarshalStrict(read(t, "testdata/refused.yaml"), &all); err != nil {
		t.Fatal(err)
	}
	return all
}
