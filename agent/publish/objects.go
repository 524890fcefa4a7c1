// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/paste"
)

// What the API server tells of the node that a token belongs to (KEP-4193).
const (
	claimNodeName = "authentication.kubernetes.io/node-name"
	claimNodeUID  = "authentication.kubernetes.io/node-uid"
)

var selfSubjectReviews = schema.GroupVersionResource{Group: "authentication.k8s.io", Version: "v1", Resource: "selfsubjectreviews"}

// errIdentity is that the agent has no right to speak for its node. Time alone does
// not mend it.
var errIdentity = errors.New("wrong identity")

// permanent reports whether an admin has to do something. What is not found is the kind.
func permanent(err error) bool {
	return errors.Is(err, errIdentity) || apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err)
}

// messageOf is an error for people, with what an admin does about it where its own words do
// not say so. An API server that refuses an object has words for each of its fields.
func messageOf(err error) string {
	const most = 512
	said := fit.Cut(fit.Printable(err.Error()), most)
	switch {
	case apierrors.IsUnauthorized(err):
		return said + "; the token is not valid, or not any more: make a new one, and restart colvind where it stands in the kubeconfig itself (a tokenFile is read again)"
	case apierrors.IsNotFound(err):
		return said + "; install the kinds: kubectl apply -f deploy/chart/crds"
	default:
		return said
	}
}

// objects writes the NodeTopology of a node.
type objects struct {
	client dynamic.Interface
	node   string

	owner *metav1.OwnerReference // the Node; nil while it is not known
}

var _ writer = (*objects)(nil)

// write makes the NodeTopology what it should be.
func (o *objects) write(ctx context.Context, spec *v1alpha1.NodeTopologySpec) (written bool, err error) {
	if o.owner == nil {
		if o.owner, err = o.identify(ctx); err != nil {
			return false, err
		}
	}
	if written, err = o.put(ctx, spec); err != nil {
		if permanent(err) {
			o.owner = nil // the Node may have been made anew
		}
		return false, fmt.Errorf("write NodeTopology %s: %w", o.node, err)
	}
	return written, nil
}

// identify asks the API server which Node the agent's token belongs to: so it needs no
// right to read Nodes.
func (o *objects) identify(ctx context.Context) (*metav1.OwnerReference, error) {
	review := &unstructured.Unstructured{}
	review.SetGroupVersionKind(schema.GroupVersionKind{Group: selfSubjectReviews.Group, Version: selfSubjectReviews.Version, Kind: "SelfSubjectReview"})
	answer, err := o.client.Resource(selfSubjectReviews).Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask the API server who this agent is: %w", err)
	}
	claim := func(key string) string {
		all, _, _ := unstructured.NestedStringSlice(answer.Object, "status", "userInfo", "extra", key)
		if len(all) != 1 {
			return ""
		}
		return all[0]
	}
	user, _, _ := unstructured.NestedString(answer.Object, "status", "userInfo", "username")
	switch name, uid := claim(claimNodeName), claim(claimNodeUID); {
	case name == "" || uid == "":
		return nil, fmt.Errorf("%w: the token of %s belongs to no node; use the token of a pod, or one that is bound to the node: %s",
			errIdentity, user, paste.Command("kubectl", "create", "token", "--bound-object-kind", "Node", "--bound-object-name", o.node, "SERVICEACCOUNT"))
	case name != o.node:
		return nil, fmt.Errorf("%w: the token belongs to node %s, but this agent is called %s; write node: %s into colvind.yaml", errIdentity, name, o.node, paste.YAML(name))
	default:
		return &metav1.OwnerReference{APIVersion: "v1", Kind: "Node", Name: name, UID: types.UID(uid)}, nil
	}
}

func (o *objects) put(ctx context.Context, spec *v1alpha1.NodeTopologySpec) (written bool, err error) {
	client := o.client.Resource(v1alpha1.Resource(v1alpha1.NodeTopologies))
	want := &v1alpha1.NodeTopology{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "NodeTopology"},
		ObjectMeta: metav1.ObjectMeta{Name: o.node, OwnerReferences: []metav1.OwnerReference{*o.owner}},
		Spec:       *spec,
	}
	is, err := client.Get(ctx, o.node, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(want)
		if err == nil {
			_, err = client.Create(ctx, &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
		}
		return err == nil, err
	}
	if err != nil {
		return false, err
	}
	want.ResourceVersion = is.GetResourceVersion() // a conflict is tried again
	want.Labels, want.Annotations, want.Finalizers = is.GetLabels(), is.GetAnnotations(), is.GetFinalizers()
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(want)
	// Compared as the API server has it: what a later version left would stay otherwise.
	if err == nil && equality.Semantic.DeepEqual(is.Object["spec"], object["spec"]) && equality.Semantic.DeepEqual(is.GetOwnerReferences(), want.OwnerReferences) {
		return false, nil
	}
	if err == nil {
		_, err = client.Update(ctx, &unstructured.Unstructured{Object: object}, metav1.UpdateOptions{})
	}
	return err == nil, err
}
