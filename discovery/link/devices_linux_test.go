// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// patience covers LACP on a slow machine.
const patience = 60 * time.Second

// A rig is a node whose network devices are followed by hints, as the agent does.
type rig struct {
	*netnstest.Namespace
	t    *testing.T
	subs *link.Subscription
}

func newRig(t *testing.T, needs ...*netnstest.Feature) *rig {
	t.Helper()
	netnstest.Require(t, needs...)
	r := &rig{Namespace: netnstest.NewT(t, "node"), t: t}
	r.ok(r.Do(func() (err error) {
		r.subs, err = link.Subscribe()
		return err
	}))
	t.Cleanup(func() { r.ok(r.subs.Close()) })
	return r
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// cable lays a cable to a switch, or to another node.
func (r *rig) cable(name string, far netnstest.Socket, port string) *netnstest.Cable {
	r.t.Helper()
	return netnstest.ConnectT(r.t, netnstest.Endpoint{In: r.Namespace, Name: name}, netnstest.Endpoint{In: far, Name: port})
}

// mute is a switch that speaks no LLDP, only LACP.
func (r *rig) mute(name string) *netnstest.Switch {
	r.t.Helper()
	return netnstest.NewSwitchT(r.t, netnstest.SwitchConfig{Name: name, Speaker: netnstest.None})
}

// await waits until the node's devices are described like that.
func (r *rig) await(want ...string) {
	r.t.Helper()
	slices.Sort(want)
	r.follow(func(list []discovery.Interface) string { return cmp.Diff(want, describe(list)) })
}

// follow waits until nothing is wrong with the node's devices. It looks again
// after a hint only: no change may go without one.
func (r *rig) follow(wrong func([]discovery.Interface) string) {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		diff := wrong(r.list())
		if diff == "" {
			return
		}
		select {
		case <-r.subs.Hints():
		case <-deadline:
			r.t.Fatalf("network devices (-want +got):\n%s", diff)
		}
	}
}

func (r *rig) list() (list []discovery.Interface) {
	r.t.Helper()
	r.ok(r.Do(func() (err error) {
		list, err = link.List()
		return err
	}))
	return list
}

func (r *rig) index(name string) int { return find(r.t, r.Namespace, name).Index }

// describe says of each device but loopback what it is and what it belongs to,
// with names where the kernel has indexes.
func describe(list []discovery.Interface) []string {
	byIndex := map[int]discovery.Interface{}
	for _, i := range list {
		byIndex[i.Index] = i
	}
	var lines []string
	for _, i := range list {
		if i.Name == "lo" {
			continue
		}
		words := []string{i.Name + ":", string(i.Kind)}
		if i.VLANFiltering {
			words = append(words, "filtering")
		}
		if i.VLAN != 0 {
			words = append(words, fmt.Sprint(i.VLAN))
		}
		if i.Parent != 0 {
			words = append(words, "on", byIndex[i.Parent].Name)
		}
		if i.Master != 0 {
			words = append(words, "in", byIndex[i.Master].Name)
		}
		if b := i.Bond; b != nil {
			words = append(words, b.Mode)
			if b.Active != 0 {
				words = append(words, "active", byIndex[b.Active].Name)
			}
		}
		if m := i.BondMember; m != nil {
			words = append(words, state(m.Up, "up", "down"), state(m.Active, "active", "backup"))
			if b := byIndex[i.Master].Bond; b != nil && b.Aggregator != 0 {
				words = append(words, state(m.Aggregator == b.Aggregator, "aggregated", "apart"))
			}
		}
		lines = append(lines, strings.Join(words, " "))
	}
	slices.Sort(lines)
	return lines
}

