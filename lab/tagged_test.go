// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

const (
	storageVLAN = 300
	made        = "eth1.300" // the VLAN device that the plugin makes
	manyPods    = 20
)

// codeUnsafe is the plugin's error for a device that must not be used like that.
const codeUnsafe = 103

// A taggedRig is a node with a cable to a switch that carries the storage network
// tagged, and has an address in it.
type taggedRig struct {
	*pluginRig
	stdin object
}

func newTaggedRig(t *testing.T, delegate object, needs ...*netnstest.Feature) *taggedRig {
	t.Helper()
	leaf := newTrunk(t)
	r := newTaggedNode(t, "node1", leaf, delegate, needs...)
	r.cable("eth1", leaf, "p1")
	r.begin("eth1")
	return r
}

// newTrunk makes a switch that answers pings in the storage VLAN.
func newTrunk(t *testing.T) *netnstest.Switch {
	t.Helper()
	netnstest.Require(t, netnstest.VLAN)
	leaf := netnstest.NewSwitchT(t, netnstest.SwitchConfig{
		Name: "leaf", Speaker: netnstest.Builtin, Interval: 100 * time.Millisecond, Hold: 1000,
	})
	if err := leaf.AddVLAN("storage", "br0", storageVLAN); err != nil {
		t.Fatal(err)
	}
	device, err := leaf.Netlink().LinkByName("storage")
	if err != nil {
		t.Fatal(err)
	}
	address, err := netlink.ParseAddr(switchAddress.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := leaf.Netlink().AddrAdd(device, address); err != nil {
		t.Fatal(err)
	}
	return leaf
}

// newTaggedNode makes a node without cables.
func newTaggedNode(t *testing.T, name string, leaf *netnstest.Switch, delegate object, needs ...*netnstest.Feature) *taggedRig {
	t.Helper()
	r := &taggedRig{pluginRig: &pluginRig{
		deviceRig: newDeviceNode(t, name, append(needs, netnstest.VLAN)...), delegateCase: delegateCase{conf: delegate}, leaf: leaf, counts: &counts{},
	}}
	r.stdin = r.pluginRig.stdin(hostLocal).with("network", "storage")
	return r
}

// begin starts the agent and waits until it knows what the VLAN is on.
func (r *taggedRig) begin(parent string) {
	r.t.Helper()
	r.startAgent()
	r.over(parent)
	r.links = r.linkNames()
}

// over waits until a VLAN device for the network is to be made, or found, on parent.
func (r *taggedRig) over(parent string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), devicePatience)
	defer cancel()
	r.ok(r.Await(ctx, "storage over "+parent, func(f *nodefile.File) bool {
		return slices.ContainsFunc(f.Lookup("storage"), func(a nodefile.Uplink) bool {
			return a.Parent.Name == parent && a.Device == (nodefile.Link{}) && a.Certainty == nodefile.Fresh
		})
	}))
}

// attached makes a pod and attaches it.
func (r *taggedRig) attached() *lab.Pod {
	r.t.Helper()
	p := r.pod(r.stdin)
	_, err := p.Add(r.t.Context())
	r.ok(err)
	return p
}

func (r *taggedRig) detached(p *lab.Pod) {
	r.t.Helper()
	r.ok(p.Del(r.t.Context()))
	r.empty(p)
}

// nothingLeft collects garbage and expects that there was none.
func (r *taggedRig) nothingLeft() {
	r.t.Helper()
	r.clean()
	r.gc(r.pod(r.stdin), r.stdin)
	r.clean()
}

// vlans lists the VLAN devices of the node.
func (r *taggedRig) vlans() (vlans []discovery.Interface) {
	r.t.Helper()
	r.ok(r.Do(func() error {
		all, err := link.List()
		vlans = slices.DeleteFunc(all, func(i discovery.Interface) bool { return i.Kind != "vlan" })
		return err
	}))
	return vlans
}

// one expects exactly one VLAN device, and returns it.
func (r *taggedRig) one(name string) discovery.Interface {
	r.t.Helper()
	vlans := r.vlans()
	if len(vlans) != 1 || vlans[0].Name != name {
		r.t.Fatalf("VLAN devices %+v, want only %s", vlans, name)
	}
	return vlans[0]
}

