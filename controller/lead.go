// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

const (
	// retryEvery is how long to wait before what failed is tried again.
	retryEvery = 500 * time.Millisecond
	// answerWithin is how long the API server may take to say that it is there.
	answerWithin = 2 * time.Second
)

// campaign seeks leadership again and again. It begins once the API server answers, so
// that after an outage whoever led before leads again at once.
func (c *controller) campaign(ctx context.Context) error {
	for c.await(ctx, c.ask) {
		c.reached.Store(true)
		if err := c.term(ctx); err != nil {
			return err
		}
		c.dialer.CloseAll() // what led nowhere is not used again
	}
	return nil
}

// term campaigns once, and leads until leadership is lost or the context ends. Then it
// first stops leading, and only then leaves the Lease to others.
func (c *controller) term(ctx context.Context) error {
	seeking, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	started, ended := make(chan struct{}), make(chan struct{})
	lead := func(elected context.Context) {
		close(started)
		defer close(ended)
		defer leave()
		leading, stop := context.WithCancel(elected)
		defer stop()
		defer context.AfterFunc(ctx, stop)()
		c.Log.Info("leading", "identity", c.Identity)
		c.lead(leading)
		c.Log.Info("not leading any more", "identity", c.Identity)
	}
	elector, err := leaderelection.NewLeaderElector(c.election(lead))
	if err != nil {
		return fmt.Errorf("seek leadership: %w", err)
	}
	defer context.AfterFunc(ctx, func() {
		select {
		case <-started: // leaves when it has stopped
		default:
			leave()
		}
	})()
	elector.Run(seeking)
	select {
	case <-started:
		<-ended
		if c.Cleanup && ctx.Err() != nil {
			c.removeLease(ctx)
		}
	default:
	}
	return nil
}

func (c *controller) election(lead func(context.Context)) leaderelection.LeaderElectionConfig {
	return leaderelection.LeaderElectionConfig{
		Name: Name,
		Lock: &resourcelock.LeaseLock{
			LeaseMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: Name}, Client: c.leases,
			LockConfig: resourcelock.ResourceLockConfig{Identity: c.Identity},
		},
		LeaseDuration: c.Lease.Duration, RenewDeadline: c.Lease.RenewDeadline, RetryPeriod: c.Lease.RetryPeriod,
		ReleaseOnCancel: true,
		Callbacks:       leaderelection.LeaderCallbacks{OnStartedLeading: lead, OnStoppedLeading: func() {}},
	}
}

// lead manages the cluster until the context ends, or cleans it up. What cannot be done is
// tried again.
func (c *controller) lead(ctx context.Context) {
	if c.Cleanup {
		c.cleanUp(ctx)
		return
	}
	for c.await(ctx, c.askKinds) {
		if err := c.manage(ctx); err != nil && ctx.Err() == nil {
			c.Log.Warn("begins again", "error", err)
			if !errors.Is(err, errOutage) {
				pause(ctx, retryEvery)
			}
		}
	}
}

// await waits until ask gets an answer. It reports false when the context ends first.
func (c *controller) await(ctx context.Context, ask func(context.Context) error) bool {
	said := ""
	for ctx.Err() == nil {
		err := ask(ctx)
		if err == nil {
			return true
		}
		if err.Error() != said && ctx.Err() == nil {
			said = err.Error()
			c.Log.Warn("waits for the API server", "error", err)
		}
		pause(ctx, retryEvery)
	}
	return false
}

// ask asks the API server for what it needs storage and permissions to tell. Where it
// gets no answer all connections are given up: after a network was broken they would
// try again for long.
func (c *controller) ask(ctx context.Context) error {
	err := c.getLease(ctx)
	if err != nil && ctx.Err() == nil && apierrors.ReasonForError(err) == metav1.StatusReasonUnknown {
		c.dialer.CloseAll()
	}
	return err
}

func (c *controller) getLease(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	_, err := c.leases.Leases(c.Namespace).Get(ctx, Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// askKinds asks for everything that is watched. Just after a start the API server does
// not know yet of all that it serves, and who is told so watches it much later.
func (c *controller) askKinds(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	kinds := []string{"/api/v1/nodes"}
	for _, plural := range []string{v1alpha1.RuleSets, v1alpha1.Colours, v1alpha1.NodeTopologies, v1alpha1.Networks} {
		kinds = append(kinds, "/apis/"+v1alpha1.GroupVersion.String()+"/"+plural)
	}
	for _, kind := range kinds {
		if err := c.leases.RESTClient().Get().AbsPath(kind).Param("limit", "1").Do(ctx).Error(); err != nil {
			return fmt.Errorf("list %s: %w", kind, err)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
