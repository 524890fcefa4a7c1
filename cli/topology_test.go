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
