// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controller_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

// What the version before wrote, and the CRDs that it had. The first is made by the test
// below, run there: go test -run TestRollback -written FILE ./controller.
const (
	objectsBefore = "testdata/before/objects.json"
	crdsBefore    = "testdata/before/crds.yaml"
)

var written = flag.String("written", "", "`file` to write the objects of an agent and a controller to")

// Names that a Node may have: with dots, longer than a label's value, and the longest.
var (
	dotted  = "rack-7.row-b.dc1.example.org"
	longer  = strings.Repeat("n", 63) + ".example.org"
	longest = strings.Repeat(strings.Repeat("n", 62)+".", 4) + "x"
)

// kept are the kinds of the objects that an installation has, in the order in which they
// can be made.
var kept = []string{
	nodes, objects + v1alpha1.RuleSets, objects + v1alpha1.Colours, objects + v1alpha1.NodeTopologies, objects + v1alpha1.Networks,
	"/api/v1/namespaces/" + namespace + "/configmaps",
}

// site are rules of every kind.
var site = object{
	"switchGroups": object{"dc1": object{"match": []object{{"system": "leaf-1"}, {"system": "leaf-2"}}}},
	"networks": []object{
		{"name": "green", "aliases": []string{"verde"}, "silence": "keep", "match": []object{{"system": "leaf-1", "vlan": 100}}},
		{"name": "blue", "match": []object{{"system": "leaf-2", "vlan": 200}}},
		{"name": "rail", "match": []object{{"group": "dc1", "vlan": 300}}},
		{"name": "storage", "match": []object{{"interface": "eth3", "silent": true}}},
	},
}