func state(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		needs []*netnstest.Feature
		add   func(*rig) error
		want  []string // beside eth1, unless it is there
	}{
		{
			"bridge", nil,
			func(r *rig) error { return r.AddDevice("bridge", "br0", "eth1") },
			[]string{"br0: bridge", "eth1: veth in br0"},
		},
		{
			"filtering bridge",
			[]*netnstest.Feature{netnstest.VLANFiltering},
			func(r *rig) error { return r.AddFilteringBridge("br0", "eth1") },
			[]string{"br0: bridge filtering", "eth1: veth in br0"},
		},
		{
			"macvlan",
			[]*netnstest.Feature{netnstest.MACVLAN},
			func(r *rig) error { return r.AddUpper("macvlan", "mac0", "eth1") },
			[]string{"eth1: veth", "mac0: macvlan on eth1"},
		},
		{
			"ipvlan",
			[]*netnstest.Feature{netnstest.IPVLAN},
			func(r *rig) error { return r.AddUpper("ipvlan", "ip0", "eth1") },
			[]string{"eth1: veth", "ip0: ipvlan on eth1"},
		},
		{
			"dummy",
			[]*netnstest.Feature{netnstest.Dummy},
			func(r *rig) error { return r.AddDevice("dummy", "dummy0") },
			[]string{"eth1: veth", "dummy0: dummy"},
		},
		{
			"VRF",
			[]*netnstest.Feature{netnstest.VRF},
			func(r *rig) error { return r.AddDevice("vrf", "red", "eth1") },
			[]string{"eth1: veth in red", "red: vrf"},
		},
		{
			"team",
			[]*netnstest.Feature{netnstest.Team},
			func(r *rig) error { return r.AddDevice("team", "team0", "eth1") },
			[]string{"eth1: veth in team0", "team0: team"},
		},
		{
			"Open vSwitch",
			[]*netnstest.Feature{netnstest.OpenVSwitch},
			func(r *rig) error { return r.AddOpenVSwitch("eth1") },
			[]string{"eth1: veth in ovs-system", "ovs-system: openvswitch"},
		},
		{
			"VLAN",
			[]*netnstest.Feature{netnstest.VLAN},
			func(r *rig) error { return r.AddVLAN("eth1.100", "eth1", 100) },
			[]string{"eth1: veth", "eth1.100: vlan 100 on eth1"},
		},
		{
			"bridge over VLAN",
			[]*netnstest.Feature{netnstest.VLAN},
			func(r *rig) error {
				if err := r.AddVLAN("eth1.100", "eth1", 100); err != nil {
					return err
				}
				return r.AddDevice("bridge", "br100", "eth1.100")
			},
			[]string{"br100: bridge", "eth1: veth", "eth1.100: vlan 100 on eth1 in br100"},
		},
		{
			"VLAN on bond",
			[]*netnstest.Feature{netnstest.VLAN, netnstest.Bonding},
			func(r *rig) error {
				if err := r.AddBond("bond0", "balance-xor", "eth1"); err != nil {
					return err
				}
				return r.AddVLAN("bond0.100", "bond0", 100)
			},
			[]string{"bond0: bond balance-xor", "bond0.100: vlan 100 on bond0", "eth1: veth in bond0 up active"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.needs...)
			r.cable("eth1", netnstest.NewT(t, "far"), "p1")
			r.ok(tt.add(r))
			r.await(tt.want...)
		})
	}
}

// TestBondLACP aggregates two ports with a switch that does the same.
func TestBondLACP(t *testing.T) {
	r := newRig(t, netnstest.Bonding)
	leaf := r.mute("leaf")
	first := r.cable("eth1", leaf, "p1")
	r.cable("eth2", leaf, "p2")
	r.ok(leaf.Aggregate("lag1", discovery.MAC{2, 0, 0, 0, 0, 0xaa}, "p1", "p2"))
	r.ok(r.AddBond("bond0", "802.3ad", "eth1", "eth2"))
	r.await("bond0: bond 802.3ad", "eth1: veth in bond0 up active aggregated", "eth2: veth in bond0 up active aggregated")
	r.ok(first.Unplug())
	r.await("bond0: bond 802.3ad", "eth1: veth in bond0 down backup aggregated", "eth2: veth in bond0 up active aggregated")
	r.ok(first.Plug())
	r.await("bond0: bond 802.3ad", "eth1: veth in bond0 up active aggregated", "eth2: veth in bond0 up active aggregated")
}

// TestBondMultiChassis aggregates with two switches that pose as one.
func TestBondMultiChassis(t *testing.T) {
	r := newRig(t, netnstest.Bonding)
	r.twoSwitches(discovery.MAC{2, 0, 0, 0, 0, 0xaa}, discovery.MAC{2, 0, 0, 0, 0, 0xaa})
	r.await("bond0: bond 802.3ad", "eth1: veth in bond0 up active aggregated", "eth2: veth in bond0 up active aggregated")
}

