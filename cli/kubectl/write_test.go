// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// specs are the RuleSets of a server, by their names.
func (f *fake) specs(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, o := range f.objects[ruleSets.String()] {
		text, err := json.Marshal(o["spec"])
		if err != nil {
			t.Fatal(err)
		}
		out[as[string](as[jsonObject](o["metadata"])["name"])] = string(text)
	}
	return out
}

// TestWrittenIsShown holds that what is written is what was checked and shown, whatever else is
// in the file and however YAML may be read.
func TestWrittenIsShown(t *testing.T) {
	const green = `{"networks":[{"match":[{"system":"leaf-0-a","vlan":100}],"name":"green"}]}`
	for _, tt := range []struct {
		name string
		args []string
		want map[string]string
	}{
		{"apply-beside", []string{"rules", "apply", "testdata/beside.yaml", "--yes"}, map[string]string{"green": green}},
		{"apply-twice", []string{"rules", "apply", "testdata/twice.yaml", "--yes"}, map[string]string{}},
		{"apply-words", []string{"rules", "apply", "testdata/words.yaml", "--ruleset=words", "--yes"}, map[string]string{
			"words": `{"networks":[{"match":[{"system":"leaf-0-a","vlan":100}],"name":"no"}]}`,
		}},
		{"name-number", []string{"name", "sage-stork", "100", "--yes"}, map[string]string{"100": strings.Replace(green, "green", "100", 1)}},
		{"name-old-colour", []string{"name", "sage-stork", "rust-crane", "--yes"}, map[string]string{}},
		{"apply-refused", []string{"rules", "apply", "testdata/words.yaml", "--ruleset=Words", "--yes"}, map[string]string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := unnamed(t)
			f.add(jsonObject{"kind": "Colour", "metadata": jsonObject{"name": "rust-crane"}, "spec": jsonObject{"switch": "mac:00:00:5e:00:00:77", "vlan": 5}})
			expect(t, tt.name, run(t, f.start(), tt.args...))
			if diff := cmp.Diff(tt.want, f.specs(t)); diff != "" {
				t.Errorf("RuleSets (-want +got):\n%s", diff)
			}
		})
	}
}

func rulesOf(name, rule string) jsonObject {
	match := []any{jsonObject{"chassis": "mac:00:00:5e:00:00:99"}}
	return jsonObject{"kind": "RuleSet", "metadata": jsonObject{"name": name}, "spec": jsonObject{"networks": []any{jsonObject{"name": rule, "match": match}}}}
}

// TestChangedMeanwhile holds that nothing is written where others changed the rules since the
// effect was found: the one RuleSet that is to be written, or another.
func TestChangedMeanwhile(t *testing.T) {
	const replace = "rules replace mac:00:00:5e:00:00:99 mac:00:00:5e:00:00:00"
	for name, tt := range map[string]struct {
		args  string
		begin []jsonObject
		then  jsonObject
	}{
		"made":    {"name sage-stork green", nil, rulesOf("green", "theirs")},
		"beside":  {"name sage-stork green", nil, rulesOf("other", "theirs")},
		"changed": {replace, []jsonObject{rulesOf("old", "ours")}, rulesOf("old", "theirs")},
	} {
		t.Run(name, func(t *testing.T) {
			f := unnamed(t)
			for _, o := range tt.begin {
				f.add(o)
			}
			answer := func() { // as who is asked reads what stands there
				r := ruleSets.String()
				f.objects[r] = slices.DeleteFunc(f.objects[r], func(o jsonObject) bool { return keyOf(o) == keyOf(tt.then) })
				f.add(tt.then)
			}
			expect(t, "meanwhile-"+name, answering(t.Context(), t, f.start(), answer, strings.Fields(tt.args)...))
			if len(f.wrote) > 0 {
				t.Errorf("written: %q", f.wrote)
			}
		})
	}
}

// askedUser is somebody who does something when asked, and says yes.
type askedUser struct{ do func() }

func (u askedUser) Read(p []byte) (int, error) {
	u.do()
	return copy(p, "y\n"), nil
}

// answering runs a command whose user does something when asked, and says yes.
func answering(ctx context.Context, t *testing.T, server string, do func(), args ...string) string {
	t.Helper()
	return runStreams(ctx, t, server, askedUser{do}, args...)
}

// TestInterrupted holds that who is asked may interrupt the command.
func TestInterrupted(t *testing.T) {
	f := unnamed(t)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	expect(t, "interrupted", answering(ctx, t, f.start(), func() { cancel(); <-release }, "name", "sage-stork", "green"))
	if len(f.wrote) > 0 {
		t.Errorf("written: %q", f.wrote)
	}
}
