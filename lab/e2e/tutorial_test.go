// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/lab/controlplane"
)

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// tutorial runs the commands of docs/tutorial.md, as they stand there, in a shell that has what
// make e2e KEEP=1 says. It leaves Colvin installed, and nothing named.
func tutorial(b *bench) {
	page, err := os.ReadFile(filepath.Join(b.top, "docs/tutorial.md"))
	b.ok(err)
	var script strings.Builder
	for i, block := range shellBlock.FindAllStringSubmatch(string(page), -1) {
		if i > 0 { // which is for somebody else's cluster
			script.WriteString(block[1])
		}
	}
	helm, err := controlplane.HelmProgram()
	b.ok(err)
	cmd := exec.CommandContext(b.ctx, "bash", "-euo", "pipefail", "-v", "-c", script.String())
	cmd.Dir = b.top
	cmd.Env = []string{
		"PATH=" + filepath.Dir(b.Program("kubectl")) + ":" + filepath.Dir(helm) + ":" + os.Getenv("PATH"),
		"KUBECONFIG=" + b.AdminFile(), "HOME=" + b.t.TempDir(),
	}
	began := time.Now()
	out, err := cmd.CombinedOutput()
	b.t.Logf("%s", out)
	b.ok(err)
	b.t.Logf("from nothing to two pods that talk, and away again: %.0f s", time.Since(began).Seconds())
	b.await(func() error { return b.networksAre("blue-starling", "sage-stork") })
}

// networksAre compares the names of all Networks.
func (b *bench) networksAre(want ...string) error {
	out, err := b.Kubectl(b.ctx, "get", "cnet", "--output=jsonpath={.items[*].metadata.name}")
	if err != nil {
		return err
	}
	if got := strings.Fields(out); !slices.Equal(got, want) {
		return fmt.Errorf("networks (-want +got):\n%s", cmp.Diff(want, got))
	}
	return nil
}
