// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// The colours of the lab's networks.
const (
	greenColour = "sage-stork"
	blueColour  = "blue-starling"
)

func usable(a nodefile.Uplink) bool { return a.Usable }

// TestCluster follows a cluster from its first hour on.
func TestCluster(t *testing.T) {
	b := newBench(t)
	for _, step := range []struct {
		name string
		run  func(*bench)
	}{
		{"colours appear", coloursAppear},
		{"named once", namedOnce},
		{"wrong values", wrongValues},
		{"pods find their networks", podsFindNetworks},
		{"a cable moves", cableMoves},
		{"cleaned up", cleanedUp},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			inner := *b
			inner.t = t
			step.run(&inner)
		})
		if !ok {
			return // what follows builds on it
		}
	}
}

func coloursAppear(b *bench) {
	b.expectNetworks(blueColour+": 3 nodes", greenColour+": 3 nodes")
	b.expectLabels(slices.Concat(on(greenColour), on(blueColour))...)
	b.resolve(patience, greenColour, blueColour)
	out, err := b.Kubectl(b.t.Context(), "get", "networks.colvin.dev,colours,nodetopologies")
	b.ok(err)
	b.t.Logf("what an admin sees:\n%s", out)
}

// namedOnce names a network in a RuleSet: within two seconds every node knows the name,
// and the colour still leads there.
func namedOnce(b *bench) {
	const most = 2 * time.Second
	match := object{"system": "sw-green", "vlan": lab.GreenVLAN}
	b.do(http.MethodPost, colvin+v1alpha1.RuleSets, ruleSet("site", network("green", match)), nil)
	b.t.Logf("named: on every node after %v", b.resolve(most, "green", greenColour))
	b.do(http.MethodPatch, colvin+v1alpha1.RuleSets+"/site", object{"spec": object{"networks": []object{network("verdant", match)}}}, nil)
	b.t.Logf("renamed: on every node after %v", b.resolve(most, "verdant", greenColour))
	b.expectNetworks(blueColour+": 3 nodes", "verdant = "+greenColour+": 3 nodes")
	b.t.Logf("labels after %v more", b.expectLabels(slices.Concat(on("verdant"), on(greenColour), on(blueColour))...))
	b.do(http.MethodPatch, colvin+v1alpha1.RuleSets+"/site", object{"spec": object{"networks": []object{network("green", match)}}}, nil)
	b.resolve(most, "green", greenColour)
	b.expectNetworks(blueColour+": 3 nodes", "green = "+greenColour+": 3 nodes")
	for _, n := range b.Nodes {
		f, err := n.NodeFile()
		b.ok(err)
		if len(f.Lookup("verdant")) > 0 {
			b.t.Errorf("%s still knows verdant", n)
		}
	}
	b.await("the RuleSet's status", patience, func() string {
		var got v1alpha1.RuleSet
		b.do(http.MethodGet, colvin+v1alpha1.RuleSets+"/site", nil, &got)
		accepted := ""
		for _, c := range got.Status.Conditions {
			accepted = fmt.Sprintf("%s %s of generation %d, names %s", c.Type, c.Status, got.Status.ObservedGeneration, got.Status.Names)
		}
		return cmp.Diff(fmt.Sprintf("Accepted True of generation %d, names green", got.Generation), accepted)
	})
}

