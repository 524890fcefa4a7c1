// SPDX-License-Identifier: Apache-2.0

package rulesimport

import (
	"fmt"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

// TestParts holds that no RuleSet has more networks than one takes, even where they are all
// of one name, and that no match is lost.
func TestParts(t *testing.T) {
	list := []*rule{{name: "a", entries: make([]entry, 3)}, {name: "b"}, {name: "c", entries: make([]entry, 40)}}
	for i := range 2*v1alpha1.MaxRules*v1alpha1.MaxMatches + 1 {
		list[1].entries = append(list[1].entries, entry{match: fmt.Sprintf("{interface: \"p%d\"}", i)})
	}
	matches := 0
	for i, part := range parts(list) {
		text := networks(part)
		if n := strings.Count(text, "- name: "); n == 0 || n > v1alpha1.MaxRules {
			t.Errorf("part %d has %d networks, want 1 to %d", i, n, v1alpha1.MaxRules)
		}
		matches += strings.Count(text, "\n      - ")
	}
	if want := 3 + 40 + len(list[1].entries); matches != want {
		t.Errorf("%d matches, want %d", matches, want)
	}
}
