// SPDX-License-Identifier: Apache-2.0

//go:build linux

package policies

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/lab/controlplane"
)

// How a pod asks, and what it gets.
const (
	multus        = "k8s.v1.cni.cncf.io/networks"
	multusDefault = "v1.multus-cni.io/default-network"
	byName        = "colvin.dev/networks"
	label         = "network.colvin.dev/"
)

// A pod is what a test says about a pod.
type pod struct {
	name         string // "" for one that is generated
	namespace    string // "" for default
	annotations  object
	nodeSelector object
	spec         object // further fields
}

func (p pod) path() string {
	namespace := p.namespace
	if namespace == "" {
		namespace = "default"
	}
	return "/api/v1/namespaces/" + namespace + "/pods"
}

func (p pod) object() object {
	metadata := object{"generateName": "pod-"}
	if p.name != "" {
		metadata = object{"name": p.name}
	}
	if p.annotations != nil {
		metadata["annotations"] = p.annotations
	}
	spec := object{"containers": []object{{"name": "main", "image": "none"}}}
	if p.nodeSelector != nil {
		spec["nodeSelector"] = p.nodeSelector
	}
	maps.Copy(spec, p.spec)
	return object{"metadata": metadata, "spec": spec}
}

// specOf returns the spec that the pod would be stored with, as it is stored.
func (p pod) specOf(t *testing.T, c *controlplane.ControlPlane) json.RawMessage {
	t.Helper()
	var answer struct{ Spec json.RawMessage }
	c.DoT(t, http.MethodPost, p.path()+dryRun, p.object(), &answer)
	return answer.Spec
}

// A term is a node selector term, and a requirement is one of its expressions.
type (
	term struct {
		MatchExpressions []requirement `json:"matchExpressions,omitempty"`
		MatchFields      []requirement `json:"matchFields,omitempty"`
	}
	requirement struct {
		Key      string   `json:"key"`
		Operator string   `json:"operator"`
		Values   []string `json:"values,omitempty"`
	}
)

// placing is what a pod asks of its node.
type placing struct {
	NodeSelector map[string]string
	Affinity     struct {
		NodeAffinity struct {
			Required struct{ NodeSelectorTerms []term } `json:"requiredDuringSchedulingIgnoredDuringExecution"`
		}
	}
}

func (p *placing) terms() []term { return p.Affinity.NodeAffinity.Required.NodeSelectorTerms }

// networks returns the networks that the pod would be held to, as it would be stored. That
// it is held to them in both ways, and that nothing that it asks itself is lost, is a
// condition of all tests.
func (p pod) networks(t *testing.T, c *controlplane.ControlPlane) map[string]bool {
	t.Helper()
	var own, stored placing
	for from, into := range map[string]*placing{text(t, p.object()["spec"]): &own, string(p.specOf(t, c)): &stored} {
		if err := json.Unmarshal([]byte(from), into); err != nil {
			t.Fatal(err)
		}
	}
	if err := different(own.NodeSelector, stored.NodeSelector); err != nil {
		t.Errorf("node selector %v", err)
	}
	if cmp.Equal(own.terms(), stored.terms()) {
		return nil
	}
	want := own.terms()
	if len(want) == 0 {
		want = []term{{}}
	}
	if len(stored.terms()) != 2*len(want) {
		t.Fatalf("the pod asks for %d terms, of %d of its own", len(stored.terms()), len(want))
	}
	var networks map[string]bool
	for i, got := range stored.terms() {
		names, expected, rest := split(got)
		if networks == nil {
			networks = names
		}
		if expected != (i >= len(want)) {
			t.Errorf("term %d is about expected networks: %t", i, expected)
		}
		if err := different(networks, names); err != nil {
			t.Errorf("networks of term %d %v", i, err)
		}
		if err := different(want[i%len(want)], rest); err != nil {
			t.Errorf("rest of term %d %v", i, err)
		}
	}
	return networks
}

// split tells which networks a term is about, whether because they are expected, and what
// else it holds.
func split(t term) (networks map[string]bool, expected bool, rest term) {
	networks, rest = map[string]bool{}, term{MatchFields: t.MatchFields}
	expected = slices.ContainsFunc(t.MatchExpressions, func(r requirement) bool {
		return r.Key == "colvin.dev/networks-known" && r.Operator == "DoesNotExist"
	})
	for _, r := range t.MatchExpressions {
		name, has := strings.CutPrefix(r.Key, label)
		if has = has && (!expected || len(name) > 56); !has && expected {
			name, has = strings.CutPrefix(r.Key, "colvin.dev/expect-")
		}
		switch {
		case has && r.Operator == "In" && cmp.Equal(r.Values, []string{"true"}):
			networks[name] = true
		case r.Key != "colvin.dev/networks-known":
			rest.MatchExpressions = append(rest.MatchExpressions, r)
		}
	}
	return networks, expected, rest
}

