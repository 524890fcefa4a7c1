// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"time"
)

// restartRuntime kills kubelet and containerd of a node and starts them again: pods do not
// notice, and others come and go afterwards.
func restartRuntime(b *bench) {
	const node = "node3"
	before := b.kept()
	b.apply(onNode(node, deployment("untouched", "green", 1)))
	b.apply(onNode("node1", deployment("peer", "green", 1)))
	pod, peer := b.ready("app=untouched", 1)[0], b.ready("app=peer", 1)[0]
	b.reaches(peer, pod)

	n := b.node(node)
	b.ok(n.KillKubelet())
	b.ok(n.KillContainerd())
	b.reaches(peer, pod)
	b.ok(n.StartContainerd(b.ctx))
	b.ok(n.StartKubelet(b.ctx))
	b.reaches(peer, pod)

	began := time.Now()
	b.kubectl("scale", "deployment/untouched", "--replicas=3")
	for _, p := range b.ready("app=untouched", 3) {
		b.overGreen(p)
		b.reaches(peer, p)
		if p.Name == pod.Name && (restarts(p) != restarts(pod) || p.Status.ContainerStatuses[0].ContainerID != pod.Status.ContainerStatuses[0].ContainerID) {
			b.t.Errorf("the container of pod %s was %s, and is %s now", p.Name, pod.Status.ContainerStatuses[0].ContainerID, p.Status.ContainerStatuses[0].ContainerID)
		}
	}
	b.t.Logf("new pods are ready %.1f s after kubelet and containerd were started", time.Since(began).Seconds())
	b.logWarnings("untouched-")
	b.remove("untouched", "peer")
	b.keeps(before, "untouched", "peer")
}
