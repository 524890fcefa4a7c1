// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

const metricsAddress = "127.0.0.1:9469"

// codeMoved is the plugin's error of a CHECK whose device leads elsewhere.
const codeMoved = 102

// awaitState waits until the agent's state is as wanted; wrong says what is not.
func (b *bench) awaitState(wrong func(*agentapi.State) string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	diff := "the agent does not answer"
	for tick := time.Tick(20 * time.Millisecond); ; {
		if s, err := b.node.State(ctx); err == nil {
			if diff = wrong(s); diff == "" {
				return
			}
		}
		select {
		case <-tick:
		case <-ctx.Done():
			b.t.Fatalf("%v; state (-want +got):\n%s", ctx.Err(), diff)
		}
	}
}

// awaitPods waits until the agent says so of the pods, such as "pod1 ok".
func (b *bench) awaitPods(want ...string) {
	b.t.Helper()
	b.awaitState(func(s *agentapi.State) string {
		var got []string
		for i := range s.Attachments {
			got = append(got, s.Attachments[i].Owner()+" "+string(s.Attachments[i].Status))
		}
		return cmp.Diff(want, got)
	})
}

// check runs CHECK of a pod on green and returns the error's code, 0 for none.
func (b *bench) check(p *lab.Pod, result string) uint {
	b.t.Helper()
	return b.checkOn("green", p, result)
}

func (b *bench) checkOn(network string, p *lab.Pod, result string) uint {
	b.t.Helper()
	var c map[string]any
	b.ok(json.Unmarshal([]byte(conf(network)), &c))
	c["prevResult"] = json.RawMessage(result)
	stdin, err := json.Marshal(c)
	b.ok(err)
	cmd := p.Command(b.t.Context(), "CHECK")
	cmd.Stdin = strings.NewReader(string(stdin))
	out, err := cmd.Output()
	if err == nil {
		return 0
	}
	var e struct{ Code uint }
	if jsonErr := json.Unmarshal(out, &e); jsonErr != nil || e.Code == 0 {
		b.t.Fatalf("CHECK: %v: %s", err, out)
	}
	b.t.Logf("CHECK: %s", out)
	return e.Code
}

// colvin runs the command and expects to read all of that.
func (b *bench) colvin(args []string, want ...string) {
	b.t.Helper()
	out, err := b.node.Colvin(b.t.Context(), args...)
	b.ok(err)
	for _, w := range want {
		if !strings.Contains(out, w) {
			b.t.Errorf("colvin %s: want %q in\n%s", strings.Join(args, " "), w, out)
		}
	}
}

