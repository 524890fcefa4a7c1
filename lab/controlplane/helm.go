// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/kit"
)

// HelmEnv names the environment variable that says which Helm tests run: 3, or 4, which
// is meant where it is empty.
const HelmEnv = "COLVIN_HELM"

// helm4 and helm3 are Helm. As released, version 3 is told of which Kubernetes its
// libraries are, which a chart without a cluster is rendered for; version 4 finds it out.
var (
	helm4 = newHelm("4", "3 minutes", makeKubernetes, "")
	helm3 = newHelm("3", "3 minutes", "make helm3",
		"-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor="+helm3Minor+" -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor="+helm3Minor+" ")
)

// helm3Minor is the Kubernetes of helm3's module, 1.37.
const helm3Minor = "37"

func newHelm(major, took, target, flags string) kit.Kit {
	module := "helm.sh/helm/v" + major
	return kit.Kit{
		Name: "helm" + major, Origin: module, Modules: []string{"helm" + major}, Took: took, Target: target,
		Ldflags: "-s -w " + flags + "-X " + module + "/internal/version.version=",
		Build: func(ctx context.Context, p *kit.Programs, dir string) error {
			return p.BuildTools(ctx, "helm"+major, filepath.Join(dir, "helm"))
		},
	}
}

// HelmInstalled is the feature of having the Helm that HelmEnv chooses.
var HelmInstalled = netnstest.NewFeature("helm", makeTestCluster, func() error {
	_, err := HelmProgram()
	return err
})

// HelmProgram returns the path of the Helm that HelmEnv chooses.
func HelmProgram() (string, error) {
	chosen := map[string]*kit.Kit{"3": &helm3, "4": &helm4}[cmp.Or(os.Getenv(HelmEnv), "4")]
	if chosen == nil {
		return "", fmt.Errorf("%s is %q: want 3 or 4", HelmEnv, os.Getenv(HelmEnv))
	}
	dir, err := chosen.Installed()
	return filepath.Join(dir, "helm"), err
}

// Helm runs Helm without a cluster, as for lint and template, and returns what it prints.
func Helm(ctx context.Context, args ...string) (out string, err error) {
	home, err := os.MkdirTemp("", "colvin-helm-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	out, _, err = runHelm(ctx, home, filepath.Join(home, "none.kubeconfig"), args)
	return out, err
}

// Helm runs Helm as the user who may do everything and returns what it prints.
func (c *ControlPlane) Helm(ctx context.Context, args ...string) (string, error) {
	out, _, err := c.HelmTold(ctx, args...)
	return out, err
}

// HelmTold is Helm, and returns what it says beside, such as the API server's warnings.
func (c *ControlPlane) HelmTold(ctx context.Context, args ...string) (out, told string, err error) {
	return runHelm(ctx, c.path("helm"), c.path(adminFile), args)
}

// runHelm runs Helm with nothing of the user's, such as plugins and settings. A chart of
// ours needs nothing from elsewhere: the proxy by which Helm would fetch it refuses, while
// Go asks none about loopback, where the API server is.
func runHelm(ctx context.Context, home, kubeconfig string, args []string) (out, told string, err error) {
	program, err := HelmProgram()
	if err != nil {
		return "", "", err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	const nobody = "http://127.0.0.1:1"
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir(), "KUBECONFIG=" + kubeconfig,
		"HELM_CACHE_HOME=" + filepath.Join(home, "cache"), "HELM_CONFIG_HOME=" + filepath.Join(home, "config"),
		"HELM_DATA_HOME=" + filepath.Join(home, "data"), "HTTP_PROXY=" + nobody, "HTTPS_PROXY=" + nobody,
	}
	var printed, said strings.Builder
	cmd.Stdout, cmd.Stderr = &printed, &said
	if err := cmd.Run(); err != nil { // lint prints what is wrong
		return printed.String(), said.String(), fmt.Errorf("run helm %s: %w: %s%s", strings.Join(args, " "), err, said.String(), printed.String())
	}
	return printed.String(), said.String(), nil
}
