// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controller_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller"
	"github.com/colvin-net/colvin/lab/controlplane"
)

const (
	objects   = "/apis/colvin.dev/v1alpha1/"
	nodes     = "/api/v1/nodes"
	namespace = "colvin-system"
)

type object = map[string]any

// cluster is a real API server with the kinds of Colvin, and the rights and policies
// that hold a controller in a cluster.
type cluster struct {
	*controlplane.ControlPlane

	account *controlplane.Client // of a controller
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{ControlPlane: controlplane.StartColvinT(t, controlplane.Options{})}
	const home = "node-of-the-controller"
	must(t, c.addNode(t.Context(), home))
	var err error
	c.account, err = c.OnNode(t.Context(), namespace, controller.Name, home)
	must(t, err)
	return c
}

// config is the access of a user.
func config(user *controlplane.Client) *rest.Config {
	return &rest.Config{Host: user.Host, BearerToken: user.Token, TLSClientConfig: rest.TLSClientConfig{CAData: user.CA}}
}

// ruleSet makes a RuleSet, or changes its rules.
func (c *cluster) ruleSet(ctx context.Context, name string, spec object) error {
	o := object{"apiVersion": v1alpha1.GroupVersion.String(), "kind": "RuleSet", "metadata": object{"name": name}, "spec": spec}
	err := c.Do(ctx, http.MethodPost, objects+v1alpha1.RuleSets, o, nil)
	if isStatus(err, http.StatusConflict) {
		whole := object{"networks": nil, "switchGroups": nil}
		maps.Copy(whole, spec)
		return c.Do(ctx, http.MethodPatch, objects+v1alpha1.RuleSets+"/"+name, object{"spec": whole}, nil)
	}
	return err
}

func isStatus(err error, code int) bool {
	status, ok := errors.AsType[*controlplane.Status](err)
	return ok && status.Code == code
}

// network is a rule that gives a VLAN a name.
func network(name string, vlan int) object {
	return object{"name": name, "spans": true, "match": []object{{"vlan": vlan}}}
}

// A sight is what a node sees on one port.
type sight struct {
	leaf, vlan int
	certainty  v1alpha1.Certainty // fresh without
	reason     v1alpha1.DoubtReason
	since      time.Time
}

// topology is what a node with such ports publishes.
func topology(sights ...sight) v1alpha1.NodeTopologySpec {
	spec := v1alpha1.NodeTopologySpec{BootID: "boot-1", Converged: true}
	for i, s := range sights {
		chassis := fmt.Sprintf("mac:00:1b:21:00:00:%02x", s.leaf)
		if !slices.ContainsFunc(spec.Switches, func(o v1alpha1.Switch) bool { return o.ID == chassis }) {
			spec.Switches = append(spec.Switches, v1alpha1.Switch{ID: chassis, Chassis: chassis, Protocol: v1alpha1.LLDP, SystemName: fmt.Sprintf("leaf-%d", s.leaf)})
		}
		if s.certainty == "" {
			s.certainty = v1alpha1.Fresh
		}
		if s.certainty == v1alpha1.Stale && s.since.IsZero() {
			s.since = time.Now() // who was silent for a day counts no more
		}
		holder := &v1alpha1.Holder{
			Neighbor:  v1alpha1.Neighbor{Switch: chassis, PortID: fmt.Sprintf("ifname:1/%d", i), PVID: int32(s.vlan)},
			Certainty: s.certainty, Reason: s.reason, Since: metav1.NewTime(s.since),
		}
		spec.Interfaces = append(spec.Interfaces, v1alpha1.Interface{
			Name: fmt.Sprintf("eth%d", i), Index: int32(i + 2), Up: true, Carrier: s.certainty != v1alpha1.Down, Port: &v1alpha1.Port{Holder: holder},
		})
	}
	return spec
}

// addNode makes a Node.
func (c *cluster) addNode(ctx context.Context, name string) error {
	return c.Do(ctx, http.MethodPost, nodes, object{"apiVersion": "v1", "kind": "Node", "metadata": object{"name": name}}, nil)
}

// publish writes what a node sees, as its agent does.
func (c *cluster) publish(ctx context.Context, node string, spec v1alpha1.NodeTopologySpec) error {
	var owner struct{ Metadata metav1.ObjectMeta }
	if err := c.Do(ctx, http.MethodGet, nodes+"/"+node, nil, &owner); err != nil {
		return err
	}
	o := v1alpha1.NodeTopology{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "NodeTopology"},
		ObjectMeta: metav1.ObjectMeta{Name: node, OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "v1", Kind: "Node", Name: node, UID: owner.Metadata.UID,
		}}},
		Spec: spec,
	}
	path := objects + v1alpha1.NodeTopologies
	err := c.Do(ctx, http.MethodPost, path, o, nil)
	if !isStatus(err, http.StatusConflict) {
		return err
	}
	var now v1alpha1.NodeTopology
	if err := c.Do(ctx, http.MethodGet, path+"/"+node, nil, &now); err != nil {
		return err
	}
	o.ResourceVersion = now.ResourceVersion
	return c.Do(ctx, http.MethodPut, path+"/"+node, o, nil)
}

// labels are the names that a node is labelled with.
func (c *cluster) labels(ctx context.Context, node string) (string, error) {
	var n struct{ Metadata metav1.ObjectMeta }
	if err := c.Do(ctx, http.MethodGet, nodes+"/"+node, nil, &n); err != nil {
		return "", err
	}
	var out []string
	for key, value := range n.Metadata.Labels {
		if name, ok := strings.CutPrefix(key, "network.colvin.dev/"); ok {
			out = append(out, name+"="+value)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " "), nil
}

// eventually waits until got is as wanted.
func eventually(t *testing.T, want string, got func(context.Context) (string, error)) {
	t.Helper()
	const patience, interval = 20 * time.Second, 20 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	last := ""
	for {
		text, err := got(ctx)
		if err == nil && text == want {
			return
		}
		if err == nil {
			last = text
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("got\n%s\n(%v), want\n%s", last, err, want)
		}
	}
}

func unmarshal(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}
