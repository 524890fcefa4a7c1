// SPDX-License-Identifier: Apache-2.0

//go:build linux

package policies

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/lab/controlplane"
)

const (
	definitionPolicy = "../../deploy/manifests/policies/definitions.yaml"
	moreDefinitions  = "../../deploy/manifests/optional/definitions.yaml"

	missing  = `spec.config: "network" is missing; write the name of the network to attach to, such as "network": "green"`
	noDevice = ` set, but the device and its VLAN come from "network"; remove `
	values   = `spec.config: "select" is "only" or "first", and "isolation" "off" or "strict"; write one of these, or remove the key`
	nodesDir = `spec.config: "runDirectory" and "recordDirectory" are the node's to say; remove them`
	noObject = `spec.config: "delegate" and "ipam" are objects; write {} with the "type" of the plugin in it, such as {"type": "macvlan"}`
	noMTU    = `spec.config: "mtu" is no number of octets; write one of at least 0, without quotes`
	noIPAM   = `spec.config: "ipam" is missing, and vlan does nothing without one; write the plugin that gives out addresses, such as "ipam": {"type": "dhcp"}`
	notJSON  = "spec.config is not JSON: "
	unclosed = notJSON + "a comma, colon or bracket is missing, or one too many"
	shared   = "spec.config: host-local gives out addresses on each node by itself, so with these ranges two pods on two nodes get the same; use an IPAM plugin that counts for the whole cluster, such as whereabouts, or DHCP"
)

func noName(name string) string {
	return `spec.config: "network" is ` + name + `, which cannot be the name of a network; write at most 63 lower-case letters, digits and dashes in double quotes`
}

func badDelegate(name string) string {
	return "spec.config: the delegate cannot be " + name + "; write the name of a plugin that takes an Ethernet device, without a path, such as macvlan"
}

func strange(text string) string {
	return notJSON + "there is no place in it for " + text + `; strings and keys stand in double quotes, and comments cannot be`
}

func set(keys string) string {
	if strings.Contains(keys, ", ") {
		return "spec.config: " + keys + " are" + noDevice + "them"
	}
	return "spec.config: " + keys + " is" + noDevice + "it"
}

