// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/controlplane"
)

type object = map[string]any

const (
	topologies = "/apis/colvin.dev/v1alpha1/nodetopologies"
	dryRun     = "?dryRun=All"
	patience   = 2 * time.Minute // of a machine under load
)

// TestAPIServer shows the charts to a real API server.
func TestAPIServer(t *testing.T) {
	netnstest.Require(t, controlplane.HelmInstalled)
	c := controlplane.StartT(t, controlplane.Options{})
	kubectl(t, c, "apply", "--filename=../policies/testdata/definition-crd.yaml")
	kubectl(t, c, "apply", "--filename="+filepath.Join(chart, "crds"))
	kubectl(t, c, "wait", "--for=condition=Established", "--timeout=30s", "--filename="+filepath.Join(chart, "crds"))
	for _, node := range []string{"node-a", "node-b"} {
		c.DoT(t, http.MethodPost, "/api/v1/nodes", object{"metadata": object{"name": node}}, nil)
	}
	t.Run("accepted", testAccepted(c))
	t.Run("manifests", testManifestsAccepted(c))
	t.Run("pod security", testPodSecurity(c))
	t.Run("policies follow names", testPoliciesFollow(c))
	t.Run("moved account", testMovedAccount(c))
	t.Run("one release", testOneRelease(c))
	t.Run("notes", testNotes(c))
}

func kubectl(t *testing.T, c *controlplane.ControlPlane, args ...string) string {
	t.Helper()
	begin := time.Now()
	out, err := c.Kubectl(t.Context(), args...)
	t.Logf("kubectl %.60v: %.1f s", args, time.Since(begin).Seconds())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func helm(t *testing.T, c *controlplane.ControlPlane, args ...string) string {
	t.Helper()
	begin := time.Now()
	out, err := c.Helm(t.Context(), args...)
	t.Logf("helm %s: %.1f s", args[0], time.Since(begin).Seconds())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func makeNamespace(t *testing.T, c *controlplane.ControlPlane, name string) {
	t.Helper()
	err := c.Do(t.Context(), http.MethodPost, "/api/v1/namespaces", object{"metadata": object{"name": name}}, nil)
	if s, ok := errors.AsType[*controlplane.Status](err); err != nil && (!ok || s.Code != http.StatusConflict) {
		t.Fatal(err)
	}
}

// testAccepted has each variant applied, all but for writing it down. What is not known to
// it would be dropped by the API server without a word, if it were not asked to be strict.
func testAccepted(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		for _, v := range variants {
			t.Run(v.name, func(t *testing.T) {
				if v.name == "OpenShift" {
					if err := controlplane.InstallOpenShift(t.Context(), c); err != nil {
						t.Fatal(err)
					}
				}
				text := template(t, v)
				makeNamespace(t, c, read(t, text).namespace)
				file := filepath.Join(t.TempDir(), "rendered.yaml")
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				_, told, err := c.KubectlTold(t.Context(), "apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename="+file)
				if err != nil {
					t.Fatal(err)
				}
				if warnings := dropPodSecurity(told); warnings != "" {
					t.Errorf("the API server warns: %s", warnings)
				}
			})
		}
	}
}

// dropPodSecurity leaves out what is said of namespaces that the variant does not make.
func dropPodSecurity(told string) string {
	var rest []string
	for line := range strings.Lines(told) {
		if !strings.Contains(line, "would violate PodSecurity") {
			rest = append(rest, line)
		}
	}
	return strings.Join(rest, "")
}

// testManifestsAccepted applies deploy/manifests as docs/install.md says.
func testManifestsAccepted(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		makeNamespace(t, c, "colvin-system")
		_, told, err := c.KubectlTold(t.Context(), "apply", "--dry-run=server", "--validate=strict",
			"--filename="+filepath.Join(chart, "crds"), "--filename="+manifests, "--filename="+filepath.Join(manifests, "policies"), "--filename="+filepath.Join(manifests, "optional"))
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.ReplaceAll(told, "Warning: resource namespaces/colvin-system is missing the kubectl.kubernetes.io/last-applied-configuration", ""); strings.Contains(said, "Warning: unknown field") {
			t.Error(told)
		}
	}
}

