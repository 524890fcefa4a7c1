// SPDX-License-Identifier: Apache-2.0

//go:build linux

package policies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/lab/controlplane"
)

type object = map[string]any

const (
	nodes       = "/api/v1/nodes"
	topologies  = "/apis/colvin.dev/v1alpha1/nodetopologies"
	rules       = "/apis/colvin.dev/v1alpha1/rulesets"
	colours     = "/apis/colvin.dev/v1alpha1/colours"
	networks    = "/apis/colvin.dev/v1alpha1/networks"
	definitions = "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions"
	dryRun      = "?dryRun=All"
)

// TestWithoutMultus holds that no pod suffers where the kind of the definitions is
// unknown, and that names work.
func TestWithoutMultus(t *testing.T) {
	c := controlplane.StartT(t, controlplane.Options{})
	before := plainPods(t, c)
	if err := controlplane.InstallColvin(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	testPlainPods(c, before)(t)
	got := []any{
		pod{annotations: object{multus: "green"}}.networks(t, c),
		pod{annotations: object{byName: "green"}}.networks(t, c),
	}
	if err := different([]any{held(), held("green")}, got); err != nil {
		t.Error(err)
	}
}

// TestPolicies has one control plane for all that follows, with nodes of which the last
// two expect what they do not have:
//
//	node1: green                node2: green, blue
//	node3: pink and lime        node4: pink and lime, but it is known what it has
//
// Nobody has the network red, for which there is a definition.
func TestPolicies(t *testing.T) {
	c := controlplane.StartT(t, controlplane.Options{Scheduler: true})
	before := plainPods(t, c)
	prepare(t, c)
	t.Run("plain pods", testPlainPods(c, before))
	t.Run("selectors", testSelectors(c))
	t.Run("cost", testCost(c))
	t.Run("refused pods", testRefusedPods(c))
	t.Run("scheduling", testScheduling(c))
	t.Run("README", testREADME(c))
	t.Run("shared definitions", testShared(c))
	t.Run("RuleSets", testRuleSets(c))
	t.Run("agent", testAgent(c))
	t.Run("controller", testController(c))
	t.Run("controller's role", testControllerRBAC(c))
	t.Run("tenants", testTenants(c))
	t.Run("kubelet", testKubelet(c))
	t.Run("more rights", testMoreRights(c))
	t.Run("wrong account", testWrongAccount(c))
	t.Run("half installed", testHalfInstalled(c)) // leaves it that way
}

// prepare makes the objects of the cluster, and waits until the policies know them.
// The kind of the definitions comes before the policies: one that misses its kind
// looks for it twice a minute.
func prepare(t *testing.T, c *controlplane.ControlPlane) {
	t.Helper()
	const crd = "--filename=testdata/definition-crd.yaml"
	kubectl(t, c, "apply", crd)
	kubectl(t, c, "wait", "--for=condition=Established", "--timeout=30s", crd)
	eventually(t, func() error { return c.Do(t.Context(), http.MethodGet, definitions, nil, nil) })
	if err := controlplane.InstallColvin(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	kubectl(t, c, "apply", "--filename=testdata/cluster.yaml")
	begin := time.Now()
	eventually(t, func() error {
		var spec placing
		if err := json.Unmarshal(pod{annotations: object{multus: "green,blue-net"}}.specOf(t, c), &spec); err != nil {
			return err
		}
		names := map[string]bool{}
		for _, term := range spec.terms() {
			names, _, _ = split(term)
		}
		return different(held("green", "blue"), names)
	})
	t.Logf("the policy knows the definitions after %v", time.Since(begin))
}

func kubectl(t *testing.T, c *controlplane.ControlPlane, args ...string) {
	t.Helper()
	if _, err := c.Kubectl(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
}

// apply applies a manifest that is not in a file.
func apply(t *testing.T, c *controlplane.ControlPlane, manifest string, args ...string) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := c.Kubectl(t.Context(), append([]string{"apply", "--filename=" + file}, args...)...)
	return err
}

func different(want, got any) error {
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("(-want +got):\n%s", diff)
	}
	return nil
}

// eventually waits until try works.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	const interval, patience = 50 * time.Millisecond, time.Minute // of a machine under load
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		last := try()
		if last == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(last)
		case <-ticker.C:
		}
	}
}

// answer is what the API server says: "done", or how it refuses.
func answer(t *testing.T, c *controlplane.Client, method, path string, in any) string {
	t.Helper()
	err := c.Do(t.Context(), method, path, in, nil)
	if err == nil {
		return "done"
	}
	status, ok := errors.AsType[*controlplane.Status](err)
	if !ok {
		t.Fatal(err)
	}
	if _, said, ok := strings.Cut(status.Message, "denied request: "); ok {
		return status.Reason + ": " + said
	}
	return status.Reason + " by RBAC or schema: " + status.Message
}

// account returns a client of one of Colvin's accounts, as on a node.
func account(t *testing.T, c *controlplane.ControlPlane, name, node string) *controlplane.Client {
	t.Helper()
	client, err := c.OnNode(t.Context(), "colvin-system", name, node)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// uid returns the UID of a node.
func uid(t *testing.T, c *controlplane.ControlPlane, node string) string {
	t.Helper()
	var answer struct{ Metadata struct{ UID string } }
	c.DoT(t, http.MethodGet, nodes+"/"+node, nil, &answer)
	return answer.Metadata.UID
}

// text is an object as JSON.
func text(t *testing.T, in any) string {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