// seen is what the agent of a node publishes after an hour, in which a switch fell silent, a
// cable was pulled and somebody contradicted a switch. Nothing of it changes any more while
// time passes.
func seen(node string) v1alpha1.NodeTopologySpec {
	begin := time.Now().Add(-time.Hour).Truncate(time.Second)
	world := mapping.World{Node: node, BootID: "boot-1", Rules: nil, Silence: rules.SilenceKeep, Goodbye: rules.SilenceRefuse}
	says := func(leaf int, port string, pvid uint16, last time.Time) discovery.Neighbor {
		bridge, err := discovery.ParseCapabilities([]string{"bridge", "router"})
		if err != nil {
			panic(err)
		}
		return discovery.Neighbor{
			Protocol: discovery.ProtocolLLDP, Source: discovery.MAC{0, 0x1b, 0x21, 0, byte(leaf), 1}, TTL: 120,
			MSAP:       discovery.MSAP{Chassis: discovery.ID(fmt.Sprintf("mac:00:1b:21:00:%02x:00", leaf)), Port: discovery.ID("ifname:" + port)},
			SystemName: fmt.Sprintf("leaf-%d", leaf), SystemDescription: "a switch\x01", PortDescription: "to " + node,
			Capabilities: discovery.Capabilities{Available: bridge, Enabled: bridge}, ManagementAddresses: []string{"192.0.2.7"},
			PVID: pvid, VLANs: []discovery.VLANName{{ID: pvid, Name: "as told"}}, MaxFrameSize: 9216, FirstHeard: begin, Before: last.Add(-30 * time.Second), LastHeard: last,
		}
	}
	at := func(minutes int, down bool, contradicted, silent bool) *discovery.Snapshot {
		now := begin.Add(time.Duration(minutes) * time.Minute)
		snap := &discovery.Snapshot{Time: now}
		add := func(ifi discovery.Interface, neighbors ...discovery.Neighbor) {
			ifi.MAC, ifi.MTU, ifi.Ethernet, ifi.Up = discovery.MAC{2, 0, 0, 0, 0, byte(ifi.Index)}, 9000, true, true
			snap.Interfaces = append(snap.Interfaces, ifi)
			if ifi.Kind == "" {
				snap.Ports = append(snap.Ports, discovery.Port{
					Index: ifi.Index, Name: ifi.Name, Epoch: ifi.Epoch(), Since: begin, Neighbors: neighbors, NIC: discovery.NIC{Driver: "mlx5_core", Address: "0000:3b:00.0"},
				})
			}
		}
		member := &discovery.BondMember{Active: true, Up: true, Aggregator: 1}
		add(discovery.Interface{Index: 2, Name: "eth0", Carrier: true}, says(1, "Ethernet1/1", 100, now))
		if down {
			add(discovery.Interface{Index: 3, Name: "eth1", CarrierChanges: 1})
		} else {
			add(discovery.Interface{Index: 3, Name: "eth1", Carrier: true}, says(2, "Ethernet1/1", 200, now))
		}
		voices := []discovery.Neighbor{says(1, "Ethernet1/2", 100, now)}
		if contradicted {
			other := says(3, "Ethernet1/9", 7, now)
			other.FirstHeard = now
			voices = append(voices, other)
		}
		add(discovery.Interface{Index: 4, Name: "eth2", Carrier: true}, voices...)
		add(discovery.Interface{Index: 5, Name: "eth3", Carrier: true})
		add(discovery.Interface{Index: 6, Name: "eth4", Carrier: true, Master: 8, BondMember: member}, says(1, "Ethernet1/4", 300, now))
		add(discovery.Interface{Index: 7, Name: "eth5", Carrier: true, Master: 8, BondMember: member}, says(2, "Ethernet1/5", 300, now))
		add(discovery.Interface{Index: 8, Name: "bond0", Carrier: true, Kind: "bond", Bond: &discovery.Bond{Mode: "802.3ad", Aggregator: 1}})
		add(discovery.Interface{Index: 9, Name: "eth0.100", Carrier: true, Kind: "vlan", Parent: 2, VLAN: 100})
		last := []discovery.Neighbor{says(1, "Ethernet1/6", 100, begin)}
		if silent {
			last = nil
		}
		add(discovery.Interface{Index: 10, Name: "eth6", Carrier: true}, last...)
		add(discovery.Interface{Index: 11, Name: "eth7", Carrier: true}, says(3, "Ethernet1/7", 500, now)) // nobody names it
		return snap
	}
	var memory mapping.Memory
	var view mapping.View
	var snap *discovery.Snapshot
	for _, step := range []*discovery.Snapshot{at(0, false, false, false), at(1, false, false, false), at(10, true, false, true), at(20, true, true, true), at(21, true, true, true)} {
		snap = step
		memory = memory.Advance(world, snap)
		view = mapping.Resolve(mapping.Input{World: world, Snapshot: snap, Memory: memory})
	}
	spec := clusterview.NodeTopologySpec(&view, snap, memory)
	spec.Moved = []v1alpha1.MovedAttachment{{
		ContainerID: "c1", IfName: "net1", Network: "green", Device: "eth0", From: "chassis mac:00:1b:21:00:01:00 VLAN 7", To: "chassis mac:00:1b:21:00:01:00 VLAN 100",
		Since: metav1.NewTime(begin), Pod: &v1alpha1.PodReference{Namespace: "default", Name: "web", UID: "u1"},
	}}
	spec.Summary.Moved = 1
	return spec
}

// stored lists what an installation has stored, without what the API server says of it.
func (c *cluster) stored(t *testing.T) map[string][]object {
	t.Helper()
	out := map[string][]object{}
	for _, path := range kept {
		var list struct{ Items []object }
		c.DoT(t, http.MethodGet, path, nil, &list)
		for _, item := range list.Items {
			o := unstructured.Unstructured{Object: item}
			if strings.HasPrefix(o.GetName(), "node-of") || o.GetName() == "kube-root-ca.crt" {
				continue
			}
			for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"} {
				unstructured.RemoveNestedField(o.Object, "metadata", field)
			}
			out[path] = append(out[path], item)
		}
	}
	return out
}

// applyCRDs puts other CRDs into the place of those that are there, and waits until they
// are in force: they have no words, and nobody is told what a NodeTopology is any more.
func (c *cluster) applyCRDs(t *testing.T, file string) {
	t.Helper()
	if _, err := c.Kubectl(t.Context(), "apply", "--filename="+file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "false", func(ctx context.Context) (string, error) {
		var api map[string]any
		if err := c.Do(ctx, http.MethodGet, "/openapi/v3/apis/"+v1alpha1.GroupVersion.String(), nil, &api); err != nil {
			return "", err
		}
		text, err := json.Marshal(api)
		return fmt.Sprint(strings.Contains(string(text), "is what one node sees")), err
	})
}

