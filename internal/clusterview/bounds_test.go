// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// elsewhere are fields whose bounds are not for this package to hold: the kernel or
// package discovery makes them no longer, or package publish writes them.
var elsewhere = regexp.MustCompile(`^(bootID|silence|goodbye|moved\b.*|interfaces\[\]\.(kind|mac|bond\.mode)|.*\.source|switches\[\]\.(capabilities|enabled)(\[\])?)$`)

// TestBounds holds that the bounds are those of the CRD. An API server refuses all of an
// object that goes beyond one of them.
func TestBounds(t *testing.T) {
	want := map[string]int{
		"interfaces": maxInterfaces, "interfaces[].name": maxName, "interfaces[].port.problem": maxProblem, "interfaces[].port.others": maxOthers,
		"interfaces[].port.firmwareLLDP.driver": maxDriver, "interfaces[].port.firmwareLLDP.remedy": maxRemedy,
		"interfaces[].port.holder.against": maxAgainst, "summary.unsure": maxSummary,
		"switches": maxSwitches, "switches[].id": maxID, "switches[].chassis": maxID, "switches[].knownAs": maxID,
		"switches[].systemName": maxText, "switches[].systemDescription": maxText,
		"switches[].managementAddresses": maxAddresses, "switches[].managementAddresses[]": maxAddress,
	}
	for _, neighbor := range []string{"holder", "holder.against[]", "holder.before", "others[]"} {
		at := "interfaces[].port." + neighbor + "."
		want[at+"switch"], want[at+"portID"], want[at+"portDescription"] = maxID, maxID, maxText
		want[at+"vlans"], want[at+"vlans[].name"] = maxVLANs, maxVLANName
	}
	data, err := os.ReadFile(filepath.FromSlash("../../deploy/crds/colvin.dev_nodetopologies.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct{ OpenAPIV3Schema schema }
			}
		}
	}
	if err := yaml.Unmarshal(data, &crd); err != nil {
		t.Fatal(err)
	}
	for _, version := range crd.Spec.Versions {
		got := version.Schema.OpenAPIV3Schema.Properties["spec"].bounds("")
		maps.DeleteFunc(got, func(field string, _ int) bool { return elsewhere.MatchString(field) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("bounds (-here +CRD):\n%s", diff)
		}
	}
	if len(crd.Spec.Versions) != 1 {
		t.Errorf("the CRD has %d versions, want 1", len(crd.Spec.Versions))
	}
}

// A schema is what counts here of an OpenAPI schema.
type schema struct {
	MaxLength, MaxItems int
	Properties          map[string]*schema
	Items               *schema
}

// bounds are the bounds of all fields from one on, by path.
func (s *schema) bounds(field string) map[string]int {
	out := map[string]int{}
	if most := s.MaxLength + s.MaxItems; most != 0 { // a field is a text or a list
		out[field] = most
	}
	for name, property := range s.Properties {
		if field != "" {
			name = field + "." + name
		}
		maps.Copy(out, property.bounds(name))
	}
	if s.Items != nil {
		maps.Copy(out, s.Items.bounds(field+"[]"))
	}
	return out
}
