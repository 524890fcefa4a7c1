// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"context"
	"path/filepath"

	"github.com/colvin-net/colvin/lab/kit"
)

// The make targets that build what is here, and that run the tests on it.
const (
	makeKubernetes  = "make kubernetes"
	makeTestCluster = "make test-cluster"
)

const kubernetesCommands = "k8s.io/kubernetes/cmd/"

// controlPlane is etcd, kube-apiserver, kube-scheduler and kubectl.
var controlPlane = kit.Kit{
	Name: "kubernetes", Origin: "k8s.io/kubernetes", Modules: []string{"kubernetes", "etcd"}, Took: "12 minutes", Target: makeKubernetes,
	Build: func(ctx context.Context, p *kit.Programs, dir string) error {
		if err := p.BuildTools(ctx, "etcd", filepath.Join(dir, "etcd")); err != nil { // which go would name server
			return err
		}
		return p.Build(ctx, "kubernetes", dir+"/", kubernetesCommands+"kube-apiserver", kubernetesCommands+"kube-scheduler", kubernetesCommands+"kubectl")
	},
}

// Kubernetes is the feature of having the programs of the control plane, built by
// make kubernetes. The tests on it take minutes, so they run on request only.
var Kubernetes = controlPlane.Feature("kubernetes", makeTestCluster).OnRequest()

// Kits are what tests on the control plane run.
func Kits() []*kit.Kit {
	return []*kit.Kit{&controlPlane, &whereabouts, &openshift, &helm4, &helm3, &nodePrograms}
}
