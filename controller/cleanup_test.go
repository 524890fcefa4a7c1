// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controller_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller"
	"github.com/colvin-net/colvin/lab/controlplane"
)

const (
	configMaps = "/api/v1/namespaces/" + namespace + "/configmaps"
	lease      = "/apis/coordination.k8s.io/v1/namespaces/" + namespace + "/leases/" + controller.Name
)

// freeAddress is one that somebody can listen on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// readiness is what a controller answers the kubelet.
func readiness(address string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
		if err != nil {
			return "", err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		http.DefaultClient.CloseIdleConnections()
		return fmt.Sprint(resp.StatusCode, " ", strings.TrimSpace(string(text))), err
	}
}

const (
	ready   = "200 "
	unready = "503 not everything is cleaned up yet, or another controller leads"
)

// logged is what a controller logs.
type logged struct {
	sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.text.Write(p)
}

// has reports whether something was logged.
func (l *logged) has(text string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		l.Lock()
		defer l.Unlock()
		return fmt.Sprint(strings.Contains(l.text.String(), text)), nil
	}
}

// list are the names of objects.
func (c *cluster) list(path string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var list struct {
			Items []struct{ Metadata metav1.ObjectMeta }
		}
		err := c.Do(ctx, http.MethodGet, path, nil, &list)
		var names []string
		for _, o := range list.Items {
			names = append(names, o.Metadata.Name)
		}
		return strings.Join(names, " "), err
	}
}

// leased reports whether there is a Lease.
func (c *cluster) leased(ctx context.Context) (string, error) {
	err := c.Do(ctx, http.MethodGet, lease, nil, nil)
	if isStatus(err, http.StatusNotFound) {
		return "no", nil
	}
	return "yes", err
}

// colvinLabels are the labels of all nodes that are Colvin's, or about it.
func (c *cluster) colvinLabels(ctx context.Context) (string, error) {
	var list struct {
		Items []struct{ Metadata metav1.ObjectMeta }
	}
	err := c.Do(ctx, http.MethodGet, nodes, nil, &list)
	var out []string
	for _, n := range list.Items {
		for _, key := range []string{"network.colvin.dev/green", "network.colvin.dev/blue", "colvin.dev/networks-known", "colvin.dev/expect-green"} {
			if _, has := n.Metadata.Labels[key]; has {
				out = append(out, n.Metadata.Name+":"+strings.TrimPrefix(key, "colvin.dev/"))
			}
		}
	}
	return strings.Join(out, " "), err
}

// used has everything in the cluster that a controller and agents put there, and what is
// the users'.
func (c *cluster) used(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	c.defineNetworks(t)
	must(t, c.addNode(ctx, "node1"), c.addNode(ctx, "node2"), c.addNode(ctx, "node3"), c.ruleSet(ctx, "site", object{"networks": []object{network("green", 100), network("blue", 200)}}),
		c.Do(ctx, http.MethodPatch, nodes+"/node3", object{"metadata": object{"labels": object{"colvin.dev/expect-green": "true"}}}, nil))
	c.define(t, "ours", `{"type": "colvin", "network": "green"}`, nil)
	c.define(t, "admin", `{"type": "colvin", "network": "green"}`, object{controller.NetworkLabel: "pink"})
}

// publishAll has the agents tell what they see: two networks, one that nobody named, and
// what nobody can read, upon which a node is known at once.
func (c *cluster) publishAll(t *testing.T) {
	t.Helper()
	broken := topology(sight{leaf: 1, vlan: 100}, sight{leaf: 1, vlan: 100})
	broken.Interfaces[1].Index = broken.Interfaces[0].Index
	for node, spec := range map[string]v1alpha1.NodeTopologySpec{
		"node1": topology(sight{leaf: 1, vlan: 100}, sight{leaf: 1, vlan: 300}), "node2": topology(sight{leaf: 1, vlan: 200}), "node3": broken,
	} {
		must(t, c.publish(t.Context(), node, spec))
	}
}

const inUse = "node1:network.colvin.dev/green node2:network.colvin.dev/blue node3:networks-known node3:expect-green"

// expectUsed waits until all is there.
func (c *cluster) expectUsed(t *testing.T) {
	t.Helper()
	eventually(t, inUse, c.colvinLabels)
	eventually(t, "blue green", c.names)
	eventually(t, "admin=pink ours=green", c.definitions)
	eventually(t, "node1 node2 node3", c.list(objects+v1alpha1.NodeTopologies))
}

