// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"testing"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// TestSpeakerOf holds what passes for a switch: only that may lead to a network before
// all others on a port.
func TestSpeakerOf(t *testing.T) {
	const own = "mac:00:00:5e:00:53:01"
	source := discovery.MAC{0, 0, 0x5e, 0, 0x53, 1}
	both := func(c discovery.CapabilitySet) discovery.Capabilities {
		return discovery.Capabilities{Available: c, Enabled: c}
	}
	for name, tt := range map[string]struct {
		change func(*discovery.Neighbor)
		want   mapping.Speaker
	}{
		"a NIC's firmware":   {func(*discovery.Neighbor) {}, mapping.SpeakerNIC},
		"in capitals":        {func(n *discovery.Neighbor) { n.Port = "MAC:00:00:5E:00:53:01" }, mapping.SpeakerNIC},
		"another chassis":    {func(n *discovery.Neighbor) { n.Chassis = "mac:00:00:5e:00:53:02" }, mapping.SpeakerSwitch},
		"another port":       {func(n *discovery.Neighbor) { n.Port = "ifname:p1" }, mapping.SpeakerSwitch},
		"by CDP":             {func(n *discovery.Neighbor) { n.Protocol = discovery.ProtocolCDP }, mapping.SpeakerSwitch},
		"with a name":        {func(n *discovery.Neighbor) { n.SystemName = "leaf-1" }, mapping.SpeakerSwitch},
		"with a description": {func(n *discovery.Neighbor) { n.SystemDescription = "a switch" }, mapping.SpeakerSwitch},
		"with a VLAN":        {func(n *discovery.Neighbor) { n.PVID = 1 }, mapping.SpeakerSwitch},
		"it telephones":      {func(n *discovery.Neighbor) { n.Capabilities = both(1 << 5) }, mapping.SpeakerSwitch},
		"it bridges":         {func(n *discovery.Neighbor) { n.Capabilities = both(discovery.CapabilityBridge) }, mapping.SpeakerSwitch},
		"it routes":          {func(n *discovery.Neighbor) { n.Capabilities = both(discovery.CapabilityRouter) }, mapping.SpeakerSwitch},
		"a station":          {func(n *discovery.Neighbor) { n.Capabilities = both(discovery.CapabilityStation) }, mapping.SpeakerHost},
		"a station that bridges": {func(n *discovery.Neighbor) {
			n.Capabilities = both(discovery.CapabilityStation | discovery.CapabilityBridge)
		}, mapping.SpeakerSwitch},
		"a station that could route": {func(n *discovery.Neighbor) {
			n.Capabilities = both(discovery.CapabilityStation)
			n.Capabilities.Available |= discovery.CapabilityRouter
		}, mapping.SpeakerHost},
	} {
		t.Run(name, func(t *testing.T) {
			n := discovery.Neighbor{Protocol: discovery.ProtocolLLDP, Source: source, MSAP: discovery.MSAP{Chassis: own, Port: own}}
			tt.change(&n)
			if got := mapping.SpeakerOf(&n); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}
