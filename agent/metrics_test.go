// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/mapping"
)

// TestMetricsOfRules holds what an alert goes by: rules that are awaited are no mistake.
func TestMetricsOfRules(t *testing.T) {
	for _, tt := range []struct {
		rules agentapi.Rules
		want  int
	}{
		{agentapi.Rules{}, 0},
		{agentapi.Rules{Waiting: true}, 0},
		{agentapi.Rules{Problem: "the RuleSets of the cluster are not known yet", Waiting: true}, 0},
		{agentapi.Rules{Problem: "rules are not valid"}, 1},
	} {
		c := newCollector(func() (*agentapi.State, error) {
			s := state()
			s.Rules = tt.rules
			s.View.Converged = tt.want == 1
			return s, nil
		})
		want := fmt.Sprintf(`# HELP colvin_converged 1 when every port was heard or waited for.
# TYPE colvin_converged gauge
colvin_converged %[1]d
# HELP colvin_rules_invalid 1 while the latest rules are not in force.
# TYPE colvin_rules_invalid gauge
colvin_rules_invalid %[1]d
`, tt.want)
		if err := testutil.CollectAndCompare(c, strings.NewReader(want), "colvin_converged", "colvin_rules_invalid"); err != nil {
			t.Errorf("%+v: %v", tt.rules, err)
		}
	}
}

