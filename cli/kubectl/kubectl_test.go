// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/internal/leaktest"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // for golden files
	os.Exit(leaktest.Run(m))
}

// now is when the tests look.
var now = began.Add(time.Hour)

// config is a kubeconfig for a server.
const config = `{"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "c", "cluster": {"server": %q}}],
"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "users": [{"name": "u", "user": {"token": "t"}}]}`

// run runs kubectl colvin against a server, and returns what it printed, and its error as main
// prints it.
func run(tb testing.TB, server string, args ...string) string {
	tb.Helper()
	return runWith(tb, server, "", args...)
}

func runWith(tb testing.TB, server, in string, args ...string) string {
	tb.Helper()
	return runContext(tb.Context(), tb, server, in, args...)
}

func runContext(ctx context.Context, tb testing.TB, server, in string, args ...string) string {
	tb.Helper()
	return runStreams(ctx, tb, server, strings.NewReader(in), args...)
}

func runStreams(ctx context.Context, tb testing.TB, server string, in io.Reader, args ...string) string {
	tb.Helper()
	var out strings.Builder
	a := &app{
		IOStreams: genericiooptions.IOStreams{In: in, Out: &out, ErrOut: &out}, version: "v0.1.0",
		now: func() time.Time { return now }, every: time.Millisecond,
	}
	cmd := a.root() //nolint:contextcheck // its completions have the context of the command
	kubeconfig := filepath.Join(tb.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, fmt.Appendf(nil, config, server), 0o600); err != nil {
		tb.Fatal(err)
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
	f := newSite(t, 100, generatedPods)
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
		"neighbors":            {"neighbors", nodeName(9), nodeName(0)},
		"neighbors-wide":       {"neighbors", nodeName(0), "-o", "wide"},
		"neighbors-json":       {"neighbors", nodeName(9), "-o", "json"},
		"neighbors-none":       {"neighbors", nodeName(11)},
		"neighbors-unknown":    {"neighbors", "n00.rack9.dc1.example.net"},
		"interfaces":           {"interfaces", nodeName(9), nodeName(0)},
		"interfaces-wide":      {"interfaces", nodeName(9), "-o", "wide"},
		"interfaces-json":      {"interfaces", nodeName(9), "-o", "json"},
		"explain":              {"explain", nodeName(0) + "/eth0"},
		"explain-down":         {"explain", nodeName(9) + "/eth1"},
		"explain-json":         {"explain", nodeName(9) + "/eth1", "-o", "json"},
		"explain-network":      {"explain", nodeName(0) + "/storage"},
		"explain-yaml":         {"explain", nodeName(0) + "/storage", "-o", "yaml"},
		"explain-none":         {"explain", nodeName(0) + "/eth7"},
		"explain-no-interface": {"explain", nodeName(0)},
		"topology":             {"topology", nodeName(9), nodeName(0)},
		"topology-json":        {"topology", nodeName(9), "-o", "json"},
		"topology-dot":         {"topology", nodeName(9), "-o", "dot"},
		"topology-svg":         {"topology", "-o", "svg"},
		"topology-around":      {"topology", "--around", nodeName(0), "--network", "rack-0"},
		"topology-nowhere":     {"topology", "--around", "leaf-7-a", "-o", "drawio"},
		"attachments":          {"attachments"},
		"attachments-json":     {"attachments", "-A", "-o", "json"},
		"attachments-none":     {"attachments", "-n", "team-b"},
		"rules-suggest":        {"rules", "suggest"},
		"rules-check":          {"rules", "check", "testdata/other.yaml"},
		"rules-check-json":     {"rules", "check", "testdata/other.yaml", "-o", "json"},
		"rules-check-bad":      {"rules", "check", "testdata/bad.yaml"},
		"rules-check-file":     {"rules", "check", "testdata/file.yaml"},
		"rules-apply-file":     {"rules", "apply", "testdata/file.yaml"},
		"rules-replace-none":   {"rules", "replace", "mac:00:00:5e:00:00:00", "mac:00:00:5e:00:00:99"},
		"name-named":           {"name", "storage", "green"},
		"name-bad":             {"name", "storage", "Green"},
		"complete-explain":     {"__complete", "explain", nodeName(0) + "/e"},
		"complete-node":        {"__complete", "explain", "n39.rack0"},
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

// TestLab asks about a cluster of the lab, whose objects real agents and a real controller wrote:
// node1 to node3, at sw-green and sw-blue.
func TestLab(t *testing.T) {
	objects, err := os.ReadFile("testdata/lab.json")
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t, string(objects))
	before := now
	now = latest(t, f).Add(time.Minute)
	t.Cleanup(func() { now = before })
	server := f.start()
	for name, args := range map[string]string{
		"networks": "networks", "networks-one": "networks green", "networks-missing": "networks --missing", "nodes": "nodes", "neighbors": "neighbors", "interfaces": "interfaces",
		"switch": "switch sw-green", "switch-port": "switch sw-blue/p2", "explain": "explain node1/green", "why-attached": "why attached", "why-nowhere": "why nowhere",
		"attachments": "attachments", "topology": "topology", "rules-suggest": "rules suggest", "rules-check": "rules check testdata/other.yaml",
		"plan-check": "plan check testdata/plan/lab.dot", "plan-symmetry": "plan check --symmetry",
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, "lab-"+name, run(t, server, strings.Fields(args)...))
			if name != "rules-suggest" {
				expect(t, "lab-"+name+"-json", run(t, server, append(strings.Fields(args), "-o", "json")...))
			}
		})
	}
}

