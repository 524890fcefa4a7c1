// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controller_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/colour"
)

// quick are times that a test can wait for.
var quick = controller.LeaseTimes{Duration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 500 * time.Millisecond}

// requests counts what a controller writes, except for its Lease.
type requests struct {
	sync.Mutex
	writes []string
}

// wrap notes the requests.
func (r *requests) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Method != http.MethodGet && !strings.Contains(req.URL.Path, "/leases") {
			r.Lock()
			r.writes = append(r.writes, req.Method+" "+req.URL.Path)
			r.Unlock()
		}
		return next.RoundTrip(req)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (r roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }

func (r *requests) count() int {
	r.Lock()
	defer r.Unlock()
	return len(r.writes)
}

// run runs a controller until stop is called, or the test ends.
func (c *cluster) run(t *testing.T, o controller.Options) (stop func(), sent *requests) {
	t.Helper()
	sent = &requests{}
	o.Lease = quick
	switch {
	case o.Config != nil:
		o.Namespace = namespace
	case o.Namespace == "":
		o.Namespace, o.Config = namespace, config(c.account)
	default: // where the account has no rights
		o.Config = config(c.Client)
	}
	o.Config.WrapTransport = sent.wrap
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	if o.Identity == "" {
		o.Identity = "one"
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- controller.Run(ctx, o) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop, sent
}

// What a real API server holds while a controller runs.
func TestController(t *testing.T) {
	c := newCluster(t)
	stop, sent := c.run(t, controller.Options{})
	t.Run("network", testNetwork(c))
	t.Run("definitions", testDefinitions(c))
	t.Run("mistakes", testMistakes(c))
	t.Run("events", testEvents(c))
	t.Run("quiet", testQuiet(sent))
	t.Run("outage", testOutage(c))
	t.Run("handover", testHandover(c, stop))
	t.Run("broken network", testBroken(c))
	t.Run("two leaders", testTwoLeaders(c))
	t.Run("last good rules", testLastGood(c))
	t.Run("allocation", testAllocation(c))
	t.Run("one node writes all the time", testWild(c))
	t.Run("colours used up", testTooMany(c))
}

// describe is what a Network says.
func (c *cluster) describe(name string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var n v1alpha1.Network
		err := c.Do(ctx, http.MethodGet, objects+v1alpha1.Networks+"/"+name, nil, &n)
		if isStatus(err, http.StatusNotFound) {
			return "none", nil
		}
		s := n.Status
		return fmt.Sprintf("nodes %d, vlans %s, switches %s, aliases %s, problems %s", s.Nodes, s.Summary.VLANs, s.Summary.Switches, s.Summary.Aliases, s.Summary.Problems), err
	}
}

func (c *cluster) labelsOf(node string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) { return c.labels(ctx, node) }
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func testNetwork(c *cluster) func(*testing.T) {
	return func(t *testing.T) {
		ctx := t.Context()
		must(t, c.addNode(ctx, "node1"), c.addNode(ctx, "node2"),
			c.publish(ctx, "node1", topology(sight{leaf: 1, vlan: 100})), c.publish(ctx, "node2", topology(sight{leaf: 1, vlan: 100}, sight{leaf: 1, vlan: 200})))
		eventually(t, "amber-redstart plum-plover", c.networks)
		must(t, c.ruleSet(ctx, "site", object{"networks": []object{network("green", 100)}}))
		eventually(t, "nodes 2, vlans 100, switches leaf-1, aliases amber-redstart, problems ", c.describe("green"))
		eventually(t, "green=true", c.labelsOf("node2"))
		eventually(t, "green plum-plover", c.networks)
		eventually(t, "green", c.names) // colours are for reading
		eventually(t, "Accepted=True Valid: without mistakes", c.accepted("site"))

		must(t, c.publish(ctx, "node2", topology(sight{leaf: 2, vlan: 200})))
		eventually(t, "", c.labelsOf("node2"))
		must(t, c.Do(ctx, http.MethodDelete, nodes+"/node1", nil, nil))
		eventually(t, "none", c.describe("green"))
		must(t, c.addNode(ctx, "node1"), c.Do(ctx, http.MethodDelete, objects+v1alpha1.NodeTopologies+"/node1", nil, nil), c.publish(ctx, "node1", topology(sight{leaf: 1, vlan: 100})))
		eventually(t, "green=true", c.labelsOf("node1"))
	}
}

