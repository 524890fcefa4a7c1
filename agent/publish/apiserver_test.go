// SPDX-License-Identifier: Apache-2.0

//go:build linux

package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/rules"
)

const (
	objectsPath    = "/apis/colvin.dev/v1alpha1/"
	topologiesPath = objectsPath + v1alpha1.NodeTopologies + "/"
	patience       = 30 * time.Second // on a machine under load
)

// TestAPIServer runs the agent's connection against a real API server, with the rights
// and policies that are installed in a cluster.
func TestAPIServer(t *testing.T) {
	c := controlplane.StartColvinT(t, controlplane.Options{})
	t.Run("publishes what changes", testPublishes(c))
	t.Run("watches", testWatches(c))
	t.Run("hostile texts", testHostile(c))
	t.Run("node made anew", testNodeAnew(c))
	t.Run("names of nodes", testNames(c))
	t.Run("wrong identity", testIdentity(c))
	t.Run("API server away", testAway(c))
}

type object = map[string]any

// newNode makes a Node and returns its UID.
func newNode(t *testing.T, c *controlplane.ControlPlane, name string) string {
	t.Helper()
	var node struct{ Metadata struct{ UID string } }
	c.DoT(t, http.MethodPost, "/api/v1/nodes", object{"metadata": object{"name": name}}, &node)
	return node.Metadata.UID
}

// connect runs the connection of an agent until the test ends, or stop is called.
func connect(t *testing.T, client *controlplane.Client, name string) (cluster *Cluster, stop func()) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, client.Kubeconfig(), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster, err := New(Config{Node: name, Kubeconfig: file, Version: "test", Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- cluster.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return cluster, stop
}

// onNode is the agent's account on a node.
func onNode(t *testing.T, c *controlplane.ControlPlane, name string) *controlplane.Client {
	t.Helper()
	client, err := c.OnNode(t.Context(), "colvin-system", "colvin-agent", name)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for tick := time.Tick(10 * time.Millisecond); ; <-tick {
		err := ok()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("wait for %s: %v", what, err)
		}
	}
}

// topologyIs waits for the NodeTopology that has this boot ID.
func topologyIs(t *testing.T, c *controlplane.ControlPlane, name, bootID string) (got v1alpha1.NodeTopology) {
	t.Helper()
	eventually(t, "NodeTopology "+name+" of "+bootID, func() error {
		if err := c.Do(t.Context(), http.MethodGet, topologiesPath+name, nil, &got); err != nil {
			return err
		}
		if got.Spec.BootID != bootID {
			return fmt.Errorf("it is of boot %s", got.Spec.BootID)
		}
		return nil
	})
	return got
}

// updateIs waits for what the cluster is to say.
func updateIs(t *testing.T, cluster *Cluster, what string, ok func(agentapi.ClusterUpdate) bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case u := <-cluster.Updates():
			if ok(u) {
				return
			}
			t.Logf("%s: not yet: %+v", what, u)
		case <-timeout:
			t.Fatalf("wait for %s", what)
		}
	}
}

func testPublishes(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		uid := newNode(t, c, "node1")
		client := onNode(t, c, "node1")
		cluster, stop := connect(t, client, "node1")
		cluster.Publish(sees("boot-1"))
		got := topologyIs(t, c, "node1", "boot-1")
		want := v1alpha1.NodeTopology{
			TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "NodeTopology"},
			ObjectMeta: metav1.ObjectMeta{
				Name:            "node1",
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "node1", UID: metav1.ObjectMeta{UID: got.OwnerReferences[0].UID}.UID}},
			},
			Spec: v1alpha1.NodeTopologySpec{BootID: "boot-1"},
		}
		ignored := cmpopts.IgnoreFields(metav1.ObjectMeta{}, "UID", "ResourceVersion", "Generation", "CreationTimestamp", "ManagedFields")
		if diff := cmp.Diff(want, got, ignored); diff != "" {
			t.Errorf("object (-want +got):\n%s", diff)
		}
		if owner := string(got.OwnerReferences[0].UID); owner != uid {
			t.Errorf("owner %s, want %s", owner, uid)
		}
		cluster.Publish(sees("boot-2"))
		written := topologyIs(t, c, "node1", "boot-2").ResourceVersion
		stop()

		again, _ := connect(t, client, "node1")
		again.Publish(sees("boot-2"))
		updateIs(t, again, "a sync", func(u agentapi.ClusterUpdate) bool { return u.RuleSets != nil })
		eventually(t, "a look", func() error {
			if len(again.publisher.in) > 0 {
				return errors.New("not taken yet")
			}
			return again.publisher.problem()
		})
		again.Publish(sees("boot-2"))
		if got := topologyIs(t, c, "node1", "boot-2").ResourceVersion; got != written {
			t.Error("a restart writes though nothing changed")
		}
	}
}

