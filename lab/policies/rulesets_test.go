// SPDX-License-Identifier: Apache-2.0

//go:build linux

package policies

import (
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/colvin-net/colvin/lab/controlplane"
	ruleset "github.com/colvin-net/colvin/mapping/rules"
	"github.com/colvin-net/colvin/mapping/rules/rulestest"
)

// ruleSet is a RuleSet of these rules.
func ruleSet(t *testing.T, document string) object {
	t.Helper()
	var spec object
	if err := yaml.Unmarshal([]byte(document), &spec); err != nil {
		t.Fatal(err)
	}
	return object{"apiVersion": "colvin.dev/v1alpha1", "kind": "RuleSet", "metadata": object{"name": "x"}, "spec": spec}
}

// testRuleSets holds that what is wrong with silent is refused with the field and what to
// do, where it is a mistake in a file too, and nothing else.
func testRuleSets(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		const (
			told       = ": stands beside silent, which is about ports where no switch speaks, and only a switch tells it; remove one of the two"
			everywhere = ": silent does not say which ports, so it would pin every port of every node; add node, interface, mac, pci, driver or address"
			spoken     = ": address and prefix are for ports where no switch speaks; add silent: true to the match, or remove them"
			words      = ": name or alias asks for what only a switch tells, and a match of the rule is about ports where none speaks; use {node.1} or {interface.1}, or take the word out"
			elsewhere  = ": silent is about ports where nobody speaks, so it cannot stand in ignore or a group; remove it"
			post       = http.MethodPost
		)
		eventually(t, func() error { // the policy is loaded
			got := answer(t, c.Client, post, rules+dryRun, ruleSet(t, `ignore: [{node: n1, silent: now}]`))
			return different("Invalid: spec.ignore[0].silent"+elsewhere, got)
		})
		for document, want := range map[string]string{
			`networks: [{name: a, match: [{system: x, vlan: 5}, {silent: true, node: n1, system: x, vlan: 5}, {silent: now, node: n1}]}, {name: b, match: [{silent: "true", node: n1, group: g}]}]`: "spec.networks[0].match[1].system, spec.networks[0].match[1].vlan, spec.networks[1].match[0].group" + told,
			`networks: [{name: a, match: [{silent: true, node: "*", interface: "(?*)"}, {silent: now, mac: "*"}, {silent: now, mac: "*", address: 10.0.0.0/8}]}]`:                                   "spec.networks[0].match[0], spec.networks[0].match[1]" + everywhere,
			`networks: [{name: a, match: [{interface: eth1, address: 10.0.0.0/8}, {node: n1, prefix: "2001:db8::/64"}]}]`:                                                                           "spec.networks[0].match[0], spec.networks[0].match[1]" + spoken,
			`networks: [{name: "a-{vlan}", match: [{silent: true, node: n1}, {system: x, vlan: 5}]}]`:                                                                                               "spec.networks[0].name" + words,
			`networks: [{name: a, aliases: ["x-{port.number}"], match: [{silent: true, node: n1}]}]`:                                                                                                "spec.networks[0].name" + words,
			`ignore: [{node: n1, silent: now}]`:                                      "spec.ignore[0].silent" + elsewhere,
			`switchGroups: {dc1: {match: [{system: x}, {system: z, silent: true}]}}`: "spec.switchGroups[dc1].match" + elsewhere,
		} {
			try(t, c.Client, []write{{post, rules + dryRun, ruleSet(t, document), "Invalid: " + want}})
			if _, _, err := ruleset.Parse("r.yaml", []byte(document)); err == nil {
				t.Errorf("no mistake as a file: %s", document)
			}
		}
		for name, document := range rulestest.Documents(t, "../..") {
			if got := answer(t, c.Client, post, rules+dryRun, ruleSet(t, document)); got != "done" {
				t.Errorf("%s: %s", name, got)
			}
		}
		var policy struct {
			Status struct {
				TypeChecking struct {
					ExpressionWarnings []struct{ FieldRef, Warning string }
				}
			}
		}
		c.DoT(t, http.MethodGet, "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/colvin-rulesets", nil, &policy)
		for _, w := range policy.Status.TypeChecking.ExpressionWarnings {
			t.Errorf("%s: %s", w.FieldRef, strings.TrimSpace(w.Warning))
		}
	}
}