// names are those that a pod can ask for, as admission policies find them.
func (c *cluster) names(ctx context.Context) (string, error) {
	var m struct{ Data struct{ Names string } }
	err := c.Do(ctx, http.MethodGet, "/api/v1/namespaces/"+namespace+"/configmaps/colvin-networks", nil, &m)
	if isStatus(err, http.StatusNotFound) {
		return "none", nil
	}
	return m.Data.Names, err
}

// networks are the names of all Networks.
func (c *cluster) networks(ctx context.Context) (string, error) {
	var list v1alpha1.NetworkList
	err := c.Do(ctx, http.MethodGet, objects+v1alpha1.Networks, nil, &list)
	var out []string
	for _, n := range list.Items {
		out = append(out, n.Name)
	}
	return strings.Join(out, " "), err
}

// accepted is what the condition of a RuleSet says.
func (c *cluster) accepted(ruleSet string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var r v1alpha1.RuleSet
		err := c.Do(ctx, http.MethodGet, objects+v1alpha1.RuleSets+"/"+ruleSet, nil, &r)
		var out []string
		for _, condition := range r.Status.Conditions {
			out = append(out, fmt.Sprintf("%s=%s %s: %s", condition.Type, condition.Status, condition.Reason, condition.Message))
		}
		return strings.Join(append(out, r.Status.Mistakes...), "\n"), err
	}
}

const (
	definitionCRD = `{
"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "network-attachment-definitions.k8s.cni.cncf.io"},
"spec": {"group": "k8s.cni.cncf.io", "scope": "Namespaced", "names": {"plural": "network-attachment-definitions", "singular": "network-attachment-definition", "kind": "NetworkAttachmentDefinition"},
"versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": {"config": {"type": "string"}}}}}}}]}}`
	definitions = "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions"
)

// defineNetworks has the API server serve NetworkAttachmentDefinitions.
func (c *cluster) defineNetworks(t *testing.T) {
	t.Helper()
	var crd object
	unmarshal(t, definitionCRD, &crd)
	must(t, c.Do(t.Context(), http.MethodPost, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd, nil))
	if _, err := c.Kubectl(t.Context(), "wait", "--for=condition=Established", "--timeout=30s", "crd/network-attachment-definitions.k8s.cni.cncf.io"); err != nil {
		t.Fatal(err)
	}
}

// define makes a NetworkAttachmentDefinition.
func (c *cluster) define(t *testing.T, name, config string, labels object) {
	t.Helper()
	o := object{"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition", "metadata": object{"name": name, "labels": labels}, "spec": object{"config": config}}
	must(t, c.Do(t.Context(), http.MethodPost, definitions, o, nil))
}

func testDefinitions(c *cluster) func(*testing.T) {
	return func(t *testing.T) {
		ctx := t.Context()
		c.defineNetworks(t)
		add := func(name, config string, labels object) { c.define(t, name, config, labels) }
		patch := func(name string, o object) { must(t, c.Do(ctx, http.MethodPatch, definitions+"/"+name, o, nil)) }
		add("one", `{"type": "colvin", "network": "green"}`, nil)
		add("list", `{"name": "x", "plugins": [{"type": "tuning"}, {"type": "colvin", "network": "blue"}]}`, nil)
		add("other", `{"type": "macvlan", "network": "green"}`, nil)
		add("broken", `{"type": "colvin", "network": "green"`, nil)
		add("no-name", `{"type": "colvin", "network": "Not A Name"}`, nil)
		add("admin", `{"type": "colvin", "network": "green"}`, object{controller.NetworkLabel: "pink"})
		eventually(t, "admin=pink broken= list=blue no-name= one=green other=", c.definitions)

		patch("one", object{"spec": object{"config": `{"type": "colvin", "network": "blue"}`}})
		patch("list", object{"spec": object{"config": `{"type": "macvlan"}`}})
		patch("admin", object{"spec": object{"config": `{"type": "macvlan"}`}})
		patch("broken", object{"spec": object{"config": `{"type": "colvin", "network": "green"}`}})
		eventually(t, "admin=pink broken=green list= no-name= one=blue other=", c.definitions)
		// An admin takes a label over: it is not ours any more.
		patch("one", object{"metadata": object{"labels": object{controller.NetworkLabel: "mine"}}})
		patch("one", object{"spec": object{"config": `{"type": "macvlan"}`}})
		patch("broken", object{"spec": object{"config": ""}})
		eventually(t, "admin=pink broken= list= no-name= one=mine other=", c.definitions)
	}
}

