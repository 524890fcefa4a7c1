// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
)

// ruleSets tells the RuleSets what became of them.
func (r *reconciler) ruleSets(ctx context.Context, p *plan.Plan) error {
	return each(ctx, p.RuleSets, func(ctx context.Context, c *plan.RuleSetChange) error {
		name := metav1.ObjectMeta{Name: c.Name}
		before := &v1alpha1.RuleSet{ObjectMeta: name, Status: c.Before}
		after := &v1alpha1.RuleSet{ObjectMeta: name, Status: c.Status}
		if err := r.client.Status().Patch(ctx, after, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("write the status of RuleSet %s: %w", c.Name, err)
		}
		return nil
	})
}
