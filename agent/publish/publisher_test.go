// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/mapping"
)

func TestMain(m *testing.M) {
	// Those of the library wait until the last error is a while ago, which is in the future
	// where that was in another bubble.
	utilruntime.ErrorHandlers = nil
	os.Exit(leaktest.Run(m))
}

// A cluster of a test keeps what is written, and when.
type notes struct {
	begin time.Time

	mu    sync.Mutex
	err   error // for the next writes
	has   string
	lines []string
}

// now changes what the next writes find.
func (n *notes) now(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

func (n *notes) write(_ context.Context, spec *v1alpha1.NodeTopologySpec) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := time.Since(n.begin).Round(time.Second)
	switch {
	case n.err != nil:
		n.lines = append(n.lines, fmt.Sprintf("%s failed", at))
		return false, n.err
	case n.has == spec.BootID:
		n.lines = append(n.lines, fmt.Sprintf("%s looked", at))
		return false, nil
	}
	n.has = spec.BootID
	n.lines = append(n.lines, fmt.Sprintf("%s %s", at, spec.BootID))
	return true, nil
}

// sees is a state that differs from others by its name.
func sees(name string) *agentapi.State {
	return &agentapi.State{View: mapping.View{BootID: name}, Snapshot: &discovery.Snapshot{}}
}

// TestTooLarge holds that an agent publishes no more than one node may tell, and says so.
func TestTooLarge(t *testing.T) {
	s := sees("many")
	for range 257 {
		s.Attachments = append(s.Attachments, agentapi.ContainerAttachment{Status: agentapi.ContainerMoved})
	}
	spec, _ := topology(s)
	if len(spec.Moved) != 256 || spec.Summary.Moved != 257 {
		t.Errorf("%d containers are told, %d counted", len(spec.Moved), spec.Summary.Moved)
	}
	c, err := New(Config{Node: "node1", Kubeconfig: kubeconfig(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c.publisher.to = &notes{begin: time.Now()}
	for _, tt := range []struct {
		state      *agentapi.State
		told, news bool
	}{{sees("one"), false, false}, {s, true, true}, {s, true, false}, {sees("two"), false, true}} {
		c.publisher.last = tt.state
		c.publisher.step(t.Context())
		news := len(c.updates) > 0
		if news {
			<-c.updates
		}
		told := slices.ContainsFunc(c.problems(), func(c mapping.Condition) bool { return c.Type == mapping.TopologyTooLarge })
		if told != tt.told || news != tt.news {
			t.Errorf("%s: told %t, which is news: %t", tt.state.View.BootID, told, news)
		}
	}
}

// publishing runs a publisher until stop, which returns what was written. It is for
// bubbles.
func publishing(t *testing.T) (p *publisher, n *notes, stop func() []string) {
	t.Helper()
	n = &notes{begin: time.Now()}
	p = newPublisher(n, func() {}, slog.New(slog.DiscardHandler))
	for _, w := range []*waits{&p.first, &p.next} {
		w.failed.Jitter, w.refused.Jitter = 0, 0
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.run(ctx) }()
	return p, n, func() []string {
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		return n.lines
	}
}

func TestPublisherLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, stop := publishing(t)
		for _, name := range []string{"a", "a", "b", "c", "d", "e", "e"} {
			p.offer(sees(name))
			synctest.Wait()
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		p.offer(sees("f"))
		// Three at once, then one in 15 s; what came and went meanwhile is never written.
		if diff := cmp.Diff([]string{"0s a", "2s b", "3s c", "15s e", "1m7s f"}, stop()); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
	})
}

func TestPublisherOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, n, stop := publishing(t)
		p.offer(sees("a"))
		synctest.Wait()
		n.now(func() { n.err = errors.New("connection refused") })
		for k := range 20 {
			p.offer(sees(fmt.Sprint("b", k)))
			synctest.Wait()
			if p.problem() == nil {
				t.Error("no problem")
			}
			time.Sleep(time.Second)
		}
		n.now(func() { n.err, n.lines = nil, n.lines[:1] })
		time.Sleep(time.Minute)
		if err := p.problem(); err != nil {
			t.Error(err)
		}
		for k := range 3 {
			p.offer(sees(fmt.Sprint("c", k)))
			synctest.Wait()
		}
		// It is asked again every 4 s, attempts that failed cost nothing.
		if diff := cmp.Diff([]string{"0s a", "24s b19", "1m20s c0", "1m20s c1", "1m20s c2"}, stop()); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
	})
}

func TestPublisherLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, n, stop := publishing(t)
		p.offer(sees("a"))
		time.Sleep(11 * time.Minute)
		n.now(func() { n.has = "" }) // somebody deleted it
		time.Sleep(5 * time.Minute)
		if diff := cmp.Diff([]string{"0s a", "5m0s looked", "10m0s looked", "15m0s a"}, stop()); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
	})
}

// TestPublisherLooksWhileBusy holds that an agent that has something to do all the time,
// and nothing new to publish, finds out that its object is gone.
func TestPublisherLooksWhileBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, n, stop := publishing(t)
		for range 8 {
			p.offer(sees("a"))
			synctest.Wait()
			n.now(func() { n.has = "" }) // somebody deleted it
			time.Sleep(time.Minute)
		}
		if diff := cmp.Diff([]string{"0s a", "5m0s a"}, stop()); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
	})
}

// TestPublisherRefused holds that what only an admin can mend is not tried every few
// seconds, by all nodes.
func TestPublisherRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, n, stop := publishing(t)
		n.now(func() { n.err = errIdentity })
		for k := range 10 * 60 {
			p.offer(sees(fmt.Sprint("a", k)))
			time.Sleep(time.Second)
		}
		n.now(func() { n.err = nil })
		time.Sleep(time.Minute)
		lines := stop()
		if len(lines) > 20 || !strings.HasSuffix(lines[len(lines)-1], " a599") {
			t.Errorf("%d attempts: %v", len(lines), lines)
		}
		// Each wait is twice the one before, from half a second to a minute.
		want := []string{"0s failed", "1s failed", "2s failed", "4s failed", "8s failed", "16s failed", "32s failed", "1m4s failed", "2m4s failed", "3m4s failed"}
		if diff := cmp.Diff(want, lines[:len(want)]); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
	})
}

// TestPublisherLogs holds that each write is logged once, and nothing else is.
func TestPublisherLogs(t *testing.T) {
	var log bytes.Buffer
	p := newPublisher(&notes{begin: time.Now()}, func() {}, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for _, name := range []string{"a", "a", "b"} {
		p.last = sees(name)
		p.step(t.Context())
	}
	if got := log.String(); strings.Count(got, "\n") != 2 || strings.Count(got, "topology published") != 2 {
		t.Errorf("logged\n%s", got)
	}
}
