// SPDX-License-Identifier: Apache-2.0

// Package controller keeps the objects of a cluster as package plan wants them: it
// lists and watches, has a plan made, and writes what differs. It decides nothing
// itself but who of several controllers does it.
package controller

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	clientgo "k8s.io/client-go/kubernetes/scheme"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/connrotation"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
)

// Name is the name of the controller: of its Lease, as the manager of what it writes,
// and as the reporter of Events.
const Name = "colvin-controller"

// Options say how a controller runs.
type Options struct {
	Config    *rest.Config // of the API server
	Namespace string       // of the Lease and of the last good rules
	// Identity names this controller among others. One that bears it after this one
	// was killed need not wait until the Lease has run out.
	Identity string
	Colours  plan.Options

	HealthAddress  string // host:port; empty for none
	MetricsAddress string // host:port; empty for none

	Lease LeaseTimes
	Log   *slog.Logger

	// Cleanup has it take everything away that controllers and agents put into the
	// cluster, in place of all else.
	Cleanup bool
}

// LeaseTimes say how long a leader may be silent.
type LeaseTimes struct {
	Duration      time.Duration // until others take over
	RenewDeadline time.Duration // until the leader gives up
	RetryPeriod   time.Duration // between two attempts
}

// DefaultLeaseTimes are those of Kubernetes' own controllers.
var DefaultLeaseTimes = LeaseTimes{Duration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second}

const (
	// Requests a second, and at once: a first start labels every node.
	requestRate  = 300
	requestBurst = 600

	dialTimeout = 5 * time.Second
	keepAlive   = 30 * time.Second
)

// controller is one process, through all its terms as a leader.
type controller struct {
	Options
	config  *rest.Config // shares one transport, which holds the credentials
	dialer  *connrotation.Dialer
	leases  *coordination.CoordinationV1Client
	scheme  *runtime.Scheme
	logr    logr.Logger // what the libraries say
	outage  *outage
	reached atomic.Bool // the API server has answered
	cleaned atomic.Bool // the last pass of a cleanup found nothing

	// What a plan need not find out again in the next term. The last one of the term before
	// may still be made then.
	planning sync.Mutex
	planner  *plan.Planner
	rules    storedRules
	settling settling
	pacing   pacing
	said     announcements
}

// Run campaigns for leadership and leads, again and again, until the context ends. The
// loss of leadership or of the API server ends nothing: a process that is started again
// and again would wait longer each time.
func Run(ctx context.Context, o Options) error {
	c, err := newController(o)
	if err != nil {
		return err
	}
	defer c.close()
	ctx = logr.NewContext(ctx, c.logr)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.campaign(ctx) })
	g.Go(func() error { return serveHealth(ctx, o.HealthAddress, c.health()) })
	g.Go(func() error { return serveMetrics(ctx, o.MetricsAddress, o.Log, metricsEvery) })
	return g.Wait()
}

func newController(o Options) (*controller, error) {
	c := &controller{Options: o, logr: background(o.Log), outage: newOutage(), planner: plan.New(o.Colours), scheme: runtime.NewScheme()}
	if err := clientgo.AddToScheme(c.scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(c.scheme); err != nil {
		return nil, err
	}
	if err := c.connect(); err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	return c, nil
}

// background logs what libraries do: how they start and stop tells nobody anything
// about the cluster, so it is for debugging.
func background(log *slog.Logger) logr.Logger {
	return logr.FromSlogHandler(log.Handler()).V(-int(slog.LevelDebug))
}

// connect makes the one transport that everything here uses, whose connections can be
// closed: after an outage nothing waits for what a dead one may still say.
func (c *controller) connect() error {
	c.dialer = connrotation.NewDialer((&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext)
	full := rest.CopyConfig(c.Config)
	full.Dial = c.dialer.DialContext
	transport, err := rest.TransportFor(full)
	if err != nil {
		return err
	}
	host, _, err := rest.DefaultServerUrlFor(full)
	if err != nil {
		return err
	}
	c.config = &rest.Config{Host: host.String(), Transport: transport, WrapTransport: c.outage.wrap, QPS: requestRate, Burst: requestBurst, UserAgent: Name}
	forLease := rest.CopyConfig(c.config) // with requests of its own, for which none of the others wait
	forLease.Timeout = max(c.Lease.RenewDeadline/2, time.Second)
	forLease.RateLimiter = flowcontrol.NewFakeAlwaysRateLimiter()
	c.leases, err = coordination.NewForConfig(forLease)
	return err
}

func (c *controller) close() {
	utilnet.CloseIdleConnectionsFor(c.config.Transport)
	c.dialer.CloseAll()
}

// health answers the kubelet: a controller is healthy while it runs, leading or not,
// and ready once it has reached the API server; one that cleans up, once nothing is left.
func (c *controller) health() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := c.unready(); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
		}
	})
	return mux
}

func (c *controller) unready() string {
	switch {
	case !c.reached.Load():
		return "the API server has not answered yet"
	case c.Cleanup && !c.cleaned.Load():
		return "not everything is cleaned up yet, or another controller leads"
	}
	return ""
}