// held are the networks that a pod is held to.
func held(networks ...string) map[string]bool {
	var out map[string]bool
	for _, network := range networks {
		if out == nil {
			out = map[string]bool{}
		}
		out[network] = true
	}
	return out
}

// plain are pods that ask for nothing, though some seem to.
var plain = map[string]pod{
	"plain":       {},
	"annotations": {annotations: object{"colvin.dev/network": "green", "networks": "green", "prometheus.io/scrape": "true"}},
	"selector":    {nodeSelector: object{"disk": "ssd", label + "green": "true"}},
	"affinity":    {spec: object{"affinity": affinity}},
	"on a node":   {annotations: object{byName: "green", multus: "green"}, spec: object{"nodeName": "node3"}},
}

var affinity = object{"nodeAffinity": object{"requiredDuringSchedulingIgnoredDuringExecution": object{"nodeSelectorTerms": []object{
	{"matchExpressions": []object{{"key": "disk", "operator": "Exists"}}},
	{"matchExpressions": []object{{"key": "memory", "operator": "Exists"}}},
}}}}

// otherAffinity has every kind of field but required terms with expressions.
var otherAffinity = object{
	"podAntiAffinity": object{"requiredDuringSchedulingIgnoredDuringExecution": []object{{"topologyKey": "kubernetes.io/hostname"}}},
	"nodeAffinity": object{"preferredDuringSchedulingIgnoredDuringExecution": []object{
		{"weight": 1, "preference": object{"matchExpressions": []object{{"key": "disk", "operator": "Exists"}}}},
	}},
}

// daemon is how the DaemonSet controller says which node a pod is for, and terms with
// every operator.
var daemon = object{"nodeAffinity": object{"requiredDuringSchedulingIgnoredDuringExecution": object{"nodeSelectorTerms": []object{
	{"matchFields": []object{{"key": "metadata.name", "operator": "In", "values": []string{"node1"}}}},
	{"matchExpressions": []object{
		{"key": "disk", "operator": "In", "values": []string{"ssd", "nvme"}}, {"key": "memory", "operator": "Gt", "values": []string{"64"}}, {"key": "old", "operator": "DoesNotExist"},
	}},
}}}}

// plainPods returns how the pods that ask for nothing are stored.
func plainPods(t *testing.T, c *controlplane.ControlPlane) map[string]string {
	t.Helper()
	specs := map[string]string{}
	for name, p := range plain {
		specs[name] = string(p.specOf(t, c))
	}
	return specs
}

// testPlainPods holds that pods that ask for nothing are stored byte for byte as they
// were before the policies.
func testPlainPods(c *controlplane.ControlPlane, before map[string]string) func(*testing.T) {
	return func(t *testing.T) {
		if err := different(before, plainPods(t, c)); err != nil {
			t.Error(err)
		}
	}
}

