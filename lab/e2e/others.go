// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"context"
	"fmt"

	"github.com/colvin-net/colvin/lab/controlplane"
)

// The ways in which Multus runs: the plugin does everything by itself, or a daemon does on each
// node, for a plugin that only asks it.
const (
	Thin  = "thin"
	Thick = "thick"
)

// multusManifests are what installs it.
var multusManifests = map[string]string{Thin: "multus/multus-daemonset.yml", Thick: "multus/multus-daemonset-thick.yml"}

// installOthers installs what Colvin's users have: Multus and whereabouts, by the manifests of
// their releases. It returns when all nodes are Ready.
func (c *Cluster) installOthers(ctx context.Context, way string) error {
	manifest, ok := multusManifests[way]
	if !ok {
		return fmt.Errorf("multus runs %s or %s, not %q", Thin, Thick, way)
	}
	multus, err := controlplane.NodeProgram(manifest)
	if err != nil {
		return err
	}
	for _, n := range c.Kubelets {
		if err := n.Tag(ctx, controlplane.MultusImage, controlplane.MultusImage+"-"+Thick); err != nil { // one image has both
			return err
		}
	}
	if _, err := controlplane.InstallWhereabouts(ctx, c.ControlPlane); err != nil {
		return err
	}
	for _, args := range [][]string{
		// Its control loops run once a day, as released.
		{"patch", "configmap", "--namespace=kube-system", "whereabouts-config", "--type=merge", `--patch={"data":{"cron-expression":"@every 20s"}}`},
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
