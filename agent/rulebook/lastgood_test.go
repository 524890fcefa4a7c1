// SPDX-License-Identifier: Apache-2.0

package rulebook

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// TestLastGoodFormat holds that what was written is read, and stays as it is.
func TestLastGoodFormat(t *testing.T) {
	dir := statefile.Dir(t.TempDir())
	want := sources{
		File: &rules.Source{Name: "/etc/colvin/rules.yaml", Data: []byte("networks: [{name: green, match: [{system: leaf-1, vlan: 100}]}]\n")},
		Of:   "ca-1", Cluster: []rules.Source{{Name: "ruleset/site", Root: "spec", Data: []byte(`{"networks":[]}`)}},
	}
	if err := saveLastGood(dir, want); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(dir.Path(lastGoodFormat.Name))
	if err != nil {
		t.Fatal(err)
	}
	golden.CompareJSON(t, "testdata/rules.last-good.v1.json", written)
	got, err := readLastGood(dir, "ca-1")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
