// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// binaries are built once for all tests of the package.
var binaries struct {
	lab.Binaries
	err error
}

// binariesEnv names the directory of the programs. Where they are not there yet
// they are built, to be used again by this package on a machine that has no Go.
const binariesEnv = "COLVIN_BINARIES"

func TestMain(m *testing.M) {
	dir := os.Getenv(binariesEnv)
	kept := dir != ""
	if !kept {
		var err error
		if dir, err = os.MkdirTemp("", "colvin-lab-test-"); err != nil {
			panic(err)
		}
		if err := os.Chmod(dir, 0o755); err != nil { // TestUnprivileged runs what is in it
			panic(err)
		}
	}
	binaries.Binaries = lab.Prebuilt(dir)
	if _, err := os.Stat(binaries.Colvind); err != nil {
		if binaries.err = netnstest.NetNS.Missing(); binaries.err == nil || kept {
			binaries.Binaries, binaries.err = lab.Build(context.Background(), dir)
		}
	}
	if kept && binaries.err != nil {
		panic(binaries.err)
	}
	code := leaktest.Run(m)
	if !kept {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

const rules = `networks:
  - name: green
    match: [{system: sw-green, vlan: 100}]
  - name: blue
    match: [{system: sw-blue, vlan: 200}]
`

func conf(network string) string {
	return fmt.Sprintf(`{"cniVersion": "1.1.0", "name": %q, "type": "colvin", "network": %q,
		"delegate": {"type": "macvlan", "mode": "bridge"}, "ipam": {"type": "static"}}`, network, network)
}

// The error codes of the plugin that these tests expect.
const (
	codeTryAgain = 11
	codeNotHere  = 100
)

// A bench is one node with eth1 on sw-green and nothing on sw-blue yet.
type bench struct {
	t           *testing.T
	green, blue *netnstest.Switch
	node        *lab.Node
	pods        int
}

func newBench(t *testing.T, rules string) *bench {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.RealLLDPD)
	if binaries.err != nil {
		t.Fatal(binaries.err)
	}
	b := &bench{t: t}
	b.green = netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "sw-green", Hold: 30})
	b.blue = netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "sw-blue", Hold: 30})
	node, err := lab.NewNode(t.Context(), "node1", binaries.Binaries)
	if err != nil {
		t.Fatal(err)
	}
	b.node = node
	t.Cleanup(func() {
		b.dump()
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	b.ok(node.WriteFile("/etc/colvin/rules.yaml", rules))
	b.ok(node.Cable(t.Context(), "eth1", b.green, "p1", lab.GreenVLAN))
	return b
}

func (b *bench) dump() {
	if !b.t.Failed() {
		return
	}
	log, _ := b.node.AgentLog()
	file, _ := os.ReadFile(b.node.Path("/run/colvin/networks.json"))
	b.t.Logf("agent log:\n%s\nnode file:\n%s", log, file)
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) start() {
	b.t.Helper()
	b.ok(b.node.StartAgent(b.t.Context()))
}

func (b *bench) await(what string, ok func(*nodefile.File) bool) {
	b.t.Helper()
	b.awaitFor(20*time.Second, what, ok)
}

func (b *bench) awaitFor(limit time.Duration, what string, ok func(*nodefile.File) bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), limit)
	defer cancel()
	b.ok(b.node.Await(ctx, what, ok))
}

// Another word than before is believed once it has stood alone: 30 s after a lost carrier,
// 65 s elsewhere.
const (
	standsAfterCarrier = 45 * time.Second
	stands             = 90 * time.Second
)

// awaitBlue waits until the port of a moved cable is believed to lead to blue, which it is
// not before that long.
func (b *bench) awaitBlue() {
	b.t.Helper()
	start := time.Now()
	b.awaitFor(standsAfterCarrier, "blue", lab.Resolves("blue", "eth1", nodefile.Fresh))
	if took := time.Since(start); took < 25*time.Second {
		b.t.Errorf("blue is believed after %v already", took)
	}
}

// awaitGreen starts the agent and waits until green resolves.
func (b *bench) awaitGreen() {
	b.t.Helper()
	b.start()
	b.await("green", lab.Resolves("green", "eth1", nodefile.Fresh))
}

