// SPDX-License-Identifier: Apache-2.0

//go:build linux

package policies

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/lab/controlplane"
)

// A write is what somebody tries to do, and how that ends.
type write struct {
	method, path string
	in           any
	want         string
}

// try tries the writes in order.
func try(t *testing.T, c *controlplane.Client, writes []write) {
	t.Helper()
	for _, w := range writes {
		got := random.ReplaceAllString(answer(t, c, w.method, w.path, w.in), "node-#")
		if err := different(w.want, got); err != nil {
			t.Errorf("%s %s %s %v", w.method, w.path, text(t, w.in), err)
		}
	}
}

var random = regexp.MustCompile(`node-[a-z0-9]{5}\b`) // what generateName makes

// owner is the owner reference to a node.
func owner(node, uid string) object {
	return object{"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid}
}

// with returns an object with other fields.
func with(base, fields object) object {
	all := maps.Clone(base)
	maps.Copy(all, fields)
	return all
}

// topology is the NodeTopology with that metadata.
func topology(metadata object) object {
	return object{
		"apiVersion": "colvin.dev/v1alpha1", "kind": "NodeTopology", "metadata": metadata,
		"spec": object{"bootID": "1", "converged": true, "summary": object{"ports": 0, "heard": 0, "moved": 0}},
	}
}

// testAgent holds what the agent of node1 may write, with what its role gives it.
func testAgent(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		node1 := owner("node1", uid(t, c, "node1"))
		own := object{"name": "node1", "ownerReferences": []object{node1}}
		other := object{"name": "node2", "ownerReferences": []object{owner("node2", uid(t, c, "node2"))}}
		notOwn := "Forbidden: the agent of node node1 may write the NodeTopology node1 only, not "
		owners := "Forbidden: the NodeTopology of node node1 must have one owner, v1 Node node1 with UID " + uid(t, c, "node1") + ", without blockOwnerDeletion"
		finalizers := "Forbidden: the agent may not change the finalizers of its NodeTopology; leave them as they are"
		create := func(metadata object, want string) write {
			return write{http.MethodPost, topologies, topology(metadata), want}
		}
		update := func(metadata object, want string) write {
			metadata = with(metadata, object{"resourceVersion": versionOf(t, c, topologies+"/node1")})
			return write{http.MethodPut, topologies + "/node1", topology(metadata), want}
		}
		agent := account(t, c, "colvin-agent", "node1")
		try(t, agent, []write{
			create(other, notOwn+"node2"),
			create(object{"generateName": "node-", "ownerReferences": []object{node1}}, notOwn+"node-#"),
			create(object{"name": "node1"}, owners),
			create(with(own, object{"ownerReferences": []object{node1, owner("node2", uid(t, c, "node2"))}}), owners),
			create(with(own, object{"ownerReferences": []object{owner("node1", uid(t, c, "node2"))}}), owners),
			create(with(own, object{"ownerReferences": []object{owner("node2", uid(t, c, "node2"))}}), owners),
			create(with(own, object{"ownerReferences": []object{with(node1, object{"kind": "Pod"})}}), owners),
			create(with(own, object{"ownerReferences": []object{with(node1, object{"apiVersion": "x/v1"})}}), owners),
			create(with(own, object{"ownerReferences": []object{with(node1, object{"blockOwnerDeletion": true})}}), owners),
			create(with(own, object{"finalizers": []string{"colvin.dev/keep"}}), finalizers),
			create(own, "done"),
		})
		try(t, agent, []write{
			update(with(own, object{"labels": object{"a": "b"}}), "done"),
		})
		try(t, agent, []write{
			update(object{"name": "node1"}, owners),
			update(with(own, object{"ownerReferences": []object{owner("node2", uid(t, c, "node2"))}}), owners),
			update(with(own, object{"finalizers": []string{"colvin.dev/keep"}}), finalizers),
		})
		try(t, c.Client, []write{create(other, "done")}) // an admin may
		other["resourceVersion"] = versionOf(t, c, topologies+"/node2")
		try(t, agent, []write{{http.MethodPut, topologies + "/node2", topology(other), notOwn + "node2"}})
		delete(other, "resourceVersion")
		try(t, agent, agentRBAC())
		try(t, agentInPod(t, c), []write{update(own, "done"), create(other, notOwn+"node2")})
		try(t, agentBoundTo(t, c, nil), []write{
			create(own, "Forbidden: the agent's token does not say which node it is on; use the token that the kubelet mounts into the agent's pod, or one that is made for the node (kubectl create token --bound-object-kind Node)"),
		})
	}
}

