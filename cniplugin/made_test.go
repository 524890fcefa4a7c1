// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
)

// madeOver is an interface over a device of the node.
func madeOver(index int, kind discovery.Kind) link.Origin {
	return link.Origin{Interface: discovery.Interface{Index: 2, Name: "net1", Kind: kind}, Lower: index, Here: true}
}

// A delegate that was led to another device, or that makes something else, has attached
// nobody: what it made is undone, and goes though its DEL does nothing.
func TestMadeOverAnother(t *testing.T) {
	const adding = `node1: network "green" on eth1: changed while attaching: `
	elsewhere := madeOver(4, "macvlan")
	elsewhere.Here = false
	for name, tt := range map[string]struct {
		delegate string
		made     link.Origin
		want     string
	}{
		"macvlan over the other NIC":     {"macvlan", madeOver(5, "macvlan"), "net1 in the container is over eth2 (ifindex 5), not over eth1 (ifindex 4)"},
		"own plugin over the other NIC":  {"own", madeOver(5, "ipvlan"), "net1 in the container is over eth2 (ifindex 5), not over eth1 (ifindex 4)"},
		"over what is gone":              {"macvlan", madeOver(6, "macvlan"), "net1 in the container is over a device that is gone (ifindex 6), not over eth1 (ifindex 4)"},
		"an index of another namespace":  {"macvlan", elsewhere, "net1 in the container is over a device of another network namespace, not over eth1 (ifindex 4)"},
		"over nothing":                   {"macvlan", link.Origin{Interface: discovery.Interface{Name: "net1", Kind: "dummy"}}, "net1 in the container is a dummy, and not over eth1 (ifindex 4)"},
		"own plugin, nothing to compare": {"own", link.Origin{Interface: discovery.Interface{Name: "net1", Kind: "veth"}, Lower: 77, Here: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if tt.delegate == "own" {
				b.conf["deviceKey"] = "uplink"
			}
			b.conf["delegate"] = map[string]any{"type": tt.delegate}
			b.writeNode()
			b.kernel.Made = map[string]link.Origin{"net1": tt.made}
			err := b.do(b.plugin.Add)
			if tt.want == "" {
				b.must(err)
				return
			}
			b.wantError(err, 11, adding+tt.want+"; colvind does not run on this node: start it")
			b.wantVerbs("ADD", "DEL")
			b.wantRecords(0)
			if diff := cmp.Diff([]string{"net1"}, b.kernel.deleted); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
		})
	}
}

// CHECK finds what was made over another device, whoever did it, and leaves it alone.
func TestCheckMadeOverAnother(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.must(b.do(b.plugin.Add))
	b.must(b.do(b.plugin.Check))
	b.kernel.Made = map[string]link.Origin{"net1": madeOver(5, "macvlan")}
	b.wantError(b.do(b.plugin.Check), 102, `node1: network "green": container c1 is not attached as it should be: `+
		`net1 in the container is over eth2 (ifindex 5), not over eth1 (ifindex 4); restart the container`)
	if len(b.kernel.deleted) != 0 {
		t.Errorf("CHECK removed %v", b.kernel.deleted)
	}
	b.must(b.do(b.plugin.Del))
}

// The other end of a bridge's veth must be in the bridge.
func TestMadeInAnotherBridge(t *testing.T) {
	b := newBench(t)
	port := eth(4, "eth1")
	port.Master = 7
	br := discovery.Interface{Index: 7, Name: "br0", Kind: "bridge", MAC: port.MAC, Up: true, Carrier: true}
	end := discovery.Interface{Index: 20, Name: "veth7", Kind: "veth", Master: 8, Up: true, Carrier: true}
	b.kernel.Now = []discovery.Interface{port, br, end, {Index: 8, Name: "br1", Kind: "bridge"}}
	b.node.Networks[1].Uplinks[0].Device = linkOf(br)
	b.conf["delegate"] = map[string]any{"type": "bridge"}
	b.writeNode()
	b.kernel.Made = map[string]link.Origin{"net1": madeOver(20, "veth")}
	b.wantError(b.do(b.plugin.Add), 11, `node1: network "green" on br0: changed while attaching: `+
		`net1 in the container is in br1 (ifindex 8), not in br0 (ifindex 7); colvind does not run on this node: start it`)
	b.wantRecords(0)
}

// A VLAN device that has the ifindex and so the MAC address of the one that was made, and
// another VLAN, is another network.
func TestMadeOverAnotherVLAN(t *testing.T) {
	b := newItselfBench(t)
	b.storage(taggedOn(eth(4, "eth1")))
	b.kernel.onMake = func() { b.kernel.Now[2].VLAN = 301 }
	b.wantError(b.do(b.plugin.Add), 11, `node1: network "storage" on eth1 with VLAN 300: changed while attaching: `+
		`eth1.300 (ifindex 1300) is no device of VLAN 300 any more; colvind does not run on this node: start it`)
	b.wantRecords(0)
}

// A VLAN interface must bear the network's tag, and a virtual function the one that was
// asked for, on the port that was checked.
func TestMadeWithAnotherVLAN(t *testing.T) {
	b := newBench(t)
	b.conf["delegate"] = map[string]any{"type": "vlan"}
	b.conf["ipam"] = map[string]any{"type": "host-local"}
	b.storage(taggedOn(eth(4, "eth1")))
	made := madeOver(4, discovery.KindVLAN)
	made.VLAN = 301
	b.kernel.Made = map[string]link.Origin{"net1": made}
	b.wantError(b.do(b.plugin.Add), 11, `node1: network "storage" on eth1 with VLAN 300: changed while attaching: `+
		`net1 in the container bears VLAN 301, not 300; colvind does not run on this node: start it`)

	b = newSRIOVBench(t)
	b.kernel.VFVLANs = map[int]uint16{0: 300}
	b.kernel.Made = map[string]link.Origin{"net1": {Interface: eth(4, "net1")}}
	b.wantError(b.do(b.plugin.Add), 11, `node1: network "green" on eth1: changed while attaching: `+
		`virtual function 0 of eth1 (ifindex 4) bears VLAN 300, not 0; colvind does not run on this node: start it`)
	b.kernel.VFVLANs, b.kernel.Made["net1"] = nil, link.Origin{Interface: eth(4, "net1"), Function: "0000:04:00.1"}
	b.wantError(b.do(b.plugin.Add), 11, `node1: network "green" on eth1: changed while attaching: `+
		`net1 in the container is device 0000:04:00.1, and 0000:03:00.1 was chosen; colvind does not run on this node: start it`)
	if len(b.kernel.deleted) != 0 {
		t.Errorf("hardware was removed: %v", b.kernel.deleted)
	}
}
