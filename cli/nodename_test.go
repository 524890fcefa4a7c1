// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// TestNodeNames holds that a node may be called whatever Kubernetes allows: with dots, and
// longer than a label's value or a DNS label.
func TestNodeNames(t *testing.T) {
	for _, name := range []string{
		"rack-7.row-b.dc1.example.org", strings.Repeat("n", 63), strings.Repeat("n", 63) + ".example.org", strings.Repeat(strings.Repeat("n", 62)+".", 4) + "x",
	} {
		dir := t.TempDir()
		state := agentState(t)
		state.Node, state.View.Node = name, name
		serveState(t, dir, func() (*agentapi.State, error) { return state, nil }, changesSince)
		for _, args := range []string{"status", "status -o json", "topology -o json", "topology -o svg", "topology -o dot", "topology -o mermaid", "explain nowhere"} {
			if got := run(t, dir, strings.Fields(args)...); !strings.Contains(got, name) {
				t.Errorf("%s of %s:\n%s", args, name, got)
			}
		}
		r := newBundleRig(t, func() *agentapi.State { return state })
		run(t, r.dir, append(r.args, "--scrub")...)
		for file, text := range unpack(t, r.file) {
			for part := range strings.SplitSeq(name, ".") {
				if len(part) > 4 && strings.Contains(text, part) && !strings.Contains("example.org", part) {
					t.Errorf("%q of %s is in %s:\n%s", part, name, file, text)
				}
			}
		}

		dir = t.TempDir()
		file := nodefile.File{Version: nodefile.Version, Node: name, BootID: "boot-1", Written: now}
		if err := nodefile.Write(filepath.Join(dir, nodefile.FileName), &file); err != nil {
			t.Fatal(err)
		}
		if got := run(t, dir, "networks"); !strings.HasPrefix(got, "No agent runs on "+name+".") {
			t.Errorf("networks of %s without an agent:\n%s", name, got)
		}
	}
}
