// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
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
	client   dynamic.ResourceInterface
	resource schema.GroupVersionResource
	changed  func()
	trouble  trouble // why nothing is heard now

	mu      sync.Mutex
	objects map[string]*unstructured.Unstructured // by name; nil while nothing is known
}

func newWatched(client dynamic.Interface, resource schema.GroupVersionResource, changed func()) *watched {
	return &watched{client: client.Resource(resource), resource: resource, changed: changed, trouble: trouble{changed: changed}}
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

// list returns all objects, ordered by name, and whether they are known.
func (w *watched) list() ([]*unstructured.Unstructured, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*unstructured.Unstructured
	for _, name := range slices.Sorted(maps.Keys(w.objects)) {
		out = append(out, w.objects[name])
	}
	return out, w.objects != nil
}

var _ cache.ReflectorStore = (*watched)(nil)

// Add, Update, Delete, Replace and Resync are what a Reflector calls.

// Add implements cache.ReflectorStore.
func (w *watched) Add(object any) error { return w.set(object, false) }

// Update implements cache.ReflectorStore.
func (w *watched) Update(object any) error { return w.set(object, false) }

// Delete implements cache.ReflectorStore.
func (w *watched) Delete(object any) error { return w.set(object, true) }

// Resync implements cache.ReflectorStore.
func (*watched) Resync() error { return nil }

func (w *watched) set(object any, gone bool) error {
	o, ok := object.(*unstructured.Unstructured)
	if !ok {
		return fmt.Errorf("watch %s: got a %T", w.resource.Resource, object)
	}
	w.mu.Lock()
	switch {
	case w.objects == nil: // some are not all
	case gone:
		delete(w.objects, o.GetName())
	default:
		w.objects[o.GetName()] = o
	}
	w.mu.Unlock()
	w.changed()
	return nil
}

// Replace implements cache.ReflectorStore.
func (w *watched) Replace(all []any, _ string) error {
	objects := make(map[string]*unstructured.Unstructured, len(all))
	for _, object := range all {
		o, ok := object.(*unstructured.Unstructured)
		if !ok {
			return fmt.Errorf("watch %s: got a %T", w.resource.Resource, object)
		}
		objects[o.GetName()] = o
	}
	w.mu.Lock()
	w.objects = objects
	w.mu.Unlock()
	w.changed()
	return nil
}
