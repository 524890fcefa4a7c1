// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

const (
	readHeaderTimeout = 5 * time.Second
	shutdownTimeout   = time.Second
	metricsEvery      = 5 * time.Second // that it is tried to serve them
)

func metricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{}))
	return mux
}

// serveHealth is serve for what the kubelet asks: who cannot be asked would be killed.
func serveHealth(ctx context.Context, address string, handler http.Handler) error {
	if err := serve(ctx, address, handler); err != nil {
		return fmt.Errorf("%w; free the address, or set --health-address to another", err)
	}
	return nil
}

// serveMetrics is serve, again and again: what is counted is no reason to end.
func serveMetrics(ctx context.Context, address string, log *slog.Logger, every time.Duration) error {
	failed := false
	for {
		err := serve(ctx, address, metricsHandler())
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if !failed {
			log.Error("metrics are not served; free the address, or set --metrics-address to another; trying again", "error", err)
		}
		failed = true
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

// serve serves on an address, where there is one, until the context ends.
func serve(ctx context.Context, address string, handler http.Handler) error {
	if address == "" {
		return nil
	}
	s := manager.Server{
		Server:          &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: readHeaderTimeout},
		ShutdownTimeout: new(shutdownTimeout),
	}
	if err := s.Start(ctx); err != nil {
		return fmt.Errorf("serve on %s: %w", address, err)
	}
	return nil
}