// testPodSecurity makes the agent's pod in namespaces of all levels of the Pod Security
// Standards, and the controller's in the strictest.
func testPodSecurity(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		in := read(t, template(t, variant{}))
		for _, test := range []struct {
			level string
			spec  any
			want  string
		}{
			{"privileged", in.agent.Spec.Template.Spec, ""},
			{"baseline", in.agent.Spec.Template.Spec, `violates PodSecurity "baseline:latest": non-default capabilities (container "agent" must not include "NET_RAW" in securityContext.capabilities.add), host namespaces (hostNetwork=true), hostPath volumes`},
			{"restricted", in.controller.Spec.Template.Spec, ""},
		} {
			name := "level-" + test.level
			err := c.Do(t.Context(), http.MethodPost, "/api/v1/namespaces", object{"metadata": object{
				"name": name, "labels": object{"pod-security.kubernetes.io/enforce": test.level},
			}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = c.Do(t.Context(), http.MethodPost, "/api/v1/namespaces/"+name+"/pods"+dryRun, object{"metadata": object{"name": "pod"}, "spec": test.spec}, nil)
			if said := fmt.Sprint(err); test.want == "" && err != nil || test.want != "" && !strings.Contains(said, test.want) {
				t.Errorf("%s: %v\nwant %s", test.level, err, test.want)
			}
		}
	}
}

// testPoliciesFollow installs Colvin by other names in other namespaces. Each time the
// agent of one node is refused the NodeTopology of another and may write its own, and the
// controller is refused a label that is not its own and may write one that is.
func testPoliciesFollow(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		for _, v := range []variant{
			{},
			{namespace: "kube-system"},
			{release: "network-names", namespace: "infra"},
			{release: "x", namespace: "infra", set: []string{"fullnameOverride=lldp"}},
			{release: "x", namespace: "infra", set: []string{"nameOverride=nn"}},
			{release: "x", namespace: "infra", set: []string{"namespaceOverride=other"}},
			{set: []string{"agent.serviceAccount.name=the.agent,controller.serviceAccount.name=the.controller"}},
		} {
			release, namespace := v.where()
			t.Run(strings.Join(append(v.set, release, namespace), " "), func(t *testing.T) {
				makeNamespace(t, c, "other")
				helm(t, c, append(v.args(t, "install"), "--create-namespace", "--skip-crds")...)
				defer helm(t, c, "uninstall", release, "--namespace="+namespace)
				holds(t, c, read(t, template(t, v)))
			})
		}
	}
}

// holds holds that the accounts of an installation are held.
func holds(t *testing.T, c *controlplane.ControlPlane, in *installation) {
	t.Helper()
	agent := onNode(t, c, in.namespace, in.agent.Spec.Template.Spec.ServiceAccountName)
	controller := onNode(t, c, in.namespace, in.controller.Spec.Template.Spec.ServiceAccountName)
	var node struct{ Metadata struct{ UID string } }
	c.DoT(t, http.MethodGet, "/api/v1/nodes/node-a", nil, &node)
	topology := func(name string) object {
		return object{
			"apiVersion": "colvin.dev/v1alpha1", "kind": "NodeTopology",
			"metadata": object{"name": name, "ownerReferences": []object{{"apiVersion": "v1", "kind": "Node", "name": "node-a", "uid": node.Metadata.UID}}},
			"spec":     object{"bootID": "1", "converged": true, "summary": object{"ports": 0, "heard": 0, "moved": 0}},
		}
	}
	label := func(key string) object { return object{"metadata": object{"labels": object{key: "true"}}} }
	for _, try := range []struct {
		who    *controlplane.Client
		method string
		path   string
		body   object
		want   string
	}{
		{agent, http.MethodPost, topologies + dryRun, topology("node-b"), "the agent of node node-a may write the NodeTopology node-a only, not node-b"},
		{agent, http.MethodPost, topologies + dryRun, topology("node-a"), ""},
		{controller, http.MethodPatch, "/api/v1/nodes/node-b" + dryRun, label("node-role.kubernetes.io/master"), "Colvin's controller may only set labels of nodes that begin with network.colvin.dev/"},
		{controller, http.MethodPatch, "/api/v1/nodes/node-b" + dryRun, label("network.colvin.dev/green"), ""},
	} {
		eventually(t, func() error {
			err := try.who.Do(t.Context(), try.method, try.path, try.body, nil)
			if said := fmt.Sprint(err); try.want == "" && err != nil || try.want != "" && !strings.Contains(said, try.want) {
				return fmt.Errorf("%s %s: %s; want %q", try.method, try.path, said, try.want)
			}
			return nil
		})
	}
}

