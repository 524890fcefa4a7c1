// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
)

// before is the last commit whose files had sentences for identities, a flat node file
// and records without a version.
const before = "5323f9d"

// history is the feature of a checkout that has its history.
var history = netnstest.NewFeature("history", "", func() error {
	if out, err := exec.Command("git", "cat-file", "-e", before+"^{commit}").CombinedOutput(); err != nil {
		return fmt.Errorf("this checkout has no commit %s (%w: %s)", before, err, strings.TrimSpace(string(out)))
	}
	return nil
})

// buildBefore builds the programs of that commit.
func buildBefore(t *testing.T) lab.Binaries {
	t.Helper()
	netnstest.Require(t, history, netnstest.NetNS, netnstest.RealLLDPD)
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	if err := os.Mkdir(source, 0o755); err != nil {
		t.Fatal(err)
	}
	top, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "source.tar")
	for _, args := range [][]string{
		{"git", "-C", strings.TrimSpace(string(top)), "archive", "--output", archive, before},
		{"tar", "-xf", archive, "-C", source},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	bin, err := lab.BuildFrom(t.Context(), filepath.Join(dir, "bin"), source, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// run has the node run other programs and other rules.
func (b *bench) run(bin lab.Binaries, rules string) {
	b.t.Helper()
	b.ok(b.node.StopAgent())
	b.node.Install(bin)
	b.ok(b.node.WriteFile("/etc/colvin/rules.yaml", rules))
	b.start()
}

// attachSoon attaches a pod as soon as the plugin finds its network.
func (b *bench) attachSoon(network string) (p *lab.Pod, result string) {
	b.t.Helper()
	p = b.pod(network)
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.Tick(100 * time.Millisecond); ; <-tick {
		result, err := p.Add(b.t.Context())
		said, refused := errors.AsType[*lab.CNIError](err)
		switch {
		case err == nil:
			return p, result
		case !refused || !strings.Contains(said.Output, `"code": 11`) && !strings.Contains(said.Output, `"code":11`) || time.Now().After(deadline):
			b.t.Fatal(err)
		}
	}
}

// TestUpgrade has containers attached while plugin and agent are replaced by later
// ones, and by earlier ones again. The network is renamed with it, so that nothing but
// the recorded identity says where the container belongs.
func TestUpgrade(t *testing.T) {
	earlier := buildBefore(t)
	b := newBench(t, rules)
	renamed := strings.ReplaceAll(rules, "name: green", "name: verdant")
	b.node.Install(earlier)
	b.start()
	first, firstResult := b.attachSoon("green")
	b.awaitPods("pod1 ok")

	b.run(binaries.Binaries, renamed)
	b.awaitPods("pod1 ok")
	if code := b.check(first, firstResult); code != 0 {
		t.Errorf("CHECK of the earlier container by the later plugin: %d", code)
	}
	second, secondResult := b.attachSoon("verdant")
	b.awaitPods("pod1 ok", "pod2 ok")
	b.moveToBlue()
	b.awaitPods("pod1 moved", "pod2 moved")
	if code := b.check(first, firstResult); code != codeMoved {
		t.Errorf("CHECK of the earlier container, moved: %d", code)
	}
	b.ok(b.node.Move(t.Context(), "eth1", b.green, "p1", lab.GreenVLAN))
	b.awaitPods("pod1 ok", "pod2 ok")
	third, _ := b.attachSoon("verdant")

	b.run(earlier, renamed)
	b.awaitPods("pod1 ok", "pod2 ok", "pod3 ok")
	if code := b.checkOn("verdant", second, secondResult); code != 0 {
		t.Errorf("CHECK of the later container by the earlier plugin: %d", code)
	}
	b.ok(second.Del(t.Context()))
	b.awaitPods("pod1 ok", "pod3 ok")

	b.run(binaries.Binaries, renamed)
	b.awaitPods("pod1 ok", "pod3 ok")
	b.ok(first.Del(t.Context()))
	b.ok(third.Del(t.Context()))
	left, err := filepath.Glob(b.node.Path("/var/lib/colvin/attachments/*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
