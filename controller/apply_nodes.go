// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/colvin-net/colvin/controller/plan"
)

// nodes labels the nodes.
func (r *reconciler) nodes(ctx context.Context, p *plan.Plan) error {
	return each(ctx, p.Nodes, func(ctx context.Context, c *plan.NodeChange) error {
		data, err := labelPatch(c)
		if err != nil {
			return err
		}
		n := node()
		n.SetName(c.Node.Name)
		if err := r.client.Patch(ctx, n, client.RawPatch(types.MergePatchType, data)); err != nil {
			if client.IgnoreNotFound(err) == nil {
				return nil
			}
			return fmt.Errorf("label node %s: %w", c.Node.Name, err)
		}
		r.Log.Info("labelled a node", "node", c.Node.Name, "add", c.Add, "remove", c.Remove, "known", c.Known)
		r.tellNode(c)
		return nil
	})
}

// labelPatch touches nothing but the labels that change, and those of no namesake of
// the node.
func labelPatch(c *plan.NodeChange) ([]byte, error) {
	labels := map[string]any{}
	for _, name := range c.Add {
		labels[plan.LabelPrefix+name] = "true"
	}
	for _, name := range c.Remove {
		labels[plan.LabelPrefix+name] = nil
	}
	if c.Known != nil {
		labels[plan.KnownLabel] = map[bool]any{true: "true"}[*c.Known]
	}
	return json.Marshal(map[string]any{"metadata": map[string]any{"uid": c.Node.UID, "labels": labels}})
}

// maxTold bounds the Events about one change of a node.
const maxTold = 16

// tellNode records what a node gained and lost.
func (r *reconciler) tellNode(c *plan.NodeChange) {
	about := nodeReference(c.Node)
	if r.said.gained(c) {
		for _, name := range c.Add[:min(len(c.Add), maxTold)] {
			r.tell.Eventf(about, networkReference(name), corev1.EventTypeNormal, "NetworkGained", "Label", "pods can be attached to %s", name)
		}
	}
	for _, name := range c.Remove[:min(len(c.Remove), maxTold)] {
		r.tell.Eventf(about, networkReference(name), corev1.EventTypeWarning, "NetworkLost", "Label", "no pod can be attached to %s any more", name)
	}
}

func nodeReference(n plan.Node) *corev1.ObjectReference {
	return &corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: n.Name, UID: n.UID}
}
