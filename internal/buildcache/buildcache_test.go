// SPDX-License-Identifier: Apache-2.0

package buildcache

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fill fills a directory with one program and returns what is beside and in it.
func fill(t *testing.T, dir string, build error) []string {
	t.Helper()
	err := Fill(dir, func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "program"), nil, 0o755); err != nil {
			t.Error(err)
		}
		return build
	})
	if !errors.Is(err, build) {
		t.Errorf("got %v, want %v", err, build)
	}
	found, err := filepath.Glob(filepath.Dir(dir) + "/*/*")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "programs")
	if left := fill(t, dir, errors.New("interrupted")); left != nil {
		t.Errorf("left behind: %s", left)
	}
	want := []string{filepath.Join(dir, "program")}
	if diff := cmp.Diff(want, fill(t, dir, nil)); diff != "" {
		t.Errorf("unexpected files (-want +got):\n%s", diff)
	}
	if err := Fill(dir, func(string) error { return errors.New("built again") }); err != nil {
		t.Error(err)
	}
}

func TestFillAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "programs")
	var during []string
	err := Fill(dir, func(tmp string) error {
		during = fill(t, dir, nil)
		return os.WriteFile(filepath.Join(tmp, "program"), nil, 0o755)
	})
	want := []string{filepath.Join(dir, "program")}
	if diff := cmp.Diff(want, during); err != nil || diff != "" {
		t.Errorf("%v, unexpected files (-want +got):\n%s", err, diff)
	}
}
