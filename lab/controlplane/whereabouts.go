// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/colvin-net/colvin/lab/kit"
)

const (
	whereaboutsModule = "github.com/k8snetworkplumbingwg/whereabouts"
	whereaboutsGroup  = "/apis/whereabouts.cni.cncf.io/v1alpha1"
	manifestDir       = "manifests" // beside the plugin: what its release has admins apply

	// IPPools is where the API server has the addresses that whereabouts gave out, unless
	// its kubeconfig names another namespace.
	IPPools = whereaboutsGroup + "/namespaces/kube-system/ippools"
)

// whereabouts is the IPAM plugin of that name.
var whereabouts = kit.Kit{
	Name: "whereabouts", Origin: whereaboutsModule, Modules: []string{"whereabouts"}, Took: "3 minutes", Target: makeKubernetes,
	Build: func(ctx context.Context, p *kit.Programs, dir string) error {
		if err := p.Build(ctx, "whereabouts", filepath.Join(dir, "whereabouts"), whereaboutsModule+"/cmd"); err != nil { // which go would name cmd
			return err
		}
		return copyFrom(ctx, p, "whereabouts", whereaboutsModule, "doc/crds", filepath.Join(dir, manifestDir))
	},
}

// Whereabouts is the feature of having the IPAM plugin whereabouts, built by make
// kubernetes.
var Whereabouts = whereabouts.Feature("whereabouts", makeTestCluster).OnRequest()

// copyFrom copies a directory of a module that the module of a kit, in a directory of that
// name, requires.
func copyFrom(ctx context.Context, p *kit.Programs, in, module, dir, to string) error {
	var found struct{ Dir, Error string }
	out, err := p.Command(ctx, in, "mod", "download", "-json", module).Output()
	if json.Unmarshal(out, &found) == nil && found.Error != "" {
		err = errors.New(found.Error)
	}
	if err != nil {
		return fmt.Errorf("download %s: %w", module, err)
	}
	return os.CopyFS(to, os.DirFS(filepath.Join(found.Dir, dir)))
}

// InstallWhereabouts applies what the release of whereabouts does: its kinds, and an
// account with its rights. It returns when the kinds are served, with the plugin's path.
func InstallWhereabouts(ctx context.Context, c *ControlPlane) (string, error) {
	dir, err := whereabouts.Installed()
	if err == nil {
		err = c.installWhereabouts(ctx, filepath.Join(dir, manifestDir))
	}
	if err != nil {
		return "", fmt.Errorf("install whereabouts: %w", err)
	}
	return filepath.Join(dir, "whereabouts"), nil
}

func (c *ControlPlane) installWhereabouts(ctx context.Context, manifests string) error {
	var kinds []string
	for _, kind := range []string{"ippools", "overlappingrangeipreservations", "nodeslicepools"} {
		kinds = append(kinds, "--filename="+filepath.Join(manifests, "whereabouts.cni.cncf.io_"+kind+".yaml"))
	}
	daemonSet, err := os.ReadFile(filepath.Join(manifests, "daemonset-install.yaml"))
	if err != nil {
		return err
	}
	// What is called :latest is pulled by every pod, and there is nowhere to pull from.
	const image = "image: " + WhereaboutsImage
	file := c.path("whereabouts.yaml")
	if err := os.WriteFile(file, bytes.ReplaceAll(daemonSet, []byte(image), []byte(image+"\n        imagePullPolicy: Never")), 0o600); err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, append([]string{"apply", "--filename=" + file}, kinds...)...); err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, append([]string{"wait", "--for=condition=Established", "--timeout=30s"}, kinds...)...); err != nil {
		return err
	}
	return c.awaitKinds(ctx, whereaboutsGroup)
}
