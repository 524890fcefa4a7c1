// SPDX-License-Identifier: Apache-2.0

package fit_test

import (
	"strings"
	"testing"

	"github.com/colvin-net/colvin/internal/fit"
)

func TestSuggest(t *testing.T) {
	candidates := []string{"match", "name", "vlan", "vlanName", "portDescription"}
	for word, want := range map[string]string{
		"nmae": "name", "Name": "name", "vlanname": "vlanName", "portDescripton": "portDescription",
		"macth": "match", "vlans": "vlan", "colour": "", "x": "", "": "", strings.Repeat("m", 65): "",
	} {
		if want != "" {
			want = `did you mean "` + want + `"?`
		}
		if got := fit.Suggest(word, candidates); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", word, got, want)
		}
	}
}