// selectors are pods that are scheduled, and what they are given.
var selectors = map[string]struct {
	pod
	want map[string]bool
}{
	"name":                     {pod{annotations: object{byName: "green"}}, held("green")},
	"names":                    {pod{annotations: object{byName: "green, blue"}}, held("green", "blue")},
	"names, spaces":            {pod{annotations: object{byName: " green\t,blue\n"}}, held("green", "blue")},
	"name, nobody's":           {pod{annotations: object{byName: "violet"}}, held("violet")},
	"name, the longest":        {pod{annotations: object{byName: strings.Repeat("x", 63)}}, held(strings.Repeat("x", 63))},
	"name of no definition":    {pod{annotations: object{byName: "blue-net"}}, held("blue-net")},
	"name and definition":      {pod{annotations: object{byName: "red", multus: "green"}}, held("red", "green")},
	"name and its definition":  {pod{annotations: object{byName: "green", multus: "green"}}, held("green")},
	"definition":               {pod{annotations: object{multus: "green"}}, held("green")},
	"definitions":              {pod{annotations: object{multus: "green,blue-net"}}, held("green", "blue")},
	"definition, twice":        {pod{annotations: object{multus: "green,green"}}, held("green")},
	"definition, interface":    {pod{annotations: object{multus: "green@net1,blue-net@net2"}}, held("green", "blue")},
	"definition, namespace":    {pod{annotations: object{multus: "default/green@net1"}}, held("green")},
	"definition, spaces":       {pod{annotations: object{multus: " default / green @ net1,\n\tblue-net\n"}}, held("green", "blue")},
	"definition, other's":      {pod{annotations: object{multus: "tenant/green,blue-net"}}, held("blue")},
	"definition, longer name":  {pod{annotations: object{multus: "greenish,dark-green,green-net/x,x/green/y"}}, nil},
	"definition, unknown":      {pod{annotations: object{multus: "violet"}}, nil},
	"definition, unlabelled":   {pod{annotations: object{multus: "unlabelled,empty"}}, nil},
	"definition, none":         {pod{annotations: object{multus: ""}}, nil},
	"definition of the tenant": {pod{namespace: "tenant", annotations: object{multus: "green,blue-net,default/blue-net"}}, held("tenant-green")},

	"default network":           {pod{annotations: object{multusDefault: "default/green"}}, held("green")},
	"default network, JSON":     {pod{annotations: object{multusDefault: `[{"name": "green", "namespace": "default"}]`}}, held("green")},
	"default network, Multus's": {pod{annotations: object{multusDefault: "green"}}, nil},
	"default network and more":  {pod{annotations: object{multusDefault: "default/green", multus: "blue-net"}}, held("green", "blue")},

	"JSON":                 {pod{annotations: object{multus: `[{"name":"green"}]`}}, held("green")},
	"JSON, namespace":      {pod{annotations: object{multus: `[{"namespace":"default","name":"green"}]`}}, held("green")},
	"JSON, no namespace":   {pod{annotations: object{multus: `[{"name":"green","namespace":""}]`}}, held("green")},
	"JSON, other's":        {pod{annotations: object{multus: `[{"name":"green","namespace":"tenant"},{"namespace":"tenant","name":"red"}]`}}, nil},
	"JSON, spaces":         {pod{annotations: object{multus: "\n[ {\n  \"name\" : \"green\" ,\n \"interface\":\"net1\"\n} ,\n{ \"name\":\t\"blue-net\" } ]\n"}}, held("green", "blue")},
	"JSON, case":           {pod{annotations: object{multus: `[{"Name":"green"}]`}}, held("green")},
	"JSON, nested":         {pod{annotations: object{multus: `[{"cni-args":{"name":"red","a":[{"name":"red"},2]},"ips":["10.0.0.1/24"],"name":"green"}, {"name":"blue-net","mac":"02:00:00:00:00:01"}]`}}, held("green", "blue")},
	"JSON, nested only":    {pod{annotations: object{multus: `[{"name":"unlabelled","cni-args":{"name":"green","namespace":"default"}}]`}}, nil},
	"JSON, brackets":       {pod{annotations: object{multus: `[{"cni-args":{"a":"}],\"name\":\"red\"},{\\"},"name":"green"}]`}}, held("green")},
	"JSON, five deep":      {pod{annotations: object{multus: `[{"cni-args":{"a":[{"b":[{"c":1,"name":"red"},2],"name":"red"},3]},"name":"green"}]`}}, held("green")},
	"JSON, name of others": {pod{annotations: object{multus: `[{"interface":"green","rename":"green","name":"red"}]`}}, held("red")},
	"JSON, long":           {pod{annotations: object{multus: "[" + strings.Repeat(`{"name":"unlabelled","namespace":"default","cni-args":{"a":["b","c"]},"ips":["10.0.0.1/24"]},`, 100) + `{"name":"green"}]`}}, held("green")},
	"JSON, no list":        {pod{annotations: object{multus: `{"name":"green"}`}}, nil},
	"JSON, broken":         {pod{annotations: object{multus: `[{"name":"green"`}}, nil},
	"JSON, empty":          {pod{annotations: object{multus: `[ ]`}}, nil},
	"JSON, strings":        {pod{annotations: object{multus: `["green"]`}}, nil},

	"selector kept":        {pod{annotations: object{byName: "green"}, nodeSelector: object{"disk": "ssd"}}, held("green")},
	"selector kept, JSON":  {pod{annotations: object{multus: `[{"name":"green"}]`}, nodeSelector: object{"disk": "ssd"}}, held("green")},
	"selector of its own":  {pod{annotations: object{byName: "green", multus: "blue-net"}, nodeSelector: object{label + "green": "true"}}, held("green", "blue")},
	"selector contradicts": {pod{annotations: object{byName: "green", multus: "blue-net"}, nodeSelector: object{label + "green": "false", label + "blue": ""}}, held("green", "blue")},
	"with a name":          {pod{name: "pod", annotations: object{byName: "green"}}, held("green")},
	"affinity":             {pod{annotations: object{byName: "green", multus: "blue-net"}, spec: object{"affinity": affinity}}, held("green", "blue")},
	"affinity of others":   {pod{annotations: object{byName: "green"}, spec: object{"affinity": otherAffinity}}, held("green")},
	"affinity, fields":     {pod{annotations: object{byName: "green", multus: "blue-net"}, spec: object{"affinity": daemon}}, held("green", "blue")},
	"three":                {pod{annotations: object{byName: "green,pink", multus: "blue-net,red"}}, held("green", "pink", "blue", "red")},
}

