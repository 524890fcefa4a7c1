// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/lab/kubenode"
)

// A mistake is one of a user's, with a definition and a pod of its name.
type mistake struct {
	name   string
	config string // of the definition; empty: there is none
	warned string // by kubectl apply of the definition
	node   string // that the pod is bound to; empty: the scheduler's choice
	says   string // kubectl describe pod
	lasts  bool   // a corrected definition does not help the pod that waits
	as     string // behind the definition's name in the annotation of its pod
}

// pluginless is the node whose plugin is taken away.
const pluginless = "node2"

// attached is a pod that cannot go while its node has no plugin.
var attached = mistake{name: "attached", says: `failed to find plugin "colvin" in path`}

// fromWhereabouts gives a pod of these definitions its address.
const fromWhereabouts = `"ipam": {"type": "whereabouts", "range": "10.10.0.0/24", "exclude": ["10.10.0.0/28"]}`

// mistakes are what docs/troubleshooting.md has in the users' words.
func mistakes() []mistake {
	of := func(keys string) string {
		return `{"cniVersion": "1.1.0", "name": "green", "type": "colvin", ` + keys + `}`
	}
	gren, green := of(`"network": "gren", `+fromWhereabouts), of(`"network": "green", `+fromWhereabouts)
	return []mistake{
		{
			"wrong-name", gren, `spec.config: no Network is called "gren", and no rule gives that name`, "",
			"node(s) didn't match Pod's node affinity/selector", true, "",
		},
		{
			"wrong-name-bound", gren, `spec.config: no Network is called "gren", and no rule gives that name`, "node1",
			`network "gren" is not known: no rule or colour has that name; known here: blue-starling, green; did you mean "green"?`, false, "",
		},
		{
			"misspelt-key", of(`"netwrok": "green", ` + fromWhereabouts), `spec.config: "network" is missing`, "node3",
			`"network" is missing: the name of the network to attach to; "netwrok" is nearly that key`, false, "",
		},
		{
			"wrong-type", of(`"network": 5, ` + fromWhereabouts), `spec.config: "network" is 5, which cannot be the name of a network`, "node1",
			`"network" is not a string`, false, "",
		},
		{"no-json", `{type: colvin, network: green}`, "spec.config is not JSON", "node3", "failed to unmarshal Spec.Config: invalid character 't'", false, ""},
		{"no-definition", "", "", "node3", "cannot find a network-attachment-definition (no-definition) in namespace (default)", false, ""},
		{"no-plugin", green, "", pluginless, `failed to find plugin "colvin" in path`, false, ""},
		{"no-green", green, "", blueNode, `network "green" is not on this node: the rules know it, but no port here leads to it; here: blue-starling`, true, ""},
		{"taken-interface", green, "", "node3", "validateIfName: interface name eth0 already exists", true, "@eth0"},
		{"long-interface", green, "", "node3", "Failed to parse interface name", true, "@sixteen-letters1"},
	}
}

// TestWordsInDocs holds that a user finds what he is told of each mistake.
func TestWordsInDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	var quotes []string
	for _, cell := range regexp.MustCompile(`(?m)^\| .*? \|`).FindAllString(string(page), -1) { // the first of each row
		quotes = append(quotes, regexp.MustCompile("`[^`]{10,}`").FindAllString(cell, -1)...)
	}
	for _, m := range append(mistakes(), attached) {
		for _, words := range []string{m.warned, m.says} {
			if !slices.ContainsFunc(quotes, func(quote string) bool { return quoted(quote, words) }) {
				t.Errorf("docs/troubleshooting.md does not have %q", words)
			}
		}
	}
}

// quoted reports whether words are those of a quote, in which ... stands for anything.
func quoted(quote, words string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.Trim(quote, "`")), `\.\.\.`, ".*")
	return words == "" || regexp.MustCompile(pattern).MatchString(words)
}

