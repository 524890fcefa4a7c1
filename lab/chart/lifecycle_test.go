// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/controlplane"
)

// laterField is in the kinds of this version, and is taken from those that stand for the
// version before.
const laterField = "pinned"

// TestLifecycle installs the charts as another version was, upgrades to this one, rolls back,
// goes on, and uninstalls.
func TestLifecycle(t *testing.T) {
	netnstest.Require(t, controlplane.HelmInstalled)
	c := controlplane.StartT(t, controlplane.Options{})
	before, crdsBefore := earlier(t)
	flags := []string{"--namespace=colvin-system", "--set=image.registry=registry.example.com/infra"}
	helm(t, c, append([]string{"install", "colvin", before, "--create-namespace"}, flags...)...)
	kubectl(t, c, "wait", "--for=condition=Established", "--timeout=30s", "crd/networks.colvin.dev")
	kubectl(t, c, "apply", "--filename=../../deploy/examples/green.yaml")
	hasField := func(want bool) {
		t.Helper()
		eventually(t, func() error {
			if said := kubectl(t, c, "get", "crd", "networks.colvin.dev", "--output=json"); strings.Contains(said, `"`+laterField+`"`) != want {
				return fmt.Errorf("the kind has the later field: %t, want %t", !want, want)
			}
			return nil
		})
	}
	hasField(false)

	// Helm leaves kinds alone that are there; the other chart brings them up to date.
	helm(t, c, append([]string{"upgrade", "colvin", chart}, flags...)...)
	hasField(false)
	adopted := []string{"upgrade", "--install", "colvin-crds", crdsChart, "--namespace=colvin-system", "--take-ownership"}
	helm(t, c, adopted...)
	hasField(true)
	helm(t, c, append([]string{"upgrade", "colvin", chart}, append(flags, "--set=agent.config.interfaces={eth*}")...)...)
	if said := kubectl(t, c, "get", "--namespace=colvin-system", "configmap", "colvin-agent", "--output=yaml"); !strings.Contains(said, "eth*") {
		t.Errorf("the upgrade changes nothing: %s", said)
	}

	helm(t, c, "rollback", "colvin", "1", "--namespace=colvin-system")
	helm(t, c, "upgrade", "colvin-crds", crdsBefore, "--namespace=colvin-system")
	hasField(false)
	if said := kubectl(t, c, "get", "--namespace=colvin-system", "configmap", "colvin-agent", "--output=yaml"); strings.Contains(said, "eth*") {
		t.Errorf("the rollback changes nothing: %s", said)
	}
	helm(t, c, "rollback", "colvin-crds", "1", "--namespace=colvin-system")
	hasField(true)

	// The first step of taking it away, the second, and what is left: the kinds with RuleSets.
	helm(t, c, "upgrade", "colvin", chart, "--namespace=colvin-system", "--reset-then-reuse-values", "--set=cleanup=true")
	if said := kubectl(t, c, "get", "--namespace=colvin-system", "daemonset", "colvin-agent", "--output=yaml"); !strings.Contains(said, "clean-node") {
		t.Errorf("nothing cleans the nodes: %s", said)
	}
	helm(t, c, "uninstall", "colvin", "--namespace=colvin-system")
	helm(t, c, "uninstall", "colvin-crds", "--namespace=colvin-system")
	if said := kubectl(t, c, "get", "rulesets.colvin.dev", "--output=name"); said != "ruleset.colvin.dev/site\n" {
		t.Errorf("RuleSets that are left: %q", said)
	}
	left(t, c)
	// The API server may take minutes until it has removed what is of a kind: that is its own affair.
	kubectl(t, c, "delete", "crd", "--wait=false", "rulesets.colvin.dev", "networks.colvin.dev", "nodetopologies.colvin.dev", "colours.colvin.dev")
}

// TestManifestsLifecycle does with kubectl what docs/install.md says of manifests: they are
// applied, the first step of taking Colvin away is the chart, rendered, and what was applied
// is deleted.
func TestManifestsLifecycle(t *testing.T) {
	netnstest.Require(t, controlplane.HelmInstalled)
	c := controlplane.StartT(t, controlplane.Options{})
	files := []string{"--filename=" + manifests, "--filename=" + filepath.Join(manifests, "policies")}
	kubectl(t, c, append([]string{"apply", "--filename=" + filepath.Join(chart, "crds")}, files...)...)

	cleanup := filepath.Join(t.TempDir(), "cleanup.yaml")
	text := template(t, variant{set: []string{"namespace.create=true,cleanup=true"}})
	if err := os.WriteFile(cleanup, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl(t, c, "apply", "--filename="+cleanup)
	for workload, want := range map[string]string{"daemonset/colvin-agent": "/colvin clean-node", "deployment/colvin-controller": "--cleanup"} {
		said := kubectl(t, c, "get", "--namespace=colvin-system", workload, "--output=jsonpath={.spec.template.spec['initContainers','containers'][*]['command','args'][*]}")
		if !strings.Contains(said, want) || strings.Contains(said, "install-cni") || strings.Contains(said, "colvind.yaml") {
			t.Errorf("%s runs %q, want %s alone", workload, said, want)
		}
	}

	kubectl(t, c, append([]string{"delete", "--wait=false"}, files...)...) // nothing here ends a namespace
	left(t, c)
}

// left holds that nothing is left of what was installed but the kinds.
func left(t *testing.T, c *controlplane.ControlPlane) {
	t.Helper()
	for _, kinds := range []string{
		"serviceaccounts,configmaps,roles,rolebindings,daemonsets,deployments,poddisruptionbudgets",
		"clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings,mutatingadmissionpolicies,mutatingadmissionpolicybindings",
	} {
		if said := kubectl(t, c, "get", kinds, "--all-namespaces", "--selector=app.kubernetes.io/part-of=colvin", "--output=name"); said != "" {
			t.Errorf("left: %s", said)
		}
	}
}

// earlier makes charts as of a version before: with a field less in a kind.
func earlier(t *testing.T) (before, crds string) {
	t.Helper()
	dir := t.TempDir()
	before, crds = filepath.Join(dir, "chart"), filepath.Join(dir, "crds")
	for from, to := range map[string]string{chart: before, crdsChart: crds} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{filepath.Join(before, "crds/colvin.dev_networks.yaml"), filepath.Join(crds, "templates/colvin.dev_networks.yaml")} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := withoutField(string(data), laterField)
		if text == string(data) {
			t.Fatalf("%s has no field %s", file, laterField)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return before, crds
}

// withoutField takes a property out of a schema, by its indentation.
func withoutField(text, field string) string {
	var out []string
	skip := -1
	for line := range strings.Lines(text) {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if skip >= 0 && indent > skip {
			continue
		}
		skip = -1
		if strings.TrimSpace(line) == field+":" {
			skip = indent
			continue
		}
		out = append(out, line)
	}
	return strings.Join(out, "")
}