// testMovedAccount gives the agent's rights to an account that no policy names, as kustomize
// does with a namespace of its own, which it does not put into policies.
func testMovedAccount(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		helm(t, c, append(variant{}.args(t, "install"), "--create-namespace", "--skip-crds")...)
		defer helm(t, c, "uninstall", "colvin", "--namespace=colvin-system")
		makeNamespace(t, c, "moved")
		kubectl(t, c, "create", "serviceaccount", "agent", "--namespace=moved")
		kubectl(t, c, "create", "clusterrolebinding", "moved", "--clusterrole=colvin-agent", "--serviceaccount=moved:agent")
		agent := onNode(t, c, "moved", "agent")
		eventually(t, func() error {
			err := agent.Do(t.Context(), http.MethodPost, topologies+dryRun, object{
				"apiVersion": "colvin.dev/v1alpha1", "kind": "NodeTopology", "metadata": object{"name": "node-b"},
				"spec": object{"bootID": "1", "converged": true, "summary": object{"ports": 0, "heard": 0, "moved": 0}},
			}, nil)
			if want := "the agent of node node-a may write the NodeTopology node-a only, not node-b"; !strings.Contains(fmt.Sprint(err), want) {
				return fmt.Errorf("%w; want %s", err, want)
			}
			return nil
		})
	}
}

func onNode(t *testing.T, c *controlplane.ControlPlane, namespace, account string) *controlplane.Client {
	t.Helper()
	client, err := c.OnNode(t.Context(), namespace, account, "node-a")
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// eventually waits until what is tried is as it should be: the API server hears of policies
// and rights a moment after they were made.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-timeout.C:
			t.Fatal(err)
		}
	}
}

// testOneRelease holds that a second release is refused with the name of the first, and
// policies for a namespace that is not there.
func testOneRelease(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		first := variant{release: "first", namespace: "one"}
		helm(t, c, append(first.args(t, "install"), "--create-namespace", "--skip-crds")...)
		defer helm(t, c, "uninstall", "first", "--namespace=one")
		for _, test := range []struct {
			v    variant
			want string
		}{
			{variant{release: "second", namespace: "two"}, "there is a release of Colvin in this cluster already, first in namespace one: two would take each other's labels away"},
			{variant{release: "first", namespace: "two"}, "there is a release of Colvin in this cluster already, first in namespace one"},
		} {
			_, err := c.Helm(t.Context(), append(test.v.args(t, "install"), "--create-namespace", "--skip-crds")...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v; want %s", err, test.want)
			}
		}
		nowhere := variant{release: "first", namespace: "one", set: []string{"namespaceOverride=nowhere"}}
		_, err := c.Helm(t.Context(), nowhere.args(t, "upgrade")...)
		if err == nil || !strings.Contains(err.Error(), "namespaceOverride: there is no namespace nowhere") {
			t.Error(err)
		}
		var list struct{ Items []json.RawMessage }
		c.DoT(t, http.MethodGet, "/apis/rbac.authorization.k8s.io/v1/clusterroles?labelSelector=app.kubernetes.io/part-of=colvin", nil, &list)
		if len(list.Items) == 0 {
			t.Error("the first release is gone")
		}
	}
}

// testNotes holds what is said after an install: how to let agents into a namespace, and not
// into the one that is everybody's.
func testNotes(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		for namespace, want := range map[string]string{
			"infra":   "kubectl label namespace infra pod-security.kubernetes.io/enforce=privileged",
			"default": "WARNING: Colvin is in the namespace default.",
		} {
			said := helm(t, c, append(variant{namespace: namespace}.args(t, "install"), "--dry-run=client")...)
			if !strings.Contains(said, want) || namespace == "default" && strings.Contains(said, "kubectl label") {
				t.Errorf("%s: want %q in %s", namespace, want, said[max(0, len(said)-1000):])
			}
		}
	}
}
