// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/mapping/colour"
)

// noneLeft is the reason why no colour is left; empty where an error has another cause.
func noneLeft(err error) plan.ProblemReason {
	switch {
	case errors.Is(err, colour.ErrTooManyUnnamed):
		return plan.TooManyUnnamed
	case errors.Is(err, colour.ErrShadowed):
		return plan.ColourShadowed
	default:
		return ""
	}
}

// colours gives colours. To create the object is to allocate: whoever comes second is
// told so, and takes another.
func (r *reconciler) colours(ctx context.Context, p *plan.Plan, given []*v1alpha1.Colour) error {
	taken := make([]colour.Entry, 0, len(given)+len(p.Uncoloured))
	for _, c := range given {
		taken = append(taken, entry(c))
	}
	said := false
	return each(ctx, p.Uncoloured, func(ctx context.Context, u *plan.Uncoloured) error {
		got, err := r.allocate(ctx, u, &taken, p.Taken)
		if reason := noneLeft(err); reason != "" {
			if !said { // the first of them stands for all
				p.Problems = append(p.Problems, plan.Problem{Node: u.Node, Reason: reason, Message: err.Error()})
			}
			said = true
			return nil
		}
		if err != nil {
			return err
		}
		r.Log.Info("gave a colour", "colour", got, "identity", u.Identity.String(), "node", u.Node.Name)
		return nil
	})
}

func entry(c *v1alpha1.Colour) colour.Entry {
	id := clusterview.ColourIdentity(c.Spec.Switch, c.Spec.VLAN)
	return colour.Entry{Colour: c.Name, Identity: string(id.Key()), Since: c.CreationTimestamp.Time}
}

// allocate gives a colour to an identity, unless somebody else just did.
func (r *reconciler) allocate(ctx context.Context, u *plan.Uncoloured, taken *[]colour.Entry, used func(string) bool) (string, error) {
	id := u.Identity
	for {
		name, err := colour.NewBook(*taken...).Allocate(string(id.Key()), used, time.Now())
		if err != nil {
			return "", err
		}
		seenBy := map[string]string{v1alpha1.ColourSeenBy: u.Node.Name}
		c := &v1alpha1.Colour{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: seenBy}, Spec: v1alpha1.ColourSpec{Switch: id.SwitchKey(), VLAN: int32(id.VLAN)}}
		err = r.client.Create(ctx, c)
		if apierrors.IsAlreadyExists(err) {
			err = r.live.Get(ctx, client.ObjectKey{Name: name}, c)
		}
		if err != nil {
			return "", fmt.Errorf("create Colour %s for %s: %w", name, id, err)
		}
		*taken = append(*taken, entry(c))
		if clusterview.ColourIdentity(c.Spec.Switch, c.Spec.VLAN) == id {
			return name, nil
		}
	}
}
