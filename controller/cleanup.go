// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/internal/fit"
)

const (
	// passEvery is how often it is looked whether anything is left: agents that still run
	// go on publishing.
	passEvery = 3 * time.Second
	// pageSize is how many objects are listed at once.
	pageSize = 500
	// giveUpWithin is how long a controller that ends tries to remove the Lease.
	giveUpWithin = 2 * time.Second
)

// A cleaner takes from a cluster what agents and controllers put there, and leaves what is
// the users': RuleSets, Colours, and labels that the controller did not give.
type cleaner struct {
	*controller
	client client.Client
	found  int // in this pass, of what is to go
}

// cleanUp removes everything again and again until the context ends. Who leads as that may:
// an older controller has stopped, and puts nothing back.
func (c *controller) cleanUp(ctx context.Context) {
	defer c.cleaned.Store(false)
	said := ""
	for ctx.Err() == nil {
		found, err := c.cleanOnce(ctx)
		clean := found == 0 && err == nil
		if was := c.cleaned.Swap(clean); clean && !was {
			c.Log.Info("nothing is left to be removed; RuleSets and Colours are yours, and stay")
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != said && text != "" && ctx.Err() == nil {
			c.Log.Error("not everything can be removed; trying again", "error", fit.Cut(text, maxNote))
		}
		said = text
		pause(ctx, passEvery)
	}
}

// cleanOnce makes one pass, and returns how much it found. What fails does not keep the
// rest from being done.
func (c *controller) cleanOnce(ctx context.Context) (found int, err error) {
	mapper, err := newMapper(nil, nil)
	if err != nil {
		return 0, err
	}
	k, err := client.New(c.config, client.Options{Scheme: c.scheme, Mapper: mapper})
	if err != nil {
		return 0, fmt.Errorf("make a client: %w", err)
	}
	p := &cleaner{controller: c, client: k}
	err = errors.Join(
		p.each(ctx, v1alpha1.GroupVersion.WithKind("NodeTopology"), p.remove),
		p.each(ctx, v1alpha1.GroupVersion.WithKind("Network"), p.remove),
		p.each(ctx, corev1.SchemeGroupVersion.WithKind("Node"), p.unlabelNode),
		p.each(ctx, definitionKind, p.unlabelDefinition),
		p.removeConfigMap(ctx, rulesName),
		p.removeConfigMap(ctx, namesName),
	)
	return p.found, err
}

// each does something with the metadata of all objects of a kind, page by page. Where there
// is no such kind there are none.
func (p *cleaner) each(ctx context.Context, kind schema.GroupVersionKind, do func(context.Context, *metav1.PartialObjectMetadata) error) error {
	var errs []error
	for next := ""; ctx.Err() == nil; {
		var page metav1.PartialObjectMetadataList
		page.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		err := p.client.List(ctx, &page, client.Limit(pageSize), client.Continue(next))
		if apierrors.IsNotFound(err) {
			break
		}
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("list each %s: %w", kind.Kind, err))...)
		}
		for i := range page.Items {
			page.Items[i].SetGroupVersionKind(kind)
		}
		errs = append(errs, each(ctx, page.Items, do))
		if next = page.Continue; next == "" {
			break
		}
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// remove deletes an object, unless somebody did already and it waits for a finalizer.
func (p *cleaner) remove(ctx context.Context, o *metav1.PartialObjectMetadata) error {
	p.found++
	if o.DeletionTimestamp != nil {
		return nil
	}
	err := p.client.Delete(ctx, o, client.Preconditions{UID: &o.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete %s %s: %w", o.Kind, o.Name, err)
	}
	p.Log.Info("deleted", "kind", o.Kind, "name", o.Name)
	return nil
}

// unlabelNode removes the labels of a node that are the controller's.
func (p *cleaner) unlabelNode(ctx context.Context, o *metav1.PartialObjectMetadata) error {
	change := &plan.NodeChange{Node: plan.Node{Name: o.Name, UID: o.UID}}
	for key := range o.Labels {
		if name, ours := strings.CutPrefix(key, plan.LabelPrefix); ours {
			change.Remove = append(change.Remove, name)
		}
	}
	if _, has := o.Labels[plan.KnownLabel]; has {
		change.Known = new(false)
	}
	if len(change.Remove) == 0 && change.Known == nil {
		return nil
	}
	p.found++
	data, err := labelPatch(change)
	if err != nil {
		return err
	}
	n := node()
	n.SetName(o.Name)
	if err := p.client.Patch(ctx, n, client.RawPatch(types.MergePatchType, data)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("remove the labels of node %s: %w", o.Name, err)
	}
	p.Log.Info("removed the labels of a node", "node", o.Name)
	return nil
}

// unlabelDefinition takes back the label that the controller applied; one of an admin's
// stays.
func (p *cleaner) unlabelDefinition(ctx context.Context, o *metav1.PartialObjectMetadata) error {
	if !owns(o.ManagedFields) {
		return nil
	}
	p.found++
	object := definition()
	object.SetNamespace(o.Namespace)
	object.SetName(o.Name)
	object.SetUID(o.UID)
	d := &definitions{controller: p.controller, client: p.client}
	if err := d.label(ctx, object, ""); err != nil {
		return fmt.Errorf("remove the label of NetworkAttachmentDefinition %s/%s: %w", o.Namespace, o.Name, err)
	}
	p.Log.Info("removed the label of a NetworkAttachmentDefinition", "definition", o.Namespace+"/"+o.Name)
	return nil
}

// removeConfigMap deletes a ConfigMap of the controllers'. It asks for it first: whether it
// may delete what is not there tells nobody anything.
func (p *cleaner) removeConfigMap(ctx context.Context, name string) error {
	var m corev1.ConfigMap
	err := p.client.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: name}, &m)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for ConfigMap %s: %w", name, err)
	}
	o := &metav1.PartialObjectMetadata{ObjectMeta: m.ObjectMeta}
	o.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	return p.remove(ctx, o)
}

// removeLease deletes the Lease that this controller has left to others, unless one of them
// has it by now. Who has not the right leaves it there.
func (c *controller) removeLease(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUpWithin)
	defer cancel()
	leases := c.leases.Leases(c.Namespace)
	l, err := leases.Get(ctx, Name, metav1.GetOptions{})
	if err == nil && (l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity == "") {
		err = leases.Delete(ctx, Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &l.UID, ResourceVersion: &l.ResourceVersion}})
	}
	if client.IgnoreNotFound(err) != nil {
		c.Log.Info("the Lease stays", "lease", Name, "error", err)
	}
}