// latest is when the last of some objects was made.
func latest(t *testing.T, f *fake) (last time.Time) {
	t.Helper()
	for _, all := range f.objects {
		for _, o := range all {
			if made, err := time.Parse(time.RFC3339, text(o, "metadata", "creationTimestamp")); err == nil && made.After(last) {
				last = made
			}
		}
	}
	return last
}

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
			f := newSite(t, 50, generatedPods)
			for _, r := range tt.refused {
				f.refused[r] = true
			}
			expect(t, "refused-"+tt.name, run(t, f.start(), tt.args...))
		})
	}
}

// TestNoteBesidePictures holds that what is to know of names stands below a table, and in no picture.
func TestNoteBesidePictures(t *testing.T) {
	f := newSite(t, 12)
	f.objects["rulesets.colvin.dev"][0]["spec"] = jsonObject{"networks": "none"}
	server := f.start()
	if table := run(t, server, "topology"); !strings.Contains(table, "1 mistake,") {
		t.Fatalf("the table has no note:\n%s", table)
	}
	for format, end := range map[string]string{"svg": "</svg>\n", "drawio": "</mxfile>\n", "dot": "}\n", "mermaid": "px\n"} {
		if picture := run(t, server, "topology", "-o", format); !strings.HasSuffix(picture, end) {
			t.Errorf("-o %s does not end with %q:\n%s", format, end, picture)
		}
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

	f = newSite(t, 50, generatedPods)
	delete(f.objects, definitions.String())
	server = f.start()
	expect(t, "no-multus", run(t, server, "why", "pending")+run(t, server, "switch", "leaf-1-b/Ethernet1/3"))
}

// TestOddNames holds that a name that is a path, or none, asks the API server for nothing else.
func TestOddNames(t *testing.T) {
	f := newSite(t, 12, oddPods)
	server := f.start()
	sixteen := slices.Repeat([]string{nodeName(0)}, manyNodes)
	var got strings.Builder
	for _, args := range [][]string{
		{"why", ""},
		{"why", "."},
		{"why", "team-b/"},
		{"why", "default/../secrets/x"},
		{"why", "pods-beyond"},
		{"why", "pods-attached-beyond"},
		{"neighbors", ".."},
		{"neighbors", nodeName(0), nodeName(0)},
		append([]string{"neighbors", "nobody"}, sixteen...),
		{"explain", "../eth0"},
		{"attachments", "-n", ".."},
	} {
		fmt.Fprintf(&got, "$ %q\n%s", args[:min(len(args), 3)], run(t, server, args...))
	}
	expect(t, "odd-names", got.String())
	for _, call := range f.asked {
		if strings.Contains(call, "secrets") || strings.HasPrefix(call, "list pods") {
			t.Errorf("the API server was asked to %s", call)
		}
	}
}

// oddPods ask for what is no definition.
const oddPods = `
kind: Pod
metadata: {name: pods-beyond, namespace: default, annotations: {k8s.v1.cni.cncf.io/networks: '[{"name": "../secrets/x"}, {"name": "x", "namespace": ".."}, {"name": ""}]'}}
spec: {nodeName: n02.rack1.dc1.example.net}
---
kind: Pod
metadata: {name: pods-attached-beyond, namespace: default, annotations: {k8s.v1.cni.cncf.io/network-status: '[{"name": "default/../../secrets/x", "interface": "net1"}]'}}
spec: {nodeName: n02.rack1.dc1.example.net}
`

// TestPodsThatGetNoNetwork holds what is said of pods that nobody attaches, and of definitions
// that do not tell what they ask for.
func TestPodsThatGetNoNetwork(t *testing.T) {
	f := newSite(t, 12, unattachedPods)
	server := f.start()
	expect(t, "why-host-network", run(t, server, "why", "host"))
	expect(t, "why-deleted", run(t, server, "why", "deleted"))
	expect(t, "why-untold", run(t, server, "why", "untold"))
}

// TestEitherNetwork holds what is said of pods that take a node with one of two networks, and of
// those that want one without.
func TestEitherNetwork(t *testing.T) {
	const pods = `
kind: Pod
metadata: {name: either, namespace: default}
spec:
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
        - matchExpressions: [{key: network.colvin.dev/rack-0, operator: In, values: ["true"]}, {key: disk, operator: Exists}]
        - matchExpressions: [{key: network.colvin.dev/nowhere, operator: In, values: ["true"]}]
---
kind: Pod
metadata: {name: without, namespace: default}
spec:
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms: [{matchExpressions: [{key: network.colvin.dev/rack-0, operator: DoesNotExist}]}]
`
	f := newSite(t, 2, pods)
	server := f.start()
	expect(t, "why-either", run(t, server, "why", "either"))
	expect(t, "why-without", run(t, server, "why", "without"))
}

const unattachedPods = `
kind: Pod
metadata: {name: host, namespace: default, annotations: {k8s.v1.cni.cncf.io/networks: empty}}
spec: {nodeName: n02.rack1.dc1.example.net, hostNetwork: true}
---
kind: Pod
metadata: {name: deleted, namespace: default, deletionTimestamp: "2026-01-02T09:55:00Z", annotations: {k8s.v1.cni.cncf.io/networks: empty}}
spec: {nodeName: n02.rack1.dc1.example.net}
---
kind: Pod
metadata: {name: untold, namespace: default, annotations: {k8s.v1.cni.cncf.io/networks: 'empty,broken'}}
spec: {nodeName: n02.rack1.dc1.example.net}
---
kind: NetworkAttachmentDefinition
metadata: {name: empty, namespace: default}
---
kind: NetworkAttachmentDefinition
metadata: {name: broken, namespace: default}
spec: {config: '{'}
`

// TestWatch holds that --watch prints once, and again when something is different.
func TestWatch(t *testing.T) {
	f := newSite(t, 12)
	ctx, cancel := context.WithCancel(t.Context())
	rounds := 0
	f.before = func() {
		switch rounds++; rounds {
		case 3:
			as[jsonObject](f.objects["networks.colvin.dev"][0]["status"])["nodes"] = 7
		case 6:
			cancel()
		}
	}
	expect(t, "watch", strings.ReplaceAll(runContext(ctx, t, f.start(), "", "networks", "--watch"), fit.Stamp(now), "NOW"))
}

// TestHelp holds the list of the commands; the flags are those of kubectl.
func TestHelp(t *testing.T) {
	commands, flags, _ := strings.Cut(run(t, "http://127.0.0.1:1", "--help"), "Flags:")
	expect(t, "help", commands)
	for _, flag := range []string{"--context ", "--request-timeout ", "--as ", "--namespace ", "--server "} {
		if !strings.Contains(flags, flag) {
			t.Errorf("there is no flag %s", flag)
		}
	}
}

// unnamed is a site whose rules are gone: what nobody names has colours.
func unnamed(t *testing.T) *fake {
	t.Helper()
	f := newFake(t, colouredNetworks)
	for _, o := range generate(t, 12).objects(t) {
		if kind := o["kind"]; kind != "RuleSet" && kind != "Network" {
			f.add(o)
		}
	}
	return f
}

const colouredNetworks = `
apiVersion: colvin.dev/v1alpha1
kind: Colour
metadata: {name: sage-stork, creationTimestamp: "2026-01-02T09:01:00Z"}
spec: {switch: "mac:00:00:5e:00:00:00", vlan: 100}
---
apiVersion: colvin.dev/v1alpha1
kind: Network
metadata: {name: sage-stork}
status:
  summary: {vlans: "100", switches: leaf-0-a}
  identities: [{switch: "mac:00:00:5e:00:00:00", systemName: leaf-0-a, vlan: 100}]
  nodes: 11
  uplinks: 11
---
apiVersion: colvin.dev/v1alpha1
kind: Colour
metadata: {name: teal-heron, creationTimestamp: "2026-01-02T09:02:00Z"}
spec: {switch: "mac:00:00:5e:00:00:01", vlan: 300}
---
apiVersion: colvin.dev/v1alpha1
kind: Network
metadata: {name: teal-heron}
status:
  summary: {vlans: "300", switches: leaf-0-b}
  identities: [{switch: "mac:00:00:5e:00:00:01", systemName: leaf-0-b, vlan: 300}]
  nodes: 10
  uplinks: 10
`

// TestName names a colour: the effect is shown, somebody is asked, and one RuleSet is made.
func TestName(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		args     []string
		wrote    []string
	}{
		{"name-no", "n\n", []string{"name", "sage-stork", "green"}, nil},
		{"name-nobody", "", []string{"name", "sage-stork", "green"}, nil},
		{"name-yes", "y\n", []string{"name", "sage-stork", "green"}, []string{"POST rulesets.colvin.dev green"}},
		{"name-dry-run", "", []string{"name", "sage-stork", "green", "--dry-run"}, []string{"POST rulesets.colvin.dev green (dry run)"}},
		{"name-ruleset", "", []string{"name", "sage-stork", "green", "--ruleset=site", "--yes"}, []string{"POST rulesets.colvin.dev site"}},
		{"name-taken", "", []string{"name", "sage-stork", "teal-heron", "--yes"}, nil},
		{"suggest", "", []string{"rules", "suggest"}, nil},
		{"apply", "", []string{"rules", "apply", "testdata/other.yaml", "--yes"}, []string{"POST rulesets.colvin.dev site"}},
		{"apply-stdin", "", []string{"rules", "apply", "-"}, nil},
		{"apply-file", "", []string{"rules", "apply", "testdata/file.yaml", "--ruleset=mine", "--yes"}, []string{"POST rulesets.colvin.dev mine"}},
		{"colours-explain", "", []string{"explain", nodeName(0) + "/eth0"}, nil},
		{"colours-networks", "", []string{"networks", "sage-stork"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := unnamed(t)
			expect(t, tt.name, runWith(t, f.start(), tt.in, tt.args...))
			if diff := cmp.Diff(tt.wrote, f.wrote); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNamed holds that what name wrote is what the nodes resolve by.
func TestNamed(t *testing.T) {
	f := unnamed(t)
	server := f.start()
	run(t, server, "name", "sage-stork", "green", "--yes")
	expect(t, "named", run(t, server, "explain", nodeName(0)+"/green"))
	expect(t, "named-twice", run(t, server, "name", "teal-heron", "green", "--yes"))
	f.refused["create rulesets.colvin.dev"] = true
	expect(t, "named-refused", run(t, server, "name", "teal-heron", "blue", "--yes"))
}

// TestReplace holds that a new switch is named in the place of an old one, in every RuleSet.
func TestReplace(t *testing.T) {
	f := unnamed(t)
	f.add(jsonObject{"apiVersion": "colvin.dev/v1alpha1", "kind": "RuleSet", "metadata": jsonObject{"name": "old", "labels": jsonObject{"a": "b"}}, "spec": jsonObject{
		"networks": []any{jsonObject{"name": "green", "match": []any{jsonObject{"chassis": "mac:00:00:5e:00:00:99", "vlan": 100}}}},
	}})
	expect(t, "replace", run(t, f.start(), "rules", "replace", "mac:0000.5e00.0099", "mac:00:00:5e:00:00:00", "--yes"))
	if diff := cmp.Diff([]string{"PUT rulesets.colvin.dev old"}, f.wrote); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	got := f.objects[ruleSets.String()][0]
	if text := fmt.Sprint(got["spec"], got["metadata"]); !strings.Contains(text, "mac:00:00:5e:00:00:00") || !strings.Contains(text, "map[a:b]") {
		t.Errorf("the RuleSet is %s", text)
	}
}

// TestSuggestApart holds that no two networks are given one name, which would join them, nor one
// that another has.
func TestSuggestApart(t *testing.T) {
	const alike = `
kind: Network
metadata: {name: sage-stork}
status: {identities: [{switch: "mac:00:00:5e:00:00:00", systemName: Switch, vlan: 1}]}
---
kind: Network
metadata: {name: teal-heron}
status: {identities: [{switch: "mac:00:00:5e:00:00:01", systemName: Switch, vlan: 1}]}
---
kind: Network
metadata: {name: rust-crane}
status: {identities: [{switch: "mac:00:00:5e:00:00:02", systemName: core, vlan: 1}]}
---
kind: Network
metadata: {name: core-vlan1}
status: {namedBy: [ruleset/x], identities: [{switch: "mac:00:00:5e:00:00:03", systemName: core, vlan: 1}]}
`
	expect(t, "suggest-apart", run(t, newFake(t, alike).start(), "rules", "suggest"))
}

// TestEffectOfUnknown holds that the effect says so where the rules in force are not known, since
// the RuleSets hold mistakes.
func TestEffectOfUnknown(t *testing.T) {
	f := unnamed(t)
	f.add(jsonObject{"kind": "RuleSet", "metadata": jsonObject{"name": "site"}, "spec": jsonObject{"networks": "none"}})
	server := f.start()
	expect(t, "check-unknown", run(t, server, "rules", "check", "testdata/other.yaml"))
	if got := run(t, server, "rules", "check", "testdata/other.yaml", "-o", "json"); !strings.Contains(got, `"note": "The RuleSets hold 1 mistake,`) {
		t.Errorf("JSON has no note:\n%s", got)
	}
}

// TestSwitchesOfOneName holds that what goes dark with two switches is not told of one.
func TestSwitchesOfOneName(t *testing.T) {
	f := newFake(t)
	for _, o := range generate(t, 2).objects(t) {
		if spec, ok := o["spec"].(jsonObject); ok && o["kind"] == "NodeTopology" {
			for _, s := range as[[]any](spec["switches"]) {
				as[jsonObject](s)["systemName"] = "leaf"
			}
		}
		f.add(o)
	}
	expect(t, "switch-of-one-name", run(t, f.start(), "switch", "leaf"))
}

// TestDiff saves a topology, moves a cable and finds that.
func TestDiff(t *testing.T) {
	f := newSite(t, 12)
	server := f.start()
	saved := filepath.Join(t.TempDir(), "saved.json")
	if err := os.WriteFile(saved, []byte(run(t, server, "topology", "-o", "json")), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, "diff-none", run(t, server, "diff", saved))
	spec := as[jsonObject](f.objects[topologies.String()][0]["spec"])
	port := as[jsonObject](as[jsonObject](as[[]any](spec["interfaces"])[0])["port"])
	holder := as[jsonObject](port["holder"])
	holder["portID"] = "ifname:Ethernet1/48"
	expect(t, "diff", run(t, server, "diff", saved))
	expect(t, "diff-json", run(t, server, "diff", saved, "-o", "json"))
	expect(t, "diff-not", strings.ReplaceAll(run(t, server, "diff", "kubectl_test.go"), saved, "SAVED"))
}
