// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/colvin-net/colvin/lab/kubenode"
)

const (
	churned    = 60 // how many pods come and go while agents and plugin are exchanged
	bareChurn  = 6  // how many of them there are at a time
	greenChurn = 2  // and such with addresses
)

// churn upgrades Colvin, as docs/install.md says, while pods come and go, and rolls it back while
// the last go: each was attached, and nothing is left of any.
func churn(b *bench) {
	const other = "v0.1.1"
	dir := b.t.TempDir()
	var built errgroup.Group
	built.Go(func() error { return BuildImages(b.ctx, dir, other) })
	before := b.kept()
	defer b.defineBare()()
	b.apply(deployment("churn", "bare", bareChurn))
	b.apply(deployment("churn-green", "green", greenChurn)) // whose addresses whereabouts gives one after the other
	b.ok(built.Wait())
	for _, n := range b.Kubelets {
		b.ok(n.Import(b.ctx, Archives(dir, other)...))
	}
	b.allReady()

	began := time.Now()
	gone := b.churnWhile(func() error { return b.upgradeTo(other) })
	b.t.Logf("%d pods came and went in %.0f s, %d of them before the last agent was upgraded", churned, time.Since(began).Seconds(), gone)
	b.plugins(other)
	b.allReady()
	b.helm("rollback", release, "--namespace="+namespace)
	b.remove("churn", "churn-green")
	b.ok(b.rolledOut())
	b.plugins(Version)
	b.keeps(before, "churn", "churn-green")
	b.failedADDs("churn")
}

// allReady waits for all pods of the churn.
func (b *bench) allReady() {
	b.t.Helper()
	b.ready("app=churn", bareChurn)
	b.ready("app=churn-green", greenChurn)
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

// rolledOut waits until agents and controller are those of the release.
func (b *bench) rolledOut() error {
	_, err := b.Kubectl(b.ctx, "--namespace="+namespace, "rollout", "status", "daemonset/colvin-agent", "deployment/colvin-controller", "--timeout=400s")
	return err
}

// churnWhile deletes each pod of the churn once it is ready, until enough are gone, and waits for
// what is changed meanwhile. It returns how many were gone when that was done.
func (b *bench) churnWhile(change func() error) int {
	b.t.Helper()
	changed := make(chan error, 1)
	go func() { changed <- change() }()
	gone, byThen := map[string]bool{}, -1
	b.awaitWithin(4*patience, func() error {
		for _, p := range b.pods("app+in+(churn,churn-green)") {
			if !isReady(p) || p.DeletionTimestamp != nil || len(gone) == churned {
				continue
			}
			gone[p.Name] = true
			b.DoT(b.t, http.MethodDelete, "/api/v1/namespaces/default/pods/"+p.Name, object{"gracePeriodSeconds": 1}, nil)
		}
		select {
		case err := <-changed:
			b.ok(err)
			byThen = len(gone)
		default:
		}
		if byThen < 0 || len(gone) < churned {
			return fmt.Errorf("%d of %d pods are gone, and %d were when all was changed", len(gone), churned, byThen)
		}
		return nil
	})
	return byThen
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