// definitions are the NetworkAttachmentDefinitions with their labels.
func (c *cluster) definitions(ctx context.Context) (string, error) {
	var list struct {
		Items []struct{ Metadata metav1.ObjectMeta }
	}
	err := c.Do(ctx, http.MethodGet, definitions, nil, &list)
	var out []string
	for _, d := range list.Items {
		out = append(out, d.Metadata.Name+"="+d.Metadata.Labels[controller.NetworkLabel])
	}
	return strings.Join(out, " "), err
}

// testMistakes writes what the schema cannot refuse: each value that is wrong gives a
// message, and the good rules from before stay in force.
func testMistakes(c *cluster) func(*testing.T) {
	return func(t *testing.T) {
		ctx := t.Context()
		must(t, c.ruleSet(ctx, "wrong", object{
			"switchGroups": object{"dc1": object{"match": []object{{"system": "leaf-*"}}}},
			"networks": []object{
				{"name": "a", "match": []object{{"group": "dc2"}}},
				{"name": "b", "match": []object{{"vlan": "300-200"}}},
				{"name": "c", "tagged": "20-10", "match": []object{{"system": "leaf-*"}}},
				{"name": "d-{port.2}", "match": []object{{"port": "Ethernet(*)"}}},
				{"name": "e-{system.2}", "match": []object{{"system": "leaf-(*)"}}},
			},
		}))
		text := ""
		eventually(t, "6", func(ctx context.Context) (string, error) {
			var err error
			text, err = c.accepted("wrong")(ctx)
			return fmt.Sprint(len(strings.Split(text, "\n"))), err
		})
		t.Log(text)
		if !strings.HasPrefix(text, "Accepted=False Mistakes: 5 mistakes: spec.networks[0]") {
			t.Errorf("status: %s", text)
		}
		eventually(t, "Accepted=True Withheld: without mistakes, but the last good rules stay in force until these are put right: ruleset/wrong", c.accepted("site"))
		eventually(t, "green=true", c.labelsOf("node1"))
		must(t, c.Do(ctx, http.MethodDelete, objects+v1alpha1.RuleSets+"/wrong", nil, nil))
		eventually(t, "Accepted=True Valid: without mistakes", c.accepted("site"))
	}
}

func testEvents(c *cluster) func(*testing.T) {
	return func(t *testing.T) {
		ctx := t.Context()
		must(t, c.ruleSet(ctx, "site", object{"networks": []object{network("green", 100), network("blue", 200)}}))
		spec := topology(sight{leaf: 1, vlan: 100}, sight{leaf: 1, vlan: 200, certainty: v1alpha1.Stale})
		for _, name := range []string{"web", "db"} { // the second runs on another node
			var pod struct{ Metadata metav1.ObjectMeta }
			must(t, c.Do(ctx, http.MethodPost, "/api/v1/namespaces/default/pods", object{
				"metadata": object{"name": name},
				"spec":     object{"nodeName": map[string]string{"web": "node1", "db": "node2"}[name], "containers": []object{{"name": "main", "image": "none"}}},
			}, &pod))
			spec.Moved = append(spec.Moved, v1alpha1.MovedAttachment{
				Pod: &v1alpha1.PodReference{Namespace: "default", Name: name, UID: string(pod.Metadata.UID)}, ContainerID: "of-" + name, IfName: "net1",
				Network: "green", Device: "eth0", From: "mac:x vlan 100", To: "mac:x vlan 7", Since: metav1.Now(),
			})
		}
		must(t, c.publish(ctx, "node1", spec))
		eventually(t, "nodes 2, vlans 200, switches leaf-1,leaf-2, aliases amber-heron,plum-plover, problems Stale", c.describe("blue"))
		must(t, c.Do(ctx, http.MethodPatch, nodes+"/node2", object{"metadata": object{"labels": object{"colvin.dev/expect-green": "true"}}}, nil))
		broken := topology(sight{leaf: 1, vlan: 100}, sight{leaf: 1, vlan: 100})
		broken.Interfaces[1].Index = broken.Interfaces[0].Index
		must(t, c.publish(ctx, "node2", broken))
		eventually(t, strings.Join([]string{
			"Network blue Stale node1 eth1: leaf-1 mac:00:1b:21:00:00:01 port ifname:1/1 is not heard any more",
			"Network green Missing node2: green is expected here by the label colvin.dev/expect-green, and no pod can be attached to it: what the node publishes cannot be read",
			"Network green Moved node1: pod default/db (net1) asked for green and is in chassis mac:x VLAN 7; node1: pod default/web (net1) asked for green and is in chassis mac:x VLAN 7",
			"Node node1 NetworkGained pods can be attached to blue",
			"Node node1 NetworkMoved pod default/db (net1) asked for green, and eth0 on node node1 leads to chassis mac:x VLAN 7 now; nothing was changed in the pod",
			"Node node2 NetworkGained pods can be attached to blue",
			"Node node2 NetworkLost no pod can be attached to blue any more",
			"Node node2 NetworkLost no pod can be attached to green any more",
			"Node node2 NetworkMissing green is expected here by the label colvin.dev/expect-green, and no pod can be attached to it: what the node publishes cannot be read",
			"Node node2 TopologyUnreadable read spec.interfaces[1] of NodeTopology node2: index 2 is used twice, or none",
			"Pod web NetworkMoved net1 asked for green, and eth0 on node node1 leads to chassis mac:x VLAN 7 now; nothing was changed in the pod",
		}, "\n"), c.events)
		var node struct{ Metadata metav1.ObjectMeta }
		must(t, c.Do(ctx, http.MethodGet, nodes+"/node2", nil, &node))
		if node.Metadata.Labels["colvin.dev/networks-known"] != "true" {
			t.Errorf("node2 has the labels %v", node.Metadata.Labels)
		}
	}
}