// expectCleaned is what is left after a cleanup.
func (c *cluster) expectCleaned(t *testing.T) {
	t.Helper()
	eventually(t, "node3:expect-green", c.colvinLabels)
	eventually(t, "none", c.names)
	eventually(t, "admin=pink ours=", c.definitions)
	for _, kind := range []string{v1alpha1.NodeTopologies, v1alpha1.Networks} {
		eventually(t, "", c.list(objects+kind))
	}
	eventually(t, "colvin-agent", c.list(configMaps)) // which is installed with the agent
	eventually(t, "site", c.list(objects+v1alpha1.RuleSets))
	if colours, err := c.list(objects + v1alpha1.Colours)(t.Context()); err != nil || colours == "" {
		t.Errorf("colours %q, %v: they are the users', and stay", colours, err)
	}
}

// mayCleanUp gives the controller the rights that a cleanup needs beside those it has.
func (c *cluster) mayCleanUp(t *testing.T) {
	t.Helper()
	rbac, ctx := "/apis/rbac.authorization.k8s.io/v1/", t.Context()
	give := func(path, kind, name string, rules []object) {
		subject := []object{{"kind": "ServiceAccount", "name": controller.Name, "namespace": namespace}}
		of := object{"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
		must(t, c.Do(ctx, http.MethodPost, rbac+path+strings.ToLower(kind)+"s", object{"metadata": object{"name": name}, "rules": rules}, nil),
			c.Do(ctx, http.MethodPost, rbac+path+strings.ToLower(kind)+"bindings", object{"metadata": object{"name": name}, "roleRef": of, "subjects": subject}, nil))
	}
	give("", "ClusterRole", "colvin-cleanup", []object{{"apiGroups": []string{"colvin.dev"}, "resources": []string{"nodetopologies"}, "verbs": []string{"delete"}}})
	give("namespaces/"+namespace+"/", "Role", "colvin-cleanup", []object{
		{"apiGroups": []string{""}, "resources": []string{"configmaps"}, "resourceNames": []string{"colvin-rules", "colvin-networks"}, "verbs": []string{"delete"}},
		{"apiGroups": []string{"coordination.k8s.io"}, "resources": []string{"leases"}, "resourceNames": []string{controller.Name}, "verbs": []string{"delete"}},
	})
}

// TestCleanup takes everything out of a cluster, with the account and the policies that
// hold a controller, and has it put back.
func TestCleanup(t *testing.T) {
	c := newCluster(t)
	c.used(t)
	stop, _ := c.run(t, controller.Options{})
	c.publishAll(t)
	c.expectUsed(t)

	address, said := freeAddress(t), &logged{}
	stopCleanup, sent := c.run(t, controller.Options{Identity: "two", Cleanup: true, HealthAddress: address, Log: slog.New(slog.NewTextHandler(io.MultiWriter(t.Output(), said), nil))})
	eventually(t, unready, readiness(address))
	if n := sent.count(); n != 0 {
		t.Errorf("while another leads, %d requests: %q", n, sent.writes)
	}
	c.expectUsed(t)
	stop()
	eventually(t, "true", said.has("not everything can be removed; trying again")) // it has not the rights
	eventually(t, "node3:expect-green", c.colvinLabels)
	eventually(t, unready, readiness(address))
	c.mayCleanUp(t)
	eventually(t, ready, readiness(address))
	c.expectCleaned(t)

	c.publishAll(t) // an agent that runs still
	c.expectCleaned(t)
	eventually(t, ready, readiness(address))
	stopCleanup()
	eventually(t, "no", c.leased)

	address = freeAddress(t)
	stopCleanup, sent = c.run(t, controller.Options{Identity: "three", Cleanup: true, HealthAddress: address})
	eventually(t, ready, readiness(address))
	if n := sent.count(); n != 0 {
		t.Errorf("where nothing is left, %d requests: %q", n, sent.writes)
	}
	stopCleanup()

	c.run(t, controller.Options{Identity: "four"})
	c.publishAll(t)
	c.expectUsed(t)
}

// TestCleanupOfNothing holds that no kind need be there.
func TestCleanupOfNothing(t *testing.T) {
	c := &cluster{ControlPlane: controlplane.StartT(t, controlplane.Options{})}
	address, said := freeAddress(t), &logged{}
	stop, _ := c.run(t, controller.Options{Namespace: "default", Cleanup: true, HealthAddress: address, Log: slog.New(slog.NewTextHandler(said, nil))})
	eventually(t, ready, readiness(address))
	stop()
	if strings.Contains(said.text.String(), "level=ERROR") {
		t.Error(said.text.String())
	}
}
