// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"cmp"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/fit"
)

// viewer is the ClusterRole that lets one read all that the commands show.
const viewer = "colvin-viewer"

// explain says what an answer of the API server means where it is not what was asked for: which
// right is missing and whom to ask for it, or what is not installed.
func (q query) explain(err error) error {
	switch {
	case apierrors.IsForbidden(err):
		return &refusal{q.verb(), q.resource, q.namespace, err}
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server does not know who you are; log in, or choose another --context or --user: %w", err)
	case apierrors.IsNotFound(err) && q.name == "" && q.group == v1alpha1.GroupVersion.Group:
		return fmt.Errorf("this cluster has no %s: Colvin is not installed there, or in another version; is it the cluster that you mean (kubectl config current-context)? %w", q.resource, err)
	case apierrors.IsNotFound(err) && q.name != "":
		return &missing{q, err}
	}
	return fmt.Errorf("%s %s: %w", q.verb(), q.resource, err)
}

func (q query) verb() string {
	if q.name == "" {
		return "list"
	}
	return "get"
}

// A refusal is a right that is missing.
type refusal struct {
	verb string
	resource
	namespace string
	err       error
}

// Error says which, and what to ask for.
func (r *refusal) Error() string {
	where := "in the whole cluster"
	if r.namespace != "" {
		where = "in namespace " + r.namespace
	}
	if !r.namespaced() {
		where = "in the cluster"
	}
	group := r.group
	if group == "" {
		group = `""`
	}
	ask := fmt.Sprintf("the verb %s on the resource %s of the API group %s", r.verb, r.plural, group)
	if r.verb == "get" || r.verb == "list" {
		ask = fmt.Sprintf("the ClusterRole %s (viewerRole of Colvin's chart), or for %s", viewer, ask)
	}
	return fmt.Sprintf("you may not %s %s %s: ask your admin for %s", r.verb, r.resource, where, ask)
}

// Unwrap is what the API server said.
func (r *refusal) Unwrap() error { return r.err }

func (r resource) namespaced() bool { return r == pods || r == events || r == definitions }

// short is for the end of a table.
func (r *refusal) short() string { return fmt.Sprintf("you may not %s %s", r.verb, r.resource) }

// A missing object is not there.
type missing struct {
	query
	err error
}

// missing is the error about what cannot be there, as nothing can bear such a name.
func (q query) missing() error {
	return &missing{q, apierrors.NewNotFound(schema.GroupResource{Group: q.group, Resource: q.plural}, q.name)}
}

// Error says what is not there.
func (m *missing) Error() string {
	what := m.kind + " " + cmp.Or(fit.Printable(m.name), "without a name")
	if m.namespace != "" {
		return fmt.Sprintf("there is no %s in namespace %s", what, fit.Printable(m.namespace))
	}
	return "there is no " + what
}

// Unwrap is what the API server said.
func (m *missing) Unwrap() error { return m.err }

// isMissing reports whether something is not there: the object, or its kind.
func isMissing(err error) bool { return apierrors.IsNotFound(err) }
