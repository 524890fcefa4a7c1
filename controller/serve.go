// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

const (
	readHeaderTimeout = 5 * time.Second
	shutdownTimeout   = time.Second
)

func metricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{}))
	return mux
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
