// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/lab/kit"
)

// What make e2e says in the environment.
const (
	keepEnv = "COLVIN_KEEP" // leave the cluster, without Colvin, until interrupted
	logsEnv = "COLVIN_LOGS" // the directory for what is to be read after a failure
)

// A bench is the cluster as the step of a test sees it.
type bench struct {
	t   *testing.T
	ctx context.Context // ends with an interrupt, so that the test ends and nothing is left behind
	*Cluster
	top  string // of the repository
	logs string
}

// TestCluster is the life of Colvin in a cluster; each step builds on those before.
func TestCluster(t *testing.T) {
	b := newBench(t)
	if os.Getenv(keepEnv) != "" {
		b.keep()
		return
	}
	for _, step := range []struct {
		name string
		run  func(*bench)
	}{
		{"install", install},
		{"name green", nameGreen},
		{"eight pods", eightPods},
	} {
		began := time.Now()
		ok := t.Run(step.name, func(t *testing.T) {
			inner := *b
			inner.t = t
			defer func() {
				if t.Failed() {
					inner.collect(step.name)
				}
			}()
			step.run(&inner)
		})
		t.Logf("%s took %.0f s", step.name, time.Since(began).Seconds())
		if !ok {
			return
		}
	}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.MACVLAN, netnstest.RealLLDPD, controlplane.Kubernetes, controlplane.Whereabouts, controlplane.HelmInstalled, controlplane.NodePrograms)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	t.Cleanup(stop)
	b := &bench{t: t, ctx: ctx, logs: os.Getenv(logsEnv)}
	var err error
	b.top, err = kit.Top()
	b.ok(err)
	if b.logs == "" {
		b.logs = t.ArtifactDir()
	}
	began := time.Now()
	b.Cluster, err = Start(b.ctx, b.logs)
	b.ok(err)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("five nodes are Ready after %.1f s", time.Since(began).Seconds())
	return b
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// keep leaves the cluster to somebody, until an interrupt.
func (b *bench) keep() {
	fmt.Printf("export KUBECONFIG=%s PATH=%s:$PATH\n", b.AdminFile(), filepath.Dir(b.Program("kubectl")))
	<-b.ctx.Done()
}

// collect keeps what tells of a failure.
func (b *bench) collect(step string) {
	ctx := context.WithoutCancel(b.ctx)
	dir := filepath.Join(b.logs, strings.ReplaceAll(step, " ", "-"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Log(err)
		return
	}
	for name, args := range map[string][]string{
		"pods":   {"describe", "pods", "--all-namespaces"},
		"nodes":  {"get", "nodes", "--output=yaml"},
		"colvin": {"get", "networks.colvin.dev,nodetopologies,rulesets,colours", "--output=yaml"},
		"agents": {"logs", "--namespace=" + namespace, "--selector=app.kubernetes.io/name=colvin", "--all-containers", "--prefix", "--tail=500"},
		"events": {"get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"},
	} {
		out, err := b.Kubectl(ctx, args...)
		if err != nil {
			out = err.Error()
		}
		_ = os.WriteFile(filepath.Join(dir, name+".txt"), []byte(out), 0o600)
	}
	b.t.Logf("what the cluster said is in %s", dir)
}
