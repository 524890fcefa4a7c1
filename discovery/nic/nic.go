// SPDX-License-Identifier: Apache-2.0

// Package nic reads what the driver of a network device says of itself, and
// tells from it whether an LLDP agent in the NIC's firmware takes the frames. It
// changes no setting: that is for an operator to do.
package nic

import (
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/paste"
)

// Facts are what a driver says of itself and its NIC.
type Facts struct {
	Address  string          // on the bus, such as 0000:3b:00.0
	Driver   string          // such as "i40e"; empty where the device tells none
	Firmware string          // its version, as the driver words it
	Flags    map[string]bool // private flags, which only this driver has, by name
}

// Describe tells what is known of a NIC. Drivers tell of an agent only by the
// private flag that switches it: where there is no such flag, none is claimed.
// The remedy survives a reboot. Old firmware (of the X710, before NVM 6.01)
// refuses it.
func Describe(ifname string, f Facts) discovery.NIC {
	n := discovery.NIC{Driver: f.Driver, Address: f.Address}
	for _, s := range switches {
		if on, told := f.Flags[s.flag]; told && on == s.active {
			n.FirmwareLLDP = true
			n.Remedy = paste.Command("ethtool", "--set-priv-flags", ifname, s.flag, onOff(!s.active))
			return n
		}
	}
	return n
}

// switches are the private flags that switch a firmware's LLDP agent, with the
// value that has it take the frames.
var switches = [...]struct {
	flag   string
	active bool
}{
	// i40e (X710, XL710, XXV710, X722), since Linux 4.16: "stop the FW from
	// consuming LLDPDU and cause them to be sent up the stack". ice in Linux 5.1.
	{"disable-fw-lldp", false},
	// ice (E800 series), since Linux 5.4: where the agent is on, no other receives.
	{"fw-lldp-agent", true},
	{"enable-fw-lldp", true}, // its name in Linux 5.3
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
