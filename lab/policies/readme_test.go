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

var multusExample = regexp.MustCompile("(?s)```yaml\n(apiVersion: k8s.cni.cncf.io/v1\n.*?)```.*?'jsonpath=\\{.spec.nodeSelector\\}'\n(.*?)\n")

// testREADME applies the Multus example of the README: the pod gets the node selector that
// the page shows.
func testREADME(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		page, err := os.ReadFile("../../README.md")
		if err != nil {
			t.Fatal(err)
		}
		example := multusExample.FindSubmatch(page)
		if example == nil {
			t.Fatal("README.md has no definition and pod, or does not show the pod's node selector")
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
				Spec struct{ NodeSelector map[string]string }
			}
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Items) != 2 || got.Items[1].Kind != "Pod" {
			t.Fatalf("%v: %s", err, out)
		}
		var want map[string]string
		if err := json.Unmarshal(example[2], &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Items[1].Spec.NodeSelector); diff != "" {
			t.Errorf("node selector (-want +got):\n%s", diff)
		}
	}
}
