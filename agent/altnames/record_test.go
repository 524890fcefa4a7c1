// SPDX-License-Identifier: Apache-2.0

package altnames

import (
	"fmt"
	"math"
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
	golden.CompareJSON(t, "testdata/altnames.v1.json", written)
	got, err := readRecord(dir, "boot-1")
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(altName{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestRecordOfPossibleNames holds that a record is believed of names that a network can
// have, up to the longest, and of no others.
func TestRecordOfPossibleNames(t *testing.T) {
	dir, mac := statefile.Dir(t.TempDir()), discovery.MAC{2, 0, 0, 0, 0, 1}
	names := func(names ...string) (out []altName) {
		for _, name := range names {
			out = append(out, altName{Name: name, Index: 2, MAC: mac})
		}
		return out
	}
	if err := saveRecord(dir, "boot-1", names("g", "exactly-fifteen", "sixteen-or-more-", "Uplink", "")); err != nil {
		t.Fatal(err)
	}
	got, err := readRecord(dir, "boot-1")
	if diff := cmp.Diff(names("g", "exactly-fifteen"), got, cmp.AllowUnexported(altName{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestLargeRecord holds that what an agent can have written is read: ten names of each
// VLAN of a trunk.
func TestLargeRecord(t *testing.T) {
	dir, want := statefile.Dir(t.TempDir()), make([]altName, 10*4094)
	for i := range want {
		want[i] = altName{Name: fmt.Sprintf("network-%07d", i), Index: math.MaxInt32, MAC: discovery.MAC{2, 0, 0, 0, 0, 1}}
	}
	if err := saveRecord(dir, "boot-1", want); err != nil {
		t.Fatal(err)
	}
	if got, err := readRecord(dir, "boot-1"); err != nil || len(got) != len(want) {
		t.Errorf("%d names, %v; want %d", len(got), err, len(want))
	}
}