// wrongValues holds that five mistakes in a RuleSet are told at once, each with its
// field; and that what only several RuleSets together get wrong is told by the status,
// while the last good rules stay in force everywhere.
func wrongValues(b *bench) {
	bad := ruleSet("bad",
		network("Green", object{"system": "sw-green"}),
		network("a", object{"chassis": "00:1b:21:aa:bb:cc"}),
		network("b", object{"vlan": 4095}),
		network("c", object{"managementAddress": "192.0.2.0/33"}),
		network("d", object{}),
	)
	err := b.Do(b.t.Context(), http.MethodPost, colvin+v1alpha1.RuleSets, bad, nil)
	status, ok := errors.AsType[*controlplane.Status](err)
	if !ok {
		b.t.Fatalf("five mistakes: %v", err)
	}
	b.t.Logf("refused: %s", status.Message)
	for _, field := range []string{
		"spec.networks[0].name", "spec.networks[1].match[0].chassis", "spec.networks[2].match[0].vlan",
		"spec.networks[3].match[0].managementAddress", "spec.networks[4].match[0]",
	} {
		if !strings.Contains(status.Message, field) {
			b.t.Errorf("no message about %s", field)
		}
	}

	group := object{"dc1": object{"match": []object{{"system": "leaf-*"}}}}
	for _, name := range []string{"x", "y"} {
		r := ruleSet(name, network(name, object{"system": "sw-" + name}))
		r["spec"] = object{"switchGroups": group}
		b.do(http.MethodPost, colvin+v1alpha1.RuleSets, r, nil)
	}
	b.await("the status of the RuleSet that defines the group again", patience, func() string {
		var got v1alpha1.RuleSet
		b.do(http.MethodGet, colvin+v1alpha1.RuleSets+"/y", nil, &got)
		for _, c := range got.Status.Conditions {
			if c.Type == v1alpha1.RuleSetAccepted && c.Status == metav1.ConditionFalse && strings.Contains(c.Message, "dc1") {
				b.t.Logf("status of RuleSet y: %s", c.Message)
				return ""
			}
		}
		return fmt.Sprintf("%+v", got.Status)
	})
	b.resolve(0, "green", greenColour)
	b.expectLabels(slices.Concat(on("green"), on(greenColour), on(blueColour))...)
	for _, name := range []string{"x", "y"} {
		b.do(http.MethodDelete, colvin+v1alpha1.RuleSets+"/"+name, nil, nil)
	}
}

// podsFindNetworks goes all the way from the CNI configuration to the node: the
// controller labels the definition, the policy adds the affinity, the scheduler obeys.
func podsFindNetworks(b *bench) {
	b.do(http.MethodPost, colvin+v1alpha1.RuleSets, ruleSet("special",
		network("rare", object{"system": "sw-blue", "vlan": lab.BlueVLAN, "node": "node2"})), nil)
	b.await("label of node2", patience, func() string {
		if slices.Contains(b.labels(), "node2 rare") {
			return ""
		}
		return fmt.Sprint(b.labels())
	})
	b.do(http.MethodPost, definitions, object{
		"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition", "metadata": object{"name": "storage"},
		"spec": object{"config": `{"cniVersion": "1.1.0", "type": "colvin", "network": "rare"}`},
	}, nil)
	b.await("label of the definition", patience, func() string {
		var got metav1.PartialObjectMetadata
		b.do(http.MethodGet, definitions+"/storage", nil, &got)
		return cmp.Diff(map[string]string{"colvin.dev/network": "rare"}, got.Labels)
	})
	// The API server's own watch hears of the label a moment later.
	scheduled := ""
	tries := 0
	b.await("a pod on node2", patience, func() string {
		tries++
		name := fmt.Sprint("pod", tries)
		b.do(http.MethodPost, "/api/v1/namespaces/default/pods", object{
			"metadata": object{"name": name, "annotations": object{"k8s.v1.cni.cncf.io/networks": "storage"}},
			"spec":     object{"containers": []object{{"name": "main", "image": "none"}}},
		}, nil)
		var got struct {
			Spec struct{ Affinity json.RawMessage }
		}
		b.do(http.MethodGet, "/api/v1/namespaces/default/pods/"+name, nil, &got)
		scheduled = name
		if !strings.Contains(string(got.Spec.Affinity), `"`+labelPrefix+`rare"`) {
			return "the affinity is " + string(got.Spec.Affinity)
		}
		return ""
	})
	b.await("the scheduler", patience, func() string {
		var got struct{ Spec struct{ NodeName string } }
		b.do(http.MethodGet, "/api/v1/namespaces/default/pods/"+scheduled, nil, &got)
		return cmp.Diff("node2", got.Spec.NodeName)
	})
	b.do(http.MethodDelete, colvin+v1alpha1.RuleSets+"/special", nil, nil)
	b.expectLabels(slices.Concat(on("green"), on(greenColour), on(blueColour))...)
}

