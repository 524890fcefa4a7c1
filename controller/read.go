// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
)

// node is a Node of which only the metadata is kept.
func node() *metav1.PartialObjectMetadata {
	n := new(metav1.PartialObjectMetadata)
	n.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Node"))
	return n
}

// trim drops from what is watched what nobody reads and takes most of the room. Of a
// definition it matters who manages the label.
func trim(object any) (any, error) {
	o, err := meta.Accessor(object)
	if err != nil { // no object, but what says that one is gone
		return object, nil
	}
	seenBy := o.GetAnnotations()[v1alpha1.ColourSeenBy]
	o.SetAnnotations(nil)
	if _, ok := object.(*v1alpha1.Colour); ok && seenBy != "" {
		o.SetAnnotations(map[string]string{v1alpha1.ColourSeenBy: seenBy})
	}
	if u, ok := object.(*unstructured.Unstructured); !ok || u.GroupVersionKind() != definitionKind {
		o.SetManagedFields(nil)
	}
	return object, nil
}

// ruleSet is a RuleSet as the API server has it: a key that this version does not know
// must be found to be a mistake, not lost.
func ruleSet() *unstructured.Unstructured {
	r := new(unstructured.Unstructured)
	r.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("RuleSet"))
	return r
}

// read lists what a plan depends on. Nothing of it is copied, so nobody may change it.
func read(ctx context.Context, from client.Reader) (*plan.Cluster, error) {
	out := &plan.Cluster{}
	if err := readNodes(ctx, from, out); err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	if err := readRuleSets(ctx, from, out); err != nil {
		return nil, fmt.Errorf("list RuleSets: %w", err)
	}
	var topologies v1alpha1.NodeTopologyList
	if err := from.List(ctx, &topologies, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list NodeTopologies: %w", err)
	}
	out.Topologies = pointers(topologies.Items)
	var networks v1alpha1.NetworkList
	if err := from.List(ctx, &networks, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list Networks: %w", err)
	}
	out.Networks = pointers(networks.Items)
	var err error
	out.Colours, err = readColours(ctx, from)
	return out, err
}

func pointers[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}

func readColours(ctx context.Context, from client.Reader) ([]*v1alpha1.Colour, error) {
	var colours v1alpha1.ColourList
	if err := from.List(ctx, &colours, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list Colours: %w", err)
	}
	return pointers(colours.Items), nil
}

func readNodes(ctx context.Context, from client.Reader, out *plan.Cluster) error {
	var nodes metav1.PartialObjectMetadataList
	nodes.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NodeList"))
	if err := from.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range nodes.Items {
		n := &nodes.Items[i]
		if n.DeletionTimestamp == nil {
			out.Nodes = append(out.Nodes, plan.Node{Name: n.Name, UID: n.UID, Labels: n.Labels})
		}
	}
	return nil
}

func readRuleSets(ctx context.Context, from client.Reader, out *plan.Cluster) error {
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("RuleSetList"))
	if err := from.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range list.Items {
		o := &list.Items[i]
		r := plan.RuleSet{Name: o.GetName(), Generation: o.GetGeneration(), Spec: o.Object["spec"]}
		if status, ok := o.Object["status"].(map[string]any); ok {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(status, &r.Status); err != nil {
				return fmt.Errorf("read the status of %s: %w", r.Name, err)
			}
		}
		out.RuleSets = append(out.RuleSets, r)
	}
	return nil
}
