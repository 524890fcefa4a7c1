// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"context"
	"path/filepath"

	"github.com/colvin-net/colvin/lab/kit"
)

const openshiftModule = "github.com/openshift/api"

// openshift is the kinds of OpenShift.
var openshift = kit.Kit{
	Name: "openshift", Origin: openshiftModule, Modules: []string{"openshift"}, Took: "half a minute", Target: makeKubernetes,
	Build: func(ctx context.Context, p *kit.Programs, dir string) error {
		return copyFrom(ctx, p, "openshift", openshiftModule, "security/v1/zz_generated.crd-manifests", filepath.Join(dir, manifestDir))
	},
}

// InstallOpenShift applies the kind SecurityContextConstraints, and returns when it is served.
// What OpenShift does by it nobody does here.
func InstallOpenShift(ctx context.Context, c *ControlPlane) error {
	dir, err := openshift.Installed()
	if err != nil {
		return err
	}
	file := "--filename=" + filepath.Join(dir, manifestDir, "0000_03_config-operator_01_securitycontextconstraints-Default.crd.yaml")
	if _, err := c.Kubectl(ctx, "apply", "--server-side", file); err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=30s", file); err != nil {
		return err
	}
	return c.awaitKinds(ctx, "/apis/security.openshift.io/v1")
}
