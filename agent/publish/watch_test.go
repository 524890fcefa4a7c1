// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

// A desk is an API server that lists one object, and lets nobody watch it.
type desk struct {
	dynamic.Interface
	dynamic.NamespaceableResourceInterface

	away   error // what whoever lists gets
	listed atomic.Int64
}

func (d *desk) Resource(schema.GroupVersionResource) dynamic.NamespaceableResourceInterface { return d }

func (d *desk) List(context.Context, metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	d.listed.Add(1)
	if d.away != nil {
		return nil, d.away
	}
	return &unstructured.UnstructuredList{
		Object: map[string]any{"metadata": map[string]any{"resourceVersion": "1"}},
		Items:  []unstructured.Unstructured{*named("red-wren", nil)},
	}, nil
}

var errNoWatch = errors.New("nobody may watch")

func (*desk) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return nil, errNoWatch
}

// watching has a minute of what is watched go by.
func watching(t *testing.T, d *desk) *watched {
	t.Helper()
	w := newWatched(d, v1alpha1.Resource(v1alpha1.Colours), func() {})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.run(ctx); err != nil {
		t.Error(err)
	}
	synctest.Wait()
	return w
}

// TestListedButNotWatched holds that what is listed is known though it cannot be watched,
// which is told.
func TestListedButNotWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watching(t, &desk{})
		objects, known := w.list()
		_, err := w.trouble.problem()
		if !known || len(objects) != 1 || objects[0].GetName() != "red-wren" || !errors.Is(err, errNoWatch) {
			t.Errorf("%v, known: %t, problem: %v", objects, known, err)
		}
	})
}

// TestWatchedAway holds that an API server that is away is asked again soon, and not all
// the time.
func TestWatchedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{away: errors.New("connection refused")}
		w := watching(t, d)
		if _, err := w.trouble.problem(); err == nil {
			t.Error("no problem")
		}
		if _, known := w.list(); known {
			t.Error("what nobody told is known")
		}
		// After half a second, one and two, then every 4 s; each wait is up to 30 % longer.
		if n := d.listed.Load(); n < 13 || n > 18 {
			t.Errorf("asked %d times in a minute, want 13 to 18", n)
		}
	})
}

// TestClusterRuns holds that all that a Cluster does goes on until it is told to end: it
// tells what is in the cluster and what is wrong, and publishes.
func TestClusterRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Config{Node: "node1", Kubeconfig: kubeconfig(t), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		n := &notes{begin: time.Now()}
		c.ruleSets.client, c.colours.client, c.publisher.to = &desk{}, &desk{}, n
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		c.Publish(sees("a"))
		synctest.Wait()
		u := <-c.Updates()
		if len(u.RuleSets) != 1 || u.Colours == nil || len(u.Problems) != 1 || !strings.HasPrefix(u.Problems[0].Message, "the cluster's rulesets cannot be watched since ") {
			t.Errorf("update %+v", u)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"0s a"}, n.lines); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
		if c.Identity() != "https://127.0.0.1:1" || c.String() != "connect to the cluster" {
			t.Errorf("%s of %s", c, c.Identity())
		}
	})
}
