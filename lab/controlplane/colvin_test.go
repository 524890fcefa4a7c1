// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"strings"
	"testing"
)

func TestInstallColvin(t *testing.T) {
	c := StartT(t, Options{})
	for range 2 { // the second time it is there already
		if err := InstallColvin(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(t.TempDir())
	if err := InstallColvin(t.Context(), c); err == nil || !strings.HasPrefix(err.Error(), "install Colvin: no lab/controlplane/build at or above ") {
		t.Errorf("outside the repository: got %v, want an error that says what is missing", err)
	}
}
