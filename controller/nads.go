// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrl "sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/colvin-net/colvin/internal/clusterview"
)

// NetworkLabel is the label of a NetworkAttachmentDefinition with the name of the
// network that its configuration asks for.
const NetworkLabel = clusterview.NetworkLabel

// lookEvery is how often it is looked whether there are NetworkAttachmentDefinitions
// now, where there were none: nobody tells.
const lookEvery = 10 * time.Second

var definitionKind = schema.GroupVersionKind{Group: "k8s.cni.cncf.io", Version: "v1", Kind: "NetworkAttachmentDefinition"}

// definition is a NetworkAttachmentDefinition.
func definition() *unstructured.Unstructured {
	d := new(unstructured.Unstructured)
	d.SetGroupVersionKind(definitionKind)
	return d
}

// definitions labels NetworkAttachmentDefinitions.
type definitions struct {
	*controller
	cache  client.Reader
	client client.Client
}

// awaitDefinitions labels NetworkAttachmentDefinitions once there are any: Multus may
// be installed later, or never, and nothing else waits for it.
func (c *controller) awaitDefinitions(ctx context.Context, m manager.Manager) error {
	for ctx.Err() == nil {
		err := served(ctx, m.GetAPIReader())
		if err == nil {
			err = c.addDefinitions(m)
		}
		if err == nil {
			return nil
		}
		if !apierrors.IsNotFound(err) && ctx.Err() == nil {
			c.Log.Debug("cannot read NetworkAttachmentDefinitions", "error", err)
		}
		pause(ctx, lookEvery)
	}
	return nil
}

// served reports an error where the API server serves no such kind.
func served(ctx context.Context, from client.Reader) error {
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(definitionKind.GroupVersion().WithKind(definitionKind.Kind + "List"))
	return from.List(ctx, &list, client.Limit(1))
}

func (c *controller) addDefinitions(m manager.Manager) error {
	k, err := ctrl.New("definitions", m, ctrl.Options{
		Reconciler:  &definitions{controller: c, cache: m.GetCache(), client: m.GetClient()},
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
	})
	if err != nil {
		return err
	}
	return k.Watch(source.Kind(m.GetCache(), client.Object(definition()), handler.EventHandler(&handler.EnqueueRequestForObject{})))
}

// Reconcile gives one definition the label that it should have. An admin's own label
// wins, and is never removed.
func (d *definitions) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	object := definition()
	if err := d.cache.Get(ctx, request.NamespacedName, object); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	config, _, _ := unstructured.NestedString(object.Object, "spec", "config")
	want, err := clusterview.NetworkOf(config)
	if err != nil {
		d.Log.Debug("a NetworkAttachmentDefinition is left alone", "definition", request.String(), "error", err)
		return reconcile.Result{}, nil
	}
	have, labelled := object.GetLabels()[NetworkLabel]
	ours := owns(object.GetManagedFields())
	if want == have || labelled && !ours || want == "" && !ours {
		return reconcile.Result{}, nil
	}
	if err := d.label(ctx, object, want); err != nil {
		return reconcile.Result{}, fmt.Errorf("label NetworkAttachmentDefinition %s: %w", request, err)
	}
	d.Log.Info("labelled a NetworkAttachmentDefinition", "definition", request.String(), "network", want)
	return reconcile.Result{}, nil
}

// label applies the label, or takes it back. The UID keeps the API server from making a
// definition of what was deleted meanwhile.
func (d *definitions) label(ctx context.Context, object *unstructured.Unstructured, network string) error {
	apply := definition()
	apply.SetNamespace(object.GetNamespace())
	apply.SetName(object.GetName())
	apply.SetUID(object.GetUID())
	if network != "" {
		apply.SetLabels(map[string]string{NetworkLabel: network})
	}
	data, err := apply.MarshalJSON()
	if err != nil {
		return err
	}
	err = d.client.Patch(ctx, apply, client.RawPatch(types.ApplyPatchType, data), client.FieldOwner(Name))
	if apierrors.IsConflict(err) { // with what somebody else just wrote; the change comes to be watched
		return nil
	}
	return client.IgnoreNotFound(err)
}

// owns reports whether the label is applied by this controller, and by nobody else.
func owns(all []metav1.ManagedFieldsEntry) bool {
	return slices.ContainsFunc(all, func(e metav1.ManagedFieldsEntry) bool {
		if e.Manager != Name || e.Operation != metav1.ManagedFieldsOperationApply || e.FieldsV1 == nil {
			return false
		}
		var fields struct {
			Metadata struct {
				Labels map[string]any `json:"f:labels"`
			} `json:"f:metadata"`
		}
		if json.Unmarshal(e.FieldsV1.GetRawBytes(), &fields) != nil {
			return false
		}
		_, ok := fields.Metadata.Labels["f:"+NetworkLabel]
		return ok
	})
}

var _ reconcile.Reconciler = (*definitions)(nil)
