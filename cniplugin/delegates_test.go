// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// taggedOn is VLAN 300 of a trunk, for which there is no device yet.
func taggedOn(parent discovery.Interface) nodefile.Uplink {
	a := attached(parent, 300)
	a.Device, a.Parent = nodefile.Link{}, linkOf(parent)
	tagVID(&a, 300)
	return a
}

// storage makes the network "storage" of attachments the one that is asked for.
func (b *bench) storage(attachments ...nodefile.Uplink) {
	b.node.Networks = append(b.node.Networks, nodefile.Network{Name: "storage", Uplinks: attachments})
	b.conf["network"] = "storage"
	b.writeNode()
}

// device returns what the delegate was told in its last call.
func (b *bench) told(key string) any {
	b.t.Helper()
	calls := b.calls()
	if len(calls) == 0 {
		b.t.Fatal("the delegate was not called")
	}
	return calls[len(calls)-1].Conf[key]
}

func (b *bench) names() []string {
	var names []string
	for _, i := range b.kernel.Now {
		names = append(names, i.Name)
	}
	return names
}

// Containers of a tagged network share a VLAN device, which goes with the last.
func TestMadeVLANDevice(t *testing.T) {
	b := newBench(t)
	b.storage(taggedOn(eth(4, "eth1")))
	for _, id := range []string{"c1", "c2"} {
		b.args.ContainerID = id
		b.must(b.do(b.plugin.Add))
		if got := b.told("master"); got != "eth1.300" {
			t.Errorf("delegate got %v, want eth1.300", got)
		}
	}
	want := []string{"eth1", "eth2", "eth1.300"}
	if diff := cmp.Diff(want, b.names()); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	if made := b.kernel.Now[2]; !made.Own() || made.Alias != "colvin: shared by containers; records in "+b.records() {
		t.Errorf("made %+v", made)
	}
	b.must(b.do(b.plugin.Del))
	if diff := cmp.Diff(want, b.names()); diff != "" {
		t.Errorf("after the first DEL (-want +got):\n%s", diff)
	}
	b.args.ContainerID = "c1"
	b.must(b.do(b.plugin.Del))
	if diff := cmp.Diff(want[:2], b.names()); diff != "" {
		t.Errorf("after the last DEL (-want +got):\n%s", diff)
	}
	b.wantRecords(0)
}

// Of another parent or VLAN a device is another network, whatever its name.
func TestMadeVLANDeviceAmongOthers(t *testing.T) {
	b := newBench(t)
	vlan := func(index, parent int, vid uint16, name string) discovery.Interface {
		return discovery.Interface{Index: index, Name: name, Kind: "vlan", Parent: parent, VLAN: vid, Up: true, Carrier: true}
	}
	veth := eth(32, "veth0")
	veth.AltNames = []string{"eth1.300"}
	b.kernel.Now = append(b.kernel.Now, vlan(30, 5, 300, "eth2.300"), vlan(31, 4, 301, "eth1.301"), veth)
	b.storage(taggedOn(eth(4, "eth1")))
	b.must(b.do(b.plugin.Add))
	if got := b.told("master"); got != "cv4.300" {
		t.Errorf("delegate got %v, want a device of its own", got)
	}
	want := []string{"eth1", "eth2", "eth2.300", "eth1.301", "veth0"}
	b.must(b.do(b.plugin.Del))
	if diff := cmp.Diff(want, b.names()); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	b.kernel.Now[4].Name, b.kernel.Now[4].AltNames = "eth1.300", nil
	b.must(b.do(b.plugin.Add))
	if got := b.told("master"); got != "cv4.300" {
		t.Errorf("delegate got %v, want a name that is free", got)
	}
}

