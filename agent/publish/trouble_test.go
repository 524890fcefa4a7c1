// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

func TestTrouble(t *testing.T) {
	forbidden := apierrors.NewForbidden(v1alpha1.Resource(v1alpha1.NodeTopologies).GroupResource(), "node1", errors.New("no"))
	unauthorized := apierrors.NewUnauthorized("Unauthorized")
	refused, timedOut := errors.New("refused"), errors.New("timed out")
	invalid := apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind("NodeTopology").GroupKind(), "node1", nil)
	synctest.Test(t, func(t *testing.T) {
		given, cancel := context.WithCancel(t.Context())
		cancel()
		late, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		changes := 0
		trouble := trouble{changed: func() { changes++ }}
		begin := time.Now()
		for second, tt := range []struct {
			ctx       context.Context
			err, want error
			since     int // the step in which it began
			changes   int
		}{
			{given, refused, nil, 0, 0}, // nobody waited for the answer
			{late, refused, refused, 1, 1},
			{t.Context(), timedOut, refused, 1, 1}, // as good as the same
			{t.Context(), forbidden, forbidden, 1, 2},
			{t.Context(), forbidden, forbidden, 1, 2},
			{t.Context(), errIdentity, errIdentity, 1, 3},
			{given, nil, errIdentity, 1, 3},
			{t.Context(), refused, errIdentity, 1, 3}, // the admin still has to
			{t.Context(), nil, nil, 1, 4},
			{t.Context(), nil, nil, 1, 4},
			{t.Context(), unauthorized, unauthorized, 10, 5},
			{t.Context(), invalid, invalid, 10, 6},
		} {
			trouble.note(tt.ctx, tt.err)
			since, err := trouble.problem()
			if fmt.Sprint(err) != fmt.Sprint(tt.want) || changes != tt.changes || err != nil && since != begin.Add(time.Duration(tt.since)*time.Second) {
				t.Errorf("%d, after %v: %v since %v, %d changes; want %v since %d s, %d", second, tt.err, err, since.Sub(begin), changes, tt.want, tt.since, tt.changes)
			}
			time.Sleep(time.Second)
		}
	})
}
