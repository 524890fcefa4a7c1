// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// devicePatience covers LACP and an agent on a machine that is emulated.
const devicePatience = 60 * time.Second

// The switches of these tests tell VLAN 100 and are one network; they also carry
// VLAN 300 tagged.
const deviceRules = `networks:
  - name: green
    spans: true
    match: [{system: "leaf*", vlan: 100}]
  - name: storage
    spans: true
    tagged: "300"
    match: [{system: "leaf*"}]
`

// A deviceRig is a node with an agent, whose devices a test makes. It needs
// neither lldpd nor any other program that a small machine lacks.
type deviceRig struct {
	*lab.Node
	t *testing.T
}

func newDeviceRig(t *testing.T, needs ...*netnstest.Feature) *deviceRig {
	t.Helper()
	return newDeviceNode(t, "node1", needs...)
}

func newDeviceNode(t *testing.T, name string, needs ...*netnstest.Feature) *deviceRig {
	t.Helper()
	netnstest.Require(t, append(needs, netnstest.NetNS)...)
	if binaries.err != nil {
		t.Fatal(binaries.err)
	}
	n, err := lab.NewNode(t.Context(), name, binaries.Binaries)
	if err != nil {
		t.Fatal(err)
	}
	r := &deviceRig{Node: n, t: t}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := n.AgentLog()
			t.Logf("agent log:\n%s", log)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	r.ok(n.WriteFile("/etc/colvin/rules.yaml", deviceRules))
	return r
}

func (r *deviceRig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// leaf makes a switch.
func (r *deviceRig) leaf(name string) *netnstest.Switch {
	r.t.Helper()
	return netnstest.NewSwitchT(r.t, netnstest.SwitchConfig{Name: name, Speaker: netnstest.Builtin, Hold: 30})
}

// cable lays a cable to a port that tells the green VLAN.
func (r *deviceRig) cable(ifname string, sw *netnstest.Switch, port string) {
	r.t.Helper()
	r.ok(r.Cable(r.t.Context(), ifname, sw, port, lab.GreenVLAN))
}

func (r *deviceRig) startAgent() {
	r.t.Helper()
	r.ok(r.StartAgent(r.t.Context()))
}

// await waits until the agent's state has nothing wrong with it.
func (r *deviceRig) await(wrong func(*agentapi.State) string) {
	r.t.Helper()
	awaitState(r.t, r.Node, wrong)
}

// awaitState waits until an agent's state has nothing wrong with it. It is told after the
// node file is written, and after names are withdrawn.
func awaitState(t *testing.T, n *lab.Node, wrong func(*agentapi.State) string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), devicePatience)
	defer cancel()
	diff := "the agent does not answer"
	for tick := time.Tick(100 * time.Millisecond); ; {
		if s, err := n.State(ctx); err == nil {
			if diff = wrong(s); diff == "" {
				return
			}
		}
		select {
		case <-tick:
		case <-ctx.Done():
			t.Fatalf("%v; state (-want +got):\n%s", ctx.Err(), diff)
		}
	}
}

// hears waits until the node's ports hear exactly these neighbours, such as
// "eth1: leaf p1".
func (r *deviceRig) hears(want ...string) {
	r.t.Helper()
	r.await(func(s *agentapi.State) string {
		return cmp.Diff(want, heard(s.Snapshot))
	})
}

// heard lists ports and their neighbours by name.
func heard(s *discovery.Snapshot) []string {
	var lines []string
	for _, p := range s.Ports {
		var line strings.Builder
		line.WriteString(p.Name + ":")
		for _, n := range p.Neighbors {
			fmt.Fprintf(&line, " %s %s", n.SystemName, strings.TrimPrefix(string(n.Port), "ifname:"))
		}
		lines = append(lines, line.String())
	}
	slices.Sort(lines)
	return lines
}

// leads waits until the green network is freshly known to be behind a device.
func (r *deviceRig) leads(device string) {
	r.t.Helper()
	r.resolves("green", device)
}

// resolves waits until a network is freshly known to be behind a device: one that is
// there now, and not one of its name that the agent still takes to be there.
func (r *deviceRig) resolves(network, device string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), devicePatience)
	defer cancel()
	resolves := lab.Resolves(network, device, nodefile.Fresh)
	r.ok(r.Await(ctx, network+" on "+device, func(f *nodefile.File) bool {
		return resolves(f) && !slices.ContainsFunc(f.Lookup(network), func(a nodefile.Uplink) bool {
			return !r.present(a.Device) || !r.present(a.Ports[0].Link)
		})
	}))
}

