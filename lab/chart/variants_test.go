// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/controlplane"
)

// The charts.
const (
	chart     = "../../deploy/chart"
	crdsChart = "../../deploy/chart-crds"
)

// A variant is a way to install Colvin.
type variant struct {
	name      string
	release   string   // empty: colvin
	namespace string   // empty: colvin-system
	set       []string // beside the registry
	values    string   // content of a file
	flags     []string // of helm template
}

func (v variant) where() (release, namespace string) {
	release, namespace = v.release, v.namespace
	if release == "" {
		release = "colvin"
	}
	if namespace == "" {
		namespace = "colvin-system"
	}
	return release, namespace
}

// args are the arguments of a helm command that renders the chart.
func (v variant) args(t *testing.T, command ...string) []string {
	t.Helper()
	release, namespace := v.where()
	args := append(command, release, chart, "--namespace="+namespace, "--set=image.registry=registry.example.com/infra")
	for _, set := range v.set {
		args = append(args, "--set="+set)
	}
	if v.values != "" {
		file := filepath.Join(t.TempDir(), "values.yaml")
		if err := os.WriteFile(file, []byte(v.values), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--values="+file)
	}
	return append(args, v.flags...)
}

// without136 leaves out what needs Kubernetes 1.36.
const without136 = "policies.podsByName=false,policies.podsByDefinition=false"

// variants are the ways that are tried.
var variants = []variant{
	{name: "default"},
	{name: "other namespace", namespace: "kube-system"},
	{name: "other release", release: "network-names", namespace: "infra"},
	{name: "full name", release: "x", namespace: "infra", set: []string{"fullnameOverride=lldp"}},
	{name: "name", release: "x", namespace: "infra", set: []string{"nameOverride=nn"}},
	{name: "long name", release: "a-release-whose-name-is-as-long-as-helm-takes-in-2026", namespace: "infra"},
	{name: "dots", release: "net.v2", namespace: "infra"},
	{name: "names that YAML takes for others", release: "123", namespace: "1e3", values: `
nameOverride: "on"
agent: {serviceAccount: {name: "1"}}
controller: {serviceAccount: {name: "2"}}
`},
	{name: "accounts of others", set: []string{
		"agent.serviceAccount.create=false,agent.serviceAccount.name=lldp-agent",
		"controller.serviceAccount.create=false,controller.serviceAccount.name=lldp-controller",
	}},
	{name: "namespace of another", set: []string{"namespaceOverride=infra"}},
	{name: "with its namespace", set: []string{"namespace.create=true"}},
	{name: "IPv6", set: []string{"kubernetes.host=2001:db8::6443,kubernetes.port=6443"}},
	{name: "1.34", set: []string{without136}, flags: []string{"--kube-version=v1.34.0"}},
	{name: "EKS", flags: []string{"--kube-version=v1.36.1-eks-1234567"}},
	{name: "K3s", set: []string{"cni.binDir=/var/lib/rancher/k3s/data/cni,cli.dir=/usr/local/bin"}},
	{name: "OpenShift", set: []string{"openshift.enabled=true,cni.binDir=/var/lib/cni/bin"}},
	{name: "no installer", set: []string{"cni.install=false"}},
	{name: "no command", set: []string{"cli.install=false"}},
	{name: "altnames", set: []string{"agent.config.altnames=on"}},
	{name: "pinned images", values: `
global: {imageRegistry: mirror.example.com:5000, imagePullSecrets: [one]}
imagePullSecrets: [{name: two}]
agent: {image: {digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}}
`},
	{name: "one controller", set: []string{"controller.replicas=1,controller.metrics.enabled=false"}},
	{name: "no policies", set: []string{"policies.accounts=false,policies.ruleSets=false,policies.definitions=false", without136}},
	{name: "everything", values: `
commonLabels: {team: network}
commonAnnotations: {contact: noc}
policies: {moreDefinitions: true}
tenantRoles: true
viewerRole: true
networkPolicy: {enabled: true, metricsFrom: [{namespaceSelector: {matchLabels: {name: monitoring}}}]}
priorityQuota: {enabled: true}
controller:
  readPods: false
  tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists}]
  topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {a: b}}}]
  podAnnotations: {a: b}
  podLabels: {c: d}
  log: {level: debug, format: json}
agent:
  seLinuxOptions: {type: spc_t}
  podAnnotations: {a: b}
  podLabels: {c: d}
  serviceAccount: {annotations: {e: f}}
  config:
    interfaces: ["*", "!eth0"]
    protocols: [lldp]
    routerAdvertisements: "off"
    transmit: "on"
    capture: all
    ports: [{match: "ens*", transmit: "off"}, {match: ens3, capture: protocol}]
    shutdownOnExit: true
    silence: 7d
    goodbye: 30m
    runDirectory: /run/other
    stateDirectory: /var/lib/other/state
    recordDirectory: /var/lib/other/records
    colours: {attach: true, of: all}
    isolation: strict
    altnames: "on"
    metrics: {address: "127.0.0.1:9100"}
    log: {level: debug, format: json}
`},
	{name: "nothing for what may be empty", values: `
nameOverride:
imagePullSecrets:
commonLabels:
commonAnnotations:
tenantRoles:
viewerRole:
kubernetes: {host: , port: }
agent:
  affinity:
  nodeSelector:
  tolerations:
  podLabels:
  podAnnotations:
  updateStrategy:
  seLinuxOptions:
  serviceAccount: {annotations: }
controller:
  affinity:
  tolerations:
  podAnnotations:
  topologySpreadConstraints:
`},
	{name: "one secret twice", values: `
global: {imagePullSecrets: [one, {name: two}]}
imagePullSecrets: [{name: two}, {name: one}]
`},
	{name: "cleanup", set: []string{"cleanup=true"}},
	{name: "cleanup of all", set: []string{"cleanup=true,agent.config.altnames=on,cli.dir=/usr/local/bin"}},
	{name: "cleanup of other directories", set: []string{"cleanup=true,agent.config.recordDirectory=/var/lib/other/records"}},
}

// template renders a variant.
func template(t *testing.T, v variant) string {
	t.Helper()
	netnstest.Require(t, controlplane.HelmInstalled)
	out, err := controlplane.Helm(t.Context(), v.args(t, "template")...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
