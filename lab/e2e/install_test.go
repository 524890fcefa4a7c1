// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"path/filepath"

	"github.com/colvin-net/colvin/lab"
)

// release is where and as what Colvin is installed.
const (
	release   = "colvin"
	namespace = "colvin-system"
)

// values are those that this cluster needs: archives instead of a registry, and that veths are
// cables here.
var values = []string{"--set=image.registry=localhost", "--set=agent.config.interfaces={eth*,ens*}"}

type ports struct{ node, green string }

// cabling is what leads to green.
func cabling() []ports {
	all := []ports{{lab.OldNode, lab.OldPort}}
	for _, c := range lab.Cabling {
		all = append(all, ports{c.Node, c.Green})
	}
	return all
}

// install installs Colvin by its chart, unless the tutorial has, and finds two colours.
func install(b *bench) {
	b.helm(append([]string{"upgrade", "--install", release, filepath.Join(b.top, "deploy/chart"), "--namespace=" + namespace, "--create-namespace"}, values...)...)
	b.kubectl("label", "namespace", namespace, "--overwrite", "pod-security.kubernetes.io/enforce=privileged")
	b.kubectl("--namespace="+namespace, "rollout", "status", "daemonset/colvin-agent", "deployment/colvin-controller", "--timeout=180s")
	b.await(func() error { return b.networksAre("blue-starling", "sage-stork") })
}

// nameGreen names the network once: what the switch says, and a pin where none does.
func nameGreen(b *bench) {
	b.apply(`apiVersion: colvin.dev/v1alpha1
kind: RuleSet
metadata: {name: site}
spec:
  networks:
  - name: green
    match:
    - {system: sw-green}
    - {node: ` + lab.OldNode + `, interface: ` + lab.OldPort + `, silent: true}
`)
	b.apply(`apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: green}
spec:
  config: '{"cniVersion": "1.1.0", "name": "green", "type": "colvin", "network": "green",
            "ipam": {"type": "whereabouts", "range": "10.10.0.0/24", "exclude": ["10.10.0.0/28"]}}'
`)
	b.await(func() error { return b.networksAre("blue-starling", "green") })
	b.await(func() error { return b.definitionIsFor("green", "green") })
}
