// SPDX-License-Identifier: Apache-2.0

//go:build linux

package v1alpha1_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/mapping/rules/rulestest"
)

const (
	objects  = "/apis/colvin.dev/v1alpha1/"
	ruleSets = objects + v1alpha1.RuleSets
	dryRun   = "?dryRun=All&fieldValidation=Strict"
)

// What a real API server makes of the CRDs in deploy/chart/crds.
func TestAPIServer(t *testing.T) {
	c := controlplane.StartColvinT(t, controlplane.Options{})
	t.Run("no warnings", testNoWarnings(c))
	t.Run("documents", testDocuments(c))
	t.Run("refused", testRefused(c))
	t.Run("colours", testColours(c))
	t.Run("times", testTimes(c))
	t.Run("too large", testTooLarge(c))
	t.Run("kubectl", testKubectl(c))
}

// testNoWarnings holds that the API server finds nothing to object to in the CRDs.
func testNoWarnings(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		var list struct {
			Items []struct {
				Metadata metav1.ObjectMeta
				Status   struct{ Conditions []metav1.Condition }
			}
		}
		c.DoT(t, http.MethodGet, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", nil, &list)
		got := map[string][]string{}
		for _, crd := range list.Items {
			for _, condition := range crd.Status.Conditions {
				if condition.Status == metav1.ConditionTrue {
					got[crd.Metadata.Name] = append(got[crd.Metadata.Name], condition.Type)
				}
			}
			slices.Sort(got[crd.Metadata.Name])
		}
		want := map[string][]string{}
		for _, plural := range []string{v1alpha1.RuleSets, v1alpha1.Colours, v1alpha1.NodeTopologies, v1alpha1.Networks} {
			want[plural+".colvin.dev"] = []string{"Established", "NamesAccepted"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("conditions that are true (-want +got):\n%s", diff)
		}
	}
}

// testDocuments stores every document and reads it back: nothing may be refused,
// lost or changed.
func testDocuments(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		all := rulestest.Documents(t, "../..")
		for i, name := range slices.Sorted(maps.Keys(all)) {
			t.Run(name, func(t *testing.T) {
				want := ruleSet(t, fmt.Sprintf("document-%d", i), all[name])
				want.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "RuleSet"}
				var got v1alpha1.RuleSet
				c.DoT(t, http.MethodPost, ruleSets+"?fieldValidation=Strict", want, nil)
				c.DoT(t, http.MethodGet, ruleSets+"/"+want.Name, nil, &got)
				if diff := cmp.Diff(want, &got, cmpopts.IgnoreFields(v1alpha1.RuleSet{}, "ObjectMeta")); diff != "" {
					t.Errorf("RuleSet (-want +got):\n%s", diff)
				}
				if err := c.Do(t.Context(), http.MethodDelete, ruleSets+"/"+want.Name, nil, nil); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// ruleSet is the object whose spec is the document.
func ruleSet(t *testing.T, name, document string) *v1alpha1.RuleSet {
	t.Helper()
	r := &v1alpha1.RuleSet{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := yaml.UnmarshalStrict([]byte(document), &r.Spec); err != nil {
		t.Fatal(err)
	}
	return r
}

// refusal is how the API server refuses what is sent, one mistake a line.
func refusal(t *testing.T, c *controlplane.ControlPlane, method, path string, object any) string {
	t.Helper()
	status, ok := errors.AsType[*controlplane.Status](c.Do(t.Context(), method, path, object, nil))
	if !ok {
		return "not refused"
	}
	_, message, ok := strings.Cut(status.Message, " is invalid: ")
	if !ok {
		t.Fatalf("refused for another reason: %v", status)
	}
	message = strings.TrimSuffix(strings.TrimPrefix(message, "["), "]")
	return strings.Join(mistakes(message), "\n")
}

// mistakes are the mistakes of a message: each begins with its field.
func mistakes(message string) []string {
	var out []string
	for rest := message; rest != ""; {
		end := len(rest)
		if at := field.FindStringIndex(rest); at != nil {
			end = at[0]
		}
		out = append(out, rest[:end])
		rest = strings.TrimPrefix(rest[end:], ", ")
	}
	slices.Sort(out)
	return out
}

var field = regexp.MustCompile(`, (spec|metadata|<nil>)[.:]`)

// testRefused holds what is said about each kind of mistake: it names the field and
// tells what to do.
func testRefused(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		var out strings.Builder
		for _, tt := range refusals(t) {
			object := map[string]any{"apiVersion": v1alpha1.GroupVersion.String(), "kind": "RuleSet", "metadata": map[string]any{"name": "x"}, "spec": tt.Spec}
			fmt.Fprintf(&out, "%s\n  %s\n", tt.Name, strings.ReplaceAll(refusal(t, c, http.MethodPost, ruleSets+dryRun, object), "\n", "\n  "))
		}
		golden.Compare(t, "testdata/refused.golden", out.String())
	}
}

func testColours(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		const path = objects + v1alpha1.Colours
		object := func(name, chassis string, vlan int32) *v1alpha1.Colour {
			return &v1alpha1.Colour{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ColourSpec{Switch: chassis, VLAN: vlan}}
		}
		c.DoT(t, http.MethodPost, path, withKind(object("red-wren", "mac:00:1b:21:aa:bb:cc", 1)), nil)
		got := map[string]string{
			"changed": refusal(t, c, http.MethodPatch, path+"/red-wren", map[string]any{"spec": map[string]any{"vlan": 2}}),
			"name":    refusal(t, c, http.MethodPost, path+dryRun, withKind(object("green", "mac:00:1b:21:aa:bb:cc", 1))),
			"group":   refusal(t, c, http.MethodPost, path+dryRun, withKind(object("sky-emu", "group:dc1", 1))),
			"pin":     refusal(t, c, http.MethodPost, path+dryRun, withKind(object("sky-emu", "pin:02:00:00:00:00:01", 1))),
			"no VLAN": refusal(t, c, http.MethodPost, path+dryRun, withKind(object("sky-emu", "mac:00:1b:21:aa:bb:cc", 0))),
			"fine":    refusal(t, c, http.MethodPost, path+dryRun, withKind(object("sky-emu", `local:\x07 from 00:1b:21:aa:bb:cc`, 4094))),
		}
		want := map[string]string{
			"changed": `spec: Invalid value: a colour stands for one network for good; leave it, and name the network with a RuleSet`,
			"name":    `<nil>: Invalid value: the name of a Colour is a hue and a bird, such as teal-heron; the controller chooses it: to name a network yourself, write a RuleSet`,
			"group":   `spec.switch: Invalid value: "group:dc1": is no chassis ID; write the kind and the ID, such as mac:00:1b:21:aa:bb:cc`,
			"pin":     `spec.switch: Invalid value: "pin:02:00:00:00:00:01": is no chassis ID; write the kind and the ID, such as mac:00:1b:21:aa:bb:cc`,
			"no VLAN": `spec.vlan: Invalid value: 0: spec.vlan in body should be greater than or equal to 1`,
			"fine":    `not refused`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("refusals (-want +got):\n%s", diff)
		}
		if err := c.Do(t.Context(), http.MethodDelete, path+"/red-wren", nil, nil); err != nil {
			t.Error(err)
		}
	}
}

func withKind(colour *v1alpha1.Colour) *v1alpha1.Colour {
	colour.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Colour"}
	return colour
}

// age is the last column, which nobody can foretell.
var age = regexp.MustCompile(`(?m) +(AGE|[0-9]+s)$`)

// testKubectl stores an object of each kind, every field of which must be one of the
// types, and looks at it as an admin does.
func testKubectl(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		for document := range strings.SplitSeq(string(read(t, "testdata/objects.yaml")), "\n---\n") {
			storeObject(t, c, []byte(document))
		}
		var out strings.Builder
		for _, args := range []string{"rules", "color", "ntopo", "networks.colvin.dev", "cnet -o wide", "ntopo -o wide", "colvin -o name"} {
			text, err := c.Kubectl(t.Context(), append([]string{"get"}, strings.Fields(args)...)...)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(&out, "$ kubectl get %s\n%s\n", args, age.ReplaceAllString(text, ""))
		}
		golden.Compare(t, "testdata/kubectl.golden", out.String())
	}
}

// storeObject creates an object, with its status, and holds that it is read back as
// it was written.
func storeObject(t *testing.T, c *controlplane.ControlPlane, document []byte) {
	t.Helper()
	kinds := map[string]struct {
		plural string
		object metav1.Object
		status bool
	}{
		"RuleSet":      {v1alpha1.RuleSets, new(v1alpha1.RuleSet), true},
		"Colour":       {v1alpha1.Colours, new(v1alpha1.Colour), false},
		"NodeTopology": {v1alpha1.NodeTopologies, new(v1alpha1.NodeTopology), false},
		"Network":      {v1alpha1.Networks, new(v1alpha1.Network), true},
	}
	var head metav1.TypeMeta
	if err := yaml.Unmarshal(document, &head); err != nil {
		t.Fatal(err)
	}
	kind := kinds[head.Kind]
	if err := yaml.UnmarshalStrict(document, kind.object); err != nil {
		t.Fatal(err)
	}
	path := objects + kind.plural
	c.DoT(t, http.MethodPost, path+"?fieldValidation=Strict", kind.object, nil)
	path += "/" + kind.object.GetName()
	if kind.status {
		c.DoT(t, http.MethodPatch, path+"/status?fieldValidation=Strict", kind.object, nil)
	}
	var want, got map[string]any
	if err := yaml.Unmarshal(document, &want); err != nil {
		t.Fatal(err)
	}
	c.DoT(t, http.MethodGet, path, nil, &got)
	delete(want, "metadata")
	delete(got, "metadata")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", head.Kind, diff)
	}
}

// testTimes holds that the API server takes no time that a Go program cannot read: one
// such NodeTopology would keep all readers from the others.
func testTimes(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		for text, valid := range map[string]bool{
			"2026-01-02T10:00:00Z": true, "2026-01-02t10:00:00z": false, "2026-01-02T10:00:00Zto": false, "2026-01-02T10:00:00_1Z": false,
			"2026-01-02T10:00:00+99:99": false, "2026-02-30T10:00:00Z": false, "2026-01-02T24:00:00Z": false,
		} {
			if _, err := time.Parse(time.RFC3339, text); (err == nil) != valid {
				t.Errorf("%s is read with %v", text, err)
			}
			object := map[string]any{
				"apiVersion": v1alpha1.GroupVersion.String(), "kind": "NodeTopology", "metadata": map[string]any{"name": "x"},
				"spec": map[string]any{
					"bootID": "b", "converged": true, "summary": map[string]any{"ports": 0, "heard": 0, "moved": 1},
					"moved": []any{map[string]any{"containerID": "c", "ifName": "net1", "network": "green", "device": "eth1", "from": "a", "to": "b", "since": text}},
				},
			}
			if err := c.Do(t.Context(), http.MethodPost, objects+v1alpha1.NodeTopologies+dryRun, object, nil); (err == nil) != valid {
				t.Errorf("since: %s is answered with %v", text, err)
			}
		}
	}
}