// present reports whether the kernel has a device as it is described.
func (r *deviceRig) present(l nodefile.Link) bool {
	if l == (nodefile.Link{}) { // made when a container needs it
		return true
	}
	link, err := r.Netlink().LinkByName(l.Name)
	return err == nil && link.Attrs().Index == l.Index
}

// splits waits until bond0 leads nowhere, because its members disagree.
func (r *deviceRig) splits() {
	r.t.Helper()
	r.await(func(s *agentapi.State) string {
		for _, a := range s.View.Uplinks {
			if a.VID == 0 && a.Usable {
				return a.Name + " is usable on " + a.Device.Name
			}
		}
		if !slices.ContainsFunc(s.View.Conditions, func(c mapping.Condition) bool {
			return c.Type == mapping.BondSplit && c.Interface == "bond0"
		}) {
			return fmt.Sprintf("no BondSplit among %v", s.View.Conditions)
		}
		return ""
	})
}

// TestDevicesBridge hears LLDP on a port of a bridge, which keeps such frames to
// itself.
func TestDevicesBridge(t *testing.T) {
	r := newDeviceRig(t)
	r.cable("eth1", r.leaf("leaf"), "p1")
	r.ok(r.AddDevice("bridge", "br0", "eth1"))
	r.startAgent()
	r.hears("eth1: leaf p1")
	r.leads("br0")
}

// TestDevicesMacvlan hears LLDP on the parent of what pods get.
func TestDevicesMacvlan(t *testing.T) {
	r := newDeviceRig(t, netnstest.MACVLAN)
	r.cable("eth1", r.leaf("leaf"), "p1")
	r.ok(r.AddUpper("macvlan", "eth9", "eth1"))
	r.startAgent()
	r.hears("eth1: leaf p1")
	r.leads("eth1")
}

// TestDevicesVLAN hears LLDP under VLAN devices, and under a bridge over one.
func TestDevicesVLAN(t *testing.T) {
	r := newDeviceRig(t, netnstest.VLAN)
	r.cable("eth1", r.leaf("leaf"), "p1")
	r.ok(r.AddVLAN("eth1.200", "eth1", 200))
	r.ok(r.AddVLAN("eth1.300", "eth1", 300))
	r.ok(r.AddDevice("bridge", "br300", "eth1.300"))
	r.startAgent()
	r.hears("eth1: leaf p1")
	r.leads("eth1")
	r.resolves("storage", "br300")
}

// TestDevicesMasters hears LLDP on ports whose master takes all other frames.
func TestDevicesMasters(t *testing.T) {
	for name, tt := range map[string]struct {
		needs *netnstest.Feature
		add   func(*deviceRig) error
	}{
		"team":         {netnstest.Team, func(r *deviceRig) error { return r.AddDevice("team", "team0", "eth1") }},
		"vrf":          {netnstest.VRF, func(r *deviceRig) error { return r.AddDevice("vrf", "red", "eth1") }},
		"Open vSwitch": {netnstest.OpenVSwitch, func(r *deviceRig) error { return r.AddOpenVSwitch("eth1") }},
		"balance-xor":  {netnstest.Bonding, func(r *deviceRig) error { return r.AddBond("bond0", "balance-xor", "eth1") }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newDeviceRig(t, tt.needs)
			r.cable("eth1", r.leaf("leaf"), "p1")
			r.ok(tt.add(r))
			r.startAgent()
			r.hears("eth1: leaf p1")
		})
	}
}

// TestDevicesLACP aggregates with one switch, with a pair that poses as one, and
// with two that do not, which leaves one member unused.
func TestDevicesLACP(t *testing.T) {
	system, another := discovery.MAC{2, 0, 0, 0, 0, 0xaa}, discovery.MAC{2, 0, 0, 0, 0, 0xbb}
	t.Run("one switch", func(t *testing.T) {
		r := newDeviceRig(t, netnstest.Bonding)
		leaf := r.leaf("leaf")
		r.cable("eth1", leaf, "p1")
		r.cable("eth2", leaf, "p2")
		r.ok(leaf.Aggregate("lag1", system, "p1", "p2"))
		r.ok(r.AddBond("bond0", "802.3ad", "eth1", "eth2"))
		r.startAgent()
		r.hears("eth1: leaf p1", "eth2: leaf p2")
		r.aggregates(2)
		r.leads("bond0")
	})
	for name, tt := range map[string]struct {
		second discovery.MAC
		want   int
	}{
		"pair":  {system, 2},
		"split": {another, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newDeviceRig(t, netnstest.Bonding)
			left, right := r.leaf("leaf1"), r.leaf("leaf2")
			r.cable("eth1", left, "p1")
			r.cable("eth2", right, "p1")
			r.ok(left.Aggregate("lag1", system, "p1"))
			r.ok(right.Aggregate("lag1", tt.second, "p1"))
			r.ok(r.AddBond("bond0", "802.3ad", "eth1", "eth2"))
			r.startAgent()
			r.hears("eth1: leaf1 p1", "eth2: leaf2 p1")
			r.aggregates(tt.want)
			r.leads("bond0")
		})
	}
}

