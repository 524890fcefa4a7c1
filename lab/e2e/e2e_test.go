// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/controlplane"
	"github.com/colvin-net/colvin/lab/kit"
)

// What make e2e says in the environment.
const (
	keepEnv   = "COLVIN_KEEP"   // leave the cluster, without Colvin, until interrupted
	logsEnv   = "COLVIN_LOGS"   // the directory for what is to be read after a failure
	multusEnv = "COLVIN_MULTUS" // thin, which is meant where it is empty, or thick
)

// A bench is the cluster as the step of a test sees it.
type bench struct {
	t   *testing.T
	ctx context.Context // ends with an interrupt, so that the test ends and nothing is left behind
	*Cluster
	top        string // of the repository
	logs       string
	kubectlDir string // of kubectl-colvin
}

// TestCluster is the life of Colvin in a cluster; each step builds on those before.
func TestCluster(t *testing.T) {
	b := newBench(t)
	if os.Getenv(keepEnv) != "" {
		b.keep()
		return
	}
	b.takeAll(
		step{"tutorial", tutorial},
		step{"install", install},
		step{"name green", nameGreen}, // a pin counts after 130 s, which pass meanwhile
		step{"wrong words", wrongWords},
		step{"wires", wires},
		step{"eight pods", eightPods},
		step{"reboot", reboot},
		step{"kubelet and containerd restart", restartRuntime},
		step{"altnames", altNames},
		step{"uninstall", uninstall},
	)
}

// TestLoad is what happens to many pods while parts of the cluster are exchanged or away.
func TestLoad(t *testing.T) {
	newBench(t).takeAll(
		step{"install", install},
		step{"name green", nameGreen},
		step{"sixty pods", sixtyPods},
		step{"uninstall", uninstall},
	)
}

// takeAll takes steps one after the other, up to the first that fails.
func (b *bench) takeAll(steps ...step) {
	for _, s := range steps {
		began := time.Now()
		ok := b.take(s)
		b.t.Logf("%s took %.0f s", s.name, time.Since(began).Seconds())
		if !ok {
			return
		}
	}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.MACVLAN, netnstest.RealLLDPD, controlplane.Kubernetes, controlplane.Whereabouts, controlplane.HelmInstalled, controlplane.NodePrograms)
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, unix.SIGTERM)
	t.Cleanup(stop)
	b := &bench{t: t, ctx: ctx, logs: os.Getenv(logsEnv)}
	var err error
	b.top, err = kit.Top()
	b.ok(err)
	if b.logs == "" {
		b.logs = t.ArtifactDir()
	}
	b.ok(os.MkdirAll(b.logs, 0o755))
	b.kubectlDir = t.TempDir()
	b.buildPlugin(b.kubectlDir)
	began := time.Now()
	b.Cluster, err = Start(b.ctx, Options{Logs: b.logs, Multus: cmp.Or(os.Getenv(multusEnv), Thin)})
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

// kept is what somebody who keeps the cluster is told.
const kept = `
The cluster is yours, until you press Ctrl-C here. In another terminal, at the top of the
repository:

  export KUBECONFIG=%s
  export PATH=%s:%s:$PATH
  kubectl get nodes

What to try is in docs/tutorial.md. Images of this source, Multus and whereabouts are on all
nodes; Colvin is not installed.
`

// keep leaves the cluster to somebody, until an interrupt.
func (b *bench) keep() {
	helm, err := controlplane.HelmProgram()
	b.ok(err)
	fmt.Printf(kept, b.AdminFile(), filepath.Dir(b.Program("kubectl")), filepath.Dir(helm))
	<-b.ctx.Done()
}