// metrics scrapes the agent.
func (b *bench) metrics() string {
	b.t.Helper()
	var conn net.Conn
	b.ok(b.node.Do(func() (err error) {
		conn, err = new(net.Dialer).DialContext(b.t.Context(), "tcp", metricsAddress)
		return err
	}))
	defer func() { _ = conn.Close() }()
	b.ok(conn.SetDeadline(time.Now().Add(10 * time.Second)))
	_, err := fmt.Fprintf(conn, "GET /metrics HTTP/1.1\r\nHost: node1\r\nConnection: close\r\n\r\n")
	b.ok(err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	b.ok(err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	b.ok(err)
	return string(body)
}

// interfaces are the pod's, with all that a change would show in.
func (b *bench) interfaces(p *lab.Pod) []string {
	b.t.Helper()
	links, err := p.Netlink().LinkList()
	b.ok(err)
	var out []string
	for _, l := range links {
		a := l.Attrs()
		addresses, err := p.Netlink().AddrList(l, netlink.FAMILY_V4)
		b.ok(err)
		out = append(out, fmt.Sprint(a.Index, a.Name, a.HardwareAddr, a.Flags, a.MTU, a.ParentIndex, addresses))
	}
	return out
}

// TestPodMoved moves the cable of a running pod to another network and back.
func TestPodMoved(t *testing.T) {
	t.Parallel() // it mostly waits
	b := newBench(t, rules)
	b.ok(b.node.WriteFile("/etc/colvin/colvind.yaml", "node: node1\ninterfaces: [\"eth*\"]\nmetrics: {address: \""+metricsAddress+"\"}\n"))
	b.awaitGreen()
	p := b.pod("green")
	result, err := p.Add(t.Context())
	b.ok(err)
	b.awaitPods("pod1 ok")
	before := b.interfaces(p)
	if code := b.check(p, result); code != 0 {
		t.Errorf("CHECK of a pod that is where it asked to be: %d", code)
	}

	b.moveToBlue()
	b.awaitFor(standsAfterCarrier, "the pod is told to have moved", func(f *nodefile.File) bool {
		return len(f.Moved) == 1 && f.Moved[0].ContainerID == "pod1" && f.Moved[0].IfName == lab.PodInterface && !f.Moved[0].Since.IsZero()
	})
	b.awaitPods("pod1 moved")
	b.colvin([]string{"attachments", "-o", "wide"}, "pod1", "moved", "LEADS TO", "blue (chassis ")
	b.colvin([]string{"status"}, "AttachmentMoved:", "pod1 (net1) asked for green", "but eth1 leads to blue")
	if code := b.check(p, result); code != codeMoved {
		t.Errorf("CHECK of a pod that moved: %d, want %d", code, codeMoved)
	}
	if got := b.metrics(); !strings.Contains(got, `colvin_pod_attachments{status="moved"} 1`) || !strings.Contains(got, `colvin_orphaned_records 0`) {
		t.Errorf("metrics do not tell of the pod:\n%s", got)
	}
	if diff := cmp.Diff(before, b.interfaces(p)); diff != "" {
		t.Errorf("the running pod was touched (-before +after):\n%s", diff)
	}

	b.ok(b.node.Move(t.Context(), "eth1", b.green, "p1", lab.GreenVLAN))
	b.awaitFor(standsAfterCarrier, "the pod is back", func(f *nodefile.File) bool {
		return lab.Resolves("green", "eth1", nodefile.Fresh)(f) && f.Moved == nil
	})
	b.awaitPods("pod1 ok")
	if code := b.check(p, result); code != 0 {
		t.Errorf("CHECK of a pod that is back: %d", code)
	}
	log, err := b.node.AgentLog()
	b.ok(err)
	for _, want := range []string{"level=WARN msg=change what=pod network=green interface=eth1 pod=pod1", "level=INFO msg=change what=pod network=green interface=eth1 pod=pod1"} {
		if strings.Count(log, want) != 1 {
			t.Errorf("not logged once: %s", want)
		}
	}
	b.ok(b.node.StopAgent())
	b.colvin([]string{"changes", "--since", "1h"}, "No agent answers", "pod pod1", "AttachmentMoved", "it leads to its own network again")
	if diff := cmp.Diff(before, b.interfaces(p)); diff != "" {
		t.Errorf("the running pod was touched (-before +after):\n%s", diff)
	}
}

// TestPodGone ends a container without a DEL.
func TestPodGone(t *testing.T) {
	b := newBench(t, rules)
	b.awaitGreen()
	p, err := b.node.NewPod(t.Context(), "gone", conf("green"), "10.10.0.9/24")
	b.ok(err)
	unpin := pin(t, b.node, p)
	add := p.Command(t.Context(), "ADD")
	add.Stdin, add.Env = strings.NewReader(conf("green")), append(add.Env, "CNI_NETNS="+pinned)
	b.ok(add.Run())
	b.awaitPods("gone ok")
	b.attached("green") // an ADD that comes later would collect what is gone
	unpin()
	b.ok(p.Close())
	b.awaitState(func(s *agentapi.State) string {
		if len(s.Attachments) == 2 && !s.Attachments[0].Gone.IsZero() && s.Attachments[1].Gone.IsZero() {
			return ""
		}
		return fmt.Sprintf("%+v", s.Attachments)
	})
	b.ok(b.node.StopAgent())
	b.colvin([]string{"attachments"}, "No agent runs on node1", "ok, orphaned", "Containers that are gone: 1; \"colvin gc\" removes what they left.")
}

// TestUnprivilegedReadsRecords gives the records to the group of an agent that is
// not root, as the advice says.
func TestUnprivilegedReadsRecords(t *testing.T) {
	b := newBench(t, rules)
	stop := b.startUnprivileged()
	b.await("green", lab.Resolves("green", "eth1", nodefile.Fresh))
	b.attached("green")
	b.awaitState(func(s *agentapi.State) string {
		for _, c := range s.View.Conditions {
			if c.Type == mapping.RecordsUnreadable && strings.Contains(c.Message, "install -d -m 2750 -g") {
				return ""
			}
		}
		return fmt.Sprintf("no RecordsUnreadable in %+v", s.View.Conditions)
	})
	dir := b.node.Path(record.DefaultDir)
	entries, err := os.ReadDir(dir)
	b.ok(err)
	for _, e := range entries {
		b.ok(os.Chown(dir+"/"+e.Name(), 0, nobody))
	}
	b.ok(os.Chown(dir, 0, nobody))
	b.ok(os.Chmod(dir, 0o750|os.ModeSetgid))
	b.awaitPods("pod1 ok")
	b.attached("green") // whose record inherits the group
	b.awaitPods("pod1 ok", "pod2 ok")
	stop()
}

// pinned is where pin puts a namespace.
const pinned = "/run/netns-pinned"

// pin makes a pod's network namespace known by a path, as container runtimes do: one
// below /proc proves nothing once it is gone. What it returns takes the path away.
func pin(t *testing.T, n *lab.Node, p *lab.Pod) (unpin func()) {
	t.Helper()
	err := n.WriteFile(pinned, "")
	if err == nil {
		err = n.Command(t.Context(), "mount", "--bind", p.NetNS(), pinned).Run()
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := errors.Join(n.Command(t.Context(), "umount", pinned).Run(), os.Remove(n.Path(pinned))); err != nil {
			t.Fatal(err)
		}
	}
}
