// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// inPod has a command run as the container of a DaemonSet does: by root that may do what a
// capability lets it and no more, on a root file system that is read-only. The agent's
// directories and the records are volumes.
func inPod(capabilities string, command ...string) []string {
	const readOnly = `mount -o remount,bind,ro / && exec "$@"`
	return slices.Concat([]string{
		"unshare", "--mount", "sh", "-c", readOnly, "sh",
		"setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=" + capabilities,
	}, command)
}

// newPodBench makes a node with eth1 on a switch that speaks, and the agent's configuration
// without the node's name.
func newPodBench(t *testing.T) *bench {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS)
	if binaries.err != nil {
		t.Fatal(binaries.err)
	}
	b := &bench{t: t, green: netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "sw-green", Speaker: netnstest.Builtin, Interval: 100 * time.Millisecond, Hold: 1000})}
	node, err := lab.NewNode(t.Context(), "node1", binaries.Binaries)
	b.ok(err)
	b.node = node
	t.Cleanup(func() {
		b.dump()
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	b.ok(node.WriteFile("/etc/colvin/rules.yaml", rules))
	b.ok(node.WriteFile("/etc/colvin/colvind.yaml", "interfaces: [\"eth*\"]\n"))
	b.ok(node.Cable(t.Context(), "eth1", b.green, "p1", lab.GreenVLAN))
	return b
}

// startInPod runs the agent in a pod until stop.
func (b *bench) startInPod() (stop func()) {
	b.t.Helper()
	command := inPod("-all,+net_raw", binaries.Colvind, "-config=/etc/colvin/colvind.yaml", "-node=node1")
	agent := b.node.Command(b.t.Context(), command[0], command[1:]...)
	var log strings.Builder
	agent.Stderr = &log
	b.ok(agent.Start())
	return func() {
		b.t.Helper()
		b.ok(agent.Process.Signal(syscall.SIGTERM))
		if err := agent.Wait(); err != nil {
			b.t.Errorf("agent: %v\n%s", err, log.String())
		}
	}
}

// probe asks as the kubelet does, again and again: in the agent's container.
func (b *bench) probe(what string) {
	b.t.Helper()
	command := inPod("-all,+net_raw", binaries.Colvin, "probe", what)
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	for tick := time.Tick(20 * time.Millisecond); ; <-tick {
		out, err := b.node.Command(ctx, command[0], command[1:]...).CombinedOutput()
		if err == nil && string(out) == what+"\n" {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("probe %s: %v: %s", what, err, out)
		}
	}
}

// wrongInPod says what an agent lacks that has all it needs.
func wrongInPod(s *agentapi.State) string {
	if s.Node != "node1" || len(s.Attachments) != 1 || s.Attachments[0].Status != agentapi.ContainerOK {
		return fmt.Sprintf("node %s, attachments %+v", s.Node, s.Attachments)
	}
	for _, c := range s.View.Conditions {
		if c.Type == mapping.FilesUnwritable || c.Type == mapping.RecordsUnreadable || c.Type == mapping.StateDamaged {
			return string(c.Type) + ": " + c.Message
		}
	}
	return ""
}

// TestInPod holds that root without the capabilities of root is enough: the agent hears,
// writes, answers probes, and reads the records where root may, whoever else may.
func TestInPod(t *testing.T) {
	for _, tt := range []struct {
		name  string
		mode  uint32
		group int
	}{
		{"directory of root", 0o700, 0},
		{"directory of the group", 0o2750, nobody},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newPodBench(t)
			b.ok(errors.Join(os.Mkdir(b.node.Path(recordDir), 0o700), os.Chown(b.node.Path(recordDir), 0, tt.group), syscall.Chmod(b.node.Path(recordDir), tt.mode)))
			for range 2 { // what the first left, the second reads
				stop := b.startInPod()
				b.probe("live")
				b.probe("ready")
				b.await("green", lab.Resolves("green", "eth1", nodefile.Fresh))
				if b.pods == 0 {
					b.attached("green")
				}
				awaitState(t, b.node, wrongInPod)
				stop()
			}
		})
	}
}

// TestProbesWithoutAPIServer holds that a node of a cluster which nobody reaches lives and is
// ready: to restart its agent would bring no API server back.
func TestProbesWithoutAPIServer(t *testing.T) {
	b := newPodBench(t)
	b.ok(b.node.WriteFile("/etc/colvin/kubeconfig", `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
current-context: c
`))
	b.ok(b.node.WriteFile("/etc/colvin/colvind.yaml", "kubernetes: {enabled: true, kubeconfig: /etc/colvin/kubeconfig}\n"))
	stop := b.startInPod()
	b.probe("ready")
	awaitState(t, b.node, func(s *agentapi.State) string {
		if !slices.ContainsFunc(s.View.Conditions, func(c mapping.Condition) bool {
			return c.Type == mapping.ClusterUnreachable && strings.Contains(c.Message, "127.0.0.1:1")
		}) {
			return fmt.Sprintf("nobody missed the API server: %+v", s.View.Conditions)
		}
		return ""
	})
	b.probe("live")
	stop()
}

// TestPodLacks holds what an agent says that lacks what a pod's specification gives.
func TestPodLacks(t *testing.T) {
	b := newPodBench(t)
	refused := func(command []string, want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		out, err := b.node.Command(ctx, command[0], command[1:]...).CombinedOutput()
		if err == nil || ctx.Err() != nil || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%v: %s; want %s", err, out, want)
		}
	}
	refused(inPod("-all", binaries.Colvind, "-node=node1"), "CAP_NET_RAW is missing: ")
	refused(inPod("-all", binaries.Colvind, "-node=node1"), "securityContext.capabilities.add: [NET_RAW]")
	refused(inPod("-all,+net_raw", binaries.Colvind, "-node="), "-node is empty")
	b.ok(b.node.WriteFile("/etc/colvin/colvind.yaml", "runDirectory: /none\n"))
	refused(inPod("-all,+net_raw", binaries.Colvind, "-node=node1", "-config=/etc/colvin/colvind.yaml"), "use run directory: mkdir /none: read-only file system; ")
}
