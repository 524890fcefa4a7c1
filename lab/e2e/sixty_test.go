// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/colvin-net/colvin/lab/kubenode"
)

const (
	sixty = 60 // pods
	wave  = 10 // how many of them come at a time
)

// sixtyPods has pods come while Colvin is upgraded, as docs/install.md says, and go while it is
// rolled back; between them the API server is stopped. Each pod was attached, and nothing is left
// of any.
func sixtyPods(b *bench) {
	const other = "v0.1.1"
	dir := b.t.TempDir()
	var built errgroup.Group
	built.Go(func() error { return BuildImages(b.ctx, dir, other) })
	before := b.kept()
	defer b.defineBare()()
	few := b.applyFew()
	b.apply(deployment("load", "bare", 0))
	b.ok(built.Wait())
	for _, n := range b.Kubelets {
		b.ok(n.Import(b.ctx, Archives(dir, other)...))
	}

	began := time.Now()
	upgraded, wait := b.begin(func() error { return b.upgradeTo(other) })
	early := 0
	for count := few; count < sixty; {
		count = min(count+wave, sixty)
		b.scale("load", count-few)
		if !upgraded() {
			early = count
		}
	}
	b.t.Logf("%d pods came in %.0f s, %d of them before the last agent was upgraded", sixty, time.Since(began).Seconds(), early)
	wait()
	b.plugins(other)

	b.outage()

	began = time.Now()
	_, wait = b.begin(b.rollBack)
	b.remove(append(outageDeployments, "load")...)
	b.t.Logf("%d pods went in %.0f s", sixty, time.Since(began).Seconds())
	wait()
	b.plugins(Version)
	b.keeps(before, append(outageDeployments, "load")...)
	b.failedADDs("load")
}

// begin does something beside the step, and returns what tells whether that is over, and what waits
// for it.
func (b *bench) begin(do func() error) (over func() bool, wait func()) {
	done := make(chan struct{})
	var doing errgroup.Group
	doing.Go(func() error {
		defer close(done)
		return do()
	})
	over = func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	return over, func() {
		b.t.Helper()
		b.ok(doing.Wait())
	}
}

// scale gives a deployment so many pods, and waits until all are Ready.
func (b *bench) scale(deployment string, pods int) {
	b.t.Helper()
	b.kubectl("scale", "deployment/"+deployment, fmt.Sprintf("--replicas=%d", pods))
	b.ready("app="+deployment, pods)
}

// upgradeTo does what docs/install.md says, and waits until it is done.
func (b *bench) upgradeTo(version string) error {
	for _, args := range [][]string{
		{"upgrade", "--install", "colvin-crds", filepath.Join(b.top, "deploy/chart-crds"), "--namespace=" + namespace, "--take-ownership"},
		{"upgrade", release, filepath.Join(b.top, "deploy/chart"), "--namespace=" + namespace, "--reset-then-reuse-values", "--set=image.tag=" + version},
	} {
		if _, err := b.Helm(b.ctx, args...); err != nil {
			return err
		}
	}
	return b.rolledOut()
}

// rollBack does what docs/install.md says, and waits until it is done.
func (b *bench) rollBack() error {
	if _, err := b.Helm(b.ctx, "rollback", release, "--namespace="+namespace); err != nil {
		return err
	}
	return b.rolledOut()
}

// rolledOut waits until agents and controller are those of the release.
func (b *bench) rolledOut() error {
	_, err := b.Kubectl(b.ctx, "--namespace="+namespace, "rollout", "status", "daemonset/colvin-agent", "deployment/colvin-controller", "--timeout=400s")
	return err
}

// plugins holds that the plugin of each node is of a version.
func (b *bench) plugins(version string) {
	b.t.Helper()
	for _, n := range b.Kubelets {
		said, err := n.Command(b.ctx, filepath.Join(kubenode.BinDir, "colvin")).CombinedOutput() // called by nobody's runtime
		b.ok(err)
		if !strings.Contains(string(said), " "+version+":") {
			b.t.Errorf("the plugin on %s is not that of %s: %s", n, version, said)
		}
	}
}

// failedADDs holds that no ADD of pods failed by Colvin's fault, and says which did by others'.
func (b *bench) failedADDs(prefix string) {
	b.t.Helper()
	failed := map[string]int{}
	for _, e := range b.warnings(prefix) {
		if e.Reason != "FailedCreatePodSandBox" {
			continue
		}
		who := failedBy(e.Message)
		failed[who] += int(max(1, e.Count))
		b.t.Logf("by %s: %s: %s", who, e.InvolvedObject.Name, e.Message)
		if who == "colvin" {
			b.t.Errorf("an ADD of pod %s failed", e.InvolvedObject.Name)
		}
	}
	b.t.Logf("ADDs that failed, by who did not do his part: %v", failed)
}

// failedBy is who an ADD failed by, as Multus says it.
func failedBy(message string) string {
	_, delegate, ok := strings.Cut(message, "error adding container to network ")
	switch {
	case !ok: // it came to no network
		return "multus or kubelet"
	case strings.HasPrefix(delegate, `"cluster"`):
		return "the pods' own network"
	case strings.HasPrefix(delegate, `"green"`) && (strings.Contains(delegate, "leader") || strings.Contains(delegate, "whereabouts")):
		return "whereabouts"
	}
	return "colvin"
}
