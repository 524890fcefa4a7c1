// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/colvin-net/colvin/lab/kubenode"
)

// collect keeps what tells of a failure: objects, what pods log, and of each node its devices,
// what its agent says, and the frames of its wires, where there is something to capture them.
func (b *bench) collect(step string) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(b.ctx), time.Minute)
	defer stop()
	dir := filepath.Join(b.logs, strings.ReplaceAll(step, " ", "-"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Log(err)
		return
	}
	keep := func(name string, out []byte, err error) {
		if err != nil {
			out = fmt.Append(out, "\n", err)
		}
		_ = os.WriteFile(filepath.Join(dir, name+".txt"), out, 0o600) // the step has failed anyway
	}
	var all sync.WaitGroup
	for _, n := range b.Kubelets {
		all.Go(func() { capture(ctx, n, dir, keep) })
	}
	for name, args := range map[string][]string{
		"pods":   {"describe", "pods", "--all-namespaces"},
		"nodes":  {"get", "nodes", "--output=yaml"},
		"colvin": {"get", "networks.colvin.dev,nodetopologies,rulesets,colours", "--output=yaml"},
		"agents": {"logs", "--namespace=" + namespace, "--selector=app.kubernetes.io/name=colvin", "--all-containers", "--prefix", "--tail=500"},
		"others": {"logs", "--namespace=kube-system", "--selector=tier=node", "--all-containers", "--prefix", "--tail=100"},
		"events": {"get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"},
	} {
		out, err := b.Kubectl(ctx, args...)
		keep(name, []byte(out), err)
	}
	all.Wait()
	b.t.Logf("what the cluster said is in %s", dir)
}

// capture keeps what one node tells.
func capture(ctx context.Context, n *kubenode.Node, dir string, keep func(string, []byte, error)) {
	tool := filepath.Join(kubenode.BinDir, "colvin-cli")
	for name, command := range map[string][]string{
		"devices": {"ip", "-details", "address"}, "status": {tool, "status"}, "neighbors": {tool, "neighbors"}, "attachments": {tool, "attachments"},
	} {
		out, err := n.Command(ctx, command[0], command[1:]...).CombinedOutput()
		keep(n.String()+"-"+name, out, err)
	}
	if _, err := exec.LookPath("dumpcap"); err != nil {
		keep(n.String()+"-frames", nil, err)
		return
	}
	out, err := n.Command(ctx, "dumpcap", "-q", "-i", "any", "-a", "duration:3", "-f", "ether proto 0x88cc", "-w", filepath.Join(dir, n.String()+".pcapng")).CombinedOutput()
	keep(n.String()+"-frames", out, err)
}
