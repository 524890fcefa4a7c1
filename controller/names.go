// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/controller/plan"
)

// The ConfigMap with the names that a pod can ask for, for admission policies, which can
// list no objects (deploy/manifests/optional/definitions.yaml). Nothing of Colvin's reads it.
const (
	namesName = "colvin-networks"
	namesKey  = "names" // separated by blanks; absent where they are too many
)

// listNames writes the names where they are others than before.
func (r *reconciler) listNames(ctx context.Context, p *plan.Plan) error {
	names := strings.Join(p.Names, " ")
	if p.Frozen != "" || r.listed != nil && *r.listed == names {
		return nil
	}
	m := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: namesName},
		Data:       map[string]string{namesKey: names},
	}
	if len(names) > maxStored {
		m.Data = nil
	}
	err := r.client.Update(ctx, m)
	if apierrors.IsNotFound(err) {
		err = r.client.Create(ctx, m)
	}
	if err != nil {
		return fmt.Errorf("list the names in ConfigMap %s: %w", namesName, err)
	}
	r.listed = &names
	return nil
}
