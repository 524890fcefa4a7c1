// SPDX-License-Identifier: Apache-2.0

package cniplugins

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func quiet(string) {}

func TestInstall(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the go command is missing")
	}
	if testing.Short() {
		t.Skip("builds the CNI plugins")
	}
	dir, err := Install(t.Context(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, dir, plugins())
	program, err := CNITool(t.Context(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, filepath.Dir(program), tool())
}

func holds(t *testing.T, dir string, r release) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, p := range r.packages {
		want = append(want, path.Base(p))
	}
	slices.Sort(want)
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unexpected programs (-want +got):\n%s", diff)
	}
}

func TestBuildInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := plugins().build(ctx, t.TempDir(), quiet); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
