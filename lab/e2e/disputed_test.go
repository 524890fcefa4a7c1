// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"time"
)

// disputed has a second speaker contradict the switch on the wire of a node, for a moment.
// Until the switch has stood alone (75 s, docs/security.md) nothing is attached there.
//
// For the first 60 s of that the node keeps its label, so a pod can still be sent there; it
// has its node, and kubectl describe says who contradicts whom. A pod that comes after that is
// Pending, and the scheduler says no more than that no node has the label: who contradicts
// whom stands in the Network then.
func disputed(b *bench) {
	const node = "node2"
	n, device := b.machine(node), greenPorts()[node]
	b.replug(n, device, "green")
	hub := b.beside(b.Green, "p2")
	b.await(func() error {
		b.ok(hub.Send(says("sw-rival", 300, 20*time.Second)))
		return b.isAttachable(n, false)
	})
	began := time.Now()
	quiet := b.repeat(70*time.Second, func() { _ = hub.Send(says("sw-rival", 300, 20*time.Second)) }) // for a machine under load

	b.lend(pod("bound", "green", selects(node)))
	b.t.Logf("a pod that is sent there: %s", b.waits("bound", "FailedCreatePodSandBox", "sw-rival", rival.String(), "sw-green", "contradicts it"))
	b.conflictSays(node + " " + device)
	b.labelledIs(node, false)
	b.t.Logf("the label is gone after %.1f s", time.Since(began).Seconds())
	b.lend(pod("unbound", "green", selects(node)))
	b.t.Logf("a pod that comes later: %s", b.waits("unbound", "didn't match Pod's node affinity/selector"))
	b.unattached("bound")
	quiet()

	b.attachable(n, true)
	b.t.Logf("the switch has stood alone after %.1f s", time.Since(began).Seconds())
	b.overGreen(b.running("bound"))
	b.overGreen(b.running("unbound"))
	b.t.Logf("both pods run after %.1f s", time.Since(began).Seconds())
	b.labelledIs(node, true)
}
