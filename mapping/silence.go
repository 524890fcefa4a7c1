// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"strings"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/mapping/belief"
)

// A Silence says why no neighbour is known on an interface.
type Silence struct {
	Cause   SilenceCause `json:"cause"`
	Message string       `json:"message"` // a sentence that says what can be done
}

// SilenceCause names the reason for a silence.
type SilenceCause string

// The reasons for silence.
const (
	NotEthernet     SilenceCause = "not Ethernet"
	VirtualFunction SilenceCause = "virtual function"
	SoftwareDevice  SilenceCause = "software device"
	Filtered        SilenceCause = "filtered"      // left out by the configuration
	Unreadable      SilenceCause = "unreadable"    // the socket cannot be opened
	AdminDown       SilenceCause = "port down"     // administratively
	NoCarrier       SilenceCause = "no carrier"    // no cable, or the other end is down
	FirmwareLLDP    SilenceCause = "firmware LLDP" // the NIC takes the frames
	OpenVSwitch     SilenceCause = "Open vSwitch"  // the master may take the frames
	NothingYet      SilenceCause = "nothing yet"   // but there is time
	NothingHeard    SilenceCause = "nothing heard" // for longer than switches take
)

// usualInterval is how often a switch speaks unless it is told otherwise
// (msgTxInterval; IEEE Std 802.1AB-2016, 9.2.5.7).
const usualInterval = 30 * time.Second

// Silent says why nothing is heard on an interface, and reports false where
// something is, beside this node itself.
func Silent(snap *discovery.Snapshot, ifi discovery.Interface, now time.Time) (Silence, bool) {
	p, ok := snap.Port(ifi.Index)
	if !ok {
		return noPort(snap, ifi), true
	}
	return silentOn(snap, snap.Self(), ifi, &p, now)
}

// silentOn is Silent for a port.
func silentOn(snap *discovery.Snapshot, self *discovery.Self, ifi discovery.Interface, p *discovery.Port, now time.Time) (Silence, bool) {
	for i := range p.Neighbors {
		if _, own := self.Sender(&p.Neighbors[i]); !own {
			return Silence{}, false
		}
	}
	cause, message := silentPort(snap, ifi, p, now)
	return Silence{cause, message}, true
}

// noPort says why Colvin does not listen on an interface.
func noPort(snap *discovery.Snapshot, ifi discovery.Interface) Silence {
	switch {
	case ifi.VF:
		of := ""
		if pf, ok := snap.Interface(ifi.PF); ok {
			of = ", " + pf.Name
		}
		return Silence{VirtualFunction, fmt.Sprintf("%s is an SR-IOV virtual function; Colvin listens on its physical function%s, whose networks it shares", ifi.Name, of)}
	case !ifi.Ethernet:
		return Silence{NotEthernet, ifi.Name + " is not an Ethernet interface, so no switch can be heard on it"}
	case len(portsOf(snap, ifi)) > 0:
		return Silence{SoftwareDevice, fmt.Sprintf("%s is a %s; Colvin listens on its ports: %s", ifi.Name, ifi.Kind, strings.Join(portsOf(snap, ifi), ", "))}
	case ifi.Kind != "":
		return Silence{SoftwareDevice, fmt.Sprintf("%s is a software device (%s); Colvin listens on the hardware below it. A lab's veth becomes a port when a pattern under interfaces: in colvind.yaml names it", ifi.Name, ifi.Kind)}
	default:
		return Silence{Filtered, ifi.Name + " is left out by the patterns under interfaces: in colvind.yaml, so Colvin does not listen on it"}
	}
}

// portsOf are the names of the ports that a bond, bridge or the like joins.
func portsOf(snap *discovery.Snapshot, master discovery.Interface) []string {
	var names []string
	for i := range snap.Ports {
		if ifi, ok := snap.Interface(snap.Ports[i].Index); ok && ifi.Master == master.Index {
			names = append(names, ifi.Name)
		}
	}
	return names
}

// setUp is the command that brings an interface up. One whose name did not come through
// whole is told by its ifindex.
func setUp(i discovery.Interface) string {
	return paste.Command("ip", "link", "set", "dev", paste.Device(i.Name, i.Index), "up")
}

func silentPort(snap *discovery.Snapshot, ifi discovery.Interface, p *discovery.Port, now time.Time) (cause SilenceCause, message string) {
	master, _ := snap.Interface(ifi.Master)
	nothing := "nothing"
	if len(p.Neighbors) > 0 {
		nothing = "nothing but this node itself"
	}
	switch {
	case p.Problem != "":
		return Unreadable, fmt.Sprintf("Colvin cannot listen on %s: %s", ifi.Name, p.Problem)
	case !ifi.Up:
		return AdminDown, fmt.Sprintf("%s is administratively down; %s brings it up", ifi.Name, setUp(ifi))
	case !ifi.Carrier:
		return NoCarrier, ifi.Name + " has no carrier: no cable, or the other end is down"
	case p.NIC.FirmwareLLDP:
		return FirmwareLLDP, fmt.Sprintf("an LLDP agent in the firmware of %s (driver %s) takes the frames before the host sees them; %s leaves LLDP to the host", ifi.Name, p.NIC.Driver, p.NIC.Remedy)
	case now.Sub(p.Since) < belief.SilentAfter:
		return NothingYet, fmt.Sprintf("%s has been heard on %s %s; switches send LLDP every %s as a rule", nothing, ifi.Name, listened(p, now), fit.Span(usualInterval))
	case master.Kind == discovery.KindOpenVSwitch:
		return OpenVSwitch, fmt.Sprintf("%s has been heard on %s %s; it belongs to Open vSwitch %s, which may take the frames (other_config:forward-bpdu, or an LLDP agent of its own: %s)",
			nothing, ifi.Name, listened(p, now), master.Name, paste.Command("ovs-vsctl", "get", "interface", ifi.Name, "lldp"))
	default:
		return NothingHeard, fmt.Sprintf("%s has been heard on %s %s; check that LLDP is enabled on the switch port", nothing, ifi.Name, listened(p, now))
	}
}

// listened says for how long Colvin has listened on a port. A NodeTopology does not tell that.
func listened(p *discovery.Port, now time.Time) string {
	if p.Since.IsZero() {
		return "since Colvin began to listen"
	}
	return fmt.Sprintf("in the %s since Colvin began to listen", fit.Span(now.Sub(p.Since)))
}
