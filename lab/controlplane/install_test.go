// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/netnstest"
)

func TestInstallInterrupted(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Install(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	checkNothingIn(t, filepath.Join(cache, "colvin"))
}

func TestVersion(t *testing.T) {
	netnstest.Require(t, Kubernetes)
	p, err := controlPlane.programs()
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"kube-apiserver", "kube-scheduler"} {
		got, err := exec.CommandContext(t.Context(), filepath.Join(p.dir, program), "--version").Output()
		if diff := cmp.Diff("Kubernetes "+p.version+"\n", string(got)); err != nil || diff != "" {
			t.Errorf("%s: %v, version (-want +got):\n%s", program, err, diff)
		}
	}
}

func TestModulesAreFoundFromBelowOnly(t *testing.T) {
	want, err := findModules()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(want, "etcd", "go.mod")); err != nil {
		t.Error(err)
	}
	t.Chdir(t.TempDir())
	if got, err := findModules(); err == nil {
		t.Errorf("found %s", got)
	}
}