// refusedBy returns a function that says how RBAC refuses an account: verb, resource
// with its group, name or "", and namespace or "".
func refusedBy(account string) func(verb, resource, name, namespace string) string {
	return func(verb, resource, name, namespace string) string {
		plural, group, _ := strings.Cut(resource, ".")
		scope := "at the cluster scope"
		if namespace != "" {
			scope = fmt.Sprintf("in the namespace %q", namespace)
		}
		if name != "" {
			resource = fmt.Sprintf("%s %q", resource, name)
		}
		return fmt.Sprintf("Forbidden by RBAC or schema: %s is forbidden: User %q cannot %s resource %q in API group %q %s",
			resource, "system:serviceaccount:colvin-system:"+account, verb, plural, group, scope)
	}
}

// agentRBAC is what the agent's role gives it, and does not.
func agentRBAC() []write {
	no := refusedBy("colvin-agent")
	const pods = "/api/v1/namespaces/default/pods"
	return []write{
		{http.MethodGet, topologies + "/node1", nil, "done"},
		{http.MethodGet, topologies, nil, no("list", "nodetopologies.colvin.dev", "", "")},
		{http.MethodPatch, topologies + "/node1", object{}, no("patch", "nodetopologies.colvin.dev", "node1", "")},
		{http.MethodDelete, topologies + "/node1", nil, no("delete", "nodetopologies.colvin.dev", "node1", "")},
		{http.MethodGet, rules, nil, "done"},
		{http.MethodPost, rules, object{}, no("create", "rulesets.colvin.dev", "", "")},
		{http.MethodGet, colours, nil, "done"},
		{http.MethodPost, colours, object{}, no("create", "colours.colvin.dev", "", "")},
		{http.MethodGet, networks, nil, no("list", "networks.colvin.dev", "", "")},
		{http.MethodGet, nodes + "/node1", nil, no("get", "nodes", "node1", "")},
		{http.MethodPatch, nodes + "/node1", object{}, no("patch", "nodes", "node1", "")},
		{http.MethodGet, pods, nil, no("list", "pods", "", "default")},
		{http.MethodPost, pods, pod{}.object(), no("create", "pods", "", "default")},
		{http.MethodGet, pods + "/any", nil, no("get", "pods", "any", "default")},
		{http.MethodPost, "/apis/events.k8s.io/v1/namespaces/default/events", object{}, no("create", "events.events.k8s.io", "", "default")},
		{http.MethodPost, "/api/v1/namespaces/default/events", object{}, no("create", "events", "", "default")},
		{http.MethodGet, "/api/v1/namespaces/colvin-system/configmaps/colvin-rules", nil, no("get", "configmaps", "colvin-rules", "colvin-system")},
	}
}

