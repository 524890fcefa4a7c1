// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/altnames"
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// altNamesConfig is the configuration of agents that set alternative names.
const altNamesConfig = `interfaces: ["eth*", "ens*"]
altnames: on
log: {level: debug}
`

// macvlanOnGreen is one definition for all nodes, and knows nothing of Colvin.
const macvlanOnGreen = `{"cniVersion": "1.1.0", "name": "green", "type": "macvlan", "master": "green", "mode": "bridge",
	"ipam": {"type": "static"}}`

// nodeStateDir is the agent's state directory on its node.
const nodeStateDir = config.DefaultStateDir

// addMacvlan attaches a pod with the macvlan plugin as it comes from its makers.
func addMacvlan(ctx context.Context, p *lab.Pod) error {
	cmd := p.Command(ctx, "ADD")
	cmd.Path = filepath.Join(binaries.CNI, "macvlan")
	if out, err := cmd.Output(); err != nil {
		return &lab.CNIError{Command: "ADD", Output: string(out), Err: err}
	}
	return nil
}

// altNamesOf lists the alternative names of a node as "device name".
func altNamesOf(t *testing.T, n *lab.Node) (names []string) {
	t.Helper()
	links, err := n.Netlink().LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		for _, name := range l.Attrs().AltNames {
			names = append(names, l.Attrs().Name+" "+name)
		}
	}
	slices.Sort(names)
	return names
}

// awaitAltNames waits until these are a node's alternative names, and says how long
// that took.
func awaitAltNames(t *testing.T, n *lab.Node, want ...string) time.Duration {
	t.Helper()
	start := time.Now()
	deadline := time.After(time.Minute) // a moved cable takes half of it
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for {
		got := altNamesOf(t, n)
		if slices.Equal(got, want) {
			return time.Since(start)
		}
		select {
		case <-tick.C:
		case <-deadline:
			log, _ := n.AgentLog()
			t.Fatalf("altnames of %s: %v, want %v\n%s", n, got, want, log)
		}
	}
}