// The last container goes, whatever the kernel says of the VLAN device, which stays where
// it could be somebody's.
func TestForgetVLANDevice(t *testing.T) {
	broken := errors.New("no buffer space")
	for name, tt := range map[string]struct {
		change func(*fakeKernel)
		fails  bool
		left   []string
	}{
		"gone":           {change: func(k *fakeKernel) { k.Now = k.Now[:2] }, left: []string{"eth1", "eth2"}},
		"gone meanwhile": {change: func(k *fakeKernel) { k.deleteErr = link.ErrNotFound }, left: []string{"eth1", "eth2", "eth1.300"}},
		"not removed":    {change: func(k *fakeKernel) { k.deleteErr = broken }, fails: true, left: []string{"eth1", "eth2", "eth1.300"}},
		"use unknown":    {change: func(k *fakeKernel) { k.usageErr = broken }, fails: true, left: []string{"eth1", "eth2", "eth1.300"}},
		"in use": {
			change: func(k *fakeKernel) { k.Usage = map[int]link.Usage{1300: {Uppers: []string{"br0"}}} },
			left:   []string{"eth1", "eth2", "eth1.300"},
		},
		"another's": {change: func(k *fakeKernel) { k.Now[2].Alias = "mine" }, left: []string{"eth1", "eth2", "eth1.300"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.storage(taggedOn(eth(4, "eth1")))
			b.must(b.do(b.plugin.Add))
			tt.change(b.kernel)
			if err := b.do(b.plugin.Del); (err != nil) != tt.fails {
				t.Errorf("DEL: %v", err)
			}
			b.wantRecords(0)
			if diff := cmp.Diff(tt.left, b.names()); diff != "" {
				t.Errorf("devices (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMadeVLANDeviceFailures(t *testing.T) {
	made := discovery.Interface{Index: 9, Name: "eth1.300", Kind: "vlan", Parent: 4, VLAN: 300, Up: true, Carrier: true}
	for _, tt := range []struct {
		name   string
		change func(*bench)
		code   uint
		want   string
		left   []string
	}{
		{
			name: "delegate fails", code: 11, want: `node1: network "storage" on eth1 with VLAN 300: macvlan ADD: no address left`,
			change: func(b *bench) { b.script.Fail = map[string]string{"ADD": `{"code":11,"msg":"no address left"}`} },
			left:   []string{"eth1", "eth2"},
		},
		{
			name: "in another namespace", code: 103,
			want: `node1: network "storage" on eth1 with VLAN 300: VLAN 300 of eth1 has a device in another network namespace already, ` +
				`and the kernel allows one for each VLAN; remove the container that has it: file already exists`,
			change: func(b *bench) { b.kernel.addErr = os.ErrExist },
			left:   []string{"eth1", "eth2"},
		},
		{
			name: "an operator's, which stays", code: 11, want: `node1: network "storage" on eth1 with VLAN 300: macvlan ADD: no address left`,
			change: func(b *bench) {
				b.kernel.Now = append(b.kernel.Now, made)
				b.script.Fail = map[string]string{"ADD": `{"code":11,"msg":"no address left"}`}
			},
			left: []string{"eth1", "eth2", "eth1.300"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			tt.change(b)
			b.storage(taggedOn(eth(4, "eth1")))
			b.wantError(b.do(b.plugin.Add), tt.code, tt.want)
			if diff := cmp.Diff(tt.left, b.names()); diff != "" {
				t.Errorf("devices (-want +got):\n%s", diff)
			}
			b.wantRecords(0)
		})
	}
}

// What a killed plugin left half made is made anew, and GC removes what no record
// names, unless somebody uses it.
func TestLeftVLANDevices(t *testing.T) {
	b := newBench(t)
	vlan := func(index int, vid uint16) discovery.Interface {
		return discovery.Interface{Index: index, Name: "left", Kind: "vlan", Parent: 4, VLAN: vid, Up: true, Carrier: true, Alias: "colvin: shared by containers; records in " + b.records()}
	}
	half := vlan(20, 300)
	half.Unfinished, half.Up, half.Alias = true, false, ""
	adopted := vlan(22, 302)
	adopted.Name = "adopted"
	b.kernel.Now = append(b.kernel.Now, half, vlan(21, 301), adopted)
	b.kernel.Usage = map[int]link.Usage{22: {Uppers: []string{"br0"}}}
	b.storage(taggedOn(eth(4, "eth1")))
	b.must(b.do(b.plugin.Add))
	if diff := cmp.Diff([]string{"eth1", "eth2", "left", "adopted", "eth1.300"}, b.names()); diff != "" {
		t.Errorf("after ADD (-want +got):\n%s", diff)
	}
	b.conf[validAttachmentsKey] = []types.GCAttachment{{ContainerID: "c1", IfName: "net1"}}
	b.must(b.do(b.plugin.GC))
	if diff := cmp.Diff([]string{"eth1", "eth2", "adopted", "eth1.300"}, b.names()); diff != "" {
		t.Errorf("after GC (-want +got):\n%s", diff)
	}
}

// A VLAN device is made only where no other device leads to the network.
func TestExistingDeviceFirst(t *testing.T) {
	b := newBench(t)
	untagged := attached(eth(5, "eth2"), 300)
	b.storage(taggedOn(eth(4, "eth1")), untagged)
	b.must(b.do(b.plugin.Add))
	if got := b.told("master"); got != "eth2" {
		t.Errorf("delegate got %v, want eth2", got)
	}
	other := untagged
	other.Identity = "mac:00:00:5e:00:53:99 vlan 300"
	b.node.Networks = b.node.Networks[:2]
	b.storage(taggedOn(eth(4, "eth1")), other)
	b.args.ContainerID = "c2"
	b.wantError(b.do(b.plugin.Add), 101, `node1: network "storage" is ambiguous: `+
		`eth1 with VLAN 300 (leaf-1 Ethernet4, chassis mac:00:1b:21:aa:bb:cc VLAN 300, rules.yaml:3) and `+
		`eth2 (leaf-1 Ethernet5, chassis mac:00:00:5e:00:53:99 VLAN 300, rules.yaml:3) lead to it; `+
		`they are different networks, so "select" does not decide: give them different names in the rules, or accept them as one there with spans: true`)
}

func TestDelegateVLAN(t *testing.T) {
	b := newBench(t)
	b.conf["delegate"] = map[string]any{"type": "vlan"}
	b.conf["ipam"] = map[string]any{"type": "host-local"}
	b.storage(taggedOn(eth(4, "eth1")))
	b.must(b.do(b.plugin.Add))
	want := map[string]any{"cniVersion": "1.1.0", "name": "net", "type": "vlan", "master": "eth1", "vlanId": 300., "ipam": map[string]any{"type": "host-local"}}
	if diff := cmp.Diff(want, b.calls()[0].Conf); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"eth1", "eth2"}, b.names()); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	b.args.ContainerID = "c2"
	b.wantError(b.do(b.plugin.Add), 103, `node1: network "storage" on eth1 with VLAN 300: container c1 (pod default/web-0) has the interface of that VLAN already, `+
		`and the kernel allows one; use macvlan for several containers`)
	b.wantRecords(1)
	other := taggedOn(eth(4, "eth1"))
	tagVID(&other, 301)
	b.node.Networks[2].Uplinks = []nodefile.Uplink{other}
	b.writeNode()
	b.must(b.do(b.plugin.Add)) // on the same device, in another VLAN
	b.must(b.do(b.plugin.Del))
	b.conf["network"] = "green"
	b.wantError(b.do(b.plugin.Add), 103, `node1: network "green": it is untagged on eth1, and vlan makes VLAN interfaces only; use macvlan`)
	there := taggedOn(eth(4, "eth1"))
	there.Device = nodefile.Link{Name: "eth1.300", Index: 9, MAC: "02:00:00:00:00:04"}
	b.node.Networks = b.node.Networks[:2]
	b.storage(there)
	b.wantError(b.do(b.plugin.Add), 103,
		`node1: network "storage": the node has the VLAN device eth1.300 already, and the kernel allows one for each VLAN; use macvlan, which shares it`)
}

func TestDelegateBridge(t *testing.T) {
	b := newBench(t)
	b.conf["delegate"] = map[string]any{"type": "bridge"}
	b.writeNode()
	b.wantError(b.do(b.plugin.Add), 103,
		`node1: network "green": eth1 is no bridge, and the bridge plugin takes nothing else; make a bridge over it, or use macvlan`)
	b.storage(taggedOn(eth(4, "eth1")))
	b.wantError(b.do(b.plugin.Add), 103,
		`node1: network "storage": there is no bridge over eth1 for VLAN 300, and the bridge plugin takes nothing else; make one, or use macvlan`)
	b.node.Networks = b.node.Networks[:2]
	port := eth(4, "eth1")
	port.Master = 7
	br := discovery.Interface{Index: 7, Name: "br0", Kind: "bridge", MAC: port.MAC, Up: true, Carrier: true}
	b.kernel.Now = []discovery.Interface{port, br}
	at := attached(port, 100)
	at.Device = linkOf(br)
	b.storage(at)
	b.must(b.do(b.plugin.Add))
	if got := b.told("bridge"); got != "br0" {
		t.Errorf("delegate got %v, want br0", got)
	}
}

// host-device takes a device that nothing uses, and CHECK, DEL and other ADDs know
// that it is in the container.
func TestDelegateHostDevice(t *testing.T) {
	b := newBench(t)
	b.conf["delegate"] = map[string]any{"type": "host-device"}
	b.writeNode()
	b.kernel.later = b.kernel.Now[1:]
	inside := eth(4, "net1")
	inside.AltNames = []string{"enp3s0", "green"}
	b.kernel.Inside = map[string]discovery.Interface{"net1": inside}
	b.must(b.do(b.plugin.Add))
	if got := b.told("device"); got != "eth1" {
		t.Errorf("delegate got %v, want eth1", got)
	}
	if strings.Contains(b.stdout.String(), "eth1") {
		t.Errorf("the result lists a device of the node: %s", b.stdout.String())
	}
	if diff := cmp.Diff([]string{"enp3s0"}, b.kernel.Inside["net1"].AltNames); diff != "" {
		t.Errorf("alternative names in the container (-want +got):\n%s", diff)
	}
	b.must(b.do(b.plugin.Check))
	b.args.ContainerID = "c2"
	b.node.Networks[1].Uplinks = nil
	b.writeNode()
	b.wantError(b.do(b.plugin.Add), 100, `node1: network "green" is not on this node: the rules know it, but no port here leads to it; here: blue; `+
		`place the container on another node, or check the cables with "colvin networks"; `+
		`its device: eth1 is in use: it is inside container c1 (pod default/web-0)`)
	b.args.ContainerID = "c1"
	b.kernel.Inside = nil // the device is gone for good
	b.script.Fail = map[string]string{"DEL": `{"code":100,"msg":"cannot find net1"}`}
	b.must(b.do(b.plugin.Del))
	b.wantRecords(0)
}

func TestDelegateHostDeviceRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*bench)
		code   uint
		want   string
	}{
		{
			"address", func(b *bench) {
				b.kernel.Usage = map[int]link.Usage{4: {Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.4/24")}, Routes: []string{"default via 192.0.2.1"}}}
			}, 103,
			`node1: network "green": the node itself uses eth1: it has address 192.0.2.4/24; route default via 192.0.2.1 leads through it; host-device would take it away: free it, or use macvlan`,
		},
		{
			"master and uppers", func(b *bench) { b.kernel.Usage = map[int]link.Usage{4: {Master: 9, Uppers: []string{"eth1.5"}}} }, 103,
			`node1: network "green": the node itself uses eth1: it belongs to a bridge, bond or other master; eth1.5 is on top of it; host-device would take it away: free it, or use macvlan`,
		},
		{
			"other containers", func(b *bench) {
				b.conf["delegate"] = map[string]any{"type": "macvlan"}
				b.args.ContainerID = "other"
				b.must(b.do(b.plugin.Add))
				b.conf["delegate"] = map[string]any{"type": "host-device"}
				b.args.ContainerID = "c1"
			}, 103,
			`node1: network "green" on eth1: container other (pod default/web-0) is attached through it, or about to be, and host-device would take it away`,
		},
		{
			"another was taken", func(b *bench) {
				b.kernel.Inside = map[string]discovery.Interface{"net1": eth(5, "net1")}
				b.kernel.later = b.kernel.Now[1:]
			}, 11,
			`node1: network "green" on eth1: changed while attaching: net1 in the container has MAC address 02:00:00:00:00:05, and eth1 had 02:00:00:00:00:04; colvind does not run on this node: start it`,
		},
		{
			"bond", func(b *bench) { b.kernel.Now[0].Kind = "bond" }, 103,
			`node1: network "green": eth1 is a bond, and its ports would stay behind; use macvlan`,
		},
		{
			"not taken", func(*bench) {}, 11,
			`node1: network "green" on eth1: changed while attaching: eth1 is still on the node; colvind does not run on this node: start it`,
		},
		{
			"tagged", func(b *bench) { b.storage(taggedOn(eth(4, "eth1"))) }, 103,
			`node1: network "storage": it is tagged with VLAN 300 on eth1, and containers share the VLAN device that Colvin makes; host-device can take one that you make, or use macvlan`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.conf["delegate"] = map[string]any{"type": "host-device"}
			b.writeNode()
			tt.change(b)
			b.wantError(b.do(b.plugin.Add), tt.code, tt.want)
		})
	}
}

// Functions of the NICs of eth1 (green) and eth2 (blue), and of one that is bonded.
var functions = map[string]link.PCIDevice{
	"0000:03:00.0": {Names: []string{"eth1"}},
	"0000:03:00.1": {VF: true, PF: []string{"eth1"}, Names: []string{"eth1v0"}},
	"0000:04:00.1": {VF: true, PF: []string{"eth2"}},
	"0000:05:00.1": {VF: true, PF: []string{"eth9"}},
	"0000:06:00.1": {VF: true},
}

func newSRIOVBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.kernel.PCI = functions
	vf := eth(14, "eth1v0")
	vf.VF, vf.PF = true, 4
	b.kernel.Now = append(b.kernel.Now, vf, eth(9, "eth9"))
	b.conf["delegate"] = map[string]any{"type": "sriov"}
	b.conf["deviceID"], b.conf["pciBusID"] = "0000:03:00.1", "0000:03:00.1"
	b.writeNode()
	return b
}

