// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	core "k8s.io/api/core/v1"

	"github.com/colvin-net/colvin/lab/kubenode"
)

type object = map[string]any

// patience is how long anything may take, on a machine under load.
const patience = 2 * time.Minute

// await waits until what is tried is so.
func (b *bench) await(try func() error) {
	b.t.Helper()
	b.awaitWithin(patience, try)
}

func (b *bench) awaitWithin(patience time.Duration, try func() error) {
	b.t.Helper()
	timeout := time.After(patience)
	tick := time.Tick(100 * time.Millisecond)
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick:
		case <-timeout:
			b.t.Fatalf("after %s: %v", patience, err)
		case <-b.ctx.Done():
			b.t.Fatal(err)
		}
	}
}

// kubectl runs kubectl, which has to work.
func (b *bench) kubectl(args ...string) string {
	b.t.Helper()
	out, err := b.Kubectl(b.ctx, args...)
	b.ok(err)
	return out
}

// helm runs Helm, which has to work.
func (b *bench) helm(args ...string) string {
	b.t.Helper()
	out, err := b.Helm(b.ctx, args...)
	b.ok(err)
	return out
}

// apply applies objects, and returns the file that they are in for the time of the step.
func (b *bench) apply(yaml string) string {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "objects.yaml")
	b.ok(os.WriteFile(file, []byte(yaml), 0o600))
	b.kubectl("apply", "--filename="+file)
	return file
}

// awaitPlaced waits until pods that ask for a definition are sent to nodes with green: the API
// server hears of a definition's label a moment after everybody else.
func (b *bench) awaitPlaced(definition string) {
	b.t.Helper()
	b.await(func() error {
		said, err := b.Kubectl(b.ctx, "run", "probe", "--image=none", "--annotations=k8s.v1.cni.cncf.io/networks="+definition, "--dry-run=server", "--output=json")
		if err == nil && !strings.Contains(said, `"`+greenLabel+`"`) {
			err = fmt.Errorf("a pod that asks for %s is placed anywhere: %s", definition, said)
		}
		return err
	})
}

// pods are those of the default namespace with a label, such as app=green.
func (b *bench) pods(selector string) []core.Pod {
	b.t.Helper()
	var list core.PodList
	b.DoT(b.t, http.MethodGet, "/api/v1/namespaces/default/pods?labelSelector="+selector, nil, &list)
	return list.Items
}

// ready are so many pods with a label, all Ready and none about to go, waited for.
func (b *bench) ready(selector string, count int) []core.Pod {
	b.t.Helper()
	var pods []core.Pod
	b.await(func() error {
		pods = b.pods(selector)
		if len(pods) != count {
			return fmt.Errorf("%d pods with %s, want %d", len(pods), selector, count)
		}
		for _, p := range pods {
			if !isReady(p) || p.DeletionTimestamp != nil {
				return fmt.Errorf("pod %s on %s is not Ready: %s", p.Name, p.Spec.NodeName, b.whyNot(p.Name))
			}
		}
		return nil
	})
	return pods
}

func isReady(p core.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c core.PodCondition) bool {
		return c.Type == core.PodReady && c.Status == core.ConditionTrue
	})
}

// whyNot is what the Events of a pod say, as kubectl describe does.
func (b *bench) whyNot(pod string) string {
	var list core.EventList
	if err := b.Do(b.ctx, http.MethodGet, "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name="+pod, nil, &list); err != nil {
		return err.Error()
	}
	var said strings.Builder
	for _, e := range list.Items {
		fmt.Fprintf(&said, "\n%d times %s: %s", max(1, e.Count), e.Reason, e.Message)
	}
	return said.String()
}

// exec runs a program in a pod and returns what it prints.
func (b *bench) exec(pod string, command ...string) (string, error) {
	return b.Kubectl(b.ctx, append([]string{"exec", pod, "--"}, command...)...)
}

// address is that of net1, as Multus wrote it down.
func (b *bench) address(p core.Pod) string {
	b.t.Helper()
	var networks []struct {
		Interface string   `json:"interface"`
		IPs       []string `json:"ips"`
	}
	b.ok(json.Unmarshal([]byte(p.Annotations["k8s.v1.cni.cncf.io/network-status"]), &networks))
	for _, n := range networks {
		if n.Interface == "net1" && len(n.IPs) > 0 {
			return n.IPs[0]
		}
	}
	return ""
}

// node is one of the five by its name.
func (b *bench) node(name string) *kubenode.Node {
	b.t.Helper()
	i := slices.IndexFunc(b.Kubelets, func(n *kubenode.Node) bool { return n.String() == name })
	if i < 0 {
		b.t.Fatalf("there is no node %q", name)
	}
	return b.Kubelets[i]
}

// colvin runs on a node the command that the installer left there.
func (b *bench) colvin(node string, args ...string) (string, error) {
	out, err := b.node(node).Command(b.ctx, filepath.Join(kubenode.BinDir, "colvin-cli"), args...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("colvin-cli %s on %s: %w: %s", strings.Join(args, " "), node, err, out)
	}
	return string(out), nil
}

// labelled are the nodes with a label.
func (b *bench) labelled(label string) []string {
	b.t.Helper()
	var list core.NodeList
	b.DoT(b.t, http.MethodGet, "/api/v1/nodes?labelSelector="+label, nil, &list)
	var names []string
	for _, n := range list.Items {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	return names
}

// ifindex is that of a device of a node.
func (b *bench) ifindex(node, device string) int {
	b.t.Helper()
	l, err := b.node(node).Netlink().LinkByName(device)
	b.ok(err)
	return l.Attrs().Index
}

// greenPorts is which device of which node leads to green.
func greenPorts() map[string]string {
	ports := map[string]string{}
	for _, c := range cabling() {
		ports[c.node] = c.green
	}
	return ports
}

// greenNodes are the nodes that green is on.
func greenNodes() []string { return slices.Sorted(maps.Keys(greenPorts())) }