// wrongWords makes the mistakes that users make, and holds what is said of each to them and
// that they get on once it is corrected.
func wrongWords(b *bench) {
	b.kubectl("apply", "--filename="+filepath.Join(b.top, "deploy/manifests/optional/definitions.yaml"))
	b.await(b.warnsOfNames)
	b.apply(wrongPod(attached.name, "green", pluginless))
	b.ready("app=wrong", 1)
	b.ok(os.Remove(b.node(pluginless).Path(filepath.Join(kubenode.BinDir, "colvin")))) // as a new image of the node would
	b.kubectl("delete", "pod", attached.name, "--wait=false")
	all := mistakes()
	for _, m := range all {
		b.warnedOf(m)
	}
	var pods []string
	for _, m := range all {
		pods = append(pods, wrongPod(m.name, m.name+m.as, m.node))
	}
	b.apply(strings.Join(pods, "---\n"))
	began := time.Now()
	for _, m := range append(all, attached) {
		b.await(func() error { return b.describes(m) })
		b.t.Logf("%s after %.0f s:\n%s", m.name, time.Since(began).Seconds(), b.whyNot(m.name))
	}
	b.t.Log(b.kubectl("get", "pods"), b.kubectl("get", "cnet"))
	b.correct(all)
	b.kubectl("delete", "pods", "--selector=app=wrong", "--wait")
	b.kubectl("delete", "net-attach-def", "--selector=app=wrong")
	b.kubectl("delete", "--filename="+filepath.Join(b.top, "deploy/manifests/optional/definitions.yaml"))
}

// wrongDefinition is a NetworkAttachmentDefinition that is deleted with the others of this test.
func wrongDefinition(name, config string) string {
	return fmt.Sprintf(`apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: %s, labels: {app: wrong}}
spec: {config: %q}
`, name, config)
}

// wrongPod is a pod that asks for a definition, on a node or wherever the scheduler wants.
func wrongPod(name, networks, node string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata:
  name: %s
  labels: {app: wrong}
  annotations: {k8s.v1.cni.cncf.io/networks: %s}
spec:
  nodeName: %q
  terminationGracePeriodSeconds: 1
  containers:
  - {name: main, image: %q, imagePullPolicy: Never}
`, name, networks, node, controlplane.ToolsImage)
}

// warnsOfNames is nil once the API server has the policy about names.
func (b *bench) warnsOfNames() error {
	m := mistakes()[0]
	_, told, err := b.applyTold(wrongDefinition(m.name, m.config), "--dry-run=server")
	if err == nil && !strings.Contains(told, m.warned) {
		err = fmt.Errorf("no warning but %q", told)
	}
	return err
}

// applyTold applies an object, and returns what is said beside.
func (b *bench) applyTold(yaml string, more ...string) (out, told string, err error) {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "object.yaml")
	b.ok(os.WriteFile(file, []byte(yaml), 0o600))
	return b.KubectlTold(b.ctx, append([]string{"apply", "--filename=" + file}, more...)...)
}

// warnedOf applies the definition of a mistake, which is warned of and not refused.
func (b *bench) warnedOf(m mistake) {
	b.t.Helper()
	if m.config == "" {
		return
	}
	_, told, err := b.applyTold(wrongDefinition(m.name, m.config))
	b.ok(err)
	if (m.warned == "") != (told == "") || !strings.Contains(told, m.warned) {
		b.t.Errorf("%s is warned of with %q, want %q", m.name, told, m.warned)
	}
	b.t.Logf("%s: %s", m.name, told)
}

// describes is nil once kubectl describe tells the user what is wrong.
func (b *bench) describes(m mistake) error {
	if said := strings.ReplaceAll(b.whyNot(m.name), `\"`, `"`); !strings.Contains(said, m.says) {
		return fmt.Errorf("of %s kubectl describe does not say %q but:\n%s", m.name, m.says, said)
	}
	return nil
}

// correct makes up for the mistakes: by the plugin, which the agent's pod brings, by
// definitions, and by other pods in place of those that are bound to what is wrong.
func (b *bench) correct(all []mistake) {
	b.kubectl("--namespace="+namespace, "delete", "pods", "--wait=false", "--selector=app.kubernetes.io/component=agent", "--field-selector=spec.nodeName="+pluginless)
	began := time.Now()
	var right, again []string
	for _, m := range all {
		right = append(right, wrongDefinition(m.name, `{"cniVersion": "1.1.0", "name": "green", "type": "colvin", "network": "green", `+fromWhereabouts+`}`))
		if m.lasts {
			b.kubectl("delete", "pod", m.name, "--wait")
			again = append(again, wrongPod(m.name, m.name, ""))
		}
	}
	b.apply(strings.Join(right, "---\n"))
	for _, m := range all {
		if m.lasts {
			b.awaitPlaced(m.name)
		}
	}
	b.apply(strings.Join(again, "---\n"))
	b.ready("app=wrong", len(all))
	b.t.Logf("all are Ready %.0f s after the cure", time.Since(began).Seconds())
	b.kubectl("--namespace="+namespace, "rollout", "status", "daemonset/colvin-agent", "--timeout=60s")
}
