// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
)

// perRack is how many nodes a generated rack has.
const perRack = 40

// began is when a generated cluster came up.
var began = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)

// A site is a generated cluster: racks with two leaves each, and nodes with a port at both. A rack
// is a network of its own; storage is one for all. Every tenth node has lost the cable to
// storage, and every twelfth has never published anything.
type site struct {
	nodes      []plan.Node
	topologies []*v1alpha1.NodeTopology
	topologyOf map[string]*v1alpha1.NodeTopology
	ruleSet    jsonObject
	networks   []*v1alpha1.Network
}

const siteRules = `{
  "switchGroups": {"storage-leaves": {"match": [{"system": "leaf-*-b"}]}},
  "networks": [
    {"name": "rack-{system.1}", "match": [{"system": "leaf-(*)-a", "vlan": 100}]},
    {"name": "storage", "match": [{"group": "storage-leaves", "vlan": 300}]}
  ]
}`

// generate makes a cluster, and has the controller's plan say what its Networks and labels are.
func generate(tb testing.TB, n int) *site {
	tb.Helper()
	s := &site{topologyOf: map[string]*v1alpha1.NodeTopology{}}
	for i := range n {
		name := nodeName(i)
		uid := types.UID(fmt.Sprintf("uid-%d", i))
		s.nodes = append(s.nodes, plan.Node{Name: name, UID: uid, Labels: map[string]string{}})
		if i%12 != 11 {
			t := s.topology(i, name, uid)
			s.topologies, s.topologyOf[name] = append(s.topologies, t), t
		}
	}
	var spec any
	if err := json.Unmarshal([]byte(siteRules), &spec); err != nil {
		tb.Fatal(err)
	}
	s.ruleSet = jsonObject{"apiVersion": v1alpha1.GroupVersion.String(), "kind": "RuleSet", "metadata": jsonObject{"name": "site"}, "spec": spec}
	p := plan.New(plan.Options{}).Plan(&plan.Cluster{
		Nodes: s.nodes, Topologies: s.topologies, RuleSets: []plan.RuleSet{{Name: "site", Generation: 1, Spec: spec}},
	}, began.Add(time.Hour))
	for _, c := range p.Networks {
		s.networks = append(s.networks, &v1alpha1.Network{
			TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Network"}, ObjectMeta: metav1.ObjectMeta{Name: c.Name}, Status: *c.Status,
		})
	}
	if len(s.networks) == 0 {
		tb.Fatalf("the generated rules name nothing: %+v", p.RuleSets)
	}
	labels := map[string]map[string]string{}
	for i := range s.nodes {
		labels[s.nodes[i].Name] = s.nodes[i].Labels
	}
	for _, c := range p.Nodes {
		for _, network := range c.Add {
			labels[c.Node.Name][plan.LabelPrefix+network] = "true"
		}
	}
	return s
}

// nodeName has dots in it, as the names of nodes have that are those of hosts.
func nodeName(i int) string {
	return fmt.Sprintf("n%02d.rack%d.dc1.example.net", i%perRack, i/perRack)
}

func (s *site) topology(i int, name string, uid types.UID) *v1alpha1.NodeTopology {
	rack := i / perRack
	out := &v1alpha1.NodeTopology{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "NodeTopology"},
		ObjectMeta: metav1.ObjectMeta{Name: name, OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: name, UID: uid}}},
	}
	spec := &out.Spec
	spec.BootID, spec.Converged, spec.Silence, spec.Goodbye = fmt.Sprintf("boot-%d", i), true, "24h", "1h"
	for k, leaf := range []string{"a", "b"} {
		id := fmt.Sprintf("mac:00:00:5e:00:%02x:%02x", rack, k)
		spec.Switches = append(spec.Switches, v1alpha1.Switch{
			ID: id, Chassis: id, Protocol: v1alpha1.LLDP, SystemName: fmt.Sprintf("leaf-%d-%s", rack, leaf), SystemDescription: "Example NOS 9.3(5), NX-93180YC-FX",
			Capabilities: []string{"bridge", "router"}, Enabled: []string{"bridge"}, ManagementAddresses: []string{fmt.Sprintf("192.0.2.%d", rack*2+k)},
		})
		ifi := v1alpha1.Interface{
			Name: fmt.Sprintf("eth%d", k), Index: int32(k + 2), MAC: fmt.Sprintf("02:00:00:%02x:%02x:%02x", k, i/256, i%256), MTU: 9000, Up: true, Carrier: true,
			Port: &v1alpha1.Port{Driver: "mlx5_core", Address: fmt.Sprintf("0000:3b:00.%d", k), Holder: &v1alpha1.Holder{
				Neighbor: v1alpha1.Neighbor{
					Switch: id, PortID: fmt.Sprintf("ifname:Ethernet1/%d", i%perRack+1), PortDescription: "to " + name, Source: fmt.Sprintf("00:00:5e:01:%02x:%02x", rack, i%perRack),
					PVID: []int32{100, 300}[k], MaxFrameSize: 9216,
				},
				Certainty: v1alpha1.Fresh, Since: metav1.NewTime(began), Led: true,
			}},
		}
		if leaf == "b" && i%10 == 9 {
			ifi.Carrier, ifi.Port.Holder.Certainty, ifi.Port.Holder.Reason = false, v1alpha1.Down, v1alpha1.CarrierLost
		}
		spec.Interfaces = append(spec.Interfaces, ifi)
		spec.Summary.Ports++
		if ifi.Carrier {
			spec.Summary.Heard++
		}
	}
	return out
}

// objects are all objects of the site.
func (s *site) objects(tb testing.TB) []jsonObject {
	tb.Helper()
	out := []jsonObject{s.ruleSet}
	for _, n := range s.nodes {
		out = append(out, jsonObject{
			"apiVersion": "v1", "kind": "Node", "metadata": jsonObject{"name": n.Name, "uid": string(n.UID), "labels": n.Labels},
			"status": jsonObject{"conditions": []any{jsonObject{"type": "Ready", "status": "True"}}},
		})
	}
	for _, t := range s.topologies {
		out = append(out, asObject(tb, t))
	}
	for _, n := range s.networks {
		out = append(out, asObject(tb, n))
	}
	return out
}

func asObject(tb testing.TB, v any) jsonObject {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	var out jsonObject
	if err := json.Unmarshal(data, &out); err != nil {
		tb.Fatal(err)
	}
	return out
}