// TestMetricsOfOrphans holds that only what is orphaned counts as such.
func TestMetricsOfOrphans(t *testing.T) {
	c := newCollector(func() (*agentapi.State, error) {
		s := state()
		s.Attachments = []agentapi.ContainerAttachment{
			{Status: agentapi.ContainerOK, Orphaned: "its network namespace is gone"},
			{Status: agentapi.ContainerOK},
			{Status: agentapi.ContainerStale},
			{Status: agentapi.ContainerOK},
			{Status: agentapi.ContainerAdding},
			{Status: agentapi.ContainerFailed, Orphaned: "its ADD failed"},
			{Status: agentapi.ContainerStuck, Orphaned: "its DEL fails"},
		}
		return s, nil
	})
	const want = `# HELP colvin_orphaned_records Attachments that are over, and that nobody ended.
# TYPE colvin_orphaned_records gauge
colvin_orphaned_records 3
# HELP colvin_pod_attachments Attachments of containers, by status.
# TYPE colvin_pod_attachments gauge
colvin_pod_attachments{status="adding"} 1
colvin_pod_attachments{status="deleting"} 0
colvin_pod_attachments{status="down"} 0
colvin_pod_attachments{status="failed"} 1
colvin_pod_attachments{status="moved"} 0
colvin_pod_attachments{status="ok"} 2
colvin_pod_attachments{status="pinned"} 0
colvin_pod_attachments{status="stale"} 1
colvin_pod_attachments{status="stuck"} 1
colvin_pod_attachments{status="unverified"} 0
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), "colvin_orphaned_records", "colvin_pod_attachments"); err != nil {
		t.Error(err)
	}
}

func TestMetricsHandler(t *testing.T) {
	answer, answerErr := state(), error(nil)
	m := newMetricsServer("127.0.0.1:0", slog.New(slog.DiscardHandler))
	m.of(newCollector(func() (*agentapi.State, error) { return answer, answerErr }))
	scrape := func(target string) (int, string) {
		w := httptest.NewRecorder()
		m.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody))
		return w.Code, w.Body.String()
	}
	if code, body := scrape("/metrics"); code != http.StatusOK || !strings.Contains(body, `colvin_info{node="node1",version="v1"} 1`) {
		t.Errorf("%d: %s", code, body)
	}
	if code, body := scrape("/"); code != http.StatusNotFound {
		t.Errorf("elsewhere: %d: %s", code, body)
	}
	answer, answerErr = nil, agentapi.ErrNotReady
	if code, body := scrape("/metrics"); code != http.StatusOK || body != "" {
		t.Errorf("before there is a state: %d: %s", code, body)
	}
}

// TestMetricsNote holds that a problem is told once, though nobody listens yet, and what is
// said of it.
func TestMetricsNote(t *testing.T) {
	var log strings.Builder
	m := newMetricsServer("127.0.0.1:1", slog.New(slog.NewTextHandler(&log, nil)))
	m.note(nil)
	if log.Len() != 0 || len(m.changed) != 0 {
		t.Errorf("nothing is wrong: %d changes, log:\n%s", len(m.changed), log.String())
	}
	m.note(syscall.EADDRINUSE)
	m.note(syscall.EACCES)
	if said := log.String(); strings.Count(said, "\n") != 1 || len(m.changed) != 1 {
		t.Errorf("something is: %d changes, log:\n%s", len(m.changed), said)
	}
	const want = "the metrics are not served: permission denied; free the address, or set metrics.address in colvind.yaml to another; trying again every 5s"
	if c := m.Conditions(); len(c) != 1 || c[0].Message != want {
		t.Errorf("conditions %v, want %s", c, want)
	}
	m.note(nil)
	if said := log.String(); strings.Count(said, "\n") != 2 || len(m.changed) != 1 || m.Conditions() != nil {
		t.Errorf("nothing is any more: %d changes, log:\n%s", len(m.changed), said)
	}
}

// TestMetricsAddressTaken holds that a server waits for its address, says so meanwhile, and
// tells when that is over.
func TestMetricsAddressTaken(t *testing.T) {
	other, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	m := newMetricsServer(other.Addr().String(), slog.New(slog.NewTextHandler(&log, nil)))
	m.every = 10 * time.Millisecond
	m.of(newCollector(func() (*agentapi.State, error) { return state(), nil }))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	<-m.Changed()
	c := m.Conditions()
	if want := "the metrics are not served: listen tcp " + m.address + ": bind: address already in use; free the address, or set metrics.address in colvind.yaml to another; trying again every "; len(c) != 1 ||
		c[0].Type != mapping.MetricsUnserved || !strings.HasPrefix(c[0].Message, want) {
		t.Errorf("while it is taken: %+v, want %s", c, want)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	<-m.Changed()
	if c := m.Conditions(); len(c) != 0 {
		t.Errorf("once it is free: %+v", c)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+m.address+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s, %v", resp.Status, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if said := log.String(); strings.Count(said, "\n") != 2 || !strings.Contains(said, "metrics are not served") ||
		strings.Index(said, "metrics are served") < strings.Index(said, "metrics are not served") {
		t.Errorf("log:\n%s", said)
	}
}

// TestNoMetrics holds that without an address nothing is served, and nothing wrong.
func TestNoMetrics(t *testing.T) {
	if m := newMetricsServer("", nil); m != nil || m.Changed() != nil || m.Conditions() != nil {
		t.Errorf("without an address: %+v", m)
	}
}

// TestMetricsConditionIsTold holds that the agent tells at once that metrics are not served,
// and that they are.
func TestMetricsConditionIsTold(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.metrics = newMetricsServer("127.0.0.1:1", slog.New(slog.DiscardHandler))
		b.start()
		b.see(heard(sw1, 100))
		for _, problem := range []error{syscall.EADDRINUSE, nil} {
			b.metrics.note(problem)
			synctest.Wait()
			if got := b.conditions(); slices.Contains(got, mapping.MetricsUnserved) != (problem != nil) {
				b.t.Errorf("after %v: conditions %v", problem, got)
			}
		}
	})
}

// TestMetricsEnd holds that the end is no problem.
func TestMetricsEnd(t *testing.T) {
	m := newMetricsServer("127.0.0.1:0", slog.New(slog.DiscardHandler))
	m.of(newCollector(func() (*agentapi.State, error) { return state(), nil }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Run(ctx); err != nil || m.Conditions() != nil {
		t.Errorf("%v, conditions %v", err, m.Conditions())
	}
}
