// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/cniplugin/record"
)

// A shelf is an API server that has one object, or none, and knows whom a token belongs to.
type shelf struct {
	dynamic.Interface
	dynamic.NamespaceableResourceInterface

	has     *unstructured.Unstructured
	claims  map[string]any // of the token
	refuses error          // whatever is asked
}

func (s *shelf) Resource(schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	return s
}

func (s *shelf) Get(_ context.Context, name string, _ metav1.GetOptions, _ ...string) (*unstructured.Unstructured, error) {
	if s.refuses != nil {
		return nil, s.refuses
	}
	if s.has == nil {
		return nil, apierrors.NewNotFound(v1alpha1.Resource(v1alpha1.NodeTopologies).GroupResource(), name)
	}
	return s.has.DeepCopy(), nil
}

func (s *shelf) Create(_ context.Context, o *unstructured.Unstructured, _ metav1.CreateOptions, _ ...string) (*unstructured.Unstructured, error) {
	switch {
	case s.refuses != nil:
		return nil, s.refuses
	case o.GetKind() == "SelfSubjectReview":
		return &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"userInfo": map[string]any{"username": "agent", "extra": s.claims}}}}, nil
	}
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

// TestIdentify holds that an agent speaks for the node that its token belongs to, and for
// no other.
func TestIdentify(t *testing.T) {
	claims := func(names, uids []any) map[string]any {
		return map[string]any{claimNodeName: names, claimNodeUID: uids}
	}
	for name, tt := range map[string]struct {
		claims map[string]any
		want   string // begins the error; empty for none
	}{
		"its node":     {claims([]any{"node1"}, []any{"u"}), ""},
		"no claims":    {nil, "wrong identity: the token of agent belongs to no node; use the token of a pod"},
		"no name":      {claims(nil, []any{"u"}), "wrong identity: the token of agent belongs to no node"},
		"no UID":       {claims([]any{"node1"}, nil), "wrong identity: the token of agent belongs to no node"},
		"two names":    {claims([]any{"node1", "node2"}, []any{"u"}), "wrong identity: the token of agent belongs to no node"},
		"another node": {claims([]any{"node2"}, []any{"u"}), "wrong identity: the token belongs to node node2, but this agent is called node1; write node: \"node2\""},
	} {
		o := objects{client: &shelf{claims: tt.claims}, node: "node1"}
		got, err := o.identify(t.Context())
		var want *metav1.OwnerReference
		if tt.want == "" {
			want = &metav1.OwnerReference{APIVersion: "v1", Kind: "Node", Name: "node1", UID: "u"}
		}
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s (-want +got):\n%s", name, err, tt.want, diff)
		}
	}
	o := objects{client: &shelf{refuses: errors.New("connection refused")}, node: "node1"}
	if got, err := o.identify(t.Context()); got != nil || err == nil || err.Error() != "ask the API server who this agent is: connection refused" {
		t.Errorf("API server away: %v, %v", got, err)
	}
	if written, err := o.write(t.Context(), &v1alpha1.NodeTopologySpec{}); written || err == nil || o.owner != nil {
		t.Errorf("API server away: written %t, %v, for %v", written, err, o.owner)
	}
}

// TestRefusedAsksAgain holds that an agent which is refused asks which Node it is on: that
// may have been made anew. One that reaches nobody knows it still.
func TestRefusedAsksAgain(t *testing.T) {
	forbidden := apierrors.NewForbidden(v1alpha1.Resource(v1alpha1.NodeTopologies).GroupResource(), "node1", errors.New("no"))
	for _, tt := range []struct {
		refused error
		owner   string
	}{{errors.New("connection refused"), "u"}, {forbidden, "v"}} {
		server := shelf{claims: map[string]any{claimNodeName: []any{"node1"}, claimNodeUID: []any{"u"}}}
		o := objects{client: &server, node: "node1"}
		if _, err := o.write(t.Context(), &v1alpha1.NodeTopologySpec{BootID: "boot-1"}); err != nil {
			t.Fatal(err)
		}
		server.claims[claimNodeUID], server.refuses = []any{"v"}, tt.refused
		if _, err := o.write(t.Context(), &v1alpha1.NodeTopologySpec{BootID: "boot-2"}); !errors.Is(err, tt.refused) {
			t.Errorf("%v, want %v", err, tt.refused)
		}
		server.refuses = nil
		if _, err := o.write(t.Context(), &v1alpha1.NodeTopologySpec{BootID: "boot-2"}); err != nil {
			t.Fatal(err)
		}
		if got := string(server.has.GetOwnerReferences()[0].UID); got != tt.owner {
			t.Errorf("after %v: it belongs to %s, want %s", tt.refused, got, tt.owner)
		}
	}
}

// TestMovedPod holds that a pod is told by both of its names, or not at all.
func TestMovedPod(t *testing.T) {
	for _, tt := range []struct {
		pod  record.Pod
		want *v1alpha1.PodReference
	}{
		{record.Pod{}, nil},
		{record.Pod{Name: "web-0"}, nil},
		{record.Pod{Namespace: "default"}, nil},
		{record.Pod{Namespace: "default", Name: "web-0", UID: "u"}, &v1alpha1.PodReference{Namespace: "default", Name: "web-0", UID: "u"}},
	} {
		if diff := cmp.Diff(tt.want, moved(&agentapi.ContainerAttachment{Pod: tt.pod}).Pod); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.pod, diff)
		}
	}
}