// refused expects an ADD to fail for good.
func (r *taggedRig) refused(stdin object, why string) {
	r.t.Helper()
	p := r.pod(stdin)
	out, err := p.Add(r.t.Context())
	said, ok := errors.AsType[*lab.CNIError](err)
	if !ok {
		r.t.Fatalf("got %s, %v, want a CNI error", out, err)
	}
	var e struct {
		Code uint
		Msg  string
	}
	r.ok(json.Unmarshal([]byte(said.Output), &e))
	if e.Code != codeUnsafe || !strings.Contains(e.Msg, why) {
		r.t.Errorf("got error %d %q, want %d with %q", e.Code, e.Msg, codeUnsafe, why)
	}
	r.ok(p.Del(r.t.Context()))
}

var macvlan = delegates["macvlan"].conf

// TestDevicesTagged has the first pod make a VLAN device, the second share it and
// the last remove it, on two nodes that reach each other through the trunk.
func TestDevicesTagged(t *testing.T) {
	r := newTaggedRig(t, macvlan, netnstest.MACVLAN)
	far := newTaggedNode(t, "node2", r.leaf, macvlan)
	far.cable("eth1", r.leaf, "p2")
	far.begin("eth1")
	far.stdin = far.stdin.with("ipam", hostLocal.with("ranges", [][]object{{{"subnet": "10.10.0.0/24", "rangeStart": "10.10.0.100"}}}))
	remote := far.attached()

	first := r.attached()
	device := r.one(made)
	eth1, err := r.Netlink().LinkByName("eth1")
	r.ok(err)
	want := discovery.Interface{
		Index: device.Index, Name: made, Alias: device.Alias, MAC: discovery.MAC(eth1.Attrs().HardwareAddr), MTU: 1500, Kind: "vlan",
		Ethernet: true, Up: true, Carrier: true, CarrierChanges: device.CarrierChanges, Parent: eth1.Attrs().Index, VLAN: storageVLAN,
	}
	if diff := cmp.Diff(want, device); diff != "" || !device.Own() {
		t.Errorf("own %t, (-want +got):\n%s", device.Own(), diff)
	}
	r.bare(made)
	r.pings(first)
	_, err = first.Ping(t.Context(), netip.MustParseAddr("10.10.0.100"))
	r.ok(err)

	second := r.attached()
	r.detached(first)
	if got := r.one(made); got.Index != device.Index {
		t.Errorf("the second pod has another device, with ifindex %d instead of %d", got.Index, device.Index)
	}
	r.pings(second)
	r.gc(second, r.stdin, second)
	r.pings(second)
	r.detached(second)
	r.nothingLeft()
	far.detached(remote)
	far.nothingLeft()
}

// bare expects a device without any IPv6 address that heeds no router.
func (r *taggedRig) bare(name string) {
	r.t.Helper()
	device, err := r.Netlink().LinkByName(name)
	r.ok(err)
	addresses, err := r.Netlink().AddrList(device, netlink.FAMILY_ALL)
	r.ok(err)
	if len(addresses) != 0 {
		r.t.Errorf("%s has addresses: %v", name, addresses)
	}
	r.ok(r.Do(func() error {
		b, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + name + "/accept_ra")
		if string(b) != "0\n" {
			r.t.Errorf("%s: accept_ra is %q, want 0", name, b)
		}
		return err
	}))
}

// TestDevicesTaggedAdmin uses the device that an admin has made, and leaves it there.
func TestDevicesTaggedAdmin(t *testing.T) {
	r := newTaggedRig(t, macvlan, netnstest.MACVLAN)
	r.ok(r.AddVLAN("lan", "eth1", storageVLAN))
	r.resolves("storage", "lan")
	r.links = r.linkNames()
	before := r.one("lan")
	p := r.attached()
	r.pings(p)
	r.detached(p)
	r.nothingLeft()
	if diff := cmp.Diff(before, r.one("lan")); diff != "" {
		t.Errorf("the admin's device (-want +got):\n%s", diff)
	}
}