func testSelectors(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		for name, tt := range selectors {
			t.Run(name, func(t *testing.T) {
				if err := different(tt.want, tt.networks(t, c)); err != nil {
					t.Error(err)
				}
			})
		}
		t.Run("nothing else", func(t *testing.T) {
			for name, p := range map[string]pod{"terms": {spec: object{"affinity": affinity}}, "others": {spec: object{"affinity": otherAffinity}}, "none": {}} {
				before := p.specOf(t, c)
				p.annotations = object{byName: "green", multus: "blue-net"}
				if err := different(withoutTerms(t, before), withoutTerms(t, p.specOf(t, c))); err != nil {
					t.Errorf("%s: all of the spec but the terms %v", name, err)
				}
			}
		})
	}
}

// withoutTerms is a spec without what the policies write.
func withoutTerms(t *testing.T, spec json.RawMessage) object {
	t.Helper()
	var out object
	if err := json.Unmarshal(spec, &out); err != nil {
		t.Fatal(err)
	}
	const required = "requiredDuringSchedulingIgnoredDuringExecution"
	a, _ := out["affinity"].(object)
	n, _ := a["nodeAffinity"].(object)
	if delete(n, required); len(n) == 0 {
		delete(a, "nodeAffinity")
	}
	if len(a) == 0 {
		delete(out, "affinity")
	}
	return out
}

func testRefusedPods(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		got := map[string]string{}
		for _, names := range []string{"Green", "green,", "", "green blue", `["green"]`, strings.Repeat("x", 64), "green\nblue", "-green,red-"} {
			got[names] = answer(t, c.Client, http.MethodPost, pod{}.path()+dryRun, pod{annotations: object{byName: names}}.object())
		}
		const head, tail = "Invalid: annotation colvin.dev/networks: ", `write names with commas between them, such as "green, blue", or remove the annotation`
		want := map[string]string{
			"Green":                 head + `"Green" cannot be the name of a network; ` + tail,
			"green,":                head + `"" cannot be the name of a network; ` + tail,
			"":                      head + `"" cannot be the name of a network; ` + tail,
			"green blue":            head + `"green blue" cannot be the name of a network; ` + tail,
			`["green"]`:             head + `"["green"]" cannot be the name of a network; ` + tail,
			strings.Repeat("x", 64): head + `"` + strings.Repeat("x", 64) + `" cannot be the name of a network; ` + tail,
			"green\nblue":           head + `write the names of networks with commas between them, such as "green, blue"`,
			"-green,red-":           head + `"-green", "red-" cannot be the name of a network; ` + tail,
		}
		if err := different(want, got); err != nil {
			t.Error(err)
		}
	}
}

// testScheduling holds where the scheduler puts pods, or why it does not.
func testScheduling(c *controlplane.ControlPlane) func(*testing.T) {
	const nowhere = "0/4 nodes are available: 4 node(s) didn't match Pod's node affinity/selector."
	return func(t *testing.T) {
		tests := map[string]struct {
			pod
			want string
		}{
			"blue":         {pod{annotations: object{multus: "blue-net"}}, "node2"},
			"both":         {pod{annotations: object{byName: "green,blue"}}, "node2"},
			"green-on-ssd": {pod{annotations: object{byName: "green"}, spec: object{"affinity": affinity}}, "node1"},
			"blue-on-ssd":  {pod{annotations: object{byName: "blue"}, spec: object{"affinity": affinity}}, nowhere},
			"red":          {pod{annotations: object{multus: "red"}}, nowhere},
			"pink":         {pod{annotations: object{byName: "pink"}}, "node3"}, // node4 is known
			"both-pink":    {pod{annotations: object{byName: "pink,lime"}}, "node3"},
			"pink-green":   {pod{annotations: object{byName: "pink,green"}}, nowhere},
			"chosen":       {pod{annotations: object{multus: "red"}, spec: object{"nodeName": "node1"}}, "node1"},
		}
		for name, tt := range tests {
			tt.name = name
			c.DoT(t, http.MethodPost, tt.path(), tt.object(), nil)
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) { eventually(t, func() error { return different(tt.want, placeOf(t, c, name)) }) })
		}
	}
}

