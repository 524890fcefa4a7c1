// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/util/workqueue"
	runtimecache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	ctrl "sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

const (
	// gather is how long a change waits for others that come with it.
	gather = 50 * time.Millisecond

	// What failed is tried again after these times, the longer the more often it fails.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 3 * time.Second

	stopWithin = 5 * time.Second
)

// everything is the one thing that is reconciled.
var everything = reconcile.Request{}

// manage runs a manager until the context ends, or until the API server has been away.
func (c *controller) manage(ctx context.Context) error {
	m, err := c.newManager()
	if err != nil {
		return fmt.Errorf("make a manager: %w", err)
	}
	if err := c.addReconciler(m); err != nil {
		return fmt.Errorf("watch the cluster: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.Start(ctx) })
	g.Go(func() error { return c.outage.watch(ctx, c.ask) })
	g.Go(func() error { return c.awaitDefinitions(ctx, m) })
	return g.Wait()
}

func (c *controller) newManager() (manager.Manager, error) {
	return manager.New(c.config, manager.Options{
		Scheme:                  c.scheme,
		MapperProvider:          newMapper,
		Logger:                  c.logr,
		Cache:                   runtimecache.Options{DefaultTransform: trim},
		Metrics:                 server.Options{BindAddress: "0"}, // served for all managers together
		HealthProbeBindAddress:  "0",
		GracefulShutdownTimeout: new(stopWithin),
		Controller:              config.Controller{SkipNameValidation: new(true), NeedLeaderElection: new(false)},
	})
}

func (c *controller) addReconciler(m manager.Manager) error {
	r := &reconciler{controller: c, cache: m.GetCache(), live: m.GetAPIReader(), client: m.GetClient(), tell: m.GetEventRecorder(Name)}
	k, err := ctrl.New("cluster", m, ctrl.Options{
		Reconciler:  r,
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
	})
	if err != nil {
		return err
	}
	changes := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetUID() != e.ObjectNew.GetUID() || e.ObjectNew.GetDeletionTimestamp() != nil || !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels())
	}}
	soon := func(client.Object) time.Duration { return gather }
	paced := func(o client.Object) time.Duration { return max(gather, c.pacing.wait(o.GetName(), time.Now())) }
	if err := watch(m, k, node(), soon, changes); err != nil { // whatever else a kubelet writes does not matter
		return err
	}
	for _, object := range []client.Object{ruleSet(), new(v1alpha1.Colour), new(v1alpha1.Network)} {
		if err := watch(m, k, object, soon); err != nil {
			return err
		}
	}
	return watch(m, k, new(v1alpha1.NodeTopology), paced)
}

// watch has everything reconciled that long after an object of the kind changes.
func watch(m manager.Manager, k ctrl.Controller, object client.Object, after func(client.Object) time.Duration, p ...predicate.Predicate) error {
	return k.Watch(source.Kind(m.GetCache(), object, settled(after), p...))
}

// settled has everything reconciled once a burst of changes is over, or nearly so.
func settled(after func(client.Object) time.Duration) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	later := func(o client.Object, q queue) { q.AddAfter(everything, after(o)) }
	return handler.Funcs{
		CreateFunc:  func(_ context.Context, e event.CreateEvent, q queue) { later(e.Object, q) },
		UpdateFunc:  func(_ context.Context, e event.UpdateEvent, q queue) { later(e.ObjectNew, q) },
		DeleteFunc:  func(_ context.Context, e event.DeleteEvent, q queue) { later(e.Object, q) },
		GenericFunc: func(_ context.Context, e event.GenericEvent, q queue) { later(e.Object, q) },
	}
}