func TestDelegateSRIOV(t *testing.T) {
	b := newSRIOVBench(t)
	b.must(b.do(b.plugin.Add))
	want := map[string]any{"cniVersion": "1.1.0", "name": "net", "type": "sriov", "deviceID": "0000:03:00.1", "pciBusID": "0000:03:00.1", "vlan": 0.}
	if diff := cmp.Diff(want, b.calls()[0].Conf); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	b.storage(taggedOn(eth(4, "eth1")))
	b.args.ContainerID = "c2"
	b.must(b.do(b.plugin.Add))
	want["vlan"] = 300.
	if diff := cmp.Diff(want, b.calls()[1].Conf); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"eth1", "eth2", "eth1v0", "eth9"}, b.names()); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	b.conf[validAttachmentsKey] = []types.GCAttachment{}
	delete(b.conf, "deviceID")
	delete(b.conf, "pciBusID")
	b.must(b.do(b.plugin.GC))
	b.wantRecords(0)
}

func TestChosenDeviceRefused(t *testing.T) {
	choose := func(address string) func(*bench) {
		return func(b *bench) { b.conf["deviceID"], b.conf["pciBusID"] = address, address }
	}
	bond := func(b *bench) {
		b.kernel.Now[0].Master = 8
		b.kernel.Now = append(b.kernel.Now, discovery.Interface{Index: 8, Name: "bond0", Kind: "bond"})
	}
	const split = "; give each network a resource of its own in the device plugin's configuration"
	for _, tt := range []struct {
		name   string
		change func(*bench)
		code   uint
		want   string
	}{
		{"of another network", choose("0000:04:00.1"), 103, `the device plugin chose 0000:04:00.1, whose port eth2 leads to blue` + split},
		{"of no network", choose("0000:05:00.1"), 103, `the device plugin chose 0000:05:00.1, whose port eth9 leads to no network that has a name` + split},
		{"no port", choose("0000:06:00.1"), 103, `the device plugin chose 0000:06:00.1, which has no port that Colvin listens on` + split},
		{"not there", choose("0000:07:00.1"), 7, `there is no device "0000:07:00.1" on this node`},
		{
			"none", func(b *bench) { delete(b.conf, "deviceID"); delete(b.conf, "pciBusID") }, 7,
			`"deviceID" is missing: sriov attaches a virtual function that a device plugin chose; ask for one with the annotation k8s.v1.cni.cncf.io/resourceName`,
		},
		{"bonded", bond, 103, `eth1 is a member of bond0, and the device that was chosen on it would bypass that`},
		{
			"host-device on tagged", func(b *bench) {
				b.conf["delegate"] = map[string]any{"type": "host-device"}
				b.node.Networks[1].Uplinks = []nodefile.Uplink{taggedOn(eth(4, "eth1"))}
				b.writeNode()
			}, 103,
			`it is tagged with VLAN 300 on eth1, and host-device does not tag what it gives to a container; use sriov, or macvlan without a device plugin`,
		},
		{
			"the node's own function", func(b *bench) {
				b.conf["delegate"] = map[string]any{"type": "host-device"}
				b.kernel.Usage = map[int]link.Usage{14: {Master: 3}}
			}, 103,
			`the node itself uses eth1v0: it belongs to a bridge, bond or other master; host-device would take it away: free it, or use macvlan`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newSRIOVBench(t)
			tt.change(b)
			b.wantError(b.do(b.plugin.Add), tt.code, `node1: network "green": `+tt.want)
			b.wantVerbs()
		})
	}
}

