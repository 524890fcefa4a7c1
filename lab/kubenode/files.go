// SPDX-License-Identifier: Apache-2.0

//go:build linux

package kubenode

import (
	"encoding/json"
	"fmt"

	"github.com/colvin-net/colvin/lab/controlplane"
)

// files are what is written on a node before anything runs there.
func (n *Node) files() map[string][]byte {
	return map[string][]byte{
		confFile:      n.podNetwork(),
		runtimeConfig: fmt.Appendf(nil, containerdTOML, controlplane.PauseImage),
		kubeletConfig: fmt.Appendf(nil, kubeletYAML, n.config.Address.Addr(), n.cgroup(), "unix://"+runtimeSocket),
		kubeletClient: n.config.Kubeconfig,
	}
}

// podNetwork is the network that each pod has: a bridge on each node, and routes between them.
func (n *Node) podNetwork() []byte {
	type object = map[string]any
	b, err := json.Marshal(object{
		"cniVersion": "1.0.0", "name": "cluster",
		"plugins": []object{{
			"type": "bridge", "bridge": podBridge, "isGateway": true, "ipMasq": false,
			"ipam": object{
				"type":   "host-local",
				"ranges": [][]object{{{"subnet": n.config.Pods.String()}}},
				"routes": []object{{"dst": "0.0.0.0/0"}},
			},
		}},
	})
	if err != nil {
		panic(err) // strings and booleans only
	}
	return b
}

// Kept to what differs from the defaults, for a machine with cgroups of version 1 or 2, on
// which no systemd runs.
const containerdTOML = `version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = %q
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = false
`

// The kubelet that many nodes of one machine can have: it divides no resources, and evicts
// nobody for what others use.
const kubeletYAML = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %s
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupRoot: /%s
cgroupsPerQOS: false
containerRuntimeEndpoint: %s
enforceNodeAllocatable: []
evictionHard: {memory.available: "0%%", nodefs.available: "0%%", nodefs.inodesFree: "0%%", imagefs.available: "0%%", imagefs.inodesFree: "0%%"}
failCgroupV1: false
failSwapOn: false
imageGCHighThresholdPercent: 100
localStorageCapacityIsolation: false
nodeStatusUpdateFrequency: 2s
resolvConf: ""
syncFrequency: 10s
`
