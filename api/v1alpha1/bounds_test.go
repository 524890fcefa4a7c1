// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

// elsewhere are fields that others write, or whose bounds nobody here has to hold: the
// kernel, Kubernetes or package discovery makes them no longer.
var elsewhere = regexp.MustCompile(`^ruleset.spec\.|\.(conditions\b.*|bootID|silence|goodbye|kind|mac|source|bond\.mode|(capabilities|enabled)(\[\])?)$`)

// TestBounds holds that the bounds are those of the CRDs.
func TestBounds(t *testing.T) {
	const port, moved = "nodetopology.spec.interfaces[].port.", "nodetopology.spec.moved[]."
	want := map[string]int{
		"colour.spec.switch": v1alpha1.MaxID,

		"nodetopology.spec.interfaces": v1alpha1.MaxInterfaces, "nodetopology.spec.interfaces[].name": v1alpha1.MaxName,
		port + "problem": v1alpha1.MaxProblem, port + "others": v1alpha1.MaxOthers, port + "holder.against": v1alpha1.MaxAgainst,
		port + "driver": v1alpha1.MaxDriver, port + "address": v1alpha1.MaxDriver,
		port + "firmwareLLDP.driver": v1alpha1.MaxDriver, port + "firmwareLLDP.remedy": v1alpha1.MaxRemedy,
		"nodetopology.spec.summary.unsure": v1alpha1.MaxSummary,
		"nodetopology.spec.switches":       v1alpha1.MaxSwitches, "nodetopology.spec.switches[].id": v1alpha1.MaxID,
		"nodetopology.spec.switches[].chassis": v1alpha1.MaxID, "nodetopology.spec.switches[].knownAs": v1alpha1.MaxID,
		"nodetopology.spec.switches[].systemName": v1alpha1.MaxText, "nodetopology.spec.switches[].systemDescription": v1alpha1.MaxText,
		"nodetopology.spec.switches[].managementAddresses":   v1alpha1.MaxAddresses,
		"nodetopology.spec.switches[].managementAddresses[]": v1alpha1.MaxAddress,
		"nodetopology.spec.moved":                            v1alpha1.MaxMoved,
		moved + "containerID":                                v1alpha1.MaxContainerID, moved + "ifName": v1alpha1.MaxName,
		moved + "network": v1alpha1.MaxName, moved + "device": v1alpha1.MaxName, moved + "from": v1alpha1.MaxKey, moved + "to": v1alpha1.MaxKey,
		moved + "pod.namespace": v1alpha1.MaxName, moved + "pod.name": v1alpha1.MaxPodName, moved + "pod.uid": v1alpha1.MaxUID,

		"network.status.identities": v1alpha1.MaxIdentities, "network.status.identities[].switch": v1alpha1.MaxID,
		"network.status.identities[].systemName": v1alpha1.MaxText, "network.status.identities[].port": v1alpha1.MaxID,
		"network.status.aliases": v1alpha1.MaxAliases, "network.status.aliases[]": v1alpha1.MaxName,
		"network.status.namedBy": v1alpha1.MaxNamedBy, "network.status.namedBy[]": v1alpha1.MaxRef,
		"network.status.summary.vlans": v1alpha1.MaxSummary, "network.status.summary.switches": v1alpha1.MaxSummary,
		"network.status.summary.aliases": v1alpha1.MaxSummary, "network.status.summary.problems": v1alpha1.MaxSummary,

		"ruleset.spec.networks": v1alpha1.MaxRules, "ruleset.spec.networks[].match": v1alpha1.MaxMatches, "ruleset.spec.networks[].aliases": v1alpha1.MaxRuleAliases,
		"ruleset.status.names":    v1alpha1.MaxSummary,
		"ruleset.status.mistakes": v1alpha1.MaxMistakes, "ruleset.status.mistakes[]": v1alpha1.MaxMistake,
		"ruleset.status.warnings": v1alpha1.MaxMistakes, "ruleset.status.warnings[]": v1alpha1.MaxMistake,
	}
	for _, neighbor := range []string{"holder", "led", "holder.against[]", "holder.before", "others[]"} {
		at := port + neighbor + "."
		want[at+"switch"], want[at+"portID"], want[at+"portDescription"] = v1alpha1.MaxID, v1alpha1.MaxID, v1alpha1.MaxText
		want[at+"vlans"], want[at+"vlans[].name"] = v1alpha1.MaxVLANs, v1alpha1.MaxVLANName
	}
	got := map[string]int{}
	for kind, plural := range map[string]string{
		"colour": v1alpha1.Colours, "network": v1alpha1.Networks, "nodetopology": v1alpha1.NodeTopologies, "ruleset": v1alpha1.RuleSets,
	} {
		maps.Copy(got, readSchema(t, plural).bounds(kind))
	}
	maps.DeleteFunc(got, func(field string, _ int) bool {
		_, here := want[field]
		return !here && elsewhere.MatchString(field)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bounds (-here +CRD):\n%s", diff)
	}
}

// A property is what counts here of an OpenAPI schema.
type property struct {
	MaxLength, MaxItems int
	Properties          map[string]*property
	Items               *property
}

// readSchema reads the schema of the only version of a kind.
func readSchema(t *testing.T, plural string) *property {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash("../../deploy/chart/crds/colvin.dev_" + plural + ".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct{ OpenAPIV3Schema property }
			}
		}
	}
	if err := yaml.Unmarshal(data, &crd); err != nil {
		t.Fatal(err)
	}
	if len(crd.Spec.Versions) != 1 {
		t.Fatalf("the CRD of %s has %d versions, want 1", plural, len(crd.Spec.Versions))
	}
	return &crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// bounds are the bounds of all fields from one on, by path.
func (p *property) bounds(path string) map[string]int {
	out := map[string]int{}
	if most := p.MaxLength + p.MaxItems; most != 0 { // a field is a text or a list
		out[path] = most
	}
	for name, child := range p.Properties {
		maps.Copy(out, child.bounds(path+"."+name))
	}
	if p.Items != nil {
		maps.Copy(out, p.Items.bounds(path+"[]"))
	}
	return out
}