// TestDevicesTaggedAdopted has an admin make the device his own, by an address.
func TestDevicesTaggedAdopted(t *testing.T) {
	r := newTaggedRig(t, macvlan, netnstest.MACVLAN)
	p := r.attached()
	device, err := r.Netlink().LinkByName(made)
	r.ok(err)
	address, err := netlink.ParseAddr("10.10.0.253/24")
	r.ok(err)
	r.ok(r.Netlink().AddrAdd(device, address))
	r.detached(p)
	r.one(made)
	r.ok(r.Netlink().AddrDel(device, address))
	r.gc(p, r.stdin)
	r.clean()
}

// TestDevicesTaggedAtOnce attaches many pods at once, detaches them at once, and
// then does both.
func TestDevicesTaggedAtOnce(t *testing.T) {
	r := newTaggedRig(t, macvlan, netnstest.MACVLAN)
	pods := make([]*lab.Pod, manyPods)
	for i := range pods {
		pods[i] = r.pod(r.stdin)
	}
	all := func(do func(*lab.Pod) error) {
		t.Helper()
		var g errgroup.Group
		for _, p := range pods {
			g.Go(func() error { return do(p) })
		}
		r.ok(g.Wait())
	}
	add := func(p *lab.Pod) error {
		_, err := p.Add(t.Context())
		return err
	}
	del := func(p *lab.Pod) error { return p.Del(t.Context()) }

	all(add)
	device := r.one(made)
	for _, p := range pods {
		r.pings(p)
	}
	last := pods[0]
	pods = pods[1:]
	all(del)
	if got := r.one(made); got.Index != device.Index {
		t.Errorf("ifindex %d, was %d", got.Index, device.Index)
	}
	r.pings(last)
	r.detached(last)
	r.clean()
	pods = pods[:4]
	all(func(p *lab.Pod) error { return errors.Join(add(p), del(p)) })
	r.nothingLeft()
}

// TestDevicesTaggedBond makes the VLAN device on a bond, and keeps it through a
// failover.
func TestDevicesTaggedBond(t *testing.T) {
	leaf := newTrunk(t)
	r := newTaggedNode(t, "node1", leaf, macvlan, netnstest.MACVLAN, netnstest.Bonding)
	r.cable("eth1", leaf, "p1")
	r.cable("eth2", leaf, "p2")
	r.ok(r.AddBond("bond0", "active-backup", "eth1", "eth2"))
	r.begin("bond0")
	p := r.attached()
	r.one("bond0.300")
	r.pings(p)
	r.ok(r.Cables["eth1"].Unplug())
	r.active("eth2")
	r.pings(p)
	r.detached(p)
	r.nothingLeft()
}

// TestDevicesTaggedLongName makes a device on one whose name leaves no room.
func TestDevicesTaggedLongName(t *testing.T) {
	leaf := newTrunk(t)
	r := newTaggedNode(t, "node1", leaf, macvlan, netnstest.MACVLAN)
	r.cable("ens123456789np0", leaf, "p1")
	r.begin("ens123456789np0")
	p := r.attached()
	r.pings(p)
	if got := r.vlans(); len(got) != 1 || !got[0].Own() {
		t.Errorf("VLAN devices %+v, want one of Colvin's own", got)
	}
	r.detached(p)
	r.nothingLeft()
}

// TestDevicesTaggedKilled kills plugins around the moment at which they make the
// device, before and after they have written down that they did. The next pod is
// attached all the same, and garbage collection removes what is left.
func TestDevicesTaggedKilled(t *testing.T) {
	r := newTaggedRig(t, macvlan, netnstest.MACVLAN)
	killed := map[string]int{}
	for i := range 8 {
		p := r.pod(r.stdin)
		killed[r.killMaker(p, time.Duration(i/2)*time.Millisecond)]++
		var kept []*lab.Pod
		if i%2 == 0 {
			kept = append(kept, r.attached())
			r.pings(kept[0])
		}
		r.collect(p, kept)
		if len(kept) == 0 {
			continue
		}
		if got := r.vlans(); len(got) != 1 || !got[0].Own() {
			t.Errorf("VLAN devices %+v, want one of Colvin's own", got)
		}
		r.pings(kept[0])
		r.detached(kept[0])
		r.clean()
	}
	t.Logf("killed: %v", killed)
	if killed["unfinished"]+killed["unrecorded"] == 0 {
		t.Error("no plugin was killed before its record, so this means nothing")
	}
	r.nothingLeft()
}