// testTooLarge holds that the API server takes no more of one node than it may tell, and as
// much.
func testTooLarge(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		n := func(vlans int) v1alpha1.Neighbor {
			n := v1alpha1.Neighbor{Switch: "mac:1", PortID: "ifname:1"}
			for vid := range vlans {
				n.VLANs = append(n.VLANs, v1alpha1.VLAN{ID: int32(vid + 1)})
			}
			return n
		}
		// spec has ports, each with so many VLANs, others, and neighbours that contradict.
		spec := func(ports, vlans, others, against int) v1alpha1.NodeTopologySpec {
			s := v1alpha1.NodeTopologySpec{BootID: "b"}
			for i := range ports {
				p := &v1alpha1.Port{Holder: &v1alpha1.Holder{Neighbor: n(vlans), Certainty: v1alpha1.Fresh}}
				for range others {
					p.Others = append(p.Others, n(0))
				}
				for range against {
					p.Holder.Against = append(p.Holder.Against, n(0))
				}
				s.Interfaces = append(s.Interfaces, v1alpha1.Interface{Name: "e", Index: int32(i + 1), Port: p})
			}
			return s
		}
		more := func(s v1alpha1.NodeTopologySpec, by int) v1alpha1.NodeTopologySpec {
			s.Switches, s.Moved = make([]v1alpha1.Switch, 1024+by), make([]v1alpha1.MovedAttachment, 256)
			for i := range s.Switches {
				s.Switches[i].Protocol = v1alpha1.LLDP
			}
			for i := range s.Moved {
				s.Moved[i].Since = metav1.NewTime(time.Unix(1e9, 0))
			}
			return s
		}
		for name, tt := range map[string]struct {
			spec v1alpha1.NodeTopologySpec
			want string
		}{
			"ports":              {spec(256, 1, 0, 0), ""},
			"a port more":        {spec(257, 0, 0, 0), "more than 256 interfaces have a port"},
			"VLANs":              {spec(16, 512, 0, 0), ""},
			"VLANs more":         {spec(17, 512, 0, 0), "more than 8192 VLANs"},
			"others":             {spec(32, 0, 64, 0), ""},
			"others and against": {spec(32, 0, 63, 2), "more than 2048 neighbours"},
			"against":            {spec(128, 0, 0, 16), ""},
			"a switch more":      {more(spec(1, 0, 0, 0), 1), "spec.switches: Too many: 1025: must have at most 1024 items"},
			"switches and moved": {more(spec(1, 0, 0, 0), 0), ""},
		} {
			object := &v1alpha1.NodeTopology{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "NodeTopology"}, ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: tt.spec}
			err := c.Do(t.Context(), http.MethodPost, objects+v1alpha1.NodeTopologies+dryRun, object, nil)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %q", name, err, tt.want)
			}
		}
	}
}
