// SPDX-License-Identifier: Apache-2.0

package discovery_test

import (
	"testing"

	"github.com/colvin-net/colvin/discovery"
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
		want   discovery.Speaker
	}{
		"a NIC's firmware":   {func(*discovery.Neighbor) {}, discovery.SpeakerNIC},
		"in capitals":        {func(n *discovery.Neighbor) { n.Port = "MAC:00:00:5E:00:53:01" }, discovery.SpeakerNIC},
		"another chassis":    {func(n *discovery.Neighbor) { n.Chassis = "mac:00:00:5e:00:53:02" }, discovery.SpeakerSwitch},
		"another port":       {func(n *discovery.Neighbor) { n.Port = "ifname:p1" }, discovery.SpeakerSwitch},
		"by CDP":             {func(n *discovery.Neighbor) { n.Protocol = discovery.ProtocolCDP }, discovery.SpeakerSwitch},
		"with a name":        {func(n *discovery.Neighbor) { n.SystemName = "leaf-1" }, discovery.SpeakerSwitch},
		"with a description": {func(n *discovery.Neighbor) { n.SystemDescription = "a switch" }, discovery.SpeakerSwitch},
		"with a VLAN":        {func(n *discovery.Neighbor) { n.PVID = 1 }, discovery.SpeakerSwitch},
		"it telephones":      {func(n *discovery.Neighbor) { n.Capabilities = both(discovery.CapabilityTelephone) }, discovery.SpeakerPhone},
		"and bridges": {func(n *discovery.Neighbor) {
			n.Capabilities = both(discovery.CapabilityTelephone | discovery.CapabilityBridge)
		}, discovery.SpeakerPhone},
		"it could telephone": {func(n *discovery.Neighbor) {
			n.Capabilities = both(discovery.CapabilityBridge)
			n.Capabilities.Available |= discovery.CapabilityTelephone
		}, discovery.SpeakerSwitch},
		"a switch that runs lldpd": {func(n *discovery.Neighbor) {
			n.Capabilities = both(discovery.CapabilityBridge)
			n.Capabilities.Available |= discovery.CapabilityAccessPoint | discovery.CapabilityRouter | discovery.CapabilityStation
		}, discovery.SpeakerSwitch},
		"an access point": {func(n *discovery.Neighbor) {
			n.Capabilities = both(discovery.CapabilityAccessPoint | discovery.CapabilityBridge)
		}, discovery.SpeakerAccessPoint},
		"it bridges": {func(n *discovery.Neighbor) { n.Capabilities = both(discovery.CapabilityBridge) }, discovery.SpeakerSwitch},
		"it routes":  {func(n *discovery.Neighbor) { n.Capabilities = both(discovery.CapabilityRouter) }, discovery.SpeakerSwitch},
		"a station":  {func(n *discovery.Neighbor) { n.Capabilities = both(discovery.CapabilityStation) }, discovery.SpeakerHost},
		"a station that bridges": {func(n *discovery.Neighbor) {
			n.Capabilities = both(discovery.CapabilityStation | discovery.CapabilityBridge)
		}, discovery.SpeakerSwitch},
		"a station that could route": {func(n *discovery.Neighbor) {
			n.Capabilities = both(discovery.CapabilityStation)
			n.Capabilities.Available |= discovery.CapabilityRouter
		}, discovery.SpeakerHost},
	} {
		t.Run(name, func(t *testing.T) {
			n := discovery.Neighbor{Protocol: discovery.ProtocolLLDP, Source: source, MSAP: discovery.MSAP{Chassis: own, Port: own}}
			tt.change(&n)
			if got := discovery.SpeakerOf(&n); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}