// What was chosen can go at any time, and then it is not what is attached.
func TestChosenDeviceGone(t *testing.T) {
	functionOf := func(port, name string) func(*bench) {
		return func(b *bench) {
			b.conf["delegate"] = map[string]any{"type": "host-device"}
			b.kernel.PCI = map[string]link.PCIDevice{"0000:03:00.1": {VF: true, PF: []string{port}, Names: []string{name}}}
		}
	}
	for name, tt := range map[string]struct {
		change func(*bench)
		want   string
	}{
		"bond":       {func(b *bench) { b.kernel.Now[0].Master = 8 }, ` cannot be used now: read network device 8: no such network device` + startAgent},
		"port":       {functionOf("eth8", "eth8v1"), `: the port of device 0000:03:00.1: eth8 is gone`},
		"function":   {functionOf("eth1", "eth1v9"), ` cannot be used now: eth1v9 is gone` + startAgent},
		"not listed": {func(b *bench) { b.kernel.listErr = errors.New("no buffer space") }, `: the port of device 0000:03:00.1: no buffer space`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newSRIOVBench(t)
			tt.change(b)
			b.wantError(b.do(b.plugin.Add), 11, `node1: network "green"`+tt.want)
			b.wantVerbs()
		})
	}
}

// A function of any port of a bridge is in the bridge's network, and only its port counts.
func TestChosenOnAnotherPort(t *testing.T) {
	b := newSRIOVBench(t)
	first, second := eth(4, "eth1"), eth(5, "eth2")
	first.Master, second.Master = 7, 7
	first.CarrierChanges += 2 // a cable can have moved, but not this one
	br := discovery.Interface{Index: 7, Name: "br0", Kind: "bridge", MAC: first.MAC, Up: true, Carrier: true}
	b.kernel.Now = []discovery.Interface{first, second, br}
	a := attached(br, 100)
	a.Ports = []nodefile.Port{portOf(eth(4, "eth1")), portOf(second)}
	a.Ports[1].VID = 100
	b.node.Networks[1].Uplinks = []nodefile.Uplink{a}
	b.writeNode()
	b.conf["deviceID"], b.conf["pciBusID"] = "0000:04:00.1", "0000:04:00.1"
	b.must(b.do(b.plugin.Add))
	if got := b.told("vlan"); got != 100. {
		t.Errorf("delegate got VLAN %v, want the port's", got)
	}
	store, err := record.Open(b.records())
	b.must(err)
	records, err := store.List()
	b.must(err)
	if r := records[0]; r.Port.Name != "eth2" || r.Device.Name != "eth2" || r.VID != 100 || r.Taken {
		t.Errorf("record %+v, want the function's port", r)
	}
	b.args.ContainerID = "c2"
	b.conf["deviceID"], b.conf["pciBusID"] = "0000:03:00.1", "0000:03:00.1"
	b.wantError(b.do(b.plugin.Add), 11, `node1: network "green" cannot be used now: eth1 lost its link since the switch was heard there `+
		`(carrier changes 4, known at 2), and a cable can have moved`+startAgent)
}

