// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestMetricsAddressTaken holds that the controller goes on without its metrics, says so
// once, and serves them when it can.
func TestMetricsAddressTaken(t *testing.T) {
	other, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := other.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	said := make(lines, 100)
	done := make(chan error, 1)
	go func() { done <- serveMetrics(ctx, address, slog.New(slog.NewTextHandler(said, nil)), time.Millisecond) }()
	if line := <-said; !strings.Contains(line, "metrics are not served") || !strings.Contains(line, address) {
		t.Errorf("said %s", line)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for tick := time.Tick(time.Millisecond); ; <-tick {
		if resp, err := client.Do(req); err == nil {
			if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%s, %v", resp.Status, err)
			}
			break
		}
	}
	cancel()
	if err := <-done; err != nil || len(said) > 0 {
		t.Errorf("%v, and said %d lines more", err, len(said))
	}
}

// lines are what is written, a line each.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}
