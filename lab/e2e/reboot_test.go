// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	core "k8s.io/api/core/v1"

	"github.com/colvin-net/colvin/lab/kubenode"
)

// reboot loses all that is volatile of a node twice: while the switch is silent, so that pods
// have to wait until it was heard, and with it all CNI plugins.
func reboot(b *bench) {
	const node = "node2"
	before := b.kept()
	b.apply(onNode(node, deployment("reboot", "green", 2)))
	b.apply(onNode("node1", deployment("peer", "green", 1)))
	pods, peer := b.ready("app=reboot", 2), b.ready("app=peer", 1)[0]

	b.ok(b.Green.Pause(b.ctx)) // 30 s of silence change nothing for others
	defer func() { b.ok(b.Green.Resume(b.ctx)) }()
	began := time.Now()
	b.ok(b.node(node).Halt(b.ctx))
	b.ok(b.node(node).Boot(b.ctx))
	b.t.Logf("%s is up again after %.1f s", node, time.Since(began).Seconds())
	b.await(func() error { return b.waitForSwitch(pods) })
	b.t.Logf("pods wait for the switch after %.1f s", time.Since(began).Seconds())
	b.ok(b.Green.Resume(b.ctx))
	resumed := time.Now()
	pods = b.back(pods, peer)
	b.t.Logf("pods are back %.1f s after the switch speaks", time.Since(resumed).Seconds())

	began = time.Now()
	b.ok(b.node(node).Halt(b.ctx))
	b.ok(emptyDir(b.node(node).Path(kubenode.BinDir)))
	b.ok(b.node(node).Boot(b.ctx))
	b.ok(b.node(node).InstallPlugins()) // as a distribution does; all others come by their DaemonSets
	b.back(pods, peer)
	b.t.Logf("without CNI plugins pods are back %.1f s after the power went", time.Since(began).Seconds())
	b.logWarnings("reboot-")
	b.remove("reboot", "peer")
	b.keeps(before, "reboot", "peer")
}

// waitForSwitch is nil once Events say of each pod that it waits until a switch is heard.
func (b *bench) waitForSwitch(pods []core.Pod) error {
	for _, p := range pods {
		heard := false
		for _, e := range b.warnings(p.Name) {
			// The second where the agent remembers of another boot who was there.
			waits := strings.Contains(e.Message, "no switch heard yet on") || strings.Contains(e.Message, "the node rebooted since the switch was last heard")
			heard = heard || e.Reason == "FailedCreatePodSandBox" && waits
		}
		if !heard {
			return fmt.Errorf("no Event says that pod %s waits for a switch: %s", p.Name, b.whyNot(p.Name))
		}
	}
	return nil
}

// back waits until pods were started again and are attached to green, where a peer reaches them.
func (b *bench) back(pods []core.Pod, peer core.Pod) []core.Pod {
	b.t.Helper()
	now := b.startedAgain(pods...)
	for _, p := range now {
		b.overGreen(p)
		b.reaches(peer, p)
	}
	return now
}

// startedAgain waits until the containers of pods were started anew and are ready, and returns
// what the pods are then.
func (b *bench) startedAgain(pods ...core.Pod) []core.Pod {
	b.t.Helper()
	now := make([]core.Pod, len(pods))
	b.await(func() error {
		for i, was := range pods {
			now[i] = core.Pod{}
			b.DoT(b.t, http.MethodGet, "/api/v1/namespaces/default/pods/"+was.Name, nil, &now[i])
			if !isReady(now[i]) || restarts(now[i]) <= restarts(was) {
				return fmt.Errorf("pod %s is not back: %s", was.Name, b.whyNot(was.Name))
			}
		}
		return nil
	})
	return now
}

// reaches holds that one pod reaches another over net1.
func (b *bench) reaches(from, to core.Pod) {
	b.t.Helper()
	_, err := b.exec(from.Name, "ping", "-c", "1", "-W", "5", "-I", "net1", b.address(to))
	b.ok(err)
}

// logWarnings says what Events warned of.
func (b *bench) logWarnings(prefix string) {
	b.t.Helper()
	for _, e := range b.warnings(prefix) {
		b.t.Logf("%d times %s of %s: %s", max(1, e.Count), e.Reason, e.InvolvedObject.Name, e.Message)
	}
}

// emptyDir removes what is in a directory.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
