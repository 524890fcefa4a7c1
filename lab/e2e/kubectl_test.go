// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// buildPlugin builds kubectl-colvin into a directory, for kubectl to find it there.
func (b *bench) buildPlugin(dir string) {
	b.t.Helper()
	build := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, "kubectl-colvin"), "./cmd/kubectl-colvin")
	build.Dir = b.top
	if said, err := build.CombinedOutput(); err != nil {
		b.t.Fatalf("build kubectl-colvin: %v\n%s", err, said)
	}
}

// plugin asks the cluster as an admin does, by kubectl colvin.
func (b *bench) plugin(words ...string) (string, error) {
	cmd := exec.CommandContext(b.ctx, b.Program("kubectl"), append(append([]string{"colvin"}, words...), "--kubeconfig="+b.AdminFile())...)
	cmd.Env = append(os.Environ(), "PATH="+b.kubectlDir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl colvin %s: %w\n%s", strings.Join(words, " "), err, out)
	}
	return string(out), nil
}

// explains waits until kubectl colvin why says all of it of a pod, and returns what it says.
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