// configurations are those of definitions, with what is warned of.
var configurations = map[string]struct {
	config string
	want   []string
	// The plugin says it otherwise: to a chain, of which it sees itself only, or where it
	// looks the name up.
	otherwise bool
}{
	"good":           {config: `{"type": "colvin", "network": "green"}`},
	"good, of lines": {config: "{\n  \"cniVersion\": \"1.1.0\",\r\n\t\"name\": \"green\", \"type\" : \"colvin\",\n  \"network\":\"green\"\n}\n"},
	"good, with everything": {config: `{"type": "colvin", "network": "green-2", "select": "first", "isolation": "strict",
		"delegate": {"type": "macvlan", "mode": "private", "mtu": 9000, "promisc": true, "x": null, "y": [1, -2.5e+3, {}, [], "\"master\": \u00e9 \\ {[,"]},
		"ipam": {"type": "static", "addresses": [{"address": "10.0.0.1/24"}]}, "args": {"cni": {"labels": [{"key": "master", "value": "a"}]}}}`},
	"good, nulls":     {config: `{"type": "colvin", "network": "green", "select": null, "isolation": null, "delegate": null, "runDirectory": null}`},
	"good, own":       {config: `{"type": "colvin", "network": "green", "delegate": {"type": "own"}, "deviceKey": "nic"}`},
	"good, sriov":     {config: `{"type": "colvin", "network": "green", "delegate": {"type": "sriov"}}`},
	"good, unset":     {config: `{"type": "colvin", "network": "green", "linkInContainer": false, "delegate": {"type": "bridge", "vlan": 0}}`},
	"good, quoted":    {config: `{"type": "colvin", "network": "green", "x": "a \"type\": \"colvin\", \"master\": 1"}`},
	"good, elsewhere": {config: `{"type": "colvin", "network": "green", "x": {"master": "eth0"}, "ipam": {"type": "dhcp", "master": "eth0"}}`},
	"good, escaped":   {config: `{"type": "colvin", "network": "gr\u0065en"}`},
	"chain":           {config: `{"name": "green", "plugins": [{"type": "tuning", "master": "eth0"}, {"type": "colvin", "network": "green"}]}`, otherwise: true},
	"deep":            {config: `{"type": "colvin", "network": "green", "x": {"a": {"b": {"c": {"d": {"e": {"f": {"g": [[1, "master"]]}}}}}}}}`},
	"too deep to say": {config: `{"type": "colvin", "network": "green", "x": ` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`},
	"of others":       {config: `{"type": "macvlan", "master": "eth0"}`, otherwise: true},
	"of others, bad":  {config: `{"type": "macvlan",}`, otherwise: true},
	"none":            {config: ``, otherwise: true},
	"of a namesake":   {config: `{"type": "colvinist"}`, otherwise: true},

	"no network":          {config: `{"type": "colvin"}`, want: []string{missing}},
	"network null":        {config: `{"type": "colvin", "network": null}`, want: []string{missing}},
	"network empty":       {config: `{"type": "colvin", "network": ""}`, want: []string{missing}},
	"network elsewhere":   {config: `{"type": "colvin", "delegate": {"type": "macvlan", "network": "green"}}`, want: []string{missing}},
	"network misspelt":    {config: `{"type": "colvin", "Network": "green"}`, want: []string{missing, `spec.config: "Network" counts in one spelling only; write "network"`}},
	"keys misspelt":       {config: `{"type": "colvin", "network": "green", "Isolation": "strict", "Network": "blue", "devicekey": "master"}`, want: []string{`spec.config: "Isolation", "Network", "devicekey" counts in one spelling only; write "network", "isolation", "deviceKey"`}},
	"good, twice":         {config: `{"type": "colvin", "network": "green", "network": "blue"}`},
	"twice, for null":     {config: `{"type": "colvin", "network": "green", "network": null}`, want: []string{missing}},
	"network, a number":   {config: `{"type": "colvin", "network": 7}`, want: []string{noName("7")}},
	"network, a list":     {config: `{"type": "colvin", "network": ["green"]}`, want: []string{noName(`["green"]`)}},
	"network in capitals": {config: `{"type": "colvin", "network": "Green"}`, want: []string{noName(`"Green"`)}},
	"network too long":    {config: `{"type": "colvin", "network": "` + strings.Repeat("x", 64) + `"}`, want: []string{noName(`"` + strings.Repeat("x", 64) + `"`)}},
	"in a chain":          {config: `{"plugins": [{"type": "tuning"}, {"type": "colvin", "master": "eth0"}]}`, want: []string{missing, set(`"master"`)}, otherwise: true},
	"several":             {config: `{"type": "colvin", "master": "eth0", "select": "any", "delegate": {"type": "macvlan", "Master": "eth1"}}`, want: []string{missing, set(`"Master", "master"`), values}},

	"master":             {config: `{"type": "colvin", "network": "green", "master": "eth0"}`, want: []string{set(`"master"`)}},
	"master null":        {config: `{"type": "colvin", "network": "green", "master": null}`, want: []string{set(`"master"`)}},
	"master in delegate": {config: `{"type": "colvin", "network": "green", "delegate": {"type": "ipvlan", "MASTER": "eth0"}}`, want: []string{set(`"MASTER"`)}},
	"in the container":   {config: `{"type": "colvin", "network": "green", "linkincontainer": true}`, want: []string{set(`"linkincontainer"`)}},
	"bridge":             {config: `{"type": "colvin", "network": "green", "delegate": {"type": "bridge", "bridge": "br0", "vlan": 5}}`, want: []string{set(`"bridge", "vlan"`)}},
	"vlan":               {config: `{"type": "colvin", "network": "green", "ipam": {"type": "dhcp"}, "delegate": {"type": "vlan", "vlanId": 5}}`, want: []string{set(`"vlanId"`)}},
	"host-device":        {config: `{"type": "colvin", "network": "green", "delegate": {"type": "host-device", "device": "eth0", "hwaddr": "02:00:00:00:00:01"}}`, want: []string{set(`"device", "hwaddr"`)}},
	"sriov":              {config: `{"type": "colvin", "network": "green", "delegate": {"type": "sriov", "vlan": 0, "vlanProto": ""}}`, want: []string{set(`"vlan"`)}},
	"own":                {config: `{"type": "colvin", "network": "green", "deviceKey": "nic", "delegate": {"type": "own", "NIC": "eth0"}}`, want: []string{set(`"NIC"`)}},

	"vlan passed over":   {config: `{"type": "colvin", "network": "green", "vlan": 5, "delegate": {"type": "ipvlan", "VlanID": 6, "vid": 0}}`, want: []string{set(`"VlanID", "vlan"`)}},
	"mode":               {config: `{"type": "colvin", "network": "green", "delegate": {"type": "ipvlan", "mode": "l4"}}`, want: []string{`spec.config: "mode" is none of ipvlan; write one of "l2", "l3", "l3s"`}},
	"good, modes":        {config: `{"type": "colvin", "network": "green", "mode": "l4", "mtu": 9000, "delegate": {"type": "macvlan", "mode": "vepa"}}`},
	"MTU in quotes":      {config: `{"type": "colvin", "network": "green", "mtu": "9000"}`, want: []string{noMTU}},
	"MTU below 0":        {config: `{"type": "colvin", "network": "green", "delegate": {"type": "bridge", "MTU": -1}}`, want: []string{noMTU}},
	"vlan without IPAM":  {config: `{"type": "colvin", "network": "green", "delegate": {"type": "vlan"}}`, want: []string{noIPAM}},
	"vlan, empty IPAM":   {config: `{"type": "colvin", "network": "green", "ipam": {"type": ""}, "delegate": {"type": "vlan"}}`, want: []string{noIPAM}},
	"good, vlan":         {config: `{"type": "colvin", "network": "green", "ipam": {"type": "dhcp"}, "delegate": {"type": "vlan"}}`},
	"IPAM no object":     {config: `{"type": "colvin", "network": "green", "ipam": "dhcp"}`, want: []string{noObject}},
	"delegate no object": {config: `{"type": "colvin", "network": "green", "delegate": "macvlan"}`, want: []string{noObject}},

	"no delegate type": {config: `{"type": "colvin", "network": "green", "delegate": {}}`, want: []string{`spec.config: the delegate has no "type"; write the plugin to hand on to, such as "type": "macvlan"`}},
	"delegate itself":  {config: `{"type": "colvin", "network": "green", "delegate": {"type": "colvin"}}`, want: []string{badDelegate("colvin")}},
	"InfiniBand":       {config: `{"type": "colvin", "network": "green", "delegate": {"type": "ib-sriov"}}`, want: []string{badDelegate("ib-sriov")}},
	"a path":           {config: `{"type": "colvin", "network": "green", "deviceKey": "d", "delegate": {"type": "../sh"}}`, want: []string{badDelegate("../sh")}},
	"no device key":    {config: `{"type": "colvin", "network": "green", "delegate": {"type": "own"}}`, want: []string{`spec.config: "deviceKey" is missing; write the key in which own expects the device`}},
	"select":           {config: `{"type": "colvin", "network": "green", "select": "any"}`, want: []string{values}},
	"isolation":        {config: `{"type": "colvin", "network": "green", "isolation": "on"}`, want: []string{values}},
	"run directory":    {config: `{"type": "colvin", "network": "green", "runDirectory": "/run/x"}`, want: []string{nodesDir}},
	"record directory": {config: `{"type": "colvin", "network": "green", "recordDirectory": "/var/x"}`, want: []string{nodesDir}},
	"a boolean":        {config: `{"type": "colvin", "network": "green", "select": true}`, want: []string{values}},

	"open brace":      {config: `{"type": "colvin", "network": "green"`, want: []string{unclosed}},
	"a brace more":    {config: `{"type": "colvin", "network": "green"}}`, want: []string{unclosed}},
	"trailing comma":  {config: `{"type": "colvin", "network": "green",}`, want: []string{unclosed}},
	"no comma":        {config: `{"type": "colvin" "network": "green"}`, want: []string{unclosed}},
	"no colon":        {config: `{"type": "colvin", "network" "green"}`, want: []string{unclosed}},
	"two documents":   {config: `{"type": "colvin", "network": "green"} {}`, want: []string{unclosed}},
	"a number as key": {config: `{"type": "colvin", "network": "green", 7: 8}`, want: []string{unclosed}},
	"wrong bracket":   {config: `{"type": "colvin", "network": "green", "x": [1}}`, want: []string{unclosed}},
	"leading zero":    {config: `{"type": "colvin", "network": "green", "mtu": 01500}`, want: []string{unclosed}},
	"no quotes":       {config: `{"type": "colvin", "network": green}`, want: []string{strange("g")}},
	"single quotes":   {config: `{'type': 'colvin', 'network': 'green'}`, want: []string{strange("'")}},
	"a comment":       {config: `{"type": "colvin", "network": "green"} // mine`, want: []string{strange("/")}},
	"a bad escape":    {config: `{"type": "colvin", "network": "green", "x": "\d"}`, want: []string{strange(`"`)}},
	"YAML":            {config: "type: colvin\nnetwork: green\n", want: []string{notJSON + "it begins with t, want an object in {}"}},
	"a list of them":  {config: `[{"type": "colvin", "network": "green"}]`, want: []string{notJSON + "it begins with [, want an object in {}"}},
}

func definition(config string) object {
	return object{
		"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
		"metadata": object{"name": "tried"}, "spec": object{"config": config},
	}
}

// warned is what is said of a definition, by either binding: those come in any order.
func warned(t *testing.T, c *controlplane.Client, method, path string, in object) []string {
	t.Helper()
	all, err := c.Warned(t.Context(), method, path, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range all {
		_, said, ok := strings.Cut(w, "with binding 'colvin-definitions")
		if !ok {
			t.Fatal(w)
		}
		_, all[i], _ = strings.Cut(said, "': ")
	}
	slices.Sort(all)
	return all
}

// TestDefinitions holds what is said of NetworkAttachmentDefinitions when they are applied,
// and that it is what the plugin says to the pod.
func TestDefinitions(t *testing.T) {
	c := controlplane.StartT(t, controlplane.Options{})
	const crd = "--filename=testdata/definition-crd.yaml"
	kubectl(t, c, "apply", crd)
	kubectl(t, c, "wait", "--for=condition=Established", "--timeout=30s", crd)
	eventually(t, func() error { return c.Do(t.Context(), http.MethodGet, definitions, nil, nil) })
	text, err := os.ReadFile(definitionPolicy)
	if err != nil {
		t.Fatal(err)
	}
	loud := strings.ReplaceAll(string(text), "failurePolicy: Ignore", "failurePolicy: Fail") // says where it cannot look
	if err := apply(t, c, loud); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		return different([]string{missing}, warned(t, c.Client, http.MethodPost, definitions+dryRun, definition(`{"type": "colvin"}`)))
	})
	t.Run("configurations", testConfigurations(c))
	t.Run("updates", testDefinitionUpdates(c))
	t.Run("size", testLargeDefinition(c))
	t.Run("kubectl", testToldAtApply(c))
	t.Run("optional", testOptional(c))
}

