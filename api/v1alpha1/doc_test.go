// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

func TestAddToScheme(t *testing.T) {
	s := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	for object, kind := range map[runtime.Object]string{
		new(v1alpha1.RuleSet): "RuleSet", new(v1alpha1.ColourList): "ColourList",
		new(v1alpha1.NodeTopology): "NodeTopology", new(v1alpha1.Network): "Network",
	} {
		got, _, err := s.ObjectKinds(object)
		want := []schema.GroupVersionKind{{Group: "colvin.dev", Version: "v1alpha1", Kind: kind}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v, kinds (-want +got):\n%s", err, diff)
		}
	}
}
