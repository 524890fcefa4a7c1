// SPDX-License-Identifier: Apache-2.0

//go:build linux

package policies

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

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
	return "/api/v1/namespaces/" + cmp.Or(p.namespace, "default") + "/pods"
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

// selector returns the node selector that the pod would be stored with.
func (p pod) selector(t *testing.T, c *controlplane.ControlPlane) map[string]string {
	t.Helper()
	var spec struct{ NodeSelector map[string]string }
	if err := json.Unmarshal(p.specOf(t, c), &spec); err != nil {
		t.Fatal(err)
	}
	return spec.NodeSelector
}

// labels is the node selector of networks.
func labels(networks ...string) map[string]string {
	var selector map[string]string
	for _, network := range networks {
		if selector == nil {
			selector = map[string]string{}
		}
		selector[label+network] = "true"
	}
	return selector
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
	want map[string]string
}{
	"name":                     {pod{annotations: object{byName: "green"}}, labels("green")},
	"names":                    {pod{annotations: object{byName: "green, blue"}}, labels("green", "blue")},
	"names, spaces":            {pod{annotations: object{byName: " green\t,blue\n"}}, labels("green", "blue")},
	"name, nobody's":           {pod{annotations: object{byName: "violet"}}, labels("violet")},
	"name, the longest":        {pod{annotations: object{byName: strings.Repeat("x", 63)}}, labels(strings.Repeat("x", 63))},
	"name of no definition":    {pod{annotations: object{byName: "blue-net"}}, labels("blue-net")},
	"name and definition":      {pod{annotations: object{byName: "red", multus: "green"}}, labels("red", "green")},
	"name and its definition":  {pod{annotations: object{byName: "green", multus: "green"}}, labels("green")},
	"definition":               {pod{annotations: object{multus: "green"}}, labels("green")},
	"definitions":              {pod{annotations: object{multus: "green,blue-net"}}, labels("green", "blue")},
	"definition, twice":        {pod{annotations: object{multus: "green,green"}}, labels("green")},
	"definition, interface":    {pod{annotations: object{multus: "green@net1,blue-net@net2"}}, labels("green", "blue")},
	"definition, namespace":    {pod{annotations: object{multus: "default/green@net1"}}, labels("green")},
	"definition, spaces":       {pod{annotations: object{multus: " default / green @ net1,\n\tblue-net\n"}}, labels("green", "blue")},
	"definition, other's":      {pod{annotations: object{multus: "tenant/green,blue-net"}}, labels("blue")},
	"definition, longer name":  {pod{annotations: object{multus: "greenish,dark-green,green-net/x,x/green/y"}}, nil},
	"definition, unknown":      {pod{annotations: object{multus: "violet"}}, nil},
	"definition, unlabelled":   {pod{annotations: object{multus: "unlabelled,empty"}}, nil},
	"definition, none":         {pod{annotations: object{multus: ""}}, nil},
	"definition of the tenant": {pod{namespace: "tenant", annotations: object{multus: "green,blue-net,default/blue-net"}}, labels("tenant-green")},

	"default network":           {pod{annotations: object{multusDefault: "default/green"}}, labels("green")},
	"default network, JSON":     {pod{annotations: object{multusDefault: `[{"name": "green", "namespace": "default"}]`}}, labels("green")},
	"default network, Multus's": {pod{annotations: object{multusDefault: "green"}}, nil},
	"default network and more":  {pod{annotations: object{multusDefault: "default/green", multus: "blue-net"}}, labels("green", "blue")},

	"JSON":                 {pod{annotations: object{multus: `[{"name":"green"}]`}}, labels("green")},
	"JSON, namespace":      {pod{annotations: object{multus: `[{"namespace":"default","name":"green"}]`}}, labels("green")},
	"JSON, no namespace":   {pod{annotations: object{multus: `[{"name":"green","namespace":""}]`}}, labels("green")},
	"JSON, other's":        {pod{annotations: object{multus: `[{"name":"green","namespace":"tenant"},{"namespace":"tenant","name":"red"}]`}}, nil},
	"JSON, spaces":         {pod{annotations: object{multus: "\n[ {\n  \"name\" : \"green\" ,\n \"interface\":\"net1\"\n} ,\n{ \"name\":\t\"blue-net\" } ]\n"}}, labels("green", "blue")},
	"JSON, case":           {pod{annotations: object{multus: `[{"Name":"green"}]`}}, labels("green")},
	"JSON, nested":         {pod{annotations: object{multus: `[{"cni-args":{"name":"red","a":[{"name":"red"},2]},"ips":["10.0.0.1/24"],"name":"green"}, {"name":"blue-net","mac":"02:00:00:00:00:01"}]`}}, labels("green", "blue")},
	"JSON, nested only":    {pod{annotations: object{multus: `[{"name":"unlabelled","cni-args":{"name":"green","namespace":"default"}}]`}}, nil},
	"JSON, brackets":       {pod{annotations: object{multus: `[{"cni-args":{"a":"}],\"name\":\"red\"},{\\"},"name":"green"}]`}}, labels("green")},
	"JSON, five deep":      {pod{annotations: object{multus: `[{"cni-args":{"a":[{"b":[{"c":1,"name":"red"},2],"name":"red"},3]},"name":"green"}]`}}, labels("green")},
	"JSON, name of others": {pod{annotations: object{multus: `[{"interface":"green","rename":"green","name":"red"}]`}}, labels("red")},
	"JSON, long":           {pod{annotations: object{multus: "[" + strings.Repeat(`{"name":"unlabelled","namespace":"default","cni-args":{"a":["b","c"]},"ips":["10.0.0.1/24"]},`, 100) + `{"name":"green"}]`}}, labels("green")},
	"JSON, no list":        {pod{annotations: object{multus: `{"name":"green"}`}}, nil},
	"JSON, broken":         {pod{annotations: object{multus: `[{"name":"green"`}}, nil},
	"JSON, empty":          {pod{annotations: object{multus: `[ ]`}}, nil},
	"JSON, strings":        {pod{annotations: object{multus: `["green"]`}}, nil},

	"selector kept":        {pod{annotations: object{byName: "green"}, nodeSelector: object{"disk": "ssd"}}, map[string]string{"disk": "ssd", label + "green": "true"}},
	"selector kept, JSON":  {pod{annotations: object{multus: `[{"name":"green"}]`}, nodeSelector: object{"disk": "ssd"}}, map[string]string{"disk": "ssd", label + "green": "true"}},
	"selector of its own":  {pod{annotations: object{byName: "green", multus: "blue-net"}, nodeSelector: object{label + "green": "true"}}, labels("green", "blue")},
	"selector contradicts": {pod{annotations: object{byName: "green", multus: "blue-net"}, nodeSelector: object{label + "green": "false", label + "blue": ""}}, labels("green", "blue")},
	"with a name":          {pod{name: "pod", annotations: object{byName: "green"}}, labels("green")},
	"affinity":             {pod{annotations: object{byName: "green", multus: "blue-net"}, spec: object{"affinity": affinity}}, labels("green", "blue")},
}

