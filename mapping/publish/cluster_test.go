// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/colvin-net/colvin/mapping/api/v1alpha1"
)

func TestWatchedProblem(t *testing.T) {
	client, err := dynamic.NewForConfig(&rest.Config{Host: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	changes := 0
	w := newWatched(client, v1alpha1.Resource(v1alpha1.RuleSets), func() { changes++ })
	unauthorized := apierrors.NewUnauthorized("Unauthorized")
	for _, tt := range []struct {
		err, want error
		changes   int
	}{
		{errors.New("refused"), errors.New("refused"), 1},
		{errors.New("timed out"), errors.New("refused"), 1},
		{unauthorized, unauthorized, 2},
		{unauthorized, unauthorized, 2},
		{nil, nil, 3},
	} {
		w.note(t.Context(), tt.err)
		if _, err := w.problem(); (err == nil) != (tt.want == nil) || err != nil && err.Error() != tt.want.Error() || changes != tt.changes {
			t.Errorf("after %v: %v, %d changes; want %v, %d", tt.err, err, changes, tt.want, tt.changes)
		}
	}
	if got := remedy(unauthorized); !strings.Contains(got, "make a new one") {
		t.Errorf("remedy %q", got)
	}
}
