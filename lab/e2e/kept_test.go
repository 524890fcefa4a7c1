// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/lab/kubenode"
)

// recordDir is where the plugin keeps its records.
const recordDir = "/var/lib/colvin/attachments"

// defineBare makes the definition bare, for green without addresses, so that nobody but Colvin and
// its delegate is at work, and returns what deletes it.
func (b *bench) defineBare() (remove func()) {
	b.t.Helper()
	b.apply(`apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: bare}
spec: {config: '{"cniVersion": "1.1.0", "name": "bare", "type": "colvin", "network": "green"}'}
`)
	b.await(func() error { return b.definitionIsFor("bare", "green") })
	return func() { b.kubectl("delete", "net-attach-def", "bare") }
}

// definitionIsFor compares the label of a definition, by which its pods are placed.
func (b *bench) definitionIsFor(name, network string) error {
	label := b.kubectl("get", "net-attach-def", name, `--output=jsonpath={.metadata.labels.colvin\.dev/network}`)
	if label != network {
		return fmt.Errorf("the label of the definition %s is %q, want %q", name, label, network)
	}
	return nil
}

// onNode has the pods of a deployment run on one node.
func onNode(node, deployment string) string {
	return strings.Replace(deployment, "    spec:\n", "    spec:\n      nodeSelector: {kubernetes.io/hostname: "+node+"}\n", 1)
}

// kept is what nodes keep for attachments: by node the records, by pod and interface, what is
// beside them, and devices that are neither cables nor of the pods' own network.
func (b *bench) kept() map[string][]string {
	b.t.Helper()
	all := map[string][]string{}
	for _, n := range b.Kubelets {
		kept := b.files(n)
		links, err := n.Netlink().LinkList()
		b.ok(err)
		for _, l := range links {
			if !slices.Contains([]string{"veth", "bridge"}, l.Type()) {
				kept = append(kept, l.Type()+" "+l.Attrs().Name)
			}
		}
		slices.Sort(kept)
		all[n.String()] = kept
	}
	return all
}

// files are what the plugin keeps on a node.
func (b *bench) files(n *kubenode.Node) []string {
	b.t.Helper()
	var kept []string
	records, err := record.List(n.Path(recordDir))
	b.ok(err)
	for _, r := range records.Records {
		kept = append(kept, fmt.Sprintf("record %s of %s, %s", r.IfName, r.Pod.Name, r.Phase))
	}
	files, err := os.ReadDir(n.Path(recordDir))
	if !errors.Is(err, fs.ErrNotExist) {
		b.ok(err)
	}
	for _, f := range files {
		kept = append(kept, "file "+filepath.Ext(f.Name()))
	}
	return kept
}

// keeps waits until nodes keep what they kept before and no more, and whereabouts no address for
// pods of a deployment, which was deleted.
func (b *bench) keeps(before map[string][]string, deployments ...string) {
	b.t.Helper()
	b.await(func() error {
		if diff := cmp.Diff(before, b.kept()); diff != "" {
			return fmt.Errorf("nodes keep something (-before +after):\n%s", diff)
		}
		for _, d := range deployments {
			if left := b.reservations(d); len(left) > 0 {
				return fmt.Errorf("whereabouts keeps addresses: %v", left)
			}
		}
		return nil
	})
}

// reservations are the addresses that whereabouts has given to pods of a deployment: the pool and the
// offset there, by pod.
func (b *bench) reservations(deployment string) map[string][]string {
	b.t.Helper()
	var pools struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct {
				Allocations map[string]struct{ PodRef string }
			}
		}
	}
	b.DoT(b.t, http.MethodGet, controlplane.IPPools, nil, &pools)
	all := map[string][]string{}
	for _, pool := range pools.Items {
		for offset, a := range pool.Spec.Allocations {
			if pod, ok := strings.CutPrefix(a.PodRef, "default/"); ok && strings.HasPrefix(pod, deployment+"-") {
				all[pod] = append(all[pod], pool.Metadata.Name+"+"+offset)
			}
		}
	}
	return all
}

// warnings are the Events that warn of something about pods whose names begin so.
func (b *bench) warnings(prefix string) []core.Event {
	b.t.Helper()
	var list core.EventList
	b.DoT(b.t, http.MethodGet, "/api/v1/namespaces/default/events?fieldSelector=type=Warning,involvedObject.kind=Pod", nil, &list)
	return slices.DeleteFunc(list.Items, func(e core.Event) bool {
		return e.Reason == "MissingClusterDNS" || !strings.HasPrefix(e.InvolvedObject.Name, prefix) // there is no DNS here
	})
}

// remove deletes deployments and waits until their pods are gone.
func (b *bench) remove(deployments ...string) {
	b.t.Helper()
	b.kubectl(append([]string{"delete", "deployment"}, deployments...)...)
	for _, d := range deployments {
		b.ready("app="+d, 0)
	}
}

// restarts is how often the container of a pod was started again.
func restarts(p core.Pod) int {
	n := 0
	for _, c := range p.Status.ContainerStatuses {
		n += int(c.RestartCount)
	}
	return n
}

// containers are the IDs of what a pod has on a node: sandboxes, or containers, that run.
func (b *bench) containers(n *kubenode.Node, pod, kind string) []string {
	b.t.Helper()
	return b.run(n, fmt.Sprintf(`labels."io.kubernetes.pod.name"==%q,labels."io.cri-containerd.kind"==%s`, pod, kind))
}

// run are the IDs of containers on a node that run, of those that a filter lets through.
func (b *bench) run(n *kubenode.Node, filter string) []string {
	b.t.Helper()
	out, err := n.Ctr(b.ctx, "containers", "ls", "--quiet", filter)
	b.ok(err)
	tasks, err := n.Ctr(b.ctx, "tasks", "ls")
	b.ok(err)
	return slices.DeleteFunc(strings.Fields(out), func(id string) bool {
		return !slices.ContainsFunc(strings.Split(tasks, "\n"), func(line string) bool {
			return strings.HasPrefix(line, id) && strings.Contains(line, "RUNNING")
		})
	})
}
