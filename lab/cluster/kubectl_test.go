// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/golden"
)

// labObjects is what a cluster of the lab is made of, of which the golden files of
// cli/kubectl are.
const labObjects = "../../cli/kubectl/testdata/lab.json"

// TestKubectl asks a cluster by kubectl colvin, as its users do: from a colour to a name, and
// about pods of every sort. With -update it writes the objects of the cluster for the tests
// of the command.
func TestKubectl(t *testing.T) {
	b := newBench(t)
	b.expectNetworks(blueColour+": 3 nodes", greenColour+": 3 nodes")
	program := filepath.Join(t.TempDir(), "kubectl-colvin")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", program, "github.com/colvin-net/colvin/cmd/kubectl-colvin")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, said)
	}
	askAs := func(kubeconfig string, words ...string) (string, error) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), b.Program("kubectl"), slices.Concat([]string{"colvin"}, words, []string{"--kubeconfig=" + kubeconfig})...)
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		t.Logf("kubectl colvin %s (%v)\n%s", strings.Join(words, " "), err, out)
		return string(out), err
	}
	ask := func(words ...string) string {
		t.Helper()
		out, _ := askAs(b.AdminFile(), words...)
		return out
	}
	holds := func(got string, want ...string) {
		t.Helper()
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("there is no %q in\n%s", text, got)
			}
		}
	}
	holds(ask("networks"), greenColour, "sw-green", blueColour)
	holds(ask("name", greenColour, "green", "--yes"), "green comes", "RuleSet green is made")
	b.resolve(patience, "green")
	b.expectNetworks(blueColour+": 3 nodes", "green = "+greenColour+": 3 nodes")
	b.expectLabels(slices.Concat(on("green"), on(greenColour), on(blueColour))...)
	holds(ask("networks", "green"), "node1", "node3", "ruleset/green spec.networks[0].match[0]", "fresh")
	holds(ask("switch", "sw-green"), "node2", "dark")
	holds(ask("explain", "node1/green"), "sw-green", "is attached to network green")
	b.askingPods()
	holds(ask("why", "nowhere"), "waits for a node", "no rule gives that name", "The scheduler says: 0/3 nodes are available")
	holds(ask("why", "attached"), "node1", "green", "sw-green")
	holds(ask("attachments"), "default/attached", "fresh")
	holds(ask("nodes"), "Ready", "green")
	for words, want := range map[string]string{
		"neighbors": "sw-green", "interfaces": "green (fresh)", "topology": "sw-green", "networks --missing": "Every network is on every node.",
		"nodes -o json": `"published": true`, "topology -o json": "sw-green", "rules suggest": "sw-blue-vlan200",
	} {
		holds(ask(strings.Fields(words)...), want)
	}
	if golden.Updating() {
		b.save(labObjects)
	}
	b.viewerSees(askAs)
}

// viewerSees holds that who has the role colvin-viewer and nothing else sees all and writes
// nothing, over IPv6, and that who has no role is told of it.
func (b *bench) viewerSees(ask func(kubeconfig string, words ...string) (string, error)) {
	b.t.Helper()
	viewer, nobody := b.userFile("viewer"), b.userFile("nobody")
	if _, err := b.Kubectl(b.t.Context(), "apply", "--filename=../../deploy/manifests/optional/viewer.yaml"); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.Kubectl(b.t.Context(), "create", "clusterrolebinding", "viewers", "--clusterrole=colvin-viewer", "--serviceaccount=default:viewer"); err != nil {
		b.t.Fatal(err)
	}
	for _, words := range []string{
		"networks", "networks green", "networks --missing", "nodes", "switch sw-green", "neighbors", "interfaces", "explain node1/green", "topology",
		"why attached", "why nowhere", "attachments -A", "rules suggest",
	} {
		if got, err := ask(viewer, strings.Fields(words)...); err != nil || strings.Contains(got, "may not") {
			b.t.Errorf("the viewer asks for %s: %v\n%s", words, err, got)
		}
	}
	for kubeconfig, words := range map[string]string{viewer: "name " + blueColour + " blue --yes", nobody: "nodes"} {
		if got, err := ask(kubeconfig, strings.Fields(words)...); err == nil || !strings.Contains(got, "you may not") {
			b.t.Errorf("%s is not refused: %s", words, got)
		}
	}
}