// placeOf returns the node that the pod is on, or what the scheduler says.
func placeOf(t *testing.T, c *controlplane.ControlPlane, name string) string {
	t.Helper()
	var pod struct {
		Spec   struct{ NodeName string }
		Status struct {
			Conditions []struct{ Type, Message string }
		}
	}
	c.DoT(t, http.MethodGet, "/api/v1/namespaces/default/pods/"+name, nil, &pod)
	for _, condition := range pod.Status.Conditions {
		if condition.Type == "PodScheduled" && pod.Spec.NodeName == "" {
			said, _, _ := strings.Cut(condition.Message, " preemption:") // which evicting others cannot help
			return said
		}
	}
	return pod.Spec.NodeName
}

// bindingFor returns the binding that shares the definitions of a namespace, as
// docs/scheduling.md has it for one.
func bindingFor(t *testing.T, namespace string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/scheduling.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(page), "```yaml\n")[1:] {
		if block, _, _ = strings.Cut(block, "```"); strings.Contains(block, "kind: MutatingAdmissionPolicyBinding") {
			return strings.ReplaceAll(block, "shared", namespace)
		}
	}
	t.Fatal("there is no binding in docs/scheduling.md")
	return ""
}

// testShared holds that a further binding shares the definitions of its namespace with
// all, and that names are not mixed up.
func testShared(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		for _, namespace := range []string{"shared", "kube-system"} {
			if err := apply(t, c, bindingFor(t, namespace)); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]map[string]bool{
			"green":                           held("green"),
			"shared/green":                    held("shared-green"),
			"shared/green@net1,default/green": held("shared-green", "green"),
			"tenant/green":                    nil,
			"blue-net":                        held("blue"),
			`[{"name":"green","namespace":"shared"},{"name":"blue-net","namespace":"kube-system"}]`: held("shared-green", "default-blue"),
		}
		eventually(t, func() error {
			got := map[string]map[string]bool{}
			for text := range want {
				got[text] = pod{annotations: object{multus: text}}.networks(t, c)
			}
			return different(want, got)
		})
		got := pod{namespace: "tenant", annotations: object{multus: "green,shared/green", multusDefault: "blue-net"}}.networks(t, c)
		if err := different(held("tenant-green", "shared-green", "default-blue"), got); err != nil {
			t.Errorf("pod of another namespace %v", err)
		}
		for _, namespace := range []string{"shared", "kube-system"} {
			kubectl(t, c, "delete", "mutatingadmissionpolicybinding", "colvin-pods-by-definition-"+namespace)
		}
	}
}

// testHalfInstalled holds that a pod that names networks is not scheduled just
// anywhere where nothing reads the names.
func testHalfInstalled(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		kubectl(t, c, "delete", "mutatingadmissionpolicybinding", "colvin-pods-by-name")
		asks := pod{annotations: object{byName: "green, blue, red"}, nodeSelector: object{label + "green": "true"}}
		eventually(t, func() error {
			want := "Invalid: annotation colvin.dev/networks: the pod is not held to nodes with blue, red; install the MutatingAdmissionPolicy " +
				"colvin-pods-by-name (Kubernetes 1.36), or write nodeSelector network.colvin.dev/blue, network.colvin.dev/red yourself"
			return different(want, answer(t, c.Client, http.MethodPost, asks.path()+dryRun, asks.object()))
		})
		asks.nodeSelector = object{label + "green": "true", label + "blue": "true", label + "red": "true"}
		if err := different(held(), asks.networks(t, c)); err != nil {
			t.Errorf("who writes the selector himself %v", err)
		}
		expression := func(key string) object { return object{"key": key, "operator": "In", "values": []string{"true"}} }
		either := func(terms ...[]object) pod {
			var all []object
			for _, t := range terms {
				all = append(all, object{"matchExpressions": t})
			}
			return pod{annotations: object{byName: "green"}, spec: object{"affinity": object{"nodeAffinity": object{
				"requiredDuringSchedulingIgnoredDuringExecution": object{"nodeSelectorTerms": all},
			}}}}
		}
		has, expects := []object{expression(label + "green")}, []object{expression("colvin.dev/expect-green")}
		for _, tt := range []struct {
			pod
			refused bool
		}{
			{either(has, expects), false},
			{either(has, expects, []object{expression("disk")}), true},
			{either([]object{{"key": label + "green", "operator": "NotIn", "values": []string{"true"}}}), true},
		} {
			got := answer(t, c.Client, http.MethodPost, tt.path()+dryRun, tt.object())
			if strings.Contains(got, "is not held to nodes with green") != tt.refused || !tt.refused && got != "done" {
				t.Errorf("%s: %s", text(t, tt.spec), got)
			}
		}
	}
}
