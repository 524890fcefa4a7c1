// SPDX-License-Identifier: Apache-2.0

package discovery_test

import (
	"testing"

	"github.com/colvin-net/colvin/discovery"
)

func TestSender(t *testing.T) {
	mac := func(last byte) discovery.MAC { return discovery.MAC{2, 0, 0, 0, 0, last} }
	vendor := discovery.MAC{0, 0, 0x5e, 0, 0x53, 1}
	snap := &discovery.Snapshot{
		Chassis: mac(9), // of a port that is in a container now
		Interfaces: []discovery.Interface{
			{Index: 1, Name: "lo"}, {Index: 2, Name: "eth1", MAC: mac(2)}, {Index: 3, Name: "eth2", MAC: mac(3)}, {Index: 4, Name: "eth3", MAC: vendor},
		},
	}
	for _, tt := range []struct {
		name          string
		chassis, port discovery.ID
		source        discovery.MAC
		protocol      discovery.Protocol
		want          string
	}{
		{"another port", "mac:02:00:00:00:00:02", "ifname:eth2", mac(3), discovery.ProtocolLLDP, "eth2"},
		{"known by a port that went", "mac:02:00:00:00:00:09", "ifname:eth1", mac(2), discovery.ProtocolLLDP, "eth1"},
		{"port known by address", "mac:02:00:00:00:00:02", "mac:02:00:00:00:00:03", mac(3), discovery.ProtocolLLDP, "eth2"},
		{"member of a bond", "mac:02:00:00:00:00:02", "ifname:eth2", discovery.MemberSource(mac(3)), discovery.ProtocolLLDP, "eth2"},
		{"member of a bond, vendor's address", "mac:02:00:00:00:00:02", "ifname:eth3", discovery.MemberSource(vendor), discovery.ProtocolLLDP, "eth3"},
		{"member of a bond, by lldpd", "mac:02:00:00:00:00:02", "ifname:eth2", discovery.MemberSourceLLDPD, discovery.ProtocolLLDP, "eth2"},
		{"chassis ID alone", "mac:02:00:00:00:00:02", "ifname:Ethernet1", vendor, discovery.ProtocolLLDP, ""},
		{"IDs, from elsewhere", "mac:02:00:00:00:00:02", "ifname:eth2", mac(0x66), discovery.ProtocolLLDP, ""},
		{"IDs, from nowhere", "mac:02:00:00:00:00:02", "ifname:eth2", discovery.MAC{}, discovery.ProtocolLLDP, ""},
		{"no such port", "mac:02:00:00:00:00:02", "ifname:eth9", mac(3), discovery.ProtocolLLDP, ""},
		{"another chassis", "mac:02:00:00:00:00:08", "ifname:eth2", mac(3), discovery.ProtocolLLDP, ""},
		{"no chassis", "mac:00:00:00:00:00:00", "ifname:lo", discovery.MAC{}, discovery.ProtocolLLDP, ""},
		{"no port", "mac:02:00:00:00:00:02", "mac:00:00:00:00:00:00", mac(2), discovery.ProtocolLLDP, ""},
		{"CDP", "mac:02:00:00:00:00:02", "ifname:eth2", mac(3), discovery.ProtocolCDP, ""},
	} {
		n := discovery.Neighbor{Protocol: tt.protocol, Source: tt.source, MSAP: discovery.MSAP{Chassis: tt.chassis, Port: tt.port}}
		if got, own := snap.Self().Sender(&n); got.Name != tt.want || own != (tt.want != "") {
			t.Errorf("%s: sent on %q, %t; want %q", tt.name, got.Name, own, tt.want)
		}
	}
	p := discovery.Port{Neighbors: []discovery.Neighbor{
		{Protocol: discovery.ProtocolLLDP, Source: mac(3), MSAP: discovery.MSAP{Chassis: "mac:02:00:00:00:00:02", Port: "ifname:eth2"}},
		{Protocol: discovery.ProtocolLLDP, Source: vendor},
		{Protocol: discovery.ProtocolCDP, Source: vendor},
	}}
	if others, itself := snap.Self().CountNeighbors(&p); itself != 1 || others[discovery.ProtocolLLDP] != 1 || others[discovery.ProtocolCDP] != 1 {
		t.Errorf("counted %v and itself %d times", others, itself)
	}
}
