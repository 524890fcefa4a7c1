// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/controlplane"
)

// TestRefused holds that a value which is wrong is told before anything is installed, with
// what to do where the schema cannot say it.
func TestRefused(t *testing.T) {
	netnstest.Require(t, controlplane.HelmInstalled)
	for _, test := range []struct {
		name string
		set  string
		want string
	}{
		{"no registry", "image.registry=", `image.registry is empty: say which registry`},
		{"unknown key", "agnet.config=1", "agnet"},
		{"unknown key of colvind", "agent.config.node=a", "node"},
		{"kubernetes of colvind", "agent.config.kubernetes.enabled=true", "kubernetes"},
		{"off, where nobody looks", "enabled=false", "enabled"},
		{"text for a number", "controller.replicas=two", "controller/replicas"},
		{"no replicas", "controller.replicas=0", "controller/replicas"},
		{"word for on or off", "agent.config.altnames=maybe", "agent/config/altnames"},
		{"unquoted on", "agent.config.transmit=true", "agent/config/transmit"},
		{"half of a duration", "agent.config.silence=1.5h", "agent/config/silence"},
		{"blink", "agent.config.goodbye=30s", "agent/config/goodbye"},
		{"IPv6 without brackets", "agent.config.metrics.address=::1:9100", "agent/config/metrics/address"},
		{"relative path", "cni.binDir=opt/cni/bin", "cni/binDir"},
		{"a path that says more", `cni.binDir=/opt/cni/bin}\, evil: {a: b`, "cni/binDir"},
		{"brackets around IPv6", "kubernetes.host=[::1]", "kubernetes/host"},
		{"port of nobody", "kubernetes.port=6443", "kubernetes.port is set, and kubernetes.host, whose port it is, is empty"},
		{"digest", "agent.image.digest=sha256:1", "agent/image/digest"},
		{"tag that says more", `image.tag=v1"`, "image/tag"},
		{"name that is none", "fullnameOverride=It's", "fullnameOverride"},
		{"account that says more", `agent.serviceAccount.name=a' || true || 'b`, "agent/serviceAccount/name"},
		{"namespace that says more", `namespaceOverride=a' || true || 'b`, "namespaceOverride"},
		{"no policies", "policies=null", "policies"}, // as of a release that knew none, with --reuse-values
		{"policy without a word", "policies.accounts=null", "accounts"},
		{"no colours", "agent.config.colours=null", "colours"},
		{"no directory", "agent.config.runDirectory=null", "runDirectory"},
		{"policy by a word", "policies.accounts=auto", "policies/accounts"},
		{"nobody's account", "agent.serviceAccount.create=false", "agent.serviceAccount.name is empty"},
		{"one account for both", "agent.serviceAccount.name=a,controller.serviceAccount.name=a", `are both "a": agents run on every node`},
		{"more of nothing", "policies.moreDefinitions=true,policies.definitions=false", "policies.definitions, which it adds to, is false"},
		{"everybody's account", "agent.serviceAccount.create=false,agent.serviceAccount.name=default", `agent.serviceAccount.name is "default"`},
		{"label that selects", `agent.podLabels.app\.kubernetes\.io/name=mine`, "agent.podLabels has app.kubernetes.io/name, which the chart sets by itself"},
		{"label of everything", `commonLabels.app\.kubernetes\.io/instance=mine`, "commonLabels has app.kubernetes.io/instance"},
		{"one port for two", "controller.metrics.port=8081", "controller.healthPort and controller.metrics.port are both 8081"},
		{"two agents on a node", "agent.updateStrategy.rollingUpdate.maxSurge=1", "two agents cannot run on one node"},
		{"label that is none", "agent.podLabels.team=a b", "agent/podLabels/team"},
		{"too long for a socket", "agent.config.runDirectory=/run/" + strings.Repeat("a", 92), "agent/config/runDirectory"},
		{"way up", "agent.config.runDirectory=/run/../etc", "agent/config/runDirectory"},
		{"everything of the node's", "agent.config.runDirectory=/run", "agent/config/runDirectory"},
		{"one directory for two", "agent.config.stateDirectory=/run/colvin", "agent.config.stateDirectory is /run/colvin, and agent.config.runDirectory is /run/colvin: one is in the other"},
		{"records of others", "agent.config.stateDirectory=/var/lib/colvin", "and agent.config.recordDirectory is /var/lib/colvin/attachments: one is in the other"},
		{"plugins in the agent's hands", "cni.binDir=/var/lib/colvin/agent/bin", "and cni.binDir is /var/lib/colvin/agent/bin"},
		{"token in the agent's hands", "agent.config.runDirectory=/var/run", "and the pod's token is"},
		{"registry that is an address", "global.imageRegistry=https://registry.example.com", "global/imageRegistry"},
		{"command in the plugin's place", "cli.dir=/opt/cni/bin", "cli.dir is cni.binDir (/opt/cni/bin)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := controlplane.Helm(t.Context(), variant{set: []string{test.set}}.args(t, "template")...)
			if err == nil {
				t.Fatalf("rendered:\n%.300s", out)
			}
			if said := err.Error(); !strings.Contains(said, test.want) && !strings.Contains(said, strings.ReplaceAll(test.want, "/", ".")) {
				t.Errorf("said %s\nwant %s", said, test.want)
			}
		})
	}
}

