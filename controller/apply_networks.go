// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
)

// networks writes the Networks.
func (r *reconciler) networks(ctx context.Context, p *plan.Plan) error {
	return each(ctx, p.Networks, func(ctx context.Context, c *plan.NetworkChange) error {
		if c.Status == nil {
			return r.deleteNetwork(ctx, c.Existing)
		}
		return r.writeNetwork(ctx, c)
	})
}

func (r *reconciler) deleteNetwork(ctx context.Context, n *v1alpha1.Network) error {
	err := r.client.Delete(ctx, n.DeepCopy(), client.Preconditions{UID: &n.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete Network %s: %w", n.Name, err)
	}
	r.Log.Info("deleted a Network, which nothing bears any more", "network", n.Name)
	return nil
}

// writeNetwork creates a Network, where there is none, and then writes its status: the
// API server takes only one of them at a time.
func (r *reconciler) writeNetwork(ctx context.Context, c *plan.NetworkChange) error {
	before := &v1alpha1.Network{ObjectMeta: metav1.ObjectMeta{Name: c.Name}}
	if c.Existing != nil {
		before.UID, before.Status = c.Existing.UID, c.Existing.Status
	} else if err := r.client.Create(ctx, before); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create Network %s: %w", c.Name, err)
	}
	uid := before.UID
	before.ObjectMeta = metav1.ObjectMeta{Name: c.Name}
	after := &v1alpha1.Network{ObjectMeta: before.ObjectMeta, Status: *c.Status}
	if err := r.client.Status().Patch(ctx, after, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("write the status of Network %s: %w", c.Name, err)
	}
	about := networkReference(c.Name)
	about.UID = uid
	r.tellNetwork(about, before.Status.Conditions, c.Status.Conditions)
	return nil
}

func networkReference(name string) *corev1.ObjectReference {
	return &corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Network", Name: name}
}

// tellNetwork records which conditions begin and end.
func (r *reconciler) tellNetwork(about *corev1.ObjectReference, before, after []metav1.Condition) {
	for _, c := range after {
		if meta.FindStatusCondition(before, c.Type) == nil {
			r.Log.Warn("a network has a problem", "network", about.Name, "condition", c.Type, "message", c.Message)
			r.tell.Eventf(about, nil, corev1.EventTypeWarning, c.Type, "Observe", "%s", cutNote(c.Message))
		}
	}
	for _, c := range before {
		if meta.FindStatusCondition(after, c.Type) == nil {
			r.Log.Info("a network has a problem no more", "network", about.Name, "condition", c.Type)
			r.tell.Eventf(about, nil, corev1.EventTypeNormal, c.Type+"Ended", "Observe", "%s", plan.NetworkEnds(c.Type))
		}
	}
}
