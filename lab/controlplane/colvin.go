// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/colvin-net/colvin/lab/kit"
)

// InstallColvin applies the CRDs and the manifests that are in deploy: accounts with their
// rights, policies, and workloads, of which nothing comes where no controller looks after
// them. It returns when the kinds are served and the policies in force. The policy
// that reads NetworkAttachmentDefinitions wants their CRD, which is another's, to be
// there before; otherwise it takes the API server half a minute to notice it.
func InstallColvin(ctx context.Context, c *ControlPlane) error {
	if err := c.installColvin(ctx); err != nil {
		return fmt.Errorf("install Colvin: %w", err)
	}
	return nil
}

func (c *ControlPlane) installColvin(ctx context.Context) error {
	top, err := kit.Top()
	if err != nil {
		return err
	}
	in := func(dir string) string { return "--filename=" + filepath.Join(top, "deploy", dir) }
	if _, err := c.Kubectl(ctx, "apply", in("chart/crds"), in("manifests"), in("manifests/policies")); err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=30s", in("chart/crds")); err != nil {
		return err
	}
	if err := c.awaitKinds(ctx, "/apis/colvin.dev/v1alpha1"); err != nil {
		return err
	}
	return c.apiServer.Await(ctx, c.policiesInForce)
}

func (c *ControlPlane) awaitKinds(ctx context.Context, group string) error {
	return c.apiServer.Await(ctx, func(ctx context.Context) error { return c.kindsServed(ctx, group) })
}

// kindsServed lists the objects of every kind: a kind that is established is set up
// when it is first asked for, and refused until then.
func (c *ControlPlane) kindsServed(ctx context.Context, group string) error {
	var answer struct{ Resources []struct{ Name string } }
	if err := c.Do(ctx, http.MethodGet, group, nil, &answer); err != nil {
		return err
	}
	for _, kind := range answer.Resources {
		if strings.Contains(kind.Name, "/") { // a subresource
			continue
		}
		if err := c.Do(ctx, http.MethodGet, group+"/"+kind.Name, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// policiesInForce asks for a good pod and a bad one, without making them. The
// policies about pods are those that the API server hears of last, and it takes up
// all that it has heard of at once.
func (c *ControlPlane) policiesInForce(ctx context.Context) error {
	affinity, err := c.affinityOf(ctx, "probe")
	if err != nil {
		return err
	}
	if !strings.Contains(affinity, `"network.colvin.dev/probe"`) {
		return fmt.Errorf("a pod that asks for a network has the affinity %s", affinity)
	}
	if _, err := c.affinityOf(ctx, "No Name"); err == nil {
		return errors.New("a pod that asks for what cannot be a name is not refused")
	}
	return nil
}

// affinityOf returns the affinity that a pod would get, as JSON.
func (c *ControlPlane) affinityOf(ctx context.Context, networks string) (string, error) {
	type object = map[string]any
	pod := object{
		"metadata": object{"name": "probe", "annotations": object{"colvin.dev/networks": networks}},
		"spec":     object{"containers": []object{{"name": "main", "image": "none"}}},
	}
	var answer struct {
		Spec struct{ Affinity json.RawMessage }
	}
	err := c.Do(ctx, http.MethodPost, "/api/v1/namespaces/default/pods?dryRun=All", pod, &answer)
	return string(answer.Spec.Affinity), err
}