func (b *bench) moveToBlue() {
	b.t.Helper()
	b.ok(b.node.Move(b.t.Context(), "eth1", b.blue, "p1", lab.BlueVLAN))
}

// pod makes a pod that asks for a network.
func (b *bench) pod(network string) *lab.Pod {
	b.t.Helper()
	b.pods++
	p, err := b.node.NewPod(b.t.Context(), fmt.Sprintf("pod%d", b.pods), conf(network), "10.10.0.1/24")
	b.ok(err)
	b.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return p
}

// refused attaches a pod and expects one of the error codes and no device.
func (b *bench) refused(network string, codes ...uint) {
	b.t.Helper()
	p := b.pod(network)
	result, err := p.Add(b.t.Context())
	said, ok := errors.AsType[*lab.CNIError](err)
	if !ok {
		b.t.Fatalf("ADD of %s: %q, %v; want an error of %v", network, result, err, codes)
	}
	var e struct{ Code uint }
	if err := json.Unmarshal([]byte(said.Output), &e); err != nil || !slices.Contains(codes, e.Code) {
		b.t.Fatalf("ADD of %s: %s; want an error of %v", network, said.Output, codes)
	}
	b.t.Logf("ADD of %s: %s", network, said.Output)
	links, err := p.Netlink().LinkList()
	b.ok(err)
	if len(links) != 1 { // loopback
		b.t.Errorf("after a refused ADD the pod has %d devices, want 1", len(links))
	}
}

// attached attaches a pod and expects it to be on eth1.
func (b *bench) attached(network string) {
	b.t.Helper()
	p := b.pod(network)
	result, err := p.Add(b.t.Context())
	b.ok(err)
	if !strings.Contains(result, `"eth1"`) {
		b.t.Errorf("the result does not name eth1: %s", result)
	}
}