// killMaker kills an ADD some time after its VLAN device is there, and says how far
// it got.
func (r *taggedRig) killMaker(p *lab.Pod, later time.Duration) string {
	r.t.Helper()
	cmd := p.Command(r.t.Context(), "ADD")
	r.ok(cmd.Start())
	for deadline := time.Now().Add(devicePatience); len(r.vlans()) == 0; {
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			r.t.Fatalf("ADD makes no device: %v", cmd.Wait())
		}
	}
	<-time.After(later)
	_ = cmd.Process.Kill() // unless it has ended
	_ = cmd.Wait()
	switch device := r.vlans()[0]; {
	case device.Unfinished:
		return "unfinished"
	case !slices.ContainsFunc(r.files(recordDir), func(f string) bool { return strings.HasSuffix(f, ".json") }):
		return "unrecorded"
	}
	return "recorded"
}

// collect collects garbage until there is nothing but what belongs to the pods that
// are kept: a killed plugin's delegate may be at work for a while.
func (r *taggedRig) collect(caller *lab.Pod, kept []*lab.Pod) {
	r.t.Helper()
	for range collections {
		r.gc(caller, r.stdin, kept...)
		if len(r.addresses()) == len(kept) && len(r.files(recordDir)) == len(kept) && len(r.vlans()) == min(1, len(kept)) {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	r.t.Errorf("left over after %d times GC, of %d pods: %v", collections, len(kept), r.leftOver())
}

// TestDevicesTaggedIPVLAN shares the VLAN device by IP addresses.
func TestDevicesTaggedIPVLAN(t *testing.T) {
	r := newTaggedRig(t, object{"type": "ipvlan", "mode": "l2"}, netnstest.IPVLAN)
	first, second := r.attached(), r.attached()
	r.one(made)
	r.pings(first)
	r.pings(second)
	r.detached(first)
	r.pings(second)
	r.detached(second)
	r.nothingLeft()
}

// TestDevicesTaggedVLAN has the plugin vlan make a device in the pod.
func TestDevicesTaggedVLAN(t *testing.T) {
	r := newTaggedRig(t, object{"type": "vlan"})
	p := r.attached()
	r.pings(p)
	device, err := p.Netlink().LinkByName(lab.PodInterface)
	r.ok(err)
	if got, ok := device.(*netlink.Vlan); !ok || got.VlanId != storageVLAN {
		t.Errorf("the pod has %+v, want VLAN %d", device, storageVLAN)
	}
	if got := r.vlans(); len(got) != 0 {
		t.Errorf("VLAN devices on the node: %+v, want none", got)
	}
	r.refused(r.stdin.with("delegate", macvlan), "another network namespace")
	second := r.pod(r.stdin)
	if out, err := second.Add(t.Context()); err == nil {
		t.Errorf("a second pod got the VLAN: %s", out)
	}
	r.detached(second)
	r.pings(p)
	r.detached(p)
	r.nothingLeft()
}

// TestDevicesTaggedRefused asks for what no delegate can do.
func TestDevicesTaggedRefused(t *testing.T) {
	r := newTaggedRig(t, object{"type": "vlan"})
	r.refused(r.stdin.with("network", "green"), "untagged")
	r.refused(r.stdin.with("delegate", object{"type": "host-device"}), "tagged with VLAN 300")
	r.ok(r.AddVLAN("lan", "eth1", storageVLAN))
	r.resolves("storage", "lan")
	r.links = r.linkNames()
	r.refused(r.stdin, "lan")
	r.nothingLeft()
	r.one("lan")
}

// TestDevicesTaggedHostDevice gives an admin's VLAN device to a pod and takes it back.
func TestDevicesTaggedHostDevice(t *testing.T) {
	r := newTaggedRig(t, object{"type": "host-device"})
	r.ok(r.AddVLAN("lan", "eth1", storageVLAN))
	r.resolves("storage", "lan")
	r.links = r.linkNames()
	p := r.attached()
	r.pings(p)
	if got := r.vlans(); len(got) != 0 {
		t.Errorf("VLAN devices on the node: %+v, want none", got)
	}
	r.detached(p)
	r.one("lan")
	r.nothingLeft()
}