func testSelectors(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		for name, tt := range selectors {
			if err := different(tt.want, tt.selector(t, c)); err != nil {
				t.Errorf("%s: node selector %v", name, err)
			}
		}
		asks := pod{spec: object{"affinity": affinity}, annotations: object{byName: "green", multus: "blue-net"}}
		asksNot := pod{spec: object{"affinity": affinity}, nodeSelector: object{label + "green": "true", label + "blue": "true"}}
		if err := different(string(asksNot.specOf(t, c)), string(asks.specOf(t, c))); err != nil {
			t.Errorf("all of the spec %v", err)
		}
	}
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
	const nowhere = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
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
		want := map[string]map[string]string{
			"green":                           labels("green"),
			"shared/green":                    labels("shared-green"),
			"shared/green@net1,default/green": labels("shared-green", "green"),
			"tenant/green":                    nil,
			"blue-net":                        labels("blue"),
			`[{"name":"green","namespace":"shared"},{"name":"blue-net","namespace":"kube-system"}]`: labels("shared-green", "default-blue"),
		}
		eventually(t, func() error {
			got := map[string]map[string]string{}
			for text := range want {
				got[text] = pod{annotations: object{multus: text}}.selector(t, c)
			}
			return different(want, got)
		})
		got := pod{namespace: "tenant", annotations: object{multus: "green,shared/green", multusDefault: "blue-net"}}.selector(t, c)
		if err := different(labels("tenant-green", "shared-green", "default-blue"), got); err != nil {
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
			want := "Invalid: annotation colvin.dev/networks: the pod was not given the node selector network.colvin.dev/blue, network.colvin.dev/red; " +
				"install the MutatingAdmissionPolicy colvin-pods-by-name (Kubernetes 1.36), or write nodeSelector yourself"
			return different(want, answer(t, c.Client, http.MethodPost, asks.path()+dryRun, asks.object()))
		})
		asks.nodeSelector = object{label + "green": "true", label + "blue": "true", label + "red": "true"}
		if err := different(labels("green", "blue", "red"), asks.selector(t, c)); err != nil {
			t.Errorf("who writes the selector himself %v", err)
		}
	}
}