// userFile is the kubeconfig of a ServiceAccount, which reaches the API server over IPv6.
func (b *bench) userFile(name string) string {
	b.t.Helper()
	b.do(http.MethodPost, "/api/v1/namespaces/default/serviceaccounts", object{"metadata": object{"name": name}}, nil)
	var token struct{ Status struct{ Token string } }
	b.do(http.MethodPost, "/api/v1/namespaces/default/serviceaccounts/"+name+"/token", object{}, &token)
	server, err := url.Parse(b.Host)
	b.ok(err)
	text, err := json.Marshal(object{
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []object{{"name": name, "cluster": object{"server": "https://" + relay(b.t, server.Host), "tls-server-name": server.Hostname(), "certificate-authority-data": b.CA}}},
		"users":    []object{{"name": name, "user": object{"token": token.Status.Token}}},
		"contexts": []object{{"name": name, "context": object{"cluster": name, "user": name}}},
	})
	b.ok(err)
	file := filepath.Join(b.t.TempDir(), "kubeconfig")
	b.ok(os.WriteFile(file, text, 0o600))
	return file
}

// relay passes on what comes to an address of IPv6, which it returns.
func relay(t *testing.T, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatalf("there is no IPv6 here: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			for _, ends := range [][2]net.Conn{{near, far}, {far, near}} {
				go func() {
					_, _ = io.Copy(struct{ io.Writer }{ends[0]}, ends[1]) // without splice, whose pipes are kept
					_, _ = ends[0].Close(), ends[1].Close()
				}()
			}
		}
	}()
	return l.Addr().String()
}

// askingPods makes pods: one that Multus attached, and one that no node can have.
func (b *bench) askingPods() {
	b.t.Helper()
	for name, network := range map[string]string{"green": "green", "mistyped": "gren"} {
		b.do(http.MethodPost, definitions, object{
			"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition", "metadata": object{"name": name, "labels": object{"colvin.dev/network": network}},
			"spec": object{"config": fmt.Sprintf(`{"cniVersion": "1.1.0", "type": "colvin", "network": %q}`, network)},
		}, nil)
	}
	pod := func(name, asks, node string, annotations object) {
		annotations["k8s.v1.cni.cncf.io/networks"] = asks
		spec := object{"containers": []object{{"name": "c", "image": "i"}}}
		if node != "" {
			spec["nodeName"] = node
		} else {
			spec["nodeSelector"] = object{labelPrefix + "gren": "true"}
		}
		b.do(http.MethodPost, "/api/v1/namespaces/default/pods", object{"metadata": object{"name": name, "annotations": annotations}, "spec": spec}, nil)
	}
	pod("attached", "green", "node1", object{
		"k8s.v1.cni.cncf.io/network-status": `[{"name": "cbr0", "interface": "eth0", "default": true}, {"name": "default/green", "interface": "net1", "ips": ["192.0.2.7"], "mac": "02:00:00:00:00:07"}]`,
	})
	b.do(http.MethodPatch, "/api/v1/namespaces/default/pods/attached/status", object{"status": object{"phase": "Running"}}, nil)
	pod("nowhere", "mistyped", "", object{})
	b.await("the scheduler's word", patience, func() string {
		var got struct {
			Status struct {
				Conditions []struct{ Message string }
			}
		}
		b.do(http.MethodGet, "/api/v1/namespaces/default/pods/nowhere", nil, &got)
		if len(got.Status.Conditions) == 0 {
			return "no condition yet"
		}
		return ""
	})
}

// save writes the objects of the cluster, without what says who wrote which field.
func (b *bench) save(file string) {
	b.t.Helper()
	var all []any
	for path, kind := range map[string]string{
		colvin + v1alpha1.Networks: "Network", colvin + v1alpha1.NodeTopologies: "NodeTopology", colvin + v1alpha1.RuleSets: "RuleSet", colvin + v1alpha1.Colours: "Colour",
		"/api/v1/nodes": "Node", "/api/v1/namespaces/default/pods": "Pod", definitions: "NetworkAttachmentDefinition",
	} {
		var list struct{ Items []object }
		b.do(http.MethodGet, path, nil, &list)
		for _, o := range list.Items {
			delete(as[object](o["metadata"]), "managedFields")
			o["kind"] = kind
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(x, y any) int { return strings.Compare(nameOf(x), nameOf(y)) })
	text, err := json.MarshalIndent(object{"kind": "List", "items": all}, "", "  ")
	b.ok(err)
	b.ok(os.WriteFile(file, append(text, '\n'), 0o644))
}

func nameOf(o any) string {
	x := as[object](o)
	return fmt.Sprint(x["kind"], as[object](x["metadata"])["name"])
}

// as is a value of JSON as what it is known to be.
func as[T any](v any) T {
	x, ok := v.(T)
	if !ok {
		panic(fmt.Sprintf("%v is no %T", v, x))
	}
	return x
}