// testControllerRBAC holds what the controller's role gives it, and does not.
func testControllerRBAC(c *controlplane.ControlPlane) func(*testing.T) {
	const (
		system     = "/api/v1/namespaces/colvin-system"
		configMaps = system + "/configmaps"
		leases     = "/apis/coordination.k8s.io/v1/namespaces/colvin-system/leases"
		events     = "/apis/events.k8s.io/v1/namespaces/default/events"
		pods       = "/api/v1/namespaces/default/pods"
	)
	no := refusedBy("colvin-controller")
	named := func(kind, name string) object {
		return object{"apiVersion": "colvin.dev/v1alpha1", "kind": kind, "metadata": object{"name": name}}
	}
	colour := with(named("Colour", "teal-heron"), object{"spec": object{"switch": "mac:00:1b:21:aa:bb:cc", "vlan": 100}})
	event := func(name, reason, apiVersion, kind, about string) object {
		return object{
			"metadata": object{"name": name}, "eventTime": "2026-01-02T15:04:05.000000Z", "action": "Observe", "reason": reason, "type": "Warning", "note": "it is",
			"reportingController": "colvin-controller", "reportingInstance": "x",
			"regarding": object{"apiVersion": apiVersion, "kind": kind, "name": about, "namespace": map[bool]string{true: "default"}[kind == "Pod" || kind == "Secret"]},
		}
	}
	kubelets := with(event("kubelets.1", "Killing", "v1", "Pod", "web"), object{"reportingController": "kubelet"})
	const (
		ownEvents  = "Forbidden: Colvin's controller may only record Events of its own (reportingController colvin-controller)"
		eventKinds = "Forbidden: Colvin's controller may only record Events about Networks and Nodes, and NetworkMoved about pods; this is "
		eventFixed = `Invalid by RBAC or schema: Event "green.1" is invalid: message: Invalid value: "it is not": field is immutable`
	)
	return func(t *testing.T) {
		kubectl(t, c, "create", "configmap", "another", "--namespace=colvin-system")
		try(t, c.Client, []write{{http.MethodPost, events, kubelets, "done"}})
		try(t, account(t, c, "colvin-controller", "node2"), []write{
			{http.MethodPost, colours, colour, "done"},
			{http.MethodDelete, colours + "/teal-heron", nil, no("delete", "colours.colvin.dev", "teal-heron", "")},
			{http.MethodPost, networks, named("Network", "green"), "done"},
			{http.MethodPatch, networks + "/green/status", object{"status": object{"nodes": 1}}, "done"},
			{http.MethodPatch, networks + "/green", object{}, no("patch", "networks.colvin.dev", "green", "")},
			{http.MethodDelete, networks + "/green", nil, "done"},
			{http.MethodPatch, rules + "/none", object{}, no("patch", "rulesets.colvin.dev", "none", "")},
			{http.MethodPatch, rules + "/none/status", object{}, `NotFound by RBAC or schema: rulesets.colvin.dev "none" not found`},
			{http.MethodGet, topologies, nil, "done"},
			{http.MethodPost, topologies, topology(object{"name": "node3"}), no("create", "nodetopologies.colvin.dev", "", "")},
			{http.MethodGet, nodes, nil, "done"},
			{http.MethodGet, "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions", nil, "done"},
			{http.MethodPost, events, event("green.1", "Moved", "colvin.dev/v1alpha1", "Network", "green"), "done"},
			{http.MethodPatch, events + "/green.1", object{"series": object{"count": 2, "lastObservedTime": "2026-01-02T15:04:06.000000Z"}}, "done"},
			{http.MethodPatch, events + "/green.1", object{"note": "it is not"}, eventFixed},
			{http.MethodPost, events, event("node1.1", "NetworkLost", "v1", "Node", "node1"), "done"},
			{http.MethodPost, events, event("web.1", "NetworkMoved", "v1", "Pod", "web"), "done"},
			{http.MethodPost, events, event("web.2", "Killing", "v1", "Pod", "web"), eventKinds + "Killing about v1 Pod"},
			{http.MethodPost, events, event("key.1", "NetworkMoved", "v1", "Secret", "key"), eventKinds + "NetworkMoved about v1 Secret"},
			{http.MethodPost, events, with(kubelets, object{"metadata": object{"name": "kubelets.2"}}), ownEvents},
			{http.MethodPatch, events + "/kubelets.1", object{"series": object{"count": 2, "lastObservedTime": "2026-01-02T15:04:06.000000Z"}}, ownEvents},
			{http.MethodDelete, events + "/green.1", nil, no("delete", "events.events.k8s.io", "green.1", "default")},
			{http.MethodGet, pods + "/none", nil, `NotFound by RBAC or schema: pods "none" not found`},
			{http.MethodGet, pods, nil, no("list", "pods", "", "default")},
			{http.MethodPatch, pods + "/none", object{}, no("patch", "pods", "none", "default")},
			{http.MethodPost, configMaps, object{"metadata": object{"name": "colvin-rules"}}, "done"},
			{http.MethodPut, configMaps + "/colvin-rules", object{"metadata": object{"name": "colvin-rules"}}, "done"},
			{http.MethodPost, configMaps, object{"metadata": object{"name": "colvin-networks"}}, "done"},
			{http.MethodPut, configMaps + "/colvin-networks", object{"metadata": object{"name": "colvin-networks"}}, "done"},
			{http.MethodGet, configMaps + "/another", nil, no("get", "configmaps", "another", "colvin-system")},
			{http.MethodPut, configMaps + "/another", object{"metadata": object{"name": "another"}}, no("update", "configmaps", "another", "colvin-system")},
			{http.MethodPost, leases, object{"metadata": object{"name": "colvin-controller"}}, "done"},
			{http.MethodGet, leases + "/colvin-controller", nil, "done"},
			{http.MethodGet, leases, nil, no("list", "leases.coordination.k8s.io", "", "colvin-system")},
			{http.MethodGet, system + "/secrets", nil, no("list", "secrets", "", "colvin-system")},
			{http.MethodGet, "/api/v1/pods", nil, no("list", "pods", "", "")},
		})
	}
}

