// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/internal/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// now is when the tests look.
var now = began.Add(time.Hour)

// config is a kubeconfig for a server.
const config = `{"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "c", "cluster": {"server": %q}}],
"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "users": [{"name": "u", "user": {"token": "t"}}]}`

// run runs kubectl colvin against a server, and returns what it printed, and its error as main
// prints it.
func run(t testing.TB, server string, args ...string) string {
	t.Helper()
	return runWith(t, server, "", args...)
}

func runWith(t testing.TB, server, in string, args ...string) string {
	t.Helper()
	return runContext(t.Context(), t, server, in, args...)
}

func runContext(ctx context.Context, t testing.TB, server, in string, args ...string) string {
	t.Helper()
	var out strings.Builder
	a := &app{
		IOStreams: genericiooptions.IOStreams{In: strings.NewReader(in), Out: &out, ErrOut: &out}, version: "v0.1.0",
		now: func() time.Time { return now }, every: time.Millisecond,
	}
	cmd := a.root()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(fmt.Sprintf(config, server)), 0o600); err != nil {
		t.Fatal(err)
	}
	at := 0
	if args[0] == cobra.ShellCompRequestCmd { // what is completed stands last
		at = 1
	}
	cmd.SetArgs(slices.Insert(slices.Clone(args), at, "--kubeconfig="+kubeconfig))
	if err := cmd.ExecuteContext(ctx); err != nil && !errors.Is(err, ErrSilent) {
		out.WriteString("error: " + err.Error() + "\n")
	}
	return strings.ReplaceAll(out.String(), server, "SERVER")
}

func expect(t *testing.T, name, got string) {
	t.Helper()
	golden.Compare(t, filepath.Join("testdata", name+".txt"), got)
}

func TestGenerated(t *testing.T) {
	f := newFake(t, generatedPods)
	for _, o := range generate(t, 100).objects(t) {
		f.add(o)
	}
	server := f.start()
	for name, args := range map[string][]string{
		"networks":             {"networks"},
		"networks-wide":        {"networks", "-o", "wide"},
		"networks-json":        {"networks", "-o", "json"},
		"networks-yaml":        {"networks", "-o", "yaml"},
		"networks-one":         {"networks", "rack-2"},
		"networks-one-json":    {"networks", "rack-2", "-o", "json"},
		"networks-none":        {"networks", "strage"},
		"networks-missing":     {"networks", "--missing"},
		"networks-missing-one": {"networks", "storage", "--missing", "-o", "json"},
		"nodes":                {"nodes"},
		"nodes-json":           {"nodes", nodeName(0), nodeName(11), "-o", "json"},
		"nodes-none":           {"nodes", "n01"},
		"switch":               {"switch", "leaf-1-b"},
		"switch-json":          {"switch", "leaf-2-a", "-o", "json"},
		"switch-port":          {"switch", "leaf-1-b/Ethernet1/3"},
		"switch-port-none":     {"switch", "leaf-1-b/Ethernet1/99"},
		"switch-none":          {"switch", "leaf-1-c"},
		"why-pending":          {"why", "pending"},
		"why-pending-json":     {"why", "pending", "-o", "json"},
		"why-waiting":          {"why", "waiting"},
		"why-waiting-json":     {"why", "waiting", "-o", "json"},
		"why-running":          {"why", "running"},
		"why-running-json":     {"why", "running", "-o", "json"},
		"why-nobody":           {"why", "pod/nobody"},
		"why-plain":            {"why", "team-b/plain"},
		"complete-switch":      {"__complete", "switch", "leaf-1"},
		"complete-network":     {"__complete", "networks", "s"},
		"complete-pod":         {"__complete", "why", ""},
	} {
		t.Run(name, func(t *testing.T) { expect(t, "generated-"+name, run(t, server, args...)) })
	}
}

