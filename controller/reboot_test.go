// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller"
)

// TestReboot has 48 nodes with three networks each reboot at once, their agents come up two
// minutes before anything is heard, and counts what is written until all is as before.
func TestReboot(t *testing.T) {
	const many = 48
	vlans := []int{100, 200, 300}
	c := newCluster(t)
	ctx := t.Context()
	must(t, c.ruleSet(ctx, "site", object{"networks": []object{network("green", vlans[0]), network("blue", vlans[1]), network("red", vlans[2])}}))
	all := func(do func(ctx context.Context, node string) error) {
		t.Helper()
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(8)
		for i := range many {
			group.Go(func() error { return do(ctx, fmt.Sprintf("node-%02d", i)) })
		}
		must(t, group.Wait())
	}
	// heard is what all nodes say that have heard so many of their ports since they came up.
	since := time.Now().Add(-2 * time.Minute)
	heard := func(ports int, boot string) {
		t.Helper()
		var sights []sight
		for i, vlan := range vlans {
			s := sight{leaf: i + 1, vlan: vlan}
			if i >= ports {
				s.certainty, s.reason, s.since = v1alpha1.Unverified, v1alpha1.Rebooted, since
			}
			sights = append(sights, s)
		}
		spec := topology(sights...)
		spec.BootID = boot
		all(func(ctx context.Context, node string) error { return c.publish(ctx, node, spec) })
	}
	nodesOf := func(name string) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			text, err := c.describe(name)(ctx)
			text, _, _ = strings.Cut(text, ",")
			return text, err
		}
	}
	all(func(ctx context.Context, node string) error {
		return c.Do(ctx, http.MethodPost, nodes, object{"apiVersion": "v1", "kind": "Node", "metadata": object{
			"name": node, "labels": object{"colvin.dev/expect-green": "true"},
		}}, nil)
	})
	heard(len(vlans), "boot-1")
	_, sent := c.run(t, controller.Options{})
	eventually(t, fmt.Sprint(many), func(ctx context.Context) (string, error) {
		labelled, err := c.versions(ctx, "network.colvin.dev/green=true,network.colvin.dev/blue=true,network.colvin.dev/red=true")
		return fmt.Sprint(len(labelled)), err
	})
	eventually(t, fmt.Sprintf("nodes %d", many), nodesOf("red"))
	testQuiet(sent)(t)
	before, err := c.versions(ctx, "")
	must(t, err)
	first := sent.count()

	for ports := range len(vlans) + 1 {
		heard(ports, "boot-2")
		for i, name := range []string{"green", "blue", "red"} {
			want := 0
			if i < ports {
				want = many
			}
			eventually(t, fmt.Sprintf("nodes %d", want), nodesOf(name))
		}
	}
	testQuiet(sent)(t)
	after, err := c.versions(ctx, "")
	must(t, err)
	for node, version := range before {
		if after[node] != version {
			t.Errorf("%s was written: version %s, then %s", node, version, after[node])
		}
	}
	kinds := map[string]int{}
	sent.Lock()
	defer sent.Unlock()
	for _, w := range sent.writes[first:] {
		method, path, _ := strings.Cut(w, " ")
		kinds[method+" "+strings.Split(strings.TrimPrefix(strings.TrimPrefix(path, objects), "/api/v1/"), "/")[0]]++
	}
	t.Logf("%d nodes with %d networks rebooted, and wrote %d NodeTopologies; the controller wrote %v", many, len(vlans), many*(len(vlans)+1), kinds)
	if kinds["PATCH nodes"] != 0 || kinds["PATCH networks"] > many*2*len(vlans) {
		t.Errorf("the controller wrote %v; want no node, and each Network twice a node at most", kinds)
	}
}

// versions are the resource versions of the nodes with such labels, by name.
func (c *cluster) versions(ctx context.Context, labels string) (map[string]string, error) {
	var list struct {
		Items []struct{ Metadata metav1.ObjectMeta }
	}
	out := map[string]string{}
	err := c.Do(ctx, http.MethodGet, nodes+"?labelSelector="+strings.ReplaceAll(labels, "=", "%3D"), nil, &list)
	for _, n := range list.Items {
		out[n.Metadata.Name] = n.Metadata.ResourceVersion
	}
	return out, err
}
