// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTopologyOfFiles draws nodes that were asked one by one, without an agent.
func TestTopologyOfFiles(t *testing.T) {
	asked := t.TempDir()
	serve(t, asked)
	node1 := run(t, asked, "topology", "-o", "json")
	node2 := strings.Replace(node1, `"name": "node1"`, `"name": "node2"`, 1)
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	one, two, both := write("1", node1), write("2", node2), write("both", node1+node2)
	apart, together := run(t, dir, "topology", "-o", "svg", one, two), run(t, dir, "topology", "-o", "svg", both)
	if apart != together || !strings.Contains(apart, "node1") || !strings.Contains(apart, "node2") {
		t.Errorf("of two files:\n%s\nof one with both:\n%s", apart, together)
	}
	expect(t, "topology-files", run(t, dir, "topology", both))
	for name, want := range map[string]string{
		one + " " + both:           "error: put RUN/1, RUN/both together: node node1 is there twice; give each node once\n",
		write("empty", ""):         "error: read topology from RUN/empty: there is no node in it; \"colvin topology -o json\" prints what is wanted\n",
		write("other", "{}"):       "error: read topology from RUN/other: there is no node in it; \"colvin topology -o json\" prints what is wanted\n",
		write("text", "x"):         "error: read topology from RUN/text: invalid character 'x' looking for beginning of value; \"colvin topology -o json\" prints what is wanted\n",
		filepath.Join(dir, "none"): "error: read topology: open RUN/none: no such file or directory\n",
	} {
		if got := run(t, dir, append([]string{"topology"}, strings.Fields(name)...)...); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestTopologyParts shows what is around a node or a switch, or leads to a network.
func TestTopologyParts(t *testing.T) {
	asked := t.TempDir()
	serve(t, asked)
	node1 := run(t, asked, "topology", "-o", "json")
	dir := t.TempDir()
	both := filepath.Join(dir, "both")
	second := strings.NewReplacer(`"name": "node1"`, `"name": "node2"`, "Ethernet1/8", "Ethernet1/9").Replace(node1)
	if err := os.WriteFile(both, []byte(node1+second), 0o600); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, args := range []string{
		"--around node1", "--around node1 --hops 2", "--around mac:00:00:5e:00:53:02", "--around attic-3560.example.net --network green", "--network green",
		"--network green --around node2", "--network gren", "--around node", "--around node1 --hops 0", "--hops 2", "--unfold", "--theme dark -o json", "--theme dark -o mermaid", "--theme grey -o svg",
	} {
		text.WriteString("$ colvin topology both " + args + "\n" + run(t, dir, append([]string{"topology", both}, strings.Fields(args)...)...) + "\n")
	}
	expect(t, "topology-parts", text.String())
	folded, unfolded := run(t, dir, "topology", both, "-o", "svg", "--network", "green"), run(t, dir, "topology", both, "-o", "svg", "--network", "green", "--unfold")
	if !strings.Contains(folded, ">2 nodes</text>") || strings.Contains(unfolded, "2 nodes") || !strings.Contains(unfolded, ">node2</text>") {
		t.Errorf("two nodes that are alike: folded\n%s\nunfolded\n%s", folded, unfolded)
	}
}
