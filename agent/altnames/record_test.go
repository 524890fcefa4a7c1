// SPDX-License-Identifier: Apache-2.0

package altnames

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/internal/statefile"
)

// TestRecordFormat holds that what was written is read, and stays as it is.
func TestRecordFormat(t *testing.T) {
	dir, want := statefile.Dir(t.TempDir()), []altName{{Name: "green", Index: 2, MAC: discovery.MAC{2, 0, 0, 0, 0, 1}}}
	if err := saveRecord(dir, "boot-1", want); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(dir.Path(recordFormat.Name))
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/altnames.v1.json", string(written))
	got, err := readRecord(dir, "boot-1")
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(altName{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
