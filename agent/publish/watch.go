// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
)

// An API server that is away is asked again this often: soon, but not by all nodes at
// the same moment.
var watchBackoff = wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.3, Steps: 12, Cap: 4 * time.Second}

// A watched is all objects of one cluster-scoped kind, as the API server last told.
type watched struct {
	cache.Store
	client   dynamic.ResourceInterface
	resource schema.GroupVersionResource
	changed  func()
	trouble  trouble     // why nothing is heard now
	known    atomic.Bool // all of them were told
}

func newWatched(client dynamic.Interface, resource schema.GroupVersionResource, changed func()) *watched {
	return &watched{
		Store: cache.NewStore(cache.MetaNamespaceKeyFunc), client: client.Resource(resource), resource: resource,
		changed: changed, trouble: trouble{changed: changed},
	}
}

// run watches until ctx ends.
func (w *watched) run(ctx context.Context) error {
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := w.client.List(ctx, options)
			w.trouble.note(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			events, err := w.client.Watch(ctx, options)
			w.trouble.note(ctx, err)
			return events, err
		},
	}
	backoff := watchBackoff
	cache.NewReflectorWithOptions(source, &unstructured.Unstructured{}, w, cache.ReflectorOptions{
		Name: w.resource.Resource, Backoff: &backoff,
	}).RunWithContext(ctx)
	return nil
}

// list returns all objects, in no order, and whether they are known.
func (w *watched) list() (objects []*unstructured.Unstructured, known bool) {
	if !w.known.Load() {
		return nil, false
	}
	for _, object := range w.List() {
		if o, ok := object.(*unstructured.Unstructured); ok { // as the Reflector sees to
			objects = append(objects, o)
		}
	}
	return objects, true
}

var _ cache.ReflectorStore = (*watched)(nil)

// Add, Update, Delete and Replace are what a Reflector calls.

// Add implements cache.ReflectorStore.
func (w *watched) Add(object any) error { return w.told(w.Store.Add(object)) }

// Update implements cache.ReflectorStore.
func (w *watched) Update(object any) error { return w.told(w.Store.Update(object)) }

// Delete implements cache.ReflectorStore.
func (w *watched) Delete(object any) error { return w.told(w.Store.Delete(object)) }

// Replace implements cache.ReflectorStore.
func (w *watched) Replace(all []any, version string) error {
	err := w.Store.Replace(all, version)
	if err == nil {
		w.known.Store(true)
	}
	return w.told(err)
}

func (w *watched) told(err error) error {
	if err == nil {
		w.changed()
	}
	return err
}
