// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/observe"
	"github.com/colvin-net/colvin/discovery/transmit"
)

// TestPortSettings holds that the words of the configuration are those of the packages
// that do what they say.
func TestPortSettings(t *testing.T) {
	got := exceptionsOf([]config.Exception{
		{Match: "eth0", Ports: config.Ports{Transmit: config.TransmitAuto, Capture: config.CaptureAuto}},
		{Match: "eth1", Ports: config.Ports{Transmit: config.TransmitOn, Capture: config.CaptureAll}},
		{Match: "eth2", Ports: config.Ports{Transmit: config.TransmitOff, Capture: config.CaptureProtocol}},
		{Match: "eth3"},
	})
	want := []observe.Exception{
		{Match: "eth0", Settings: observe.Settings{Transmit: transmit.Auto, Capture: ether.CaptureAuto}},
		{Match: "eth1", Settings: observe.Settings{Transmit: transmit.On, Capture: ether.CaptureAll}},
		{Match: "eth2", Settings: observe.Settings{Transmit: transmit.Off, Capture: ether.CaptureProtocol}},
		{Match: "eth3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exceptions (-want +got):\n%s", diff)
	}
	for want, protocols := range map[ether.FrameSet][]discovery.Protocol{
		ether.LLDP:             {discovery.ProtocolLLDP},
		ether.CDP:              {discovery.ProtocolCDP},
		ether.LLDP | ether.CDP: {discovery.ProtocolLLDP, discovery.ProtocolCDP},
	} {
		if got := socketFor(protocols); got != want {
			t.Errorf("socket for %v: %v, want %v", protocols, got, want)
		}
	}
}
