// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/golden"
)

// exchange exchanges what two ports of nodes hear, as if their cables were.
func exchange(a, b *v1alpha1.Interface) { a.Port.Holder, b.Port.Holder = b.Port.Holder, a.Port.Holder }

// wired is a generated cluster in which some cables are not where they should be, and its plan.
func wired(t *testing.T) (server, plan string) {
	t.Helper()
	s := generate(t, 30)
	var text strings.Builder
	text.WriteString("# a rack, as it was built\nnodes:\n")
	for i := range 30 {
		fmt.Fprintf(&text, "  n%02d:\n    eth0: {device: leaf-0-a, port: Eth1/%d}\n    eth1: {device: LEAF-0-B, port: Eth1/%d}\n", i, i+1, i+1)
	}
	text.WriteString("  n99: {eth0: {device: leaf-0-a, port: Eth1/99}}\n")
	plan = filepath.FromSlash("testdata/plan/rack0.yaml")
	golden.Compare(t, plan, text.String())
	port := func(node, port int) *v1alpha1.Interface { return &s.topologyOf[nodeName(node)].Spec.Interfaces[port] }
	exchange(port(2, 0), port(2, 1))                      // on a node
	exchange(port(3, 0), port(4, 0))                      // on a switch
	port(5, 0).Port.Holder.PortID = "ifname:Ethernet1/48" // astray
	port(6, 0).Up = false
	port(7, 1).Port.Holder.Certainty, port(7, 1).Port.Holder.Reason = v1alpha1.Unverified, v1alpha1.Disputed
	port(8, 1).Port.Holder.Certainty = v1alpha1.Stale
	f := newFake(t)
	for _, o := range s.objects(t) {
		switch {
		case kindAndName(o) == "Node "+nodeName(10):
			o["status"] = jsonObject{"conditions": []any{jsonObject{"type": "Ready", "status": "Unknown"}}}
		case kindAndName(o) == "Node "+nodeName(12), kindAndName(o) == "Node "+nodeName(13):
			as[jsonObject](o["metadata"])["labels"] = map[string]string{"rack": "r7"}
		case strings.HasPrefix(kindAndName(o), "Node "):
			as[jsonObject](o["metadata"])["labels"] = map[string]string{"rack": "r0"}
		}
		f.add(o)
	}
	return f.start(), plan
}

func kindAndName(o jsonObject) string { return text(o, "kind") + " " + text(o, "metadata", "name") }

// TestPlan checks the cables of a cluster: against a plan, and against each other.
func TestPlan(t *testing.T) {
	server, plan := wired(t)
	for name, args := range map[string]string{
		"check": "check PLAN", "check-strict": "check PLAN --strict", "check-json": "check PLAN -o json", "check-csv": "check PLAN -o csv",
		"check-yaml": "check PLAN -o yaml", "symmetry": "check --symmetry", "symmetry-json": "check --symmetry -o json", "symmetry-pool": "check --symmetry --pool rack", "symmetry-no-pool": "check --symmetry --pool rak",
		"both": "check PLAN --symmetry", "neither": "check", "pool-alone": "check PLAN --pool rack", "help": "check --help", "save": "save", "save-dot": "save -o dot",
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, server, append([]string{"plan"}, strings.Fields(strings.ReplaceAll(args, "PLAN", plan))...)...)
			expect(t, "plan-"+name, got)
		})
	}
	f := newSite(t, 100)
	f.refused["list rulesets.colvin.dev"], f.refused["list colours.colvin.dev"] = true, true // which are not needed
	server = f.start()
	for _, format := range []string{"yaml", "dot", "csv"} {
		file := filepath.Join(t.TempDir(), "saved")
		saved := run(t, server, "plan", "save", "-o", format)
		if format == "csv" { // what is left out stands on the standard error
			saved = saved[strings.Index(saved, "device,"):]
		}
		if err := os.WriteFile(file, []byte(saved), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, want := run(t, server, "plan", "check", file, "--strict"), "Cables of "+file+" on 100 nodes: 175 ok.\n"; got != want {
			t.Errorf("what was saved as %s: got %s, want %s", format, got, want)
		}
	}
	f.refused["list nodes"] = true
	expect(t, "plan-refused", run(t, server, "plan", "check", "--symmetry"))
}