func TestSameConfigurationOnUnlikeNodes(t *testing.T) {
	netnstest.Require(t, netnstest.NetNS, netnstest.RealLLDPD)
	if binaries.err != nil {
		t.Fatal(binaries.err)
	}
	l, err := lab.Start(t.Context(), lab.Options{Binaries: binaries.Binaries})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var pods []*lab.Pod
	for i, n := range l.Nodes {
		if err := errors.Join(n.WriteFile("/etc/colvin/rules.yaml", rules), n.StartAgent(ctx)); err != nil {
			t.Fatal(err)
		}
		if err := n.Await(ctx, "green", lab.Resolves("green", lab.Cabling[i].Green, nodefile.Fresh)); err != nil {
			t.Fatal(err)
		}
		p, err := n.NewPod(ctx, fmt.Sprint("pod", i+1), conf("green"), fmt.Sprintf("10.10.0.%d/24", i+1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		if _, err := p.Add(ctx); err != nil {
			t.Fatal(err)
		}
		pods = append(pods, p)
	}
	for i := range pods {
		if _, err := pods[i].Ping(ctx, netip.AddrFrom4([4]byte{10, 10, 0, byte((i+1)%3 + 1)})); err != nil {
			t.Error(err)
		}
	}
	for _, p := range pods {
		if err := errors.Join(p.Del(ctx), p.Del(ctx)); err != nil { // twice: DEL is idempotent
			t.Error(err)
		}
		if links, err := p.Netlink().LinkList(); err != nil || len(links) != 1 {
			t.Errorf("after DEL %s has %d devices, want 1 (%v)", p, len(links), err)
		}
	}
}

func TestCableMovedWhileAgentRuns(t *testing.T) {
	t.Parallel() // it mostly waits
	b := newBench(t, rules)
	b.awaitGreen()
	b.attached("green")
	b.moveToBlue()
	b.refused("green", codeTryAgain)
	b.refused("blue", codeTryAgain, codeNotHere)
	b.awaitBlue()
	b.refused("green", codeNotHere)
	b.attached("blue")
}

func TestCableMovedWhileAgentIsStopped(t *testing.T) {
	t.Parallel() // it mostly waits
	b := newBench(t, rules)
	b.awaitGreen()
	b.ok(b.node.StopAgent())
	b.attached("green") // nothing changed: what was known still holds
	b.moveToBlue()
	b.refused("green", codeTryAgain)
	b.ok(b.blue.Pause(t.Context()))
	b.start()
	b.await("a new node file", lab.Resolves("green", "eth1", nodefile.Unverified))
	b.refused("green", codeTryAgain)
	b.ok(b.blue.Resume(t.Context()))
	b.awaitBlue()
	b.refused("green", codeNotHere)
}

func TestCableMovedWhileAgentIsKilledAndPluginRunsFirst(t *testing.T) {
	t.Parallel() // it mostly waits
	b := newBench(t, rules)
	b.awaitGreen()
	b.ok(b.node.KillAgent())
	b.moveToBlue()
	b.refused("green", codeTryAgain)
	b.refused("blue", codeTryAgain, codeNotHere)
	b.start()
	b.awaitBlue()
	b.refused("green", codeNotHere)
	b.attached("blue")
}

// TestCableMovedWhileAgentIsFrozen has frames of both cables wait in the agent's
// socket when it goes on.
func TestCableMovedWhileAgentIsFrozen(t *testing.T) {
	t.Parallel() // it mostly waits
	b := newBench(t, rules)
	b.awaitGreen()
	b.ok(b.node.SignalAgent(syscall.SIGSTOP))
	b.rogue(b.green, 9, lab.GreenVLAN) // something is in the queue for sure
	b.moveToBlue()
	b.rogue(b.blue, 9, lab.BlueVLAN)
	b.refused("green", codeTryAgain)
	b.ok(b.node.SignalAgent(syscall.SIGCONT))
	b.awaitBlue()
	b.refused("green", codeNotHere)
}

func TestSwitchTellsNoPVIDOnTwoPorts(t *testing.T) {
	b := newBench(t, `networks:
  - name: green
    match: [{system: sw-green}]
`)
	b.ok(b.green.SetPVID(t.Context(), "p1", 0))
	b.ok(b.node.Cable(t.Context(), "eth2", b.green, "p2", 0))
	b.start()
	b.await("convergence", func(f *nodefile.File) bool { return f.Converged })
	b.refused("green", codeNotHere)
	b.ok(b.node.WriteFile("/etc/colvin/rules.yaml", `networks:
  - name: green
    match: [{system: sw-green, port: "ifname:p1"}]
`))
	b.await("green", lab.Resolves("green", "eth1", nodefile.Fresh))
	b.attached("green")
}

func TestPVIDAlsoToldAsVLANName(t *testing.T) {
	b := newBench(t, rules)
	b.ok(b.green.SetVLANNames(t.Context(), "p1", discovery.VLANName{ID: lab.GreenVLAN, Name: "green"}))
	b.awaitGreen()
	awaitState(t, b.node, func(s *agentapi.State) string {
		if len(s.View.Uplinks) != 1 || s.View.Uplinks[0].VID != 0 {
			return fmt.Sprintf("attachments: %+v, want a single untagged one", s.View.Uplinks)
		}
		return ""
	})
	b.attached("green")
}

// rogue sends one frame of another speaker from the far end of eth1.
func (b *bench) rogue(sw *netnstest.Switch, last byte, vlan uint16) {
	b.t.Helper()
	mac := discovery.MAC{2, 0, 0, 0, 9, last}
	b.ok(sw.Do(func() error {
		s, err := speaker.Open("p1")
		if err != nil {
			return err
		}
		defer func() { _ = s.Close() }()
		return s.Send(speaker.Frame{
			Source: mac, Chassis: speaker.MACChassis(mac), Port: speaker.NamedPort("rogue"), TTL: time.Minute,
			SystemName: "sw-blue", PVID: vlan,
		})
	}))
}

func TestNewcomerOnPortWithFreshNeighbor(t *testing.T) {
	t.Parallel() // it mostly waits
	b := newBench(t, rules)
	b.awaitGreen()
	b.rogue(b.green, 1, lab.BlueVLAN)
	deadline, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for tick := time.Tick(20 * time.Millisecond); ; <-tick {
		out, err := b.node.Colvin(deadline, "status")
		b.ok(err)
		if strings.Contains(out, "Conflict:") && strings.Contains(out, "eth1: sw-blue") {
			break
		}
	}
	b.refused("blue", codeTryAgain) // the switch has not been heard alone for long enough to be sure
	b.refused("green", codeTryAgain)
	b.awaitFor(2*time.Minute, "green alone", lab.Resolves("green", "eth1", nodefile.Fresh))
	b.attached("green")
}

func TestAgentRestarted(t *testing.T) {
	t.Parallel() // it mostly waits
	b := newBench(t, rules)
	b.awaitGreen()
	b.ok(b.green.Pause(t.Context()))
	for _, stop := range []func() error{b.node.StopAgent, b.node.KillAgent} {
		b.ok(stop())
		began := time.Now()
		b.start()
		b.await("green as before", func(f *nodefile.File) bool { // as this agent says, which listens
			return f.Written.After(began) && lab.Resolves("green", "eth1", nodefile.Fresh)(f)
		})
		b.attached("green")
	}
	b.rogue(b.green, 1, lab.BlueVLAN) // is heard before the switch is
	b.await("doubt", lab.Resolves("green", "eth1", nodefile.Unverified))
	b.refused("blue", codeTryAgain)
	b.refused("green", codeTryAgain)
	b.ok(b.green.Resume(t.Context()))
	b.awaitFor(2*time.Minute, "green alone", lab.Resolves("green", "eth1", nodefile.Fresh))
}

func TestNodeRebooted(t *testing.T) {
	t.Parallel() // it mostly waits
	b := newBench(t, rules)
	b.awaitGreen()
	b.ok(b.node.StopAgent())
	b.ok(b.green.Pause(t.Context()))
	b.ok(b.node.SetBootID("00000000-0000-4000-8000-000000000002"))
	b.refused("green", codeTryAgain) // the file is from before
	b.start()
	b.await("unverified green", lab.Resolves("green", "eth1", nodefile.Unverified))
	b.refused("green", codeTryAgain)
	b.ok(b.green.Resume(t.Context()))
	b.await("fresh green", lab.Resolves("green", "eth1", nodefile.Fresh))
	b.attached("green")
}

// TestVLANChanged moves no cable: the switch port is configured anew.
func TestVLANChanged(t *testing.T) {
	t.Parallel() // it mostly waits
	b := newBench(t, `networks:
  - name: green
    match: [{vlan: 100}]
  - name: blue
    match: [{vlan: 200}]
`)
	b.awaitGreen()
	b.ok(b.green.SetPVID(t.Context(), "p1", lab.BlueVLAN))
	b.await("doubt", lab.Resolves("blue", "eth1", nodefile.Unverified))
	b.refused("green", codeTryAgain)
	b.refused("blue", codeTryAgain)
	b.ok(b.green.SetPVID(t.Context(), "p1", lab.GreenVLAN))
	b.awaitFor(stands, "green again", lab.Resolves("green", "eth1", nodefile.Fresh))
	b.attached("green")
}

// nobody is the user and the group of an agent that is not root.
const nobody = 65534

// startUnprivileged runs the agent as nobody, with CAP_NET_RAW alone, until stop.
func (b *bench) startUnprivileged() (stop func()) {
	b.t.Helper()
	for _, dir := range []string{"/run/colvin", "/var/lib/colvin/agent"} {
		b.ok(os.MkdirAll(b.node.Path(dir), 0o755))
		b.ok(os.Chown(b.node.Path(dir), nobody, nobody))
	}
	b.ok(os.Chmod(b.node.Path("/etc/colvin"), 0o755))
	ctx, cancel := context.WithCancel(b.t.Context())
	agent := b.node.Command(ctx, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
		"--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw",
		binaries.Colvind, "--config", "/etc/colvin/colvind.yaml")
	agent.Cancel = func() error { return agent.Process.Signal(syscall.SIGTERM) }
	var log strings.Builder
	agent.Stderr = &log
	b.ok(agent.Start())
	return func() {
		b.t.Helper()
		cancel()
		if err := agent.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			b.t.Errorf("agent: %v\n%s", err, log.String())
		}
	}
}

func TestUnprivileged(t *testing.T) {
	b := newBench(t, rules)
	stop := b.startUnprivileged()
	b.await("green", lab.Resolves("green", "eth1", nodefile.Fresh))
	b.attached("green")
	stop()
}
