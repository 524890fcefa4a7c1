// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/lab/controlplane"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

const (
	colvin      = "/apis/colvin.dev/v1alpha1/"
	definitions = "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions"
	labelPrefix = "network.colvin.dev/"

	patience = time.Minute // of a machine under load, where no bound is tested
)

type object = map[string]any

// agentConfig is the configuration of an agent that attaches to colours too.
const agentConfig = `node: %s
interfaces: ["eth*", "ens*"]
kubernetes: {enabled: true, kubeconfig: /etc/colvin/kubeconfig}
colours: {attach: true}
log: {level: debug}
`

// A bench is a cluster: a control plane, three nodes of the lab, the controller.
type bench struct {
	t *testing.T
	*controlplane.ControlPlane
	*lab.Lab
}

func newBench(t *testing.T) *bench {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.MACVLAN, netnstest.RealLLDPD, controlplane.Kubernetes)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	binaries, err := lab.Build(t.Context(), dir)
	b := &bench{t: t}
	b.ok(err)
	b.ControlPlane = controlplane.StartT(t, controlplane.Options{Scheduler: true})
	for _, args := range [][]string{{"apply"}, {"wait", "--for=condition=Established", "--timeout=30s"}} {
		_, err := b.Kubectl(t.Context(), append(args, "--filename=../policies/testdata/definition-crd.yaml")...)
		b.ok(err)
	}
	b.ok(controlplane.InstallColvin(t.Context(), b.ControlPlane))
	b.Lab, err = lab.Start(t.Context(), lab.Options{Binaries: binaries, Speaker: netnstest.LLDPD, Hold: 30})
	b.ok(err)
	t.Cleanup(func() {
		b.dump()
		if err := b.Lab.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, n := range b.Nodes {
		b.join(n)
	}
	b.startController(dir)
	return b
}

// join makes a machine of the lab a node of the cluster and starts its agent.
func (b *bench) join(n *lab.Node) {
	b.t.Helper()
	b.do(http.MethodPost, "/api/v1/nodes", object{
		"metadata": object{"name": n.String()},
		"status": object{
			"allocatable": object{"pods": "110"}, "capacity": object{"pods": "110"},
			"conditions": []object{{"type": "Ready", "status": "True"}},
		},
	}, nil)
	b.ok(b.Reach(n.Namespace))
	agent, err := b.OnNode(b.t.Context(), "colvin-system", "colvin-agent", n.String())
	b.ok(err)
	b.ok(n.WriteFile("/etc/colvin/kubeconfig", string(agent.Kubeconfig())))
	b.ok(n.WriteFile("/etc/colvin/colvind.yaml", fmt.Sprintf(agentConfig, n)))
	b.ok(n.StartAgent(b.t.Context()))
}

// startController starts the controller with the rights that it has in a cluster.
func (b *bench) startController(dir string) {
	b.t.Helper()
	program, file, log := filepath.Join(dir, "colvin-controller"), filepath.Join(dir, "controller.kubeconfig"), filepath.Join(dir, "controller.log")
	build := exec.CommandContext(b.t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", program, "github.com/colvin-net/colvin/cmd/colvin-controller")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		b.t.Fatalf("build the controller: %v\n%s", err, said)
	}
	account, err := b.OnNode(b.t.Context(), "colvin-system", "colvin-controller", b.Nodes[0].String())
	b.ok(err)
	b.ok(os.WriteFile(file, account.Kubeconfig(), 0o600))
	out, err := os.Create(log)
	b.ok(err)
	// It runs on one of the nodes, as a pod would, and ends with that.
	controller := b.Nodes[0].Command(context.WithoutCancel(b.t.Context()), program, "--kubeconfig", file, "--colours-attach")
	controller.Stdout, controller.Stderr = out, out
	b.ok(controller.Start())
	b.t.Cleanup(func() {
		_ = controller.Process.Signal(syscall.SIGTERM)
		if err := controller.Wait(); err != nil {
			b.t.Errorf("controller: %v", err)
		}
		_ = out.Close()
		if said, err := os.ReadFile(log); b.t.Failed() {
			b.t.Logf("controller's log: %v\n%s", err, said)
		}
	})
}

// dump tells what the agents know where the test failed.
func (b *bench) dump() {
	if !b.t.Failed() {
		return
	}
	for _, n := range b.Nodes {
		log, _ := n.AgentLog()
		lines := strings.Split(log, "\n")
		file, _ := os.ReadFile(n.Path("/run/colvin/networks.json"))
		b.t.Logf("%s:\n%s\nnode file:\n%s", n, strings.Join(lines[max(0, len(lines)-60):], "\n"), file)
	}
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// do calls the API server as an admin.
func (b *bench) do(method, path string, in, out any) {
	b.t.Helper()
	b.ok(b.Do(b.t.Context(), method, path, in, out))
}

// await waits until diff finds nothing to differ, and returns after how long.
func (b *bench) await(what string, most time.Duration, diff func() string) time.Duration {
	b.t.Helper()
	begin := time.Now()
	for tick := time.Tick(20 * time.Millisecond); ; <-tick {
		d := diff()
		took := time.Since(begin)
		if d == "" {
			return took
		}
		if took > most {
			b.t.Fatalf("wait for %s, %v at most: (-want +got)\n%s", what, most, d)
		}
	}
}

// labels are the labels of every node that say its networks, as "node1 green".
func (b *bench) labels() []string {
	var list struct {
		Items []metav1.PartialObjectMetadata
	}
	if err := b.Do(context.WithoutCancel(b.t.Context()), http.MethodGet, "/api/v1/nodes", nil, &list); err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, n := range list.Items {
		for _, key := range slices.Sorted(maps.Keys(n.Labels)) {
			if name, ok := strings.CutPrefix(key, labelPrefix); ok {
				out = append(out, n.Name+" "+name)
			}
		}
	}
	return out
}

// networks are the Networks as an admin reads them, such as "green = red-wren: 3 nodes".
func (b *bench) networks() []string {
	var list v1alpha1.NetworkList
	if err := b.Do(context.WithoutCancel(b.t.Context()), http.MethodGet, colvin+v1alpha1.Networks, nil, &list); err != nil {
		return []string{err.Error()}
	}
	var out []string
	for i := range list.Items {
		n := &list.Items[i]
		line := strings.Join(append([]string{n.Name}, n.Status.Aliases...), " = ")
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s: %d nodes %s", line, n.Status.Nodes, n.Status.Summary.Problems)))
	}
	return out
}

// expectLabels and expectNetworks wait until they are so.
func (b *bench) expectLabels(want ...string) time.Duration {
	b.t.Helper()
	slices.Sort(want)
	return b.await("labels", patience, func() string { return cmp.Diff(want, b.labels()) })
}

func (b *bench) expectNetworks(want ...string) {
	b.t.Helper()
	b.await("networks", patience, func() string { return cmp.Diff(want, b.networks()) })
}

// on is a label of every node.
func on(name string, nodes ...string) []string {
	if len(nodes) == 0 {
		nodes = []string{"node1", "node2", "node3"}
	}
	var out []string
	for _, n := range nodes {
		out = append(out, n+" "+name)
	}
	return out
}

// resolve waits until names lead somewhere on every node, and no longer than most.
func (b *bench) resolve(most time.Duration, names ...string) time.Duration {
	b.t.Helper()
	return b.await(strings.Join(names, ", ")+" on every node", most, func() string {
		var missing []string
		for _, n := range b.Nodes {
			f, err := n.NodeFile()
			for _, name := range names {
				if err != nil || !slices.ContainsFunc(f.Lookup(name), usable) {
					missing = append(missing, n.String()+" "+name)
				}
			}
		}
		return strings.Join(missing, "\n")
	})
}

// ruleSet is a RuleSet with these networks, as name and match.
func ruleSet(name string, networks ...object) object {
	return object{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "RuleSet", "metadata": object{"name": name},
		"spec": object{"networks": networks},
	}
}

func network(name string, match object) object { return object{"name": name, "match": []object{match}} }