// host-device with a device plugin moves the function, and the port stays.
func TestHostDeviceChosen(t *testing.T) {
	b := newSRIOVBench(t)
	b.conf["delegate"] = map[string]any{"type": "host-device"}
	b.conf["deviceID"] = "" // Multus has nothing to say
	delete(b.conf, "pciBusID")
	b.conf["runtimeConfig"] = map[string]any{"deviceID": "0000:03:00.1"}
	b.must(b.do(b.plugin.Add))
	want := map[string]any{"cniVersion": "1.1.0", "name": "net", "type": "host-device", "deviceID": "", "pciBusID": "0000:03:00.1", "runtimeConfig": b.conf["runtimeConfig"]}
	if diff := cmp.Diff(want, b.calls()[0].Conf); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	store, err := record.Open(b.records())
	b.must(err)
	records, err := store.List()
	b.must(err)
	if records[0].Taken || records[0].Device.Name != "eth1" {
		t.Errorf("record %+v, want the port, not taken", records[0])
	}
	b.args.ContainerID, b.conf["network"] = "c2", "blue" // a function that a driver for user space has
	b.conf["runtimeConfig"] = map[string]any{"deviceID": "0000:04:00.1"}
	b.must(b.do(b.plugin.Add))
	if got := b.told("pciBusID"); got != "0000:04:00.1" {
		t.Errorf("delegate got %v", got)
	}
}