// testNames publishes for nodes whose names have dots, and are as long as they may be.
func testNames(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		for _, name := range []string{"rack-7.row-b.dc1.example.org", strings.Repeat("n", 63), strings.Repeat("n", 63) + ".example.org", strings.Repeat(strings.Repeat("n", 62)+".", 4) + "x"} {
			newNode(t, c, name)
			cluster, stop := connect(t, onNode(t, c, name), name)
			cluster.Publish(sees("boot-1"))
			topologyIs(t, c, name, "boot-1")
			stop()
		}
	}
}

func testWatches(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		cluster, _ := connect(t, onNode(t, c, "node1"), "node1")
		updateIs(t, cluster, "nothing", func(u agentapi.ClusterUpdate) bool {
			return cmp.Equal(agentapi.ClusterUpdate{RuleSets: []rules.Source{}, Colours: []mapping.Colour{}}, u)
		})
		for _, name := range []string{"b", "a"} {
			c.DoT(t, http.MethodPost, objectsPath+v1alpha1.RuleSets, object{
				"apiVersion": v1alpha1.GroupVersion.String(), "kind": "RuleSet", "metadata": object{"name": name},
				"spec": object{"networks": []object{{"name": name, "match": []object{{"vlan": 7}}}}},
			}, nil)
		}
		c.DoT(t, http.MethodPost, objectsPath+v1alpha1.Colours, object{
			"apiVersion": v1alpha1.GroupVersion.String(), "kind": "Colour", "metadata": object{"name": "red-wren"},
			"spec": object{"switch": "mac:00:00:5e:00:53:01", "vlan": 100},
		}, nil)
		spec := func(name string) []byte { return []byte(`{"networks":[{"match":[{"vlan":7}],"name":"` + name + `"}]}`) }
		want := agentapi.ClusterUpdate{
			RuleSets: []rules.Source{{Name: "ruleset/a", Root: "spec", Data: spec("a")}, {Name: "ruleset/b", Root: "spec", Data: spec("b")}},
			Colours:  []mapping.Colour{{Name: "red-wren", Identity: mapping.Identity{Switch: "mac:00:00:5e:00:53:01", VLAN: 100}}},
		}
		updateIs(t, cluster, "all", func(u agentapi.ClusterUpdate) bool { return cmp.Equal(want, u) })
		c.DoT(t, http.MethodDelete, objectsPath+v1alpha1.RuleSets+"/a", nil, nil)
		want.RuleSets = want.RuleSets[1:]
		updateIs(t, cluster, "one less", func(u agentapi.ClusterUpdate) bool { return cmp.Equal(want, u) })
	}
}

// hostile is what an agent knows where everything it is told is as odd and as long as it
// can be.
func hostile() *agentapi.State {
	s := sees("boot-odd")
	s.Snapshot.Time = time.Now()
	wire := strings.Repeat(`\x01`, 512)
	long := strings.Repeat("\xff\x00é\U0001F600\u202e", 512)
	for k := range 8 {
		index := k + 1
		ifi := discovery.Interface{Index: index, Name: fmt.Sprint("e\xff\u202e", k), MTU: 1 << 30, Kind: discovery.Kind(strings.Repeat("k", 32)), Up: true, Carrier: true, VLAN: 4095}
		port := discovery.Port{Index: index, Name: ifi.Name, Problem: long}
		for i := range 32 {
			n := discovery.Neighbor{
				Protocol: discovery.ProtocolLLDP, MSAP: discovery.MSAP{Chassis: discovery.ID(fmt.Sprintf("local:%d-%d%.1000s", k, i, wire)), Port: discovery.ID("local:" + wire[:1020])},
				PVID: 4094, SystemName: wire, SystemDescription: wire, PortDescription: wire, MaxFrameSize: 65535,
				Capabilities: discovery.Capabilities{Available: discovery.KnownCapabilities, Enabled: discovery.KnownCapabilities},
			}
			for vid := range uint16(12) {
				n.VLANs = append(n.VLANs, discovery.VLANName{ID: vid + 1, Name: wire[:128]})
			}
			for a := range 70 {
				n.ManagementAddresses = append(n.ManagementAddresses, fmt.Sprintf("oid:%d%.70s", a, wire))
			}
			port.Neighbors = append(port.Neighbors, n)
		}
		s.Snapshot.Interfaces, s.Snapshot.Ports = append(s.Snapshot.Interfaces, ifi), append(s.Snapshot.Ports, port)
		s.Memory.Ports = append(s.Memory.Ports, belief.Port{
			Interface: ifi.Name, Index: index, State: belief.Expecting, Cause: belief.CarrierLost, Holder: &belief.Voice{Neighbor: port.Neighbors[0]}, Away: time.Now(),
		})
	}
	for k := range 2000 {
		a := agentapi.ContainerAttachment{Status: agentapi.ContainerMoved, Since: time.Now(), Network: long, Identity: "i", To: "j", Pod: record.Pod{Namespace: "\xff", Name: "\x00", UID: "u"}}
		a.ContainerID, a.IfName, a.Device.Name = fmt.Sprint(k), "\x1b[31m", long
		if k == 0 {
			a.ContainerID, a.Identity, a.To, a.Pod = long, long, long, record.Pod{Namespace: long, Name: long, UID: long}
		}
		s.Attachments = append(s.Attachments, a)
	}
	return s
}

