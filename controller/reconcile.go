// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/recorder"
)

// A reconciler makes the cluster as it should be.
type reconciler struct {
	*controller
	cache  client.Reader // what is watched
	live   client.Reader // what is there at this moment
	client client.Client // writes
	tell   recorder.EventRecorder
	loaded bool    // the rules that are stored
	listed *string // the names, as they were listed last
}

// Reconcile makes a plan and does what it says. What fails does not keep the rest from
// being done; it is tried again.
func (r *reconciler) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	r.planning.Lock() // a manager that was stopped does not wait for ever for its last plan
	defer r.planning.Unlock()
	if !r.loaded {
		if err := r.rules.load(ctx, r.live, r.Namespace, r.Log); err != nil {
			return reconcile.Result{}, err
		}
		r.loaded = true
	}
	cluster, err := read(ctx, r.cache)
	if err != nil {
		return reconcile.Result{}, err
	}
	if rest := r.settling.wait(cluster.RuleSets, time.Now()); rest > 0 {
		return reconcile.Result{RequeueAfter: rest}, nil
	}
	cluster.LastGood = r.rules.good
	held := r.pacing.take(cluster.Topologies, time.Now())
	p := r.planner.Plan(cluster, time.Now())
	if len(p.Uncoloured) > 0 { // what is watched may not show yet what was given last
		if cluster.Colours, err = readColours(ctx, r.live); err != nil {
			return reconcile.Result{}, err
		}
		p = r.planner.Plan(cluster, time.Now())
	}
	err = errors.Join(r.ruleSets(ctx, p), r.keepRules(ctx, p), r.colours(ctx, p, cluster.Colours), r.nodes(ctx, p), r.networks(ctx, p), r.listNames(ctx, p))
	if ctx.Err() != nil { // somebody else goes on
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: sooner(until(p.Wake), held)}, errors.Join(err, r.announce(ctx, p))
}

// until is how long it is until t; nothing for the zero time, which never comes.
func until(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(time.Until(t), time.Millisecond)
}

// sooner is the shorter of two times to wait; zero is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// each does something for all, and goes on where it fails. When the context ends it
// stops.
func each[T any](ctx context.Context, all []T, do func(context.Context, *T) error) error {
	var errs []error
	for i := range all {
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
		if err := do(ctx, &all[i]); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

var _ reconcile.Reconciler = (*reconciler)(nil)
