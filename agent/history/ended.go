// SPDX-License-Identifier: Apache-2.0

package history

import (
	"cmp"
	"fmt"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// ends says why conditions hold no longer, where that is always the same.
var ends = map[mapping.ConditionType]string{
	mapping.Spans:              "the name is of one network again, or a rule accepts that it is not",
	mapping.BondSplit:          "its members lead to one network",
	mapping.BridgeSplit:        "its ports lead to one network",
	mapping.SwitchReplaced:     "the one before is heard again, or the rules name its successor",
	mapping.ChassisAmbiguous:   "each chassis ID is of one device again",
	mapping.SameName:           "one switch alone has the name",
	mapping.HearsItself:        "the node does not hear itself there any more",
	mapping.RoutersContradict:  "no two routers contradict each other there any more",
	mapping.TooManyRouters:     "there is room for all routers",
	mapping.PinContradicted:    "nothing that is heard leads elsewhere than the rule says",
	mapping.MTUMismatch:        "the switch takes frames as long as the node's",
	mapping.LLDPInFirmware:     "the NIC leaves LLDP to the host",
	mapping.ColourShadowed:     "no rule uses the colour's name for something else",
	mapping.TooManyUnnamed:     "there are colours again",
	mapping.TooManyNeighbors:   "there is room for all neighbours",
	mapping.TopologyTooLarge:   "all of it counts",
	mapping.PortUnreadable:     "it is listened on",
	mapping.AltNameAmbiguous:   "the name leads to one device",
	mapping.AltNameTooLong:     "no name is too long",
	mapping.AltNameTaken:       "no interface has the name by itself",
	mapping.AltNameFailed:      "the kernel took the names",
	mapping.RulesInvalid:       "the latest rules are in force",
	mapping.FilesUnwritable:    "the files are written again",
	mapping.StateDamaged:       "the state is whole",
	mapping.MetricsUnserved:    "the metrics are served",
	mapping.TrunkExposed:       "no container is exposed there",
	mapping.AttachmentMoved:    "its containers are where they asked to be, or gone",
	mapping.DeviceInUse:        "the device is back, or the container is gone",
	mapping.DeviceReturned:     "the device is named and set up as before",
	mapping.OrphanedRecords:    "what was left of containers is removed",
	mapping.RecordsUnreadable:  "the records are read",
	mapping.ClusterUnreachable: "the API server answers",
	mapping.NotPublished:       "the API server took the NodeTopology",
}

// whyEnded says why a condition holds no longer.
func whyEnded(c mapping.Condition, now *agentapi.State) string {
	if gone := linkLost(c.Interface, now.Snapshot); gone != "" && c.Type != mapping.DeviceReturned { // which has another name then
		return gone
	}
	switch c.Type {
	case mapping.Conflict, mapping.VLANChanging:
		return whoIsBelieved(c.Interface, now)
	case mapping.StaleSoon:
		return isHeard(c.Interface, &now.View)
	default:
		return ends[c.Type]
	}
}

// linkLost says what became of an interface, where nothing can be heard on it.
func linkLost(ifname string, snap *discovery.Snapshot) string {
	if ifname == "" || snap == nil {
		return ""
	}
	for _, i := range snap.Interfaces {
		switch {
		case i.Name != ifname:
		case !i.Up:
			return ifname + " is down"
		case i.Ethernet && !i.Carrier:
			return ifname + " has no carrier"
		default:
			return ""
		}
	}
	return ifname + " is gone"
}

// maxSwitch is how many characters of a switch's name stand in a line.
const maxSwitch = 40

// whoIsBelieved says how a contradiction on a port ended.
func whoIsBelieved(ifname string, now *agentapi.State) string {
	for i := range now.Memory.Ports {
		p := &now.Memory.Ports[i]
		if p.Interface != ifname {
			continue
		}
		switch p.State {
		case belief.Held, belief.Late:
			return fit.Cut(cmp.Or(p.Holder.SystemName, string(p.Holder.Chassis)), maxSwitch) + " is believed, and nobody contradicts it"
		case belief.Disputed:
			return "somebody else contradicts now"
		default:
			return "nobody is heard there any more"
		}
	}
	return "nobody is believed there"
}

// isHeard says how the silence of a port's switch ended.
func isHeard(ifname string, v *mapping.View) string {
	for i := range v.Uplinks {
		a := &v.Uplinks[i]
		switch {
		case a.Port.Name != ifname:
		case a.Certainty == nodefile.Fresh:
			return "the switch is heard again"
		case a.Certainty == nodefile.Stale && !a.Usable:
			return "the time is over: pods can be attached there no more"
		default:
			return fmt.Sprintf("its networks are %s now", a.Certainty)
		}
	}
	return "its networks are forgotten"
}
