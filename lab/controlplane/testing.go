// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"testing"

	"github.com/colvin-net/colvin/internal/netnstest"
)

// StartT starts a control plane that is closed with the test. It skips the test
// where the programs are missing, or fails it where COLVIN_REQUIRE names
// kubernetes.
func StartT(tb testing.TB, options Options) *ControlPlane {
	tb.Helper()
	netnstest.Require(tb, Kubernetes)
	c, err := Start(tb.Context(), options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

// StartColvinT is StartT with Colvin installed, as an admin does.
func StartColvinT(tb testing.TB, options Options) *ControlPlane {
	tb.Helper()
	c := StartT(tb, options)
	if err := InstallColvin(tb.Context(), c); err != nil {
		tb.Fatal(err)
	}
	return c
}

// DoT is Do where the test cannot go on without.
func (c *Client) DoT(tb testing.TB, method, path string, in, out any) {
	tb.Helper()
	if err := c.Do(tb.Context(), method, path, in, out); err != nil {
		tb.Fatal(err)
	}
}