func testConfigurations(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		for name, tt := range configurations {
			got := warned(t, c.Client, http.MethodPost, definitions+dryRun, definition(tt.config))
			if diff := cmp.Diff(slices.Sorted(slices.Values(tt.want)), got); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, tt.config, diff)
			}
			if tt.otherwise {
				continue
			}
			err := cniplugin.New().Add(&skel.CmdArgs{StdinData: []byte(tt.config)})
			refused, ok := errors.AsType[*types.Error](err)
			if !ok || (refused.Code == types.ErrInvalidNetworkConfig) != (len(tt.want) > 0) {
				t.Errorf("%s: the plugin says of %s: %v", name, tt.config, err)
			}
			// The label is of the network that the plugin attaches to.
			label, _ := clusterview.NetworkOf(tt.config)
			if len(tt.want) == 0 && (label == "" || !strings.Contains(err.Error(), fmt.Sprintf("network %q", label))) {
				t.Errorf("%s: the label of %s is %q, and the plugin says %v", name, tt.config, label, err)
			}
		}
	}
}

// testDefinitionUpdates holds that a configuration is looked at when it is new: the
// controller labels definitions, and is not told each time.
func testDefinitionUpdates(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		const path = definitions + "/tried"
		bad := definition(`{"type": "colvin", "network": "green", "master": "eth0"}`)
		for _, step := range []struct {
			method, path string
			in           object
			want         []string
		}{
			{http.MethodPost, definitions, bad, []string{set(`"master"`)}},
			{http.MethodPatch, path, object{"metadata": object{"labels": object{"colvin.dev/network": "green"}}}, nil},
			{http.MethodPatch, path, object{"spec": object{"config": `{"type": "colvin", "network": "green"}`}}, nil},
			{http.MethodPatch, path, object{"spec": object{"config": `{"type": "colvin"}`}}, []string{missing}},
			{http.MethodPatch, path, object{"spec": nil}, nil},
			{http.MethodDelete, path, nil, nil},
		} {
			if diff := cmp.Diff(step.want, warned(t, c.Client, step.method, step.path, step.in)); diff != "" {
				t.Errorf("%s %v (-want +got):\n%s", step.method, step.in, diff)
			}
		}
	}
}