// TestPart renders the chart as a part of another, which says whether it wants it, gives it
// another name, and has values for all its parts.
func TestPart(t *testing.T) {
	netnstest.Require(t, controlplane.HelmInstalled)
	above := t.TempDir()
	if err := os.CopyFS(filepath.Join(above, "charts/colvin"), os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"Chart.yaml":  "apiVersion: v2\nname: platform\nversion: 1.0.0\ndependencies: [{name: colvin, version: \">=0\", alias: names, condition: names.enabled}]\n",
		"values.yaml": "global: {imageRegistry: registry.example.com/mirror, storageClass: fast}\nnames: {enabled: true}\n",
	} {
		if err := os.WriteFile(filepath.Join(above, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := controlplane.Helm(t.Context(), "template", "site", above, "--namespace=infra")
	if err != nil {
		t.Fatal(err)
	}
	in := read(t, out)
	in.policiesFollow(t)
	in.rightsFollow(t)
	in.selectorsFit(t)
	if image := in.agent.Spec.Template.Spec.Containers[0].Image; in.agent.Name != "site-names-agent" || !strings.HasPrefix(image, "registry.example.com/mirror/colvin:") {
		t.Errorf("agent %s of image %s", in.agent.Name, image)
	}
	if out, err := controlplane.Helm(t.Context(), "template", "site", above, "--set=names.enabled=false"); err != nil || strings.Contains(out, "kind:") {
		t.Errorf("not wanted: %v\n%.300s", err, out)
	}
}

// TestTooOld holds that a cluster which lacks a kind is told of it by name.
func TestTooOld(t *testing.T) {
	netnstest.Require(t, controlplane.HelmInstalled)
	for _, test := range []struct{ version, want string }{
		{"v1.35.4", "policies.podsByName and policies.podsByDefinition need Kubernetes 1.36, and this is v1.35.4: add --set policies.podsByName=false"},
		{"v1.33.9", "chart requires kubeVersion: >=1.34.0-0"},
	} {
		out, err := controlplane.Helm(t.Context(), variant{flags: []string{"--kube-version=" + test.version}}.args(t, "template")...)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v\n%.300s", test.version, err, out)
		}
	}
}

// TestVersion holds that the images that users are told to build have the tag that the chart asks for.
func TestVersion(t *testing.T) {
	var about struct {
		AppVersion string `yaml:"appVersion"`
	}
	readYAML(t, filepath.Join(chart, "Chart.yaml"), &about)
	for _, page := range []string{"README.md", "docs/install.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		if want := "make images PUSH=registry.example.com/infra VERSION=" + about.AppVersion; !strings.Contains(string(text), want) {
			t.Errorf("%s does not say %s", page, want)
		}
	}
}

// TestLint has helm look at the charts as it does.
func TestLint(t *testing.T) {
	netnstest.Require(t, controlplane.HelmInstalled)
	for _, dir := range []string{chart, crdsChart} {
		out, err := controlplane.Helm(t.Context(), "lint", "--strict", dir, "--set=image.registry=registry.example.com/infra")
		if err != nil {
			t.Error(err)
		}
		t.Log(out)
	}
}

// TestConfiguration holds that the values have each key of colvind but those that a pod
// knows, with its default, and that what is rendered is what was asked for.
func TestConfiguration(t *testing.T) {
	var values struct {
		Agent struct{ Config map[string]any }
	}
	readYAML(t, filepath.Join(chart, "values.yaml"), &values)
	var reference map[string]any
	readYAML(t, "../../deploy/colvind.yaml", &reference)
	delete(reference, "node")
	delete(reference, "kubernetes")
	colours, ok := reference["colours"].(map[string]any)
	if !ok {
		t.Fatalf("colours are %v", reference["colours"])
	}
	colours["attach"] = false // which depends on the cluster, so that it is no value there
	if diff := cmp.Diff(reference, values.Agent.Config); diff != "" {
		t.Errorf("deploy/colvind.yaml and agent.config (-want +got):\n%s", diff)
	}

	want, err := config.Parse("", []byte("kubernetes: {enabled: true}"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := config.Parse("", []byte(read(t, template(t, variant{})).config))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the agent is told (-default +got):\n%s", diff)
	}

	for _, duration := range []string{"60s", "100s", "1m30s", "90m", "1h", "24h", "1h30m", "7d", "366d", "1d12h0m5s"} {
		text := template(t, variant{set: []string{"agent.config.silence=" + duration + ",agent.config.goodbye=" + duration, "agent.config.metrics.address=[::1]:9100"}})
		if _, err := config.Parse("", []byte(read(t, text).config)); err != nil {
			t.Error(err)
		}
	}

	i := slices.IndexFunc(variants, func(v variant) bool { return v.name == "everything" })
	if err := yaml.Unmarshal([]byte(variants[i].values), &values); err != nil {
		t.Fatal(err)
	}
	var rendered map[string]any
	if err := yaml.Unmarshal([]byte(read(t, template(t, variants[i])).config), &rendered); err != nil {
		t.Fatal(err)
	}
	delete(rendered, "kubernetes")
	var asked struct {
		Agent struct{ Config map[string]any }
	}
	if err := yaml.Unmarshal([]byte(variants[i].values), &asked); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asked.Agent.Config["ports"], rendered["ports"]); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	for key, value := range asked.Agent.Config {
		if diff := cmp.Diff(value, rendered[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}

// TestSchema holds that values and schema have the same keys: what the one has and the other
// has not is refused, or is a value that nobody can find.
func TestSchema(t *testing.T) {
	var values map[string]any
	readYAML(t, filepath.Join(chart, "values.yaml"), &values)
	data, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	s.compare(t, s.Defs, "", values)
}

type schema struct {
	Ref        string            `json:"$ref"`
	Defs       map[string]schema `json:"$defs"`
	Properties map[string]schema
	Required   []string
	Additional any `json:"additionalProperties"`
}

// mayBe are values that the schema knows and nobody has by default.
var mayBe = []string{"enabled", "initialDelaySeconds", "claims", "match"}

func (s schema) compare(t *testing.T, defs map[string]schema, path string, value any) {
	t.Helper()
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		s = defs[name]
	}
	values, ok := value.(map[string]any)
	if !ok || s.Properties == nil {
		return
	}
	if s.Additional != false && path != ".global" {
		t.Errorf("%s: the schema takes keys that nobody knows", path)
	}
	want := slices.Sorted(maps.Keys(s.Properties))
	want = slices.DeleteFunc(want, func(key string) bool { return values[key] == nil && slices.Contains(mayBe, key) })
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(values))); diff != "" {
		t.Errorf("%s: keys (-schema +values):\n%s", path, diff)
	}
	for _, key := range s.Required {
		if _, there := values[key]; !there {
			t.Errorf("%s.%s has to be there, and has no default", path, key)
		}
	}
	for key, value := range values {
		s.Properties[key].compare(t, defs, path+"."+key, value)
	}
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
