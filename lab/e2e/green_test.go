// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"

	"github.com/colvin-net/colvin/lab/controlplane"
)

// greenLabel is what a node has that leads to green.
const greenLabel = "network.colvin.dev/green"

// deployment is one of pods that sleep, attached to a network of Multus'.
func deployment(name, networks string, replicas int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata:
      labels: {app: %[1]s}
      annotations: {k8s.v1.cni.cncf.io/networks: '%[2]s'}
    spec:
      terminationGracePeriodSeconds: 1 # of 0 the API server forgets a pod before its node does
      containers:
      - {name: main, image: "%[4]s", imagePullPolicy: Never}
`, name, networks, replicas, controlplane.ToolsImage)
}

// eightPods is the claim of the project: one definition, unlike nodes, pods on green.
func eightPods(b *bench) {
	b.awaitWithin(4*time.Minute, func() error { // a pin counts after 130 s without a switch
		if got := b.labelled(greenLabel); !slices.Equal(got, greenNodes()) {
			return fmt.Errorf("nodes labelled (-want +got):\n%s", cmp.Diff(greenNodes(), got))
		}
		return nil
	})
	b.apply(deployment("green", "green", 8))
	pods := b.ready("app=green", 8)
	b.onGreen(pods)
	b.pingEachOther(pods)
	b.onceEach()
	b.t.Log(b.kubectl("get", "pods", "--selector=app=green", "--output=wide"), b.kubectl("get", "cnet,ntopo,net-attach-def", "--show-labels"))
}

// onGreen holds that each pod is on a node that green is on, over that node's device, and that
// each of those nodes has one.
func (b *bench) onGreen(pods []core.Pod) {
	b.t.Helper()
	var nodes []string
	for _, p := range pods {
		nodes = append(nodes, p.Spec.NodeName)
		b.overGreen(p)
	}
	slices.Sort(nodes)
	if got := slices.Compact(nodes); !slices.Equal(got, greenNodes()) {
		b.t.Errorf("nodes with pods (-want +got):\n%s", cmp.Diff(greenNodes(), got))
	}
}

// overGreen holds that net1 of a pod is over the device of its node that leads to green.
func (b *bench) overGreen(p core.Pod) {
	b.t.Helper()
	device, ok := greenPorts()[p.Spec.NodeName]
	if !ok {
		b.t.Errorf("pod %s is on %s, where green is not", p.Name, p.Spec.NodeName)
		return
	}
	b.over(p, device)
}

// over holds that net1 of a pod is over a device of its node.
func (b *bench) over(p core.Pod, device string) {
	b.t.Helper()
	parent, err := b.exec(p.Name, "cat", "/sys/class/net/net1/iflink")
	b.ok(err)
	if want := fmt.Sprint(b.ifindex(p.Spec.NodeName, device)); strings.TrimSpace(parent) != want {
		b.t.Errorf("net1 of %s on %s is over device %s, want %s, which is %s", p.Name, p.Spec.NodeName, parent, want, device)
	}
}

// pingEachOther holds that every pod reaches every other over net1, and that no two have one
// address.
func (b *bench) pingEachOther(pods []core.Pod) {
	b.t.Helper()
	owners := map[string]string{}
	for _, p := range pods {
		a := b.address(p)
		if other, ok := owners[a]; ok || a == "" {
			b.t.Errorf("pod %s has the address %q, as %q has", p.Name, a, other)
		}
		owners[a] = p.Name
	}
	for _, p := range pods {
		var script strings.Builder
		script.WriteString("for a in")
		for a, owner := range owners {
			if owner != p.Name {
				script.WriteString(" " + a)
			}
		}
		out, err := b.exec(p.Name, "sh", "-c", script.String()+`; do ping -c 1 -W 5 -I net1 $a >/dev/null && echo $a; done`)
		b.ok(err)
		if got := len(strings.Fields(out)); got != len(owners)-1 {
			b.t.Errorf("pod %s on %s reaches %d of %d others: %s", p.Name, p.Spec.NodeName, got, len(owners)-1, out)
		}
	}
}