// testLargeDefinition holds that whoever has a long configuration is told, too, and that
// one which is too long to look at is let through.
func testLargeDefinition(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		long := func(n int) object {
			entries := strings.Repeat(`{"dst": "10.0.0.0/8", "gw": "10.10.0.1"},`, n)
			return definition(`{"type": "colvin", "master": "eth0", "network": "green", "ipam": {"type": "static", "routes": [` + strings.TrimSuffix(entries, ",") + `]}}`)
		}
		if diff := cmp.Diff([]string{set(`"master"`)}, warned(t, c.Client, http.MethodPost, definitions+dryRun, long(40))); diff != "" {
			t.Errorf("2 KB (-want +got):\n%s", diff)
		}
		kubectl(t, c, "apply", "--filename="+definitionPolicy)
		eventually(t, func() error {
			for _, w := range warned(t, c.Client, http.MethodPost, definitions+dryRun, long(2000)) {
				return fmt.Errorf("80 KB: %s", w)
			}
			return nil
		})
	}
}

// testToldAtApply is what a user does.
func testToldAtApply(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		file := t.TempDir() + "/definition.yaml"
		manifest := "apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: applied}\nspec: {config: '{\"type\": \"colvin\"}'}\n"
		if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
			t.Fatal(err)
		}
		out, told, err := c.KubectlTold(t.Context(), "apply", "--filename="+file)
		const want = "Warning: Validation failed for ValidatingAdmissionPolicy 'colvin-definitions' with binding 'colvin-definitions': " + missing
		if err != nil || strings.TrimSpace(told) != want || !strings.Contains(out, "created") {
			t.Errorf("%v\n%s\n%s", err, out, told)
		}
	}
}

