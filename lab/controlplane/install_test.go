// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/netnstest"
)

func TestVersion(t *testing.T) {
	netnstest.Require(t, Kubernetes)
	p, err := controlPlane.Programs()
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"kube-apiserver", "kube-scheduler"} {
		got, err := exec.CommandContext(t.Context(), filepath.Join(p.Dir, program), "--version").Output()
		if diff := cmp.Diff("Kubernetes "+p.Version+"\n", string(got)); err != nil || diff != "" {
			t.Errorf("%s: %v, version (-want +got):\n%s", program, err, diff)
		}
	}
}
