// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"context"

	"github.com/colvin-net/colvin/lab/controlplane"
)

// installOthers installs what Colvin's users have: Multus, as a thin plugin, and whereabouts,
// by the manifests of their releases. It returns when all nodes are Ready.
func (c *Cluster) installOthers(ctx context.Context) error {
	multus, err := controlplane.NodeProgram("multus/multus-daemonset.yml")
	if err != nil {
		return err
	}
	if _, err := controlplane.InstallWhereabouts(ctx, c.ControlPlane); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"apply", "--filename=" + multus},
		{"wait", "--for=condition=Established", "--timeout=60s", "crd/network-attachment-definitions.k8s.cni.cncf.io"},
		{"wait", "--for=condition=Ready", "--timeout=120s", "nodes", "--all"},
		{"rollout", "status", "--namespace=kube-system", "--timeout=180s", "daemonset/kube-multus-ds"},
		{"rollout", "status", "--namespace=kube-system", "--timeout=180s", "daemonset/whereabouts"},
	} {
		if _, err := c.Kubectl(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}
