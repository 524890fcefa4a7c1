// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// pluginDir is where kubectl-colvin is, which is built once.
var pluginDir = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "colvin-kubectl-"); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, "kubectl-colvin"), "github.com/colvin-net/colvin/cmd/kubectl-colvin")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build kubectl-colvin: %w\n%s", err, said)
	}
	return dir, nil
})

// plugin asks the cluster as an admin does, by kubectl colvin.
func (b *bench) plugin(words ...string) (string, error) {
	dir, err := pluginDir()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(b.ctx, b.Program("kubectl"), append(append([]string{"colvin"}, words...), "--kubeconfig="+b.AdminFile())...)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl colvin %s: %w\n%s", strings.Join(words, " "), err, out)
	}
	return string(out), nil
}

// explains waits until kubectl colvin why says all of it of a pod, and returns what it says. A step
// that has a pod wait calls it behind waits, with the same words of the plugin's where the pod
// has a node, and with those of each node's reason where it has none.
func (b *bench) explains(pod string, want ...string) (said string) {
	b.t.Helper()
	b.await(func() (err error) {
		if said, err = b.plugin("why", pod); err != nil {
			return err
		}
		for _, w := range want {
			if !strings.Contains(said, w) {
				return fmt.Errorf("kubectl colvin why %s does not say %q:\n%s", pod, w, said)
			}
		}
		return nil
	})
	return said
}

// onceEach asks each command once, of a cluster in which green is named and pods are attached.
func (b *bench) onceEach() {
	b.t.Helper()
	for _, words := range []string{
		"networks", "networks green", "networks --missing", "nodes", "neighbors", "interfaces", "switch sw-green", "topology", "attachments -A", "rules suggest",
		"networks -o json", "nodes -o yaml", "topology -o svg",
	} {
		out, err := b.plugin(strings.Fields(words)...)
		b.ok(err)
		b.t.Logf("kubectl colvin %s\n%s", words, out)
	}
}

// Steps are to call them.
var _, _ = (*bench).explains, (*bench).onceEach