// testHostile holds that nothing that others say keeps a node from being published, nor
// has it written again and again.
func testHostile(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		newNode(t, c, "node-odd")
		cluster, stop := connect(t, onNode(t, c, "node-odd"), "node-odd")
		stop()
		spec, _ := topology(hostile())
		for _, want := range []bool{true, false} {
			written, err := cluster.publisher.to.write(t.Context(), spec)
			if err != nil || written != want {
				var got v1alpha1.NodeTopology
				c.DoT(t, http.MethodGet, topologiesPath+"node-odd", nil, &got)
				t.Fatalf("written %v, %.500v; want %v: (-want +got)\n%.2000s", written, err, want, cmp.Diff(*spec, got.Spec))
			}
		}
	}
}

// testNodeAnew deletes a Node and makes one of the same name: the NodeTopology then
// belongs to that.
func testNodeAnew(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		newNode(t, c, "node2")
		cluster, stop := connect(t, onNode(t, c, "node2"), "node2")
		cluster.Publish(sees("boot-1"))
		topologyIs(t, c, "node2", "boot-1")
		stop()
		c.DoT(t, http.MethodDelete, "/api/v1/nodes/node2", nil, nil)
		uid := newNode(t, c, "node2")
		cluster, _ = connect(t, onNode(t, c, "node2"), "node2")
		cluster.Publish(sees("boot-1"))
		eventually(t, "the new owner", func() error {
			got := topologyIs(t, c, "node2", "boot-1")
			if owner := string(got.OwnerReferences[0].UID); owner != uid {
				return fmt.Errorf("owner %s, want %s", owner, uid)
			}
			return nil
		})
	}
}

// testIdentity holds that an agent which may not speak for a node says so, and why.
func testIdentity(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		for name, tt := range map[string]struct {
			client *controlplane.Client
			want   string
		}{
			"other node": {onNode(t, c, "node1"), "the token belongs to node node1, but this agent is called node3; write node: \"node1\" into colvind.yaml"},
			"no node":    {c.Client, "the token of admin belongs to no node"},
		} {
			t.Run(name, func(t *testing.T) {
				cluster, _ := connect(t, tt.client, "node3")
				cluster.Publish(sees("boot-1"))
				updateIs(t, cluster, "the condition", func(u agentapi.ClusterUpdate) bool {
					return len(u.Problems) == 1 && u.Problems[0].Type == mapping.NotPublished && strings.Contains(u.Problems[0].Message, tt.want)
				})
			})
		}
	}
}

// testAway stops the API server and starts it again: nothing is lost, and all is as it
// should be soon after.
func testAway(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		cluster, _ := connect(t, onNode(t, c, "node1"), "node1")
		cluster.Publish(sees("boot-3"))
		topologyIs(t, c, "node1", "boot-3")
		updateIs(t, cluster, "a sync", func(u agentapi.ClusterUpdate) bool { return u.RuleSets != nil && u.Problems == nil })
		if err := c.StopAPIServer(); err != nil {
			t.Fatal(err)
		}
		updateIs(t, cluster, "the condition", func(u agentapi.ClusterUpdate) bool {
			return u.RuleSets != nil && len(u.Problems) == 1 && u.Problems[0].Type == mapping.ClusterUnreachable
		})
		cluster.Publish(sees("boot-4"))
		eventually(t, "a failure", func() error {
			if cluster.publisher.problem() == nil {
				return errors.New("none")
			}
			return nil
		})
		cluster.Publish(sees("boot-5"))
		if err := c.StartAPIServer(t.Context()); err != nil {
			t.Fatal(err)
		}
		back := time.Now()
		topologyIs(t, c, "node1", "boot-5")
		took := time.Since(back)
		t.Logf("published %v after the API server was ready", took)
		if most := 10 * time.Second; took > most {
			t.Errorf("published %v after the API server was ready, want %v at most", took, most)
		}
		updateIs(t, cluster, "the end of the condition", func(u agentapi.ClusterUpdate) bool { return u.Problems == nil })
		t.Logf("watched %v after the API server was ready", time.Since(back))
	}
}