// testTenants holds what somebody may read who is no admin, without the optional roles and
// with each.
func testTenants(c *controlplane.ControlPlane) func(*testing.T) {
	const (
		system = "/api/v1/namespaces/colvin-system/configmaps"
		names  = system + "/colvin-networks"
	)
	reads := []string{names, system + "/colvin-rules", networks, networks + "/green", colours, topologies, rules, nodes, "/api/v1/namespaces/default/pods"}
	return func(t *testing.T) {
		kubectl(t, c, "create", "serviceaccount", "reader", "--namespace=tenant")
		kubectl(t, c, "create", "--filename=testdata/network.yaml")
		tenant, err := c.OnNode(t.Context(), "tenant", "reader", "node1")
		if err != nil {
			t.Fatal(err)
		}
		may := func() map[string]bool {
			got := map[string]bool{}
			for _, path := range reads {
				if answer(t, tenant, http.MethodGet, path, nil) == "done" {
					got[path] = true
				}
			}
			for method, path := range map[string]string{http.MethodDelete: networks + "/green", http.MethodPatch: networks + "/green", http.MethodPost: networks, http.MethodPut: names} {
				if got := answer(t, tenant, method, path, object{}); !strings.HasPrefix(got, "Forbidden by RBAC") {
					t.Errorf("%s %s: %s", method, path, got)
				}
			}
			return got
		}
		if err := different(map[string]bool{}, may()); err != nil {
			t.Errorf("without a role %v", err)
		}
		kubectl(t, c, "apply", "--filename="+filepath.Join(optional, "tenants.yaml"))
		if err := different(map[string]bool{}, may()); err != nil {
			t.Errorf("with the roles, unbound %v", err)
		}
		kubectl(t, c, "create", "rolebinding", "names", "--namespace=colvin-system", "--role=colvin-names", "--serviceaccount=tenant:reader")
		eventually(t, func() error { return different(map[string]bool{names: true}, may()) })
		kubectl(t, c, "create", "clusterrolebinding", "networks", "--clusterrole=colvin-networks", "--serviceaccount=tenant:reader")
		eventually(t, func() error {
			return different(map[string]bool{names: true, networks: true, networks + "/green": true}, may())
		})
	}
}

// testKubelet holds whom a kubelet's credentials may label.
func testKubelet(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		label := func(node, label string) string {
			_, err := c.Kubectl(t.Context(), "label", "node", node, label, "--as=system:node:node1", "--as-group=system:nodes")
			if err == nil {
				return "done"
			}
			return err.Error()
		}
		for _, set := range []string{"colvin.dev/expect-mauve=true", "colvin.dev/expect-mauve-"} {
			if got := label("node1", set); got != "done" {
				t.Errorf("its own: %s", got)
			}
		}
		if got := label("node2", "colvin.dev/expect-mauve=true"); !strings.Contains(got, `(Forbidden): nodes "node2" is forbidden`) {
			t.Errorf("another: %s", got)
		}
	}
}

// versionOf returns the resource version of an object.
func versionOf(t *testing.T, c *controlplane.ControlPlane, path string) string {
	t.Helper()
	var answer struct {
		Metadata struct{ ResourceVersion string }
	}
	if c.Do(t.Context(), http.MethodGet, path, nil, &answer) != nil {
		return "" // there is none yet
	}
	return answer.Metadata.ResourceVersion
}

// agentBoundTo returns a client of the agent whose token is bound to an object, or to
// none.
func agentBoundTo(t *testing.T, c *controlplane.ControlPlane, to object) *controlplane.Client {
	t.Helper()
	var answer struct{ Status struct{ Token string } }
	const path = "/api/v1/namespaces/colvin-system/serviceaccounts/colvin-agent/token"
	if err := c.Do(t.Context(), http.MethodPost, path, object{"spec": object{"boundObjectRef": to}}, &answer); err != nil {
		t.Fatal(err)
	}
	client := *c.Client
	client.Token = answer.Status.Token
	return &client
}