// testOptional holds what is said by the optional binding, once the controller has listed
// the names, and that it repeats nothing.
func testOptional(c *controlplane.ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		kubectl(t, c, "apply", "--filename="+moreDefinitions)
		kubectl(t, c, "create", "namespace", "colvin-system")
		ask := func(config string) []string {
			return warned(t, c.Client, http.MethodPost, definitions+dryRun, definition(config))
		}
		const gren = `{"type": "colvin", "network": "gren"}`
		if got := ask(gren); got != nil {
			t.Errorf("without names: %q", got)
		}
		const unknown = `spec.config: no Network is called "gren", and no rule gives that name; "kubectl get cnet" lists the Networks: check the spelling, or add a rule`
		const names = "/api/v1/namespaces/colvin-system/configmaps"
		list := func(data object) object {
			return object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "colvin-networks"}, "data": data}
		}
		c.DoT(t, http.MethodPost, names, list(object{"names": "blue green rail-3"}), nil)
		eventually(t, func() error { return different([]string{unknown}, ask(gren)) })
		for config, want := range map[string][]string{
			`{"type": "colvin", "network": "green"}`:                  nil,
			`{"type": "colvin", "network": "blue"}`:                   nil,
			`{"type": "colvin", "network": "rail-3"}`:                 nil,
			`{"type": "colvin", "network": "rail"}`:                   {strings.ReplaceAll(unknown, "gren", "rail")},
			`{"type": "colvin", "network": "gren", "master": "eth0"}`: {set(`"master"`), unknown},
			`{"type": "colvin"}`:                                      {missing},
			`{"type": "colvin", "network": "Green"}`:                  {noName(`"Green"`)},
			`{"type": "colvin",}`:                                     {unclosed},
			`{"type": "colvin", "network": "green", "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.10.0.0/24"}]]}}`:                                    {shared},
			`{"type": "colvin", "network": "green", "ipam": {"subnet": "10.10.0.0/24", "type": "host-local"}}`:                                                    {shared},
			`{"type": "colvin", "network": "green", "delegate": {"type": "macvlan", "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.10.0.0/24"}]]}}}`:   {shared},
			`{"plugins": [{"type": "colvin", "network": "green", "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.10.0.0/24"}]]}}]}`:                     {shared},
			`{"type": "colvin", "network": "green", "capabilities": {"ipRanges": true}, "ipam": {"type": "host-local"}}`:                                          nil,
			`{"type": "colvin", "network": "green", "ipam": {"type": "whereabouts", "range": "10.10.0.0/24"}}`:                                                    nil,
			`{"plugins": [{"type": "colvin", "network": "green"}, {"type": "bridge", "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.10.0.0/24"}]]}}]}`: nil,
		} {
			if diff := cmp.Diff(slices.Sorted(slices.Values(want)), ask(config)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", config, diff)
			}
		}
		c.DoT(t, http.MethodPut, names+"/colvin-networks", list(nil), nil) // there are too many
		eventually(t, func() error { return different([]string(nil), ask(gren)) })
		kubectl(t, c, "delete", "--filename="+moreDefinitions)
	}
}