func newAltNamesLab(t *testing.T) *lab.Lab {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.MACVLAN)
	if binaries.err != nil {
		t.Fatal(binaries.err)
	}
	l, err := lab.Start(t.Context(), lab.Options{Binaries: binaries.Binaries, Hold: 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	for i, n := range l.Nodes {
		for file, content := range map[string]string{"colvind.yaml": altNamesConfig, "rules.yaml": rules} {
			if err := n.WriteFile("/etc/colvin/"+file, content); err != nil {
				t.Fatal(err)
			}
		}
		if err := n.StartAgent(t.Context()); err != nil {
			t.Fatal(err)
		}
		awaitAltNames(t, n, cabled(i)...)
	}
	return l
}

// cabled are a node's alternative names when nothing has been moved.
func cabled(i int) []string {
	names := []string{lab.Cabling[i].Green + " green", lab.Cabling[i].Blue + " blue"}
	slices.Sort(names)
	return names
}

func newGreenPod(t *testing.T, n *lab.Node, name, address string) *lab.Pod {
	t.Helper()
	p, err := n.NewPod(t.Context(), name, macvlanOnGreen, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// TestAltNames attaches pods by the name of a network without Colvin's plugin.
func TestAltNames(t *testing.T) {
	t.Parallel() // it mostly waits
	l := newAltNamesLab(t)
	var pods []*lab.Pod
	for i, n := range l.Nodes {
		p := newGreenPod(t, n, fmt.Sprint("pod", i+1), fmt.Sprintf("10.10.0.%d/24", i+1))
		if err := addMacvlan(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		pods = append(pods, p)
	}
	for i := range pods {
		if _, err := pods[i].Ping(t.Context(), netip.AddrFrom4([4]byte{10, 10, 0, byte((i+1)%len(pods) + 1)})); err != nil {
			t.Error(err)
		}
	}
	t.Run("cable moved", func(t *testing.T) { moveAltName(t, l) })
	t.Run("agent killed", func(t *testing.T) {
		n := l.Nodes[1]
		killAndStart(t, n)
		awaitAltNames(t, n, cabled(1)...)
	})
	t.Run("agents stopped", func(t *testing.T) {
		for _, n := range l.Nodes {
			if err := n.StopAgent(); err != nil {
				t.Error(err)
			}
			if got := altNamesOf(t, n); len(got) != 0 {
				t.Errorf("%s: %v are left", n, got)
			}
		}
	})
}

// moveAltName unplugs a cable of a node and plugs it in elsewhere.
func moveAltName(t *testing.T, l *lab.Lab) {
	t.Helper()
	n, cable := l.Nodes[0], l.Nodes[0].Cables["eth1"]
	start := time.Now()
	if err := cable.Unplug(); err != nil {
		t.Fatal(err)
	}
	awaitAltNames(t, n, "eth2 blue")
	t.Logf("eth1 was green for %v after its cable was pulled", time.Since(start))
	if err := addMacvlan(t.Context(), newGreenPod(t, n, "late", "10.10.0.9/24")); err == nil {
		t.Error("macvlan attaches to green though its cable is unplugged")
	}
	if err := cable.Plug(); err != nil {
		t.Fatal(err)
	}
	t.Logf("and again %v after it was plugged in", awaitAltNames(t, n, "eth1 green", "eth2 blue"))
	start = time.Now()
	if err := n.Move(t.Context(), "eth1", l.Blue, "p9", lab.BlueVLAN); err != nil {
		t.Fatal(err)
	}
	awaitAltNames(t, n) // blue is at two devices
	t.Logf("eth1 was blue, and no altname, %v after the cable began to move", time.Since(start))
	awaitState(t, n, func(s *agentapi.State) string {
		if got := s.View.Conditions; len(got) != 1 || got[0].Type != mapping.AltNameAmbiguous || got[0].Network != "blue" {
			return fmt.Sprintf("conditions %v, want blue to be ambiguous", got)
		}
		return ""
	})
	if err := n.Move(t.Context(), "eth1", l.Green, "p1", lab.GreenVLAN); err != nil {
		t.Fatal(err)
	}
	awaitAltNames(t, n, cabled(0)...)
}

// killAndStart has an agent take over the names that a killed one left.
func killAndStart(t *testing.T, n *lab.Node) {
	t.Helper()
	before := altNamesOf(t, n)
	if err := n.KillAgent(); err != nil {
		t.Fatal(err)
	}
	if got := altNamesOf(t, n); !slices.Equal(got, before) {
		t.Errorf("after a kill: %v, want %v", got, before)
	}
	if err := n.StartAgent(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for tick := time.Tick(time.Millisecond); ; <-tick {
		if got := altNamesOf(t, n); !slices.Equal(got, before) {
			t.Fatalf("while the agent starts: %v, want %v", got, before)
		}
		if s, err := n.State(ctx); err == nil {
			for _, c := range s.View.Conditions {
				if c.Type != mapping.StaleSoon { // the switch has not spoken yet
					t.Errorf("condition %v, want none", c)
				}
			}
			return
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// TestAltNamesOfAKilledAgent moves a cable while nobody looks.
func TestAltNamesOfAKilledAgent(t *testing.T) {
	t.Parallel() // it mostly waits
	l := newAltNamesLab(t)
	n := l.Nodes[0]
	kill := func() {
		t.Helper()
		if err := n.KillAgent(); err != nil {
			t.Fatal(err)
		}
	}
	kill()
	if err := n.Move(t.Context(), "eth1", l.Blue, "p9", lab.BlueVLAN); err != nil {
		t.Fatal(err)
	}
	if err := n.StartAgent(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitAltNames(t, n)
	if err := n.Move(t.Context(), "eth1", l.Green, "p1", lab.GreenVLAN); err != nil {
		t.Fatal(err)
	}
	awaitAltNames(t, n, cabled(0)...)
	kill()
	if err := n.Do(func() error {
		return altnames.ClearUnlessRunning(n.Path(nodefile.DefaultDir), n.Path(nodeStateDir))
	}); err != nil {
		t.Error(err)
	}
	if got := altNamesOf(t, n); len(got) != 0 {
		t.Errorf("cleared: %v are left", got)
	}
	n = l.Nodes[1]
	kill()
	if err := n.WriteFile("/etc/colvin/colvind.yaml", strings.Replace(altNamesConfig, "altnames: on", "altnames: off", 1)); err != nil {
		t.Fatal(err)
	}
	if err := n.StartAgent(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitAltNames(t, n)
}

// TestAltNameOfAnOperator leaves alone what somebody else has set.
func TestAltNameOfAnOperator(t *testing.T) {
	b := newBench(t, rules)
	b.ok(b.node.WriteFile("/etc/colvin/colvind.yaml", altNamesConfig))
	b.ok(b.node.AddDevice("bridge", "br9"))
	br9, err := b.node.Netlink().LinkByName("br9")
	b.ok(err)
	b.ok(b.node.Netlink().LinkAddAltName(br9, "green"))
	b.awaitGreen()
	b.awaitTaken()
	b.ok(b.node.Netlink().LinkDelAltName(br9, "green"))
	awaitAltNames(t, b.node, "eth1 green")
	b.ok(b.node.StopAgent())
	b.ok(b.node.Netlink().LinkAddAltName(br9, "green"))
	b.start()
	b.awaitTaken()
	b.ok(b.node.StopAgent())
	awaitAltNames(t, b.node, "br9 green")
}

// awaitTaken waits until the agent reports that a name is another's.
func (b *bench) awaitTaken() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	for tick := time.Tick(10 * time.Millisecond); ; <-tick {
		out, err := b.node.Colvin(ctx, "status")
		if strings.Contains(out, "AltNameTaken: green is an altname of br9") {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("status: %v\n%s", err, out)
		}
	}
}

// TestAltNamesUnprivileged runs the agent as nobody, with the capabilities of the
// systemd unit with its drop-in, and of the unit alone.
func TestAltNamesUnprivileged(t *testing.T) {
	b := newBench(t, rules)
	const nobody = 65534
	for _, dir := range []string{nodefile.DefaultDir, nodeStateDir} {
		b.ok(os.MkdirAll(b.node.Path(dir), 0o755))
		b.ok(os.Chown(b.node.Path(dir), nobody, nobody))
	}
	b.ok(os.Chmod(b.node.Path("/etc/colvin"), 0o755))
	b.ok(b.node.WriteFile("/etc/colvin/colvind.yaml", altNamesConfig))
	agent := func(capabilities string) *netnstest.Cmd {
		return b.node.Command(t.Context(), "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
			"--inh-caps=-all,"+capabilities, "--ambient-caps=-all,"+capabilities, "--bounding-set=-all,"+capabilities,
			binaries.Colvind, "--config", "/etc/colvin/colvind.yaml")
	}
	if out, err := agent("+net_raw").CombinedOutput(); err == nil || !strings.Contains(string(out), "CAP_NET_ADMIN is missing") {
		t.Errorf("without CAP_NET_ADMIN: %v: %s", err, out)
	}
	cmd := agent("+net_raw,+net_admin")
	var log strings.Builder
	cmd.Stderr = &log
	b.ok(cmd.Start())
	awaitAltNames(t, b.node, "eth1 green")
	b.ok(cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); err != nil {
		t.Errorf("agent: %v\n%s", err, log.String())
	}
	if got := altNamesOf(t, b.node); len(got) != 0 {
		t.Errorf("%v are left", got)
	}
}
