// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
)

// listenEvery is how often it is tried to get the address of the metrics.
const listenEvery = 5 * time.Second

// A metricsServer serves metrics. That it cannot is a condition: nodes are not without
// networks because another program has the port. A nil one serves nothing.
type metricsServer struct {
	address string
	handler http.Handler
	log     *slog.Logger
	every   time.Duration
	changed chan struct{} // holds one: the problem is another

	mu      sync.Mutex
	problem error
}

// newMetricsServer returns the server of an address; nil where that is empty.
func newMetricsServer(address string, log *slog.Logger) *metricsServer {
	if address == "" {
		return nil
	}
	return &metricsServer{address: address, log: log, every: listenEvery, changed: make(chan struct{}, 1)}
}

// of says whose metrics are served.
func (m *metricsServer) of(c *collector) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	m.handler = mux
}

// String names the task.
func (*metricsServer) String() string { return "metrics" }

// Run serves until ctx ends, and tries again and again to.
func (m *metricsServer) Run(ctx context.Context) error {
	for {
		if err := m.serve(ctx); ctx.Err() == nil {
			m.note(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(m.every):
		}
	}
}

// serve serves until that fails, or ctx ends.
func (m *metricsServer) serve(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", m.address)
	if err != nil {
		return err
	}
	m.note(nil)
	return serve(ctx, l, m.handler)
}

// note keeps why nothing is served, or that nothing is wrong any more.
func (m *metricsServer) note(err error) {
	m.mu.Lock()
	was := m.problem
	m.problem = err
	m.mu.Unlock()
	if (was == nil) == (err == nil) {
		return
	}
	if err != nil {
		m.log.Error("metrics are not served; trying again", "error", err)
	} else {
		m.log.Info("metrics are served", "address", m.address)
	}
	select {
	case m.changed <- struct{}{}:
	default: // it is known already that something did
	}
}

// Changed tells when the conditions are others.
func (m *metricsServer) Changed() <-chan struct{} {
	if m == nil {
		return nil
	}
	return m.changed
}

// Conditions implements reporter.
func (m *metricsServer) Conditions() []mapping.Condition {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.problem == nil {
		return nil
	}
	return []mapping.Condition{{Type: mapping.MetricsUnserved, Message: fmt.Sprintf(
		"the metrics are not served: %v; free the address, or set metrics.address in colvind.yaml to another; trying again every %s", m.problem, fit.Span(m.every))}}
}