// cableMoves attaches a pod, moves its cable to the other switch, and expects that
// everybody is told: labels, Network, and the pod by an Event.
func cableMoves(b *bench) {
	n := b.Nodes[1]
	var uid struct{ Metadata struct{ UID string } }
	b.do(http.MethodPost, "/api/v1/namespaces/default/pods", object{
		"metadata": object{"name": "mover"}, "spec": object{"nodeName": n.String(), "containers": []object{{"name": "main", "image": "none"}}},
	}, &uid)
	pod, err := n.NewPod(b.t.Context(), "mover", conf("green"), "10.10.0.1/24")
	b.ok(err)
	defer func() { b.ok(pod.Close()) }()
	add := pod.Command(b.t.Context(), "ADD")
	for i, e := range add.Env {
		if strings.HasPrefix(e, "CNI_ARGS=") {
			add.Env[i] += ";K8S_POD_NAMESPACE=default;K8S_POD_UID=" + uid.Metadata.UID
		}
	}
	if out, err := add.CombinedOutput(); err != nil {
		b.t.Fatalf("attach: %v: %s", err, out)
	}
	b.move(n, lab.Cabling[1].Green, b.Blue)
	b.await("condition Moved, and the way gone", patience, func() string {
		return cmp.Diff([]string{blueColour + ": 3 nodes", "green = " + greenColour + ": 2 nodes Moved"}, b.networks())
	})
	b.await("an Event on the pod", patience, func() string {
		var list struct {
			Items []struct {
				Regarding       struct{ Kind, Name, UID string }
				Reason, Note    string
				DeprecatedCount int
			}
		}
		b.do(http.MethodGet, "/apis/events.k8s.io/v1/namespaces/default/events", nil, &list)
		for _, e := range list.Items {
			if e.Regarding.Kind == "Pod" && e.Regarding.UID == uid.Metadata.UID {
				b.t.Logf("event: %s: %s", e.Reason, e.Note)
				return ""
			}
		}
		return fmt.Sprintf("%+v", list.Items)
	})
	b.expectLabels(slices.Concat(on("green", "node1", "node3"), on(greenColour, "node1", "node3"), on(blueColour))...)
	b.move(n, lab.Cabling[1].Green, b.Green)
	b.expectNetworks(blueColour+": 3 nodes", "green = "+greenColour+": 3 nodes")
	b.expectLabels(slices.Concat(on("green"), on(greenColour), on(blueColour))...)
	if out, err := pod.Command(b.t.Context(), "DEL").CombinedOutput(); err != nil {
		b.t.Errorf("detach: %v: %s", err, out)
	}
}

// cleanedUp takes away a node, then the name.
func cleanedUp(b *bench) {
	n := b.Nodes[2]
	b.ok(n.StopAgent())
	b.do(http.MethodDelete, "/api/v1/nodes/"+n.String(), nil, nil)
	b.expectNetworks(blueColour+": 2 nodes", "green = "+greenColour+": 2 nodes")
	b.do(http.MethodDelete, colvin+v1alpha1.RuleSets+"/site", nil, nil)
	b.expectNetworks(blueColour+": 2 nodes", greenColour+": 2 nodes")
	b.expectLabels(slices.Concat(on(greenColour, "node1", "node2"), on(blueColour, "node1", "node2"))...)
}

// move plugs the cable of an interface into a switch.
func (b *bench) move(n *lab.Node, ifname string, to *netnstest.Switch) {
	b.t.Helper()
	vlan := uint16(lab.GreenVLAN)
	if to == b.Blue {
		vlan = lab.BlueVLAN
	}
	b.ok(n.Move(b.t.Context(), ifname, to, n.String()+"-"+ifname, vlan))
}

func conf(network string) string {
	return fmt.Sprintf(`{"cniVersion": "1.1.0", "name": %q, "type": "colvin", "network": %q,
		"delegate": {"type": "macvlan", "mode": "bridge"}, "ipam": {"type": "static"}}`, network, network)
}
