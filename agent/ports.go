// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/observe"
	"github.com/colvin-net/colvin/discovery/transmit"
)

// socketFor is the socket that hears protocols.
func socketFor(protocols []discovery.Protocol) ether.FrameSet {
	var s ether.FrameSet
	for _, p := range protocols {
		switch p {
		case discovery.ProtocolLLDP:
			s |= ether.LLDP
		case discovery.ProtocolCDP:
			s |= ether.CDP
		}
	}
	return s
}

// settingsOf are the configured words as package observe takes them, which has the same.
func settingsOf(p config.Ports) observe.Settings {
	return observe.Settings{Transmit: transmit.Mode(p.Transmit), Capture: ether.Capture(p.Capture)}
}

func exceptionsOf(configured []config.Exception) []observe.Exception {
	var out []observe.Exception
	for _, x := range configured {
		out = append(out, observe.Exception{Match: x.Match, Settings: settingsOf(x.Ports)})
	}
	return out
}