// agentInPod returns a client of the agent as its pod on node1 has it.
func agentInPod(t *testing.T, c *controlplane.ControlPlane) *controlplane.Client {
	t.Helper()
	p := pod{name: "agent", namespace: "colvin-system", spec: object{"nodeName": "node1", "serviceAccountName": "colvin-agent"}}
	if err := c.Do(t.Context(), http.MethodPost, p.path(), p.object(), nil); err != nil {
		t.Fatal(err)
	}
	return agentBoundTo(t, c, object{"apiVersion": "v1", "kind": "Pod", "name": p.name})
}

// testController holds what the controller may write, with what its role gives it.
func testController(c *controlplane.ControlPlane) func(*testing.T) {
	const (
		node1, green = nodes + "/node1", definitions + "/green"
		nodeLabels   = "Forbidden: Colvin's controller may only set labels of nodes that begin with network.colvin.dev/, and colvin.dev/networks-known, to true, or remove them; it changed "
		nodeOnly     = "Forbidden: Colvin's controller may only change labels of nodes, not spec, annotations, finalizers or owners"
		oneLabel     = "Forbidden: Colvin's controller may only change the label colvin.dev/network of NetworkAttachmentDefinitions; it changed "
		labelOnly    = "Forbidden: Colvin's controller may only change the label colvin.dev/network of NetworkAttachmentDefinitions, not spec, annotations, finalizers or owners"
	)
	metadata := func(fields object) object { return object{"metadata": fields} }
	set := func(key string, value any) object { return metadata(object{"labels": object{key: value}}) }
	owners := metadata(object{"ownerReferences": []object{{"apiVersion": "v1", "kind": "Node", "name": "node2", "uid": "1"}}})
	return func(t *testing.T) {
		kubectl(t, c, "label", "node", "node1", "network.colvin.dev/by-hand=maybe")
		try(t, account(t, c, "colvin-controller", "node2"), []write{
			{http.MethodPatch, node1, set("network.colvin.dev/teal-heron", "true"), "done"},
			{http.MethodPatch, node1, set("network.colvin.dev/teal-heron", nil), "done"},
			{http.MethodPatch, node1, set("network.colvin.dev/teal-heron", "yes"), nodeLabels + "network.colvin.dev/teal-heron"},
			{http.MethodPatch, node1, set("colvin.dev/networks-known", "true"), "done"},
			{http.MethodPatch, node1, set("colvin.dev/networks-known", "maybe"), nodeLabels + "colvin.dev/networks-known"},
			{http.MethodPatch, node1, set("colvin.dev/networks-known", nil), "done"},
			{http.MethodPatch, node1, set("colvin.dev/expect-green", "true"), nodeLabels + "colvin.dev/expect-green"},
			{http.MethodPatch, node1, set("disk", "floppy"), nodeLabels + "disk"},
			{http.MethodPatch, node1, set("disk", nil), nodeLabels + "disk"},
			{http.MethodPatch, node1, set("node-role.kubernetes.io/control-plane", ""), nodeLabels + "node-role.kubernetes.io/control-plane"},
			{http.MethodPatch, node1, set("colvin.dev/network", "true"), nodeLabels + "colvin.dev/network"},
			{http.MethodPatch, node1, metadata(object{"annotations": object{"a": "b"}}), nodeOnly},
			{http.MethodPatch, node1, metadata(object{"finalizers": []string{"colvin.dev/keep"}}), nodeOnly},
			{http.MethodPatch, node1, owners, nodeOnly},
			{http.MethodPatch, node1, object{"spec": object{"taints": []object{{"key": "a", "effect": "NoSchedule"}}}}, nodeOnly},
			{http.MethodPatch, node1, object{"spec": object{"unschedulable": true}}, nodeOnly},

			{http.MethodPatch, green, set("colvin.dev/network", "verdant"), "done"},
			{http.MethodPatch, green, set("colvin.dev/network", nil), "done"},
			{http.MethodPatch, green, set("colvin.dev/network", "green"), "done"},
			{http.MethodPatch, green, set("colvin.dev/networks", "green"), oneLabel + "colvin.dev/networks"},
			{http.MethodPatch, green, set("network.colvin.dev/green", "true"), oneLabel + "network.colvin.dev/green"},
			{http.MethodPatch, green, object{"spec": object{"config": `{"type":"evil"}`}}, labelOnly},
			{http.MethodPatch, green, object{"spec": nil}, labelOnly},
			{http.MethodPatch, green, metadata(object{"annotations": object{"k8s.v1.cni.cncf.io/resourceName": "x"}}), labelOnly},
			{http.MethodPatch, green, metadata(object{"finalizers": []string{"colvin.dev/keep"}}), labelOnly},
			{http.MethodPatch, green, owners, labelOnly},
		})
		testApply(t, c)
	}
}

