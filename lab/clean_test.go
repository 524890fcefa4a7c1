// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// asCleaner runs a command as the pod that cleans a node does: root with no more than
// CAP_NET_ADMIN, and a PID namespace of its own.
var asCleaner = []string{
	"unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
	"setpriv", "--bounding-set=-all,+net_admin", "--inh-caps=-all", "--no-new-privs",
}

// TestPluginsCleanNode has everything removed of an agent that was killed and gave names,
// while pods are attached and when none is.
func TestPluginsCleanNode(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	r.ok(r.KillAgent())
	r.ok(r.WriteFile("/etc/colvin/colvind.yaml", altNamesConfig))
	r.startAgent()
	awaitAltNames(t, r.Node, "eth1 green")
	r.ok(copyFiles(binaries.CNI, r.Path(ownCNI)))
	r.ok(copyProgram(binaries.Colvin, r.Path(filepath.Join(ownCNI, "colvin-cli"))))
	clean := func(more ...string) (string, error) {
		args := slices.Concat(asCleaner, []string{binaries.Colvin, "clean-node", "--cni-path", ownCNI, "--command-directory", ownCNI, "--command-name", "colvin-cli"}, more)
		out, err := r.Command(t.Context(), args[0], args[1:]...).CombinedOutput()
		return string(out), err
	}
	refuses := func(words ...string) {
		t.Helper()
		for _, more := range []string{"--check", "--stay=false"} {
			said, err := clean(more)
			if _, failed := errors.AsType[*exec.ExitError](err); !failed || strings.Count(said, "\n") != 1 {
				t.Errorf("%s: %v, want one line that refuses:\n%s", more, err, said)
			}
			for _, w := range words {
				if !strings.Contains(said, w) {
					t.Errorf("%s: want %q in %s", more, w, said)
				}
			}
		}
	}
	call := func(p *lab.Pod, verb string) error {
		cmd := r.Command(t.Context(), filepath.Join(ownCNI, "colvin"))
		cmd.Env, cmd.Stdin = append(p.Command(t.Context(), verb).Env, "CNI_PATH="+ownCNI), strings.NewReader(r.stdin(hostLocal).String())
		return cmd.Run()
	}
	first, second := r.pod(r.stdin(hostLocal)), r.pod(r.stdin(hostLocal))
	r.ok(call(first, "ADD"))
	refuses("an agent runs on this node")
	awaitAltNames(t, r.Node, "eth1 green")

	r.ok(r.KillAgent())
	refuses(first.String(), `"colvin-cli gc" as root on the node itself`)
	awaitAltNames(t, r.Node)  // nobody looks after them
	r.ok(call(second, "ADD")) // by the word of the agent that ran last
	refuses(first.String(), second.String())
	r.pings(first)
	r.pings(second)
	r.ok(errors.Join(call(first, "DEL"), call(second, "DEL")))
	r.clean()

	said, err := clean()
	if err != nil {
		t.Fatal(err, said)
	}
	for _, dir := range []string{nodefile.DefaultDir, nodeStateDir, recordDir} {
		if left := r.files(dir); len(left) != 0 {
			t.Errorf("left: %q", left)
		}
	}
	if left := r.files(ownCNI); slices.ContainsFunc(left, func(path string) bool { return strings.HasPrefix(filepath.Base(path), "colvin") }) || len(left) == 0 {
		t.Errorf("left of plugins: %q", left)
	}
	if said, err := clean("--check"); err != nil || said != "" {
		t.Errorf("nothing is left: %v, %s", err, said)
	}
}

// TestPluginsCleanNodeStays has the command wait for a pod and end when the pod that cleans
// is deleted.
func TestPluginsCleanNodeStays(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	cmd := r.Command(t.Context(), binaries.Colvin, "clean-node", "--stay", "--cni-path", ownCNI)
	out, err := cmd.StdoutPipe()
	r.ok(errors.Join(err, cmd.Start()))
	said := make([]byte, 1024)
	n, err := out.Read(said)
	r.ok(err)
	if want := "Waits: an agent runs on this node"; !strings.HasPrefix(string(said[:n]), want) {
		t.Errorf("want %q in %q", want, said[:n])
	}
	r.ok(cmd.Process.Signal(syscall.SIGTERM))
	r.ok(cmd.Wait())
	r.leads("eth1") // the agent goes on
}

// copyProgram copies a program.
func copyProgram(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