// TestUpgrade has the objects that the version before wrote, under today's CRDs and
// policies: the controller finds nothing to write, and goes on from there.
func TestUpgrade(t *testing.T) {
	data, err := os.ReadFile(objectsBefore)
	must(t, err)
	var before map[string][]object
	must(t, json.Unmarshal(data, &before))
	c := newCluster(t)
	uids := map[string]types.UID{}
	for _, path := range kept {
		if len(before[path]) == 0 {
			t.Errorf("%s holds nothing at %s", objectsBefore, path)
		}
		for _, item := range before[path] {
			o := unstructured.Unstructured{Object: item}
			owners := o.GetOwnerReferences()
			for i := range owners { // the Node, which has another UID here
				owners[i].UID = uids[owners[i].Name]
				o.SetOwnerReferences(owners)
			}
			var made unstructured.Unstructured
			c.DoT(t, http.MethodPost, path+"?fieldValidation=Strict", o.Object, &made.Object)
			uids[o.GetName()] = made.GetUID()
			if status, ok := o.Object["status"]; ok && path != nodes {
				c.DoT(t, http.MethodPatch, path+"/"+o.GetName()+"/status?fieldValidation=Strict", object{"status": status}, nil)
			}
		}
	}
	_, sent := c.run(t, controller.Options{})
	eventually(t, "one", func(ctx context.Context) (string, error) { // it leads
		var lease struct {
			Spec struct{ HolderIdentity string }
		}
		err := c.Do(ctx, http.MethodGet, "/apis/coordination.k8s.io/v1/namespaces/"+namespace+"/leases/"+controller.Name, nil, &lease)
		return lease.Spec.HolderIdentity, err
	})
	testQuiet(sent)(t)
	sent.Lock()
	for _, w := range sent.writes {
		if !strings.Contains(w, "/events") && !strings.Contains(w, "colvin-networks") { // which is written once by each leader
			t.Errorf("it wrote %s", w)
		}
	}
	sent.Unlock()
	must(t, c.ruleSet(t.Context(), "site", object{"networks": []object{network("lime", 100)}}))
	for _, node := range []string{dotted, longer, longest} {
		eventually(t, "lime=true", c.labelsOf(node))
	}
}

// TestRollback has agents and a controller of today write their objects, and goes back to
// the CRDs of the version before: they take all of it as it is, today's controller has
// nothing to do there, and nothing that was required is missing.
func TestRollback(t *testing.T) {
	c := newCluster(t)
	ctx := t.Context()
	must(t, c.ruleSet(ctx, "site", site))
	for _, node := range []string{dotted, longer, longest} {
		must(t, c.addNode(ctx, node), c.publish(ctx, node, seen(node)))
	}
	_, sent := c.run(t, controller.Options{})
	for _, node := range []string{dotted, longer, longest} {
		eventually(t, "green=true rail=true storage=true verde=true", c.labelsOf(node))
	}
	eventually(t, "", c.differences)
	testQuiet(sent)(t)
	today := c.stored(t)
	if *written != "" {
		data, err := json.MarshalIndent(today, "", " ")
		must(t, err, os.WriteFile(*written, data, 0o600))
	}
	c.applyCRDs(t, crdsBefore)
	for _, path := range slices.DeleteFunc(slices.Clone(kept), func(path string) bool { return !strings.HasPrefix(path, objects) }) {
		for _, item := range today[path] {
			o := unstructured.Unstructured{Object: item}
			name := o.GetName()
			o.SetName("again")
			if path == objects+v1alpha1.Colours {
				o.SetName("teal-heron")
			}
			c.DoT(t, http.MethodPost, path+"?dryRun=All&fieldValidation=Strict", o.Object, nil)
			if status, ok := o.Object["status"]; ok {
				c.DoT(t, http.MethodPatch, path+"/"+name+"/status?dryRun=All&fieldValidation=Strict", object{"status": status}, nil)
			}
		}
	}
	must(t, c.ruleSet(ctx, "site", object{"networks": []object{network("lime", 100)}}))
	for _, node := range []string{dotted, longer, longest} {
		eventually(t, "lime=true", c.labelsOf(node))
	}
	testQuiet(sent)(t)
}