// generatedPods are pods in the generated cluster.
const generatedPods = `
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: storage, namespace: default, labels: {colvin.dev/network: storage}}
spec: {config: '{"cniVersion": "1.1.0", "type": "colvin", "network": "storage"}'}
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: near, namespace: default, labels: {colvin.dev/network: rack-1}}
spec: {config: '{"cniVersion": "1.1.0", "plugins": [{"type": "colvin", "network": "rack-1"}]}'}
---
apiVersion: v1
kind: Pod
metadata:
  name: running
  namespace: default
  uid: pod-1
  annotations:
    k8s.v1.cni.cncf.io/networks: storage@net1
    k8s.v1.cni.cncf.io/network-status: |
      [{"name": "cbr0", "interface": "eth0", "ips": ["10.244.0.5"], "default": true},
       {"name": "default/storage", "interface": "net1", "ips": ["192.0.2.7"], "mac": "02:00:00:00:00:07", "dns": {}}]
spec: {nodeName: n02.rack1.dc1.example.net}
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata:
  name: pending
  namespace: default
  uid: pod-2
  creationTimestamp: "2026-01-02T09:55:00Z"
  annotations: {k8s.v1.cni.cncf.io/networks: 'storage, near'}
spec:
  nodeSelector: {disk: ssd}
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
        - matchExpressions:
          - {key: network.colvin.dev/storage, operator: In, values: ["true"]}
          - {key: network.colvin.dev/rack-1, operator: In, values: ["true"]}
status:
  phase: Pending
  conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/100 nodes are available: 100 node(s) didn't match Pod's node affinity/selector."}]
---
apiVersion: v1
kind: Pod
metadata:
  name: waiting
  namespace: default
  uid: pod-3
  creationTimestamp: "2026-01-02T09:50:00Z"
  annotations: {k8s.v1.cni.cncf.io/networks: storage}
spec: {nodeName: n09.rack0.dc1.example.net}
status:
  phase: Pending
  conditions: [{type: PodScheduled, status: "True", lastTransitionTime: "2026-01-02T09:58:00Z"}]
---
apiVersion: v1
kind: Event
metadata: {name: waiting.1, namespace: default}
involvedObject: {kind: Pod, namespace: default, name: waiting, uid: pod-3}
reason: FailedCreatePodSandBox
count: 7
lastTimestamp: "2026-01-02T09:59:30Z"
message: 'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "0af": plugin type="multus-shim" name="multus-cni-network" failed (add): CmdAdd (shim): CNI request failed with status 400: ''ContainerID:"0af" [default/waiting/pod-3:storage]: error adding container to network "storage": plugin type="colvin" failed (add): network "storage" cannot be reached from this node now: eth1 has no carrier'''
---
apiVersion: v1
kind: Pod
metadata: {name: plain, namespace: team-b, uid: pod-4}
spec: {nodeName: n02.rack1.dc1.example.net}
status: {phase: Running}
`

// TestRights holds that a right that is missing is named, and what can be said without is said.
func TestRights(t *testing.T) {
	for _, tt := range []struct {
		name    string
		refused []string
		args    []string
	}{
		{"networks", []string{"list networks.colvin.dev"}, []string{"networks"}},
		{"nodes", []string{"list nodes"}, []string{"nodes"}},
		{"switch", []string{"list nodetopologies.colvin.dev"}, []string{"switch", "leaf-1-b"}},
		{"switch-pods", []string{"list pods everywhere"}, []string{"switch", "leaf-1-b/Ethernet1/3"}},
		{"switch-no-pods", []string{"list pods"}, []string{"switch", "leaf-1-b/Ethernet1/3"}},
		{"switch-definitions", []string{"list network-attachment-definitions.k8s.cni.cncf.io"}, []string{"switch", "leaf-1-b/Ethernet1/3"}},
		{"why-pod", []string{"get pods"}, []string{"why", "team-b/plain"}},
		{"why-nodes", []string{"list nodes"}, []string{"why", "pending"}},
		{"why-topology", []string{"get nodetopologies.colvin.dev"}, []string{"why", "running"}},
		{"why-events", []string{"list events", "get nodetopologies.colvin.dev"}, []string{"why", "waiting"}},
		{"why-definition", []string{"get network-attachment-definitions.k8s.cni.cncf.io"}, []string{"why", "waiting"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, generatedPods)
			for _, o := range generate(t, 50).objects(t) {
				f.add(o)
			}
			for _, r := range tt.refused {
				f.refused[r] = true
			}
			expect(t, "refused-"+tt.name, run(t, f.start(), tt.args...))
		})
	}
}

// TestBareCluster holds what is said of clusters without Colvin, and without Multus.
func TestBareCluster(t *testing.T) {
	f := newFake(t)
	for _, r := range []resource{topologies, networks, ruleSets, colours} {
		delete(f.objects, r.String())
	}
	server := f.start()
	expect(t, "no-colvin", run(t, server, "networks")+run(t, server, "nodes")+run(t, server, "switch", "leaf-1-b"))

	f = newFake(t, generatedPods)
	for _, o := range generate(t, 50).objects(t) {
		f.add(o)
	}
	delete(f.objects, definitions.String())
	server = f.start()
	expect(t, "no-multus", run(t, server, "why", "pending")+run(t, server, "switch", "leaf-1-b/Ethernet1/3"))
}

// TestWatch holds that --watch prints once, and again when something is different.
func TestWatch(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	for _, o := range generate(t, 12).objects(t) {
		f.add(o)
	}
	rounds := 0
	f.before = func() {
		switch rounds++; rounds {
		case 3:
			f.objects["networks.colvin.dev"][0]["status"].(jsonObject)["nodes"] = 7
		case 6:
			cancel()
		}
	}
	expect(t, "watch", strings.ReplaceAll(runContext(ctx, t, f.start(), "", "networks", "--watch"), fit.Stamp(now), "NOW"))
}
