// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

// A shelf is an API server that has one object, or none.
type shelf struct {
	dynamic.Interface
	dynamic.NamespaceableResourceInterface

	has *unstructured.Unstructured
}

func (s *shelf) Resource(schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	return s
}

func (s *shelf) Get(_ context.Context, name string, _ metav1.GetOptions, _ ...string) (*unstructured.Unstructured, error) {
	if s.has == nil {
		return nil, apierrors.NewNotFound(v1alpha1.Resource(v1alpha1.NodeTopologies).GroupResource(), name)
	}
	return s.has.DeepCopy(), nil
}

func (s *shelf) Create(_ context.Context, o *unstructured.Unstructured, _ metav1.CreateOptions, _ ...string) (*unstructured.Unstructured, error) {
	s.has = o.DeepCopy()
	return o, nil
}

func (s *shelf) Update(_ context.Context, o *unstructured.Unstructured, _ metav1.UpdateOptions, _ ...string) (*unstructured.Unstructured, error) {
	s.has = o.DeepCopy()
	return o, nil
}

// TestPutAfterLaterVersion holds that facts of a later version do not stay when an older
// one comes back: nobody keeps them up to date.
func TestPutAfterLaterVersion(t *testing.T) {
	spec := v1alpha1.NodeTopologySpec{BootID: "boot-1", Interfaces: []v1alpha1.Interface{{Name: "eth1", Index: 2, Up: true}}}
	var server shelf
	o := objects{client: &server, node: "node1", owner: &metav1.OwnerReference{APIVersion: "v1", Kind: "Node", Name: "node1", UID: "u"}}
	write := func(want bool) {
		t.Helper()
		if written, err := o.write(t.Context(), &spec); err != nil || written != want {
			t.Fatalf("written %v, %v; want %v", written, err, want)
		}
	}
	write(true)
	write(false)
	if err := unstructured.SetNestedField(server.has.Object, "up", "spec", "lanes"); err != nil {
		t.Fatal(err)
	}
	write(true)
	write(false)
	o.owner.UID = "v" // the Node was made anew
	write(true)
	write(false)
}
