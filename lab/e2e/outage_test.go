// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	core "k8s.io/api/core/v1"

	"github.com/colvin-net/colvin/lab/kubenode"
)

const (
	outageNode   = "node1"
	outageLength = time.Minute
)

// outageDeployments are those of which an outage tells more than that their pods go on: three pods
// with addresses, one without, and one elsewhere that reaches them.
var outageDeployments = []string{"outage", "outage-bare", "peer"}

// applyFew applies them, and returns how many pods they have.
func (b *bench) applyFew() int {
	b.t.Helper()
	b.apply(onNode(outageNode, deployment("outage", "green", 3)))
	b.apply(onNode(outageNode, deployment("outage-bare", "bare", 1)))
	b.apply(onNode("node2", deployment("peer", "green", 1)))
	return len(b.ready("app=outage", 3)) + len(b.ready("app=outage-bare", 1)) + len(b.ready("app=peer", 1))
}

// outage stops the API server under sixty pods, most of whose containers are killed, and two of
// whose sandboxes, one with an address of whereabouts'. What is Colvin's goes on, and its agent
// comes back when it is killed, too.
func (b *bench) outage() {
	pods, unaddressed, peer := b.ready("app=outage", 3), b.ready("app=outage-bare", 1)[0], b.ready("app=peer", 1)[0]
	load := b.pods("app=load")
	agent := b.agent(outageNode)

	b.ok(b.StopAPIServer())
	stopped := time.Now()
	n := b.node(outageNode)
	untouched, container, sandbox := pods[0], pods[1], pods[2]
	b.killIn(n, container.Name, "container")
	b.killIn(n, sandbox.Name, "sandbox")
	b.killIn(n, unaddressed.Name, "sandbox")
	b.killIn(n, agent, "container")
	b.await(func() error { return b.runs(n, container.Name) })
	b.t.Logf("the killed container runs again %.1f s after the API server was stopped", time.Since(stopped).Seconds())
	b.await(func() error {
		_, err := b.colvin(outageNode, "probe", "ready")
		return errors.Join(b.runs(n, agent), err)
	})
	b.await(func() error { return b.attachByHand(n) })
	b.t.Logf("the killed agent is back, and the plugin attaches, after %.1f s", time.Since(stopped).Seconds())
	b.killContainers(load)
	b.await(func() error { return b.othersRun(load) })
	b.t.Logf("the containers of %d pods were killed, too; all run again after %.1f s", len(load), time.Since(stopped).Seconds())
	b.await(func() error { return b.saysKubelet(outageNode, unaddressed.Name, "CreatePodSandboxError") })
	b.pings(b.node("node2"), peer.Name, b.address(untouched), b.address(container))
	b.await(func() error {
		if left := outageLength - time.Since(stopped); left > 0 {
			return fmt.Errorf("the outage lasts %s more", left)
		}
		return nil
	})
	b.ok(b.attachByHand(n))
	b.pings(b.node("node2"), peer.Name, b.address(untouched), b.address(container))
	b.ok(b.StartAPIServer(b.ctx))

	began := time.Now()
	b.t.Logf("the API server was stopped for %.0f s", began.Sub(stopped).Seconds())
	b.startedAgain(append(load, container, sandbox, unaddressed)...)
	now := b.ready("app=outage", 3)
	b.t.Logf("all pods are ready %.1f s after the API server is back", time.Since(began).Seconds())
	for _, p := range now {
		b.overGreen(p)
		b.reaches(peer, p)
	}
	b.logWarnings("outage-")
	b.reconciled(began)
	b.addressesOf(now)
}

// agent is the name of the agent's pod on a node.
func (b *bench) agent(node string) string {
	b.t.Helper()
	return b.kubectl("get", "pods", "--namespace="+namespace, "--selector=app.kubernetes.io/component=agent", "--field-selector=spec.nodeName="+node, "--output=jsonpath={.items[0].metadata.name}")
}

// killIn kills the process of a pod's container, or of its sandbox.
func (b *bench) killIn(n *kubenode.Node, pod, kind string) {
	b.t.Helper()
	ids := b.containers(n, pod, kind)
	if len(ids) != 1 {
		b.t.Fatalf("pod %s has these of kind %s: %v, want one", pod, kind, ids)
	}
	_, err := n.Ctr(b.ctx, "tasks", "kill", "--signal=SIGKILL", ids[0])
	b.ok(err)
	b.await(func() error {
		if slices.Contains(b.containers(n, pod, kind), ids[0]) {
			return fmt.Errorf("%s of pod %s does not end", kind, pod)
		}
		return nil
	})
}

// runs is nil while a container of a pod runs.
func (b *bench) runs(n *kubenode.Node, pod string) error {
	if len(b.containers(n, pod, "container")) == 0 {
		return fmt.Errorf("no container of pod %s runs", pod)
	}
	return nil
}