// aggregates waits until so many members of bond0 send.
func (r *deviceRig) aggregates(want int) {
	r.t.Helper()
	r.await(func(s *agentapi.State) string {
		got := 0
		for _, i := range s.Snapshot.Interfaces {
			bond, _ := s.Snapshot.Interface(i.Master)
			if i.BondMember != nil && i.BondMember.Active && bond.Bond != nil && i.BondMember.Aggregator == bond.Bond.Aggregator {
				got++
			}
		}
		return cmp.Diff(want, got)
	})
}

// TestDevicesActiveBackup hears LLDP on both members, and again after a failover.
func TestDevicesActiveBackup(t *testing.T) {
	r := newDeviceRig(t, netnstest.Bonding, netnstest.VLAN)
	leaf := r.leaf("leaf")
	r.cable("eth1", leaf, "p1")
	r.cable("eth2", leaf, "p2")
	r.ok(r.AddBond("bond0", "active-backup", "eth1", "eth2"))
	r.ok(r.AddVLAN("bond0.300", "bond0", 300))
	r.startAgent()
	r.hears("eth1: leaf p1", "eth2: leaf p2")
	r.active("eth1")
	r.leads("bond0")
	r.resolves("storage", "bond0.300")
	r.ok(r.Cables["eth1"].Unplug())
	r.active("eth2")
	r.hears("eth1:", "eth2: leaf p2")
	r.leads("bond0")
	r.ok(r.Cables["eth1"].Plug())
	r.hears("eth1: leaf p1", "eth2: leaf p2")
	r.active("eth2")
}

// TestDevicesBondSplit has the backup of a bond lead to another network.
func TestDevicesBondSplit(t *testing.T) {
	r := newDeviceRig(t, netnstest.Bonding)
	r.cable("eth1", r.leaf("leaf1"), "p1")
	r.ok(r.Cable(t.Context(), "eth2", r.leaf("leaf2"), "p1", lab.BlueVLAN))
	r.ok(r.AddBond("bond0", "active-backup", "eth1", "eth2"))
	r.startAgent()
	r.hears("eth1: leaf1 p1", "eth2: leaf2 p1")
	r.splits()
	r.ok(r.Cables["eth2"].Unplug())
	r.leads("bond0")
}

// active waits until bond0 sends through a member.
func (r *deviceRig) active(member string) {
	r.t.Helper()
	r.await(func(s *agentapi.State) string {
		for _, i := range s.Snapshot.Interfaces {
			if i.Bond != nil {
				active, _ := s.Snapshot.Interface(i.Bond.Active)
				return cmp.Diff(member, active.Name)
			}
		}
		return "no bond"
	})
}

// TestDevicesComeAndGo makes, renames, gives away, takes back and replaces an
// interface under a running agent.
func TestDevicesComeAndGo(t *testing.T) {
	r := newDeviceRig(t)
	leaf, pod := r.leaf("leaf"), netnstest.NewT(t, "pod")
	r.startAgent()
	r.hears()
	r.cable("eth1", leaf, "p1")
	r.hears("eth1: leaf p1")
	r.ok(r.Rename("eth1", "ens1"))
	r.hears("ens1: leaf p1")
	r.ok(r.Give("ens1", pod))
	r.hears()
	r.ok(pod.Give("ens1", r.Namespace))
	r.hears("ens1:")
	r.ok(r.SetUp("ens1"))
	r.hears("ens1: leaf p1")
	r.leads("ens1")
	r.ok(r.Remove("ens1"))
	r.hears()
	r.cable("eth1", leaf, "p2")
	r.hears("eth1: leaf p2")
	r.ok(r.AddDevice("bridge", "br0", "eth1"))
	r.leads("br0")
}