// TestBondSplit aggregates with one of two switches that are not one, whichever it
// is.
func TestBondSplit(t *testing.T) {
	r := newRig(t, netnstest.Bonding)
	r.twoSwitches(discovery.MAC{2, 0, 0, 0, 0, 0xaa}, discovery.MAC{2, 0, 0, 0, 0, 0xbb})
	r.follow(func(list []discovery.Interface) string {
		got := describe(list)
		if slices.Contains(got, "eth2: veth in bond0 up active aggregated") {
			return cmp.Diff([]string{"bond0: bond 802.3ad", "eth1: veth in bond0 up backup apart", "eth2: veth in bond0 up active aggregated"}, got)
		}
		return cmp.Diff([]string{"bond0: bond 802.3ad", "eth1: veth in bond0 up active aggregated", "eth2: veth in bond0 up backup apart"}, got)
	})
}

// twoSwitches makes a bond of two ports, each cabled to a switch that announces an
// LACP system.
func (r *rig) twoSwitches(systems ...discovery.MAC) {
	r.t.Helper()
	var members []string
	for i, system := range systems {
		sw, port := r.mute(fmt.Sprintf("leaf%d", i+1)), fmt.Sprintf("eth%d", i+1)
		r.cable(port, sw, "p1")
		r.ok(sw.Aggregate("lag1", system, "p1"))
		members = append(members, port)
	}
	r.ok(r.AddBond("bond0", "802.3ad", members...))
}

// TestBondActiveBackup fails over and says which member is active.
func TestBondActiveBackup(t *testing.T) {
	r := newRig(t, netnstest.Bonding)
	leaf := r.mute("leaf")
	first := r.cable("eth1", leaf, "p1")
	r.cable("eth2", leaf, "p2")
	r.ok(r.AddBond("bond0", "active-backup", "eth1", "eth2"))
	r.await("bond0: bond active-backup active eth1", "eth1: veth in bond0 up active", "eth2: veth in bond0 up backup")
	r.ok(first.Unplug())
	r.await("bond0: bond active-backup active eth2", "eth1: veth in bond0 down backup", "eth2: veth in bond0 up active")
	r.ok(first.Plug())
	r.await("bond0: bond active-backup active eth2", "eth1: veth in bond0 up backup", "eth2: veth in bond0 up active")
}

func TestBondModes(t *testing.T) {
	r := newRig(t, netnstest.Bonding)
	var want []string
	for i, mode := range []string{
		"balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb",
	} {
		name := fmt.Sprintf("bond%d", i)
		r.ok(r.AddBond(name, mode))
		want = append(want, name+": bond "+mode)
	}
	r.await(want...)
}

// TestComeAndGo renames a device, gives it away, takes it back and makes another
// with its ifindex.
func TestComeAndGo(t *testing.T) {
	r := newRig(t)
	far, other := netnstest.NewT(t, "far"), netnstest.NewT(t, "other")
	r.cable("eth1", far, "p1")
	r.await("eth1: veth")
	before := find(t, r.Namespace, "eth1")

	r.ok(r.Rename("eth1", "ens1"))
	r.await("ens1: veth")
	if got := r.index("ens1"); got != before.Index {
		t.Errorf("renamed: ifindex %d, want %d", got, before.Index)
	}

	r.ok(r.Give("ens1", other))
	r.await()
	r.ok(other.Give("ens1", r.Namespace))
	r.await("ens1: veth")
	back := find(t, r.Namespace, "ens1")
	if back.Up || back.MAC != before.MAC {
		t.Errorf("back: %+v, want it down with the address %s", back, before.MAC)
	}

	r.ok(r.Remove("ens1"))
	r.await()
	r.ok(r.Netlink().LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0", Index: before.Index}}))
	r.await("br0: bridge")
	if reused := find(t, r.Namespace, "br0"); reused.MAC == before.MAC {
		t.Errorf("another device with ifindex %d has the same address", reused.Index)
	}
}