// killContainers kills the container of each pod.
func (b *bench) killContainers(pods []core.Pod) {
	b.t.Helper()
	var all errgroup.Group
	for _, p := range pods {
		all.Go(func() error {
			_, err := b.node(p.Spec.NodeName).Ctr(b.ctx, "tasks", "kill", "--signal=SIGKILL", containerID(p))
			return err
		})
	}
	b.ok(all.Wait())
}

// othersRun is nil while each node runs as many containers of such pods as there are, and none
// that the pods had.
func (b *bench) othersRun(pods []core.Pod) error {
	b.t.Helper()
	had := map[string][]string{}
	for _, p := range pods {
		had[p.Spec.NodeName] = append(had[p.Spec.NodeName], containerID(p))
	}
	var missing error
	for node, ids := range had {
		run := b.run(b.node(node), fmt.Sprintf(`labels."io.kubernetes.pod.name"~="^%s-",labels."io.cri-containerd.kind"==container`, pods[0].Labels["app"]))
		if len(run) != len(ids) || slices.ContainsFunc(run, func(id string) bool { return slices.Contains(ids, id) }) {
			missing = errors.Join(missing, fmt.Errorf("%d of %d containers on %s do not run again", len(ids)-len(run), len(ids), node))
		}
	}
	return missing
}

// containerID is that of a pod's only container.
func containerID(p core.Pod) string {
	return strings.TrimPrefix(p.Status.ContainerStatuses[0].ContainerID, "containerd://")
}

// pings holds that a pod reaches addresses over net1, by containerd, who needs no API server.
func (b *bench) pings(n *kubenode.Node, pod string, addresses ...string) {
	b.t.Helper()
	for _, a := range addresses {
		_, err := n.Ctr(b.ctx, "tasks", "exec", "--exec-id=ping", b.containers(n, pod, "container")[0], "ping", "-c", "1", "-W", "5", "-I", "net1", a)
		b.ok(err)
	}
}

// attachByHand has the plugin attach a container to green and detach it, as a runtime does, with
// neither Multus nor an IPAM plugin.
func (b *bench) attachByHand(n *kubenode.Node) error {
	c, err := n.NewContainer(b.ctx, "by-hand")
	b.ok(err)
	defer func() { b.ok(c.Close()) }()
	for _, verb := range []string{"ADD", "DEL"} {
		cmd := n.Command(b.ctx, filepath.Join(kubenode.BinDir, "colvin"))
		cmd.Stdin = strings.NewReader(`{"cniVersion": "1.1.0", "name": "by-hand", "type": "colvin", "network": "green"}`)
		cmd.Env = append(os.Environ(), "CNI_COMMAND="+verb, "CNI_CONTAINERID=by-hand", "CNI_NETNS="+c.NetNS(), "CNI_IFNAME=net1", "CNI_PATH="+kubenode.BinDir)
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s by hand on %s: %w: %s", verb, n, err, said)
		}
	}
	return nil
}

// saysKubelet is nil once the kubelet has logged something about a pod.
func (b *bench) saysKubelet(node, pod, what string) error {
	said, err := os.ReadFile(filepath.Join(b.logs, node+"-kubelet.log"))
	b.ok(err)
	for line := range strings.Lines(string(said)) {
		if strings.Contains(line, what) && strings.Contains(line, pod) {
			b.t.Log(line)
			return nil
		}
	}
	return fmt.Errorf("the kubelet of %s does not say %s of pod %s", node, what, pod)
}

// reconciled waits until whereabouts' control loops have run since then.
func (b *bench) reconciled(since time.Time) {
	b.t.Helper()
	b.await(func() error {
		for _, n := range b.Kubelets {
			if !b.logged(n, "whereabouts", "reconciler success", since) {
				return fmt.Errorf("the control loop of whereabouts on %s has not run since %s", n, since)
			}
		}
		return nil
	})
}

// logged reports whether a pod of kube-system on a node has said something since then.
func (b *bench) logged(n *kubenode.Node, name, what string, since time.Time) bool {
	b.t.Helper()
	files, err := filepath.Glob(n.Path("/var/log/pods/kube-system_" + name + "-*/*/*.log"))
	b.ok(err)
	for _, file := range files {
		said, err := os.ReadFile(file)
		b.ok(err)
		for line := range strings.Lines(string(said)) {
			at, said, _ := strings.Cut(line, " ")
			when, err := time.Parse(time.RFC3339Nano, at)
			if err == nil && when.After(since) && strings.Contains(said, what) {
				return true
			}
		}
	}
	return false
}

// addressesOf holds that whereabouts has given each pod one address, and none to pods that are
// not there.
func (b *bench) addressesOf(pods []core.Pod) {
	b.t.Helper()
	reserved := b.reservations(pods[0].Labels["app"])
	b.t.Logf("whereabouts has given out %v", reserved)
	for _, p := range pods {
		if len(reserved[p.Name]) != 1 {
			b.t.Errorf("pod %s with address %s has these: %v, want one", p.Name, b.address(p), reserved[p.Name])
		}
		delete(reserved, p.Name)
	}
	if len(reserved) > 0 {
		b.t.Errorf("pods that are not there have addresses: %v", reserved)
	}
}