func (c *cluster) events(ctx context.Context) (string, error) {
	var list eventsv1.EventList
	err := c.Do(ctx, http.MethodGet, "/apis/events.k8s.io/v1/events", nil, &list)
	var out []string
	for _, e := range list.Items {
		if e.ReportingController == controller.Name {
			out = append(out, fmt.Sprintf("%s %s %s %s", e.Regarding.Kind, e.Regarding.Name, e.Reason, e.Note))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n"), err
}

// testQuiet holds that nothing is written where nothing changes.
func testQuiet(sent *requests) func(*testing.T) {
	return func(t *testing.T) {
		quiet := time.NewTicker(2 * time.Second)
		defer quiet.Stop()
		<-quiet.C // what was still to be written
		before := sent.count()
		<-quiet.C
		sent.Lock()
		defer sent.Unlock()
		if diff := cmp.Diff([]string{}, sent.writes[before:]); diff != "" {
			t.Errorf("requests that write (-want +got):\n%s", diff)
		}
	}
}

// testOutage takes the API server away, shorter and longer than leadership lasts, and
// holds that the cluster is as it should be soon after its return.
func testOutage(c *cluster) func(*testing.T) {
	return func(t *testing.T) {
		for i, away := range []time.Duration{time.Second, 8 * time.Second} {
			ctx := t.Context()
			must(t, c.StopAPIServer())
			after := time.NewTimer(away)
			<-after.C
			must(t, c.StartAPIServer(ctx))
			answers := time.Now()
			name := fmt.Sprintf("after-%d", i)
			must(t, c.ruleSet(ctx, "site", object{"networks": []object{network(name, 100)}}))
			eventually(t, name+"=true", c.labelsOf("node1"))
			t.Logf("%v away: the label is right %v after the API server is ready", away, time.Since(answers).Round(time.Millisecond))
			if took := time.Since(answers); took > 5*time.Second {
				t.Errorf("recovery took %v", took)
			}
		}
	}
}

// testHandover holds that a controller that stops leaves the Lease to the next.
func testHandover(c *cluster, stop func()) func(*testing.T) {
	return func(t *testing.T) {
		ctx := t.Context()
		next, sent := c.run(t, controller.Options{Identity: "two"})
		stop()
		begin := time.Now()
		eventually(t, "two", func(ctx context.Context) (string, error) {
			var lease struct {
				Spec struct{ HolderIdentity string }
			}
			err := c.Do(ctx, http.MethodGet, "/apis/coordination.k8s.io/v1/namespaces/"+namespace+"/leases/"+controller.Name, nil, &lease)
			return lease.Spec.HolderIdentity, err
		})
		t.Logf("another leads after %v", time.Since(begin).Round(time.Millisecond))
		must(t, c.ruleSet(ctx, "site", object{"networks": []object{network("handed", 100)}}))
		eventually(t, "handed=true", c.labelsOf("node1"))
		next()
		t.Logf("it wrote %d times", sent.count())
	}
}

// testBroken breaks the network to the API server, shorter and longer than leadership
// lasts: connections die without a word.
func testBroken(c *cluster) func(*testing.T) {
	return func(t *testing.T) {
		ctx := t.Context()
		access := config(c.account)
		r := newRelay(t, access)
		stop, _ := c.run(t, controller.Options{Config: access})
		for i, away := range []time.Duration{time.Second, 8 * time.Second} {
			before := fmt.Sprintf("before-%d", i)
			must(t, c.ruleSet(ctx, "site", object{"networks": []object{network(before, 100)}}))
			eventually(t, before+"=true", c.labelsOf("node1"))
			r.set(true)
			must(t, c.ruleSet(ctx, "site", object{"networks": []object{network("mended", 100)}}))
			after := time.NewTimer(away)
			<-after.C
			r.set(false)
			mended := time.Now()
			eventually(t, "mended=true", c.labelsOf("node1"))
			t.Logf("%v broken: the label is right %v after", away, time.Since(mended).Round(time.Millisecond))
		}
		stop()
	}
}

// testTwoLeaders holds that two that believe to lead do no harm: they do the same, once.
func testTwoLeaders(c *cluster) func(*testing.T) {
	return func(t *testing.T) {
		ctx := t.Context()
		_, first := c.run(t, controller.Options{})
		_, second := c.run(t, controller.Options{Namespace: "default"}) // which has another Lease
		for i, vlans := range [][2]int{{100, 300}, {301, 302}, {303, 100}, {100, 200}} {
			must(t, c.publish(ctx, "node1", topology(sight{leaf: 4, vlan: vlans[0]}, sight{leaf: 5, vlan: vlans[1]})),
				c.publish(ctx, "node2", topology(sight{leaf: 4, vlan: vlans[1]})),
				c.ruleSet(ctx, "site", object{"networks": []object{network(fmt.Sprintf("two-%d", i), vlans[0])}}))
			eventually(t, fmt.Sprintf("two-%d=true", i), c.labelsOf("node1"))
			eventually(t, "", c.differences)
		}
		testQuiet(first)(t)
		testQuiet(second)(t)
		var list v1alpha1.ColourList
		must(t, c.Do(ctx, http.MethodGet, objects+v1alpha1.Colours, nil, &list))
		seen := map[v1alpha1.ColourSpec]string{}
		for _, o := range list.Items {
			if other := seen[o.Spec]; other != "" {
				t.Errorf("%+v has the colours %s and %s", o.Spec, other, o.Name)
			}
			seen[o.Spec] = o.Name
		}
		t.Logf("%d colours, %d and %d writes", len(seen), first.count(), second.count())
	}
}

// testLastGood starts controllers while the rules hold a mistake: with the rules from
// before they go on, without them they touch nothing.
func testLastGood(c *cluster) func(*testing.T) {
	return func(t *testing.T) {
		ctx := t.Context()
		const kept = "/api/v1/namespaces/" + namespace + "/configmaps/colvin-rules"
		must(t, c.ruleSet(ctx, "wrong", object{"networks": []object{{"name": "a", "match": []object{{"group": "nowhere"}}}}}))
		stop, _ := c.run(t, controller.Options{})
		must(t, c.publish(ctx, "node2", topology(sight{leaf: 4, vlan: 100})))
		eventually(t, "two-3=true", c.labelsOf("node2"))
		stop()
		must(t, c.Do(ctx, http.MethodDelete, kept, nil, nil), c.publish(ctx, "node2", topology(sight{leaf: 4, vlan: 7})))
		stop, sent := c.run(t, controller.Options{})
		eventually(t, `Accepted=False Mistakes: spec.networks[0].match[0].group: there is no group "nowhere"; define it under switchGroups `+
			`(nothing changes meanwhile: the rules hold a mistake, and no good ones from before are known)`, func(ctx context.Context) (string, error) {
			text, err := c.accepted("wrong")(ctx)
			text, _, _ = strings.Cut(text, "\n")
			return text, err
		})
		testQuiet(sent)(t)
		if got, err := c.labels(ctx, "node2"); got != "two-3=true" || err != nil {
			t.Errorf("labels %q, %v, want those from before", got, err)
		}
		must(t, c.Do(ctx, http.MethodDelete, objects+v1alpha1.RuleSets+"/wrong", nil, nil))
		eventually(t, "", c.labelsOf("node2"))
		must(t, c.Do(ctx, http.MethodGet, kept, nil, nil))
		stop()
	}
}

// testAllocation holds that a colour that somebody else gave meanwhile is not taken,
// and one that was given to the same identity is.
func testAllocation(c *cluster) func(*testing.T) {
	return func(t *testing.T) {
		k, err := c.client()
		must(t, err)
		mine, other := mapping.Identity{Switch: "mac:00:1b:21:ff:00:01", VLAN: 1}, mapping.Identity{Switch: "mac:00:1b:21:ff:00:02", VLAN: 2}
		first := colour.Preferred(string(mine.Key()))
		must(t, k.Create(t.Context(), &v1alpha1.Colour{ObjectMeta: metav1.ObjectMeta{Name: first}, Spec: v1alpha1.ColourSpec{Switch: other.Switch, VLAN: 2}}))
		got, err := controller.Allocate(t.Context(), k, mine)
		must(t, err)
		again, err := controller.Allocate(t.Context(), k, mine)
		must(t, err)
		if got == first || again != got {
			t.Errorf("got %s, then %s; %s is another's", got, again, first)
		}
	}
}

// testTooMany uses up the colours.
func testTooMany(c *cluster) func(*testing.T) {
	return func(t *testing.T) {
		ctx := t.Context()
		const share, nodes = 64, 5
		for n := range nodes {
			var many []sight
			for i := range share + 1 {
				many = append(many, sight{leaf: 3, vlan: 1000 + 100*n + i})
			}
			name := fmt.Sprintf("many-%d", n)
			must(t, c.addNode(ctx, name), c.publish(ctx, name, topology(many...)))
		}
		c.run(t, controller.Options{Identity: "three"})
		eventually(t, "256", func(ctx context.Context) (string, error) {
			var list v1alpha1.ColourList
			err := c.Do(ctx, http.MethodGet, objects+v1alpha1.Colours, nil, &list)
			return fmt.Sprint(len(list.Items)), err
		})
		eventually(t, "many-0 many-1 many-2 many-3 many-4", func(ctx context.Context) (string, error) {
			all, err := c.events(ctx)
			var told []string
			for line := range strings.SplitSeq(all, "\n") {
				if words := strings.Fields(line); strings.Contains(line, "TooManyUnnamed") && !slices.Contains(told, words[1]) {
					told = append(told, words[1])
				}
			}
			return strings.Join(told, " "), err
		})
		var list v1alpha1.ColourList
		must(t, c.Do(ctx, http.MethodGet, objects+v1alpha1.Colours, nil, &list))
		given := map[string]int{}
		for _, colour := range list.Items {
			given[colour.Annotations[v1alpha1.ColourSeenBy]]++
		}
		if len(given) < nodes {
			t.Errorf("colours are on account of %v", given)
		}
		for node, n := range given {
			if node != "" && n > share {
				t.Errorf("%d colours on account of node %q", n, node)
			}
		}
	}
}

// testWild has one node write its NodeTopology as fast as the API server takes it, and holds that
// a rename reaches all others meanwhile.
func testWild(c *cluster) func(*testing.T) {
	return func(t *testing.T) {
		const nodes, renames = 48, 5
		ctx, cancel := context.WithCancel(t.Context())
		name := func(n int) string { return fmt.Sprintf("calm-%d", n) }
		for n := range nodes {
			must(t, c.addNode(ctx, name(n)), c.publish(ctx, name(n), topology(sight{leaf: 9, vlan: 1900})))
		}
		must(t, c.addNode(ctx, "wild"))
		c.run(t, controller.Options{Identity: "wild"})
		done, writes := make(chan struct{}), 0
		go func() {
			defer close(done)
			for vlan := 1; ctx.Err() == nil; vlan++ {
				if c.publish(ctx, "wild", topology(sight{leaf: 9, vlan: vlan%1000 + 1}, sight{leaf: 9, vlan: 1900})) == nil {
					writes++
				}
			}
		}()
		must(t, c.ruleSet(ctx, "wild", object{"networks": []object{network("calm-net", 1900)}}))
		eventually(t, "calm-net=true", c.labelsOf(name(0))) // by a controller that leads
		begin := time.Now()
		for i := range renames {
			began, now := time.Now(), fmt.Sprintf("calm-net-%d", i)
			must(t, c.ruleSet(ctx, "wild", object{"networks": []object{network(now, 1900)}}))
			for n := range nodes {
				eventually(t, now+"=true", c.labelsOf(name(n)))
			}
			t.Logf("all %d nodes are labelled anew after %v", nodes, time.Since(began).Round(time.Millisecond))
		}
		took := time.Since(begin)
		cancel()
		<-done
		t.Logf("%d writes of the other in %v", writes, took.Round(time.Second))
		must(t, c.Do(t.Context(), http.MethodDelete, objects+v1alpha1.RuleSets+"/wild", nil, nil))
	}
}
