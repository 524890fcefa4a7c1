// SPDX-License-Identifier: Apache-2.0

//go:build linux

package policies

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/lab/controlplane"
)

var multusExample = regexp.MustCompile("(?s)```yaml\n(apiVersion: k8s.cni.cncf.io/v1\n.*?)```.*?'jsonpath=\\{.spec.affinity.nodeAffinity..nodeSelectorTerms\\[0\\].matchExpressions\\}'\n(.*?)\n")

// testREADME applies the Multus example of the README: the pod gets the affinity that the
// page shows.
func testREADME(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		page, err := os.ReadFile("../../README.md")
		if err != nil {
			t.Fatal(err)
		}
		example := multusExample.FindSubmatch(page)
		if example == nil {
			t.Fatal("README.md has no definition and pod, or does not show the pod's affinity")
		}
		file := filepath.Join(t.TempDir(), "example.yaml")
		if err := os.WriteFile(file, example[1], 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := c.Kubectl(t.Context(), "apply", "--dry-run=server", "--output=json", "--filename="+file)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Items []struct {
				Kind string
				Spec placing
			}
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Items) != 2 || got.Items[1].Kind != "Pod" {
			t.Fatalf("%v: %s", err, out)
		}
		var want []requirement
		if err := json.Unmarshal(example[2], &want); err != nil {
			t.Fatal(err)
		}
		terms := got.Items[1].Spec.terms()
		if len(terms) != 2 {
			t.Fatalf("the pod has %d terms", len(terms))
		}
		if diff := cmp.Diff(want, terms[0].MatchExpressions); diff != "" {
			t.Errorf("affinity (-want +got):\n%s", diff)
		}
	}
}