// testApply holds the same for server-side apply.
func testApply(t *testing.T, c *controlplane.ControlPlane) {
	t.Helper()
	as := []string{"--server-side", "--field-manager=colvin", "--as=system:serviceaccount:colvin-system:colvin-controller"}
	const node = "{apiVersion: v1, kind: Node, metadata: {name: node1, labels: {network.colvin.dev/applied: 'true'}}"
	if err := apply(t, c, node+"}", as...); err != nil {
		t.Error(err)
	}
	if err := apply(t, c, node+", spec: {unschedulable: true}}", as...); err == nil || !strings.Contains(err.Error(), "may only change labels of nodes") {
		t.Errorf("apply of a spec: got %v, want the policy's refusal", err)
	}
}

// testMoreRights holds that the policies keep an account from what it might be given
// rights for by mistake.
func testMoreRights(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		kubectl(t, c, "create", "clusterrolebinding", "mistake", "--clusterrole=cluster-admin",
			"--serviceaccount=colvin-system:colvin-agent", "--serviceaccount=colvin-system:colvin-controller")
		agent := account(t, c, "colvin-agent", "node1")
		controller := account(t, c, "colvin-controller", "node1")
		eventually(t, func() error { return different("done", answer(t, controller, http.MethodGet, "/api/v1/pods", nil)) })
		const (
			notOwn     = "Forbidden: the agent of node node1 may write the NodeTopology node1 only, not "
			nodeLabels = "Forbidden: Colvin's controller may only change labels of nodes"
			oneLabel   = "Forbidden: Colvin's controller may only change the label colvin.dev/network of NetworkAttachmentDefinitions"
		)
		try(t, agent, []write{
			{http.MethodDelete, topologies + "/node2", nil, notOwn + "node2"},
			{http.MethodPatch, topologies + "/node2", object{"spec": object{"converged": false}}, notOwn + "node2"},
			{http.MethodDelete, topologies + "/node1", nil, "done"},
			{http.MethodDelete, topologies, nil, notOwn + "node2"}, // all that are left
		})
		try(t, controller, []write{
			{http.MethodPost, nodes, object{"metadata": object{"name": "node3"}}, nodeLabels},
			{http.MethodDelete, nodes + "/node1", nil, nodeLabels},
			{http.MethodPatch, nodes + "/node1/status", object{"status": object{"phase": "Pending"}}, nodeLabels},
			{http.MethodGet, nodes + "/node1/proxy/", nil, nodeLabels},
			{http.MethodPost, definitions, object{"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition", "metadata": object{"name": "new"}}, oneLabel},
			{http.MethodDelete, definitions + "/green", nil, oneLabel},
		})
		kubectl(t, c, "delete", "clusterrolebinding", "mistake")
	}
}

// testWrongAccount shows that the tests above would notice a policy about another
// account, and about nobody else: the forbidden write goes through.
func testWrongAccount(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		b, err := os.ReadFile(filepath.Join(policies, "own-node.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := apply(t, c, strings.NewReplacer(
			":colvin-agent", ":agent", "|| !authorizer.group('colvin.dev').resource('nodetopologies').check('delete').allowed()", "",
		).Replace(string(b))); err != nil {
			t.Fatal(err)
		}
		agent := account(t, c, "colvin-agent", "node1")
		eventually(t, func() error {
			return different("done", answer(t, agent, http.MethodPost, topologies+dryRun, topology(object{"name": "node3"})))
		})
		kubectl(t, c, "apply", "--filename="+filepath.Join(policies, "own-node.yaml"))
	}
}