// The result of a plugin before this one in the list is not lost.
func TestAfterPrevious(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.conf["prevResult"] = map[string]any{
		"cniVersion": "1.1.0", "interfaces": []any{map[string]any{"name": "eth0", "sandbox": b.args.Netns}},
		"ips": []any{map[string]any{"address": "192.0.2.7/24", "interface": 0}}, "dns": map[string]any{"nameservers": []any{"192.0.2.1"}},
	}
	b.must(b.do(b.plugin.Add))
	var got current.Result
	b.must(json.Unmarshal([]byte(b.text(b.stdout.String())), &got))
	var names []string
	for _, i := range got.Interfaces {
		names = append(names, i.Name)
	}
	if diff := cmp.Diff([]string{"eth0", "net1", "eth1"}, names); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
	addresses := map[string]string{}
	for _, ip := range got.IPs {
		addresses[ip.Address.String()] = got.Interfaces[*ip.Interface].Name
	}
	if diff := cmp.Diff(map[string]string{"192.0.2.7/24": "eth0", "10.10.0.2/24": "net1"}, addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if len(got.DNS.Nameservers) != 1 {
		t.Errorf("DNS %+v was lost", got.DNS)
	}
}

// What the delegate reports replaces and follows what was reported before.
func TestAfterPreviousMerges(t *testing.T) {
	read := func(text string) *current.Result {
		r, err := parseResult([]byte(text), "1.1.0")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	prev := read(`{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","sandbox":"/ns"},{"name":"net1","sandbox":"/ns"}],
		"ips":[{"address":"192.0.2.7/24","interface":0}],"routes":[{"dst":"0.0.0.0/0"}]}`)
	result := read(`{"cniVersion":"1.1.0","interfaces":[{"name":"net1","mac":"02:00:00:00:00:09","sandbox":"/ns"},{"name":"net1"}],
		"ips":[{"address":"192.0.2.7/24"},{"address":"10.0.0.2/24","interface":0},{"address":"10.0.0.3/24","interface":7},{"address":"10.0.0.2/24","interface":0}],
		"routes":[{"dst":"0.0.0.0/0"},{"dst":"10.0.0.0/8"}]}`)
	want := read(`{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","sandbox":"/ns"},{"name":"net1","mac":"02:00:00:00:00:09","sandbox":"/ns"},{"name":"net1"}],
		"ips":[{"address":"192.0.2.7/24","interface":0},{"address":"192.0.2.7/24"},{"address":"10.0.0.2/24","interface":1},{"address":"10.0.0.3/24"}],
		"routes":[{"dst":"0.0.0.0/0"},{"dst":"10.0.0.0/8"}]}`)
	if diff := cmp.Diff(want, afterPrevious(prev, result)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	addHostDevice(want, eth(4, "eth1"))
	addHostDevice(want, eth(4, "eth1"))
	if n := len(want.Interfaces); n != 4 || want.Interfaces[3].Name != "eth1" {
		t.Errorf("interfaces %v, want eth1 once, at the end", want.Interfaces)
	}
}

// Without an agent ADD works, and says how old what it knows is.
func TestAddWithoutAgent(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.must(b.do(b.plugin.Add))
	said := b.stderr.String()
	if !strings.HasPrefix(said, `colvin: node1: network "green" on eth1: attached, but colvind does not run; what is known here was last written `) ||
		!strings.HasSuffix(said, " ago (2026-05-01T12:00:00Z), and the kernel confirms it: no link was lost since\n") {
		t.Errorf("said %q", said)
	}
	b.agent()
	b.stderr.Reset()
	b.args.ContainerID = "c2"
	b.must(b.do(b.plugin.Add))
	if said := b.stderr.String(); said != "" {
		t.Errorf("said %q with an agent", said)
	}
}

// ADD says that nobody but a rule says where it attached a container to.
func TestAddPinned(t *testing.T) {
	b := newBench(t)
	b.agent()
	pin(&b.node.Networks[1].Uplinks[0])
	b.writeNode()
	b.must(b.do(b.plugin.Add))
	const want = "colvin: node1: network \"green\" on eth1: attached, pinned by ruleset/site spec.networks[0].match[1]: nobody on the wire confirms it\n"
	if said := b.stderr.String(); said != want {
		t.Errorf("said %q, want %q", said, want)
	}
	if r := b.theRecord(); r.Identity != "pin:"+linkOf(eth(4, "eth1")).MAC {
		t.Errorf("recorded %s", r.Identity)
	}
}
