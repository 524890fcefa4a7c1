// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// convergeAfter is how long a port with carrier may stay silent before the node
// counts as converged without it: two transmit intervals of IEEE Std
// 802.1AB-2016, 9.2.5.7 (msgTxInterval, 30 s) and some slack.
const convergeAfter = 65 * time.Second

// Input is everything that a View depends on.
type Input struct {
	World
	Snapshot *discovery.Snapshot
	Memory   Memory // as Advance left it for this snapshot
	Colours  Colours
}

// Colours are the colours known to the node and how they are used.
type Colours struct {
	Book   []Colour // oldest first
	Tagged bool     // tagged identities get colours too (colours.of: all)
	Attach bool     // a colour is a name that a pod may ask for
}

// A Colour is one allocation.
type Colour struct {
	Name     string
	Identity Identity // of a chassis, never of a group
}

// Resolve computes what every name means on this node. It is pure: the same
// input gives the same View.
func Resolve(in Input) View {
	v := View{Node: in.Node, BootID: in.BootID, Time: in.Snapshot.Time}
	in.switches = in.Memory.Switches
	r := resolver{Input: in, now: in.Snapshot.Time, view: &v}
	for i := range in.Snapshot.Ports {
		r.port(&in.Snapshot.Ports[i])
	}
	r.nameAll()
	trunks := r.trunks()
	r.joinAll()
	r.markTrunks(trunks)
	r.readOnlyColours()
	r.spans()
	r.switchConditions()
	v.Converged = len(v.Pending) == 0
	slices.SortStableFunc(v.Conditions, func(a, b Condition) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Interface, b.Interface), cmp.Compare(a.Network, b.Network))
	})
	return v
}

type resolver struct {
	Input
	now  time.Time
	view *View
}

func (r *resolver) condition(t ConditionType, ifname, network, format string, args ...any) {
	r.view.Conditions = append(r.view.Conditions,
		Condition{Type: t, Interface: ifname, Network: network, Message: fmt.Sprintf(format, args...)})
}

// wake asks for the view to be computed again at t.
func (r *resolver) wake(t time.Time) {
	if r.view.Wake.IsZero() || t.Before(r.view.Wake) {
		r.view.Wake = t
	}
}

func (r *resolver) port(p *discovery.Port) {
	ifi, ok := r.Snapshot.Interface(p.Index)
	if !ok {
		return
	}
	if p.Problem != "" {
		r.condition(PortUnreadable, ifi.Name, "", "%s: %s", ifi.Name, p.Problem)
	}
	if silence, _ := Silent(r.Snapshot, ifi, r.now); silence.Cause == FirmwareLLDP {
		r.condition(LLDPInFirmware, ifi.Name, "", "%s", silence.Message)
	}
	if p.TooManyNeighbors {
		r.condition(TooManyNeighbors, ifi.Name, "", "%s: more LLDP neighbours than Colvin keeps; new ones are refused", ifi.Name)
	}
	c, ok := r.Memory.Claim(ifi.Index)
	r.pending(p, ifi, c, ok)
	if !ok {
		return
	}
	for _, n := range c.Rivals {
		r.condition(Conflict, ifi.Name, "", "%s: %s contradicts %s; %s keeps the port until it falls silent",
			ifi.Name, describe(&n), describe(&c.Neighbor), c.Neighbor.Chassis)
	}
	// Makers count a frame with or without its header and FCS; beyond doubt is only
	// an MTU above all of it.
	if told := c.Neighbor.MaxFrameSize; told != 0 && ifi.MTU > int(told) {
		r.condition(MTUMismatch, ifi.Name, "", "%s: the MTU is %d, but %s takes frames of %d octets at most; what is larger is lost",
			ifi.Name, ifi.MTU, describe(&c.Neighbor), told)
	}
	if c.Guard.After(r.now) && !c.Live {
		r.wake(c.Guard)
	}
	r.addUntagged(ifi, &c)
	r.addTagged(ifi, &c)
}

// pending notes a port that may still speak.
func (r *resolver) pending(p *discovery.Port, ifi discovery.Interface, c Claim, claimed bool) {
	until := p.Since.Add(convergeAfter)
	if claimed && c.Neighbor.Protocol == discovery.ProtocolCDP {
		until = c.soleAt(p)
	}
	settled := claimed && (c.Live || c.Lost.IsZero()) && (c.Neighbor.Protocol != discovery.ProtocolCDP || c.Sole)
	if settled || p.Problem != "" || !ifi.Operational() || !r.now.Before(until) {
		return
	}
	r.view.Pending = append(r.view.Pending, ifi.Name)
	r.wake(until)
}

func (r *resolver) addUntagged(ifi discovery.Interface, c *Claim) {
	r.add(ifi, c, &c.Neighbor, c.Neighbor.PVID, 0, vlanSource(c.Neighbor.PVID))
	if c.Change == nil {
		return
	}
	to := &c.Change.To
	until := c.Change.Since.Add(HoldDown)
	r.wake(until)
	r.condition(VLANChanging, ifi.Name, "", "%s: %s announced %s before; believed after %s",
		ifi.Name, describe(to), vlanText(c.Neighbor.PVID), until.Format(time.TimeOnly))
	r.add(ifi, c, to, to.PVID, 0, vlanSource(to.PVID))
}

// addTagged adds the VLANs that the neighbour tells by name and those that rules
// declare. A VID equal to the PVID is untagged only. What is advertised may be
// partial, so it never withdraws what is declared.
func (r *resolver) addTagged(ifi discovery.Interface, c *Claim) {
	n := &c.Neighbor
	if c.Change != nil {
		n = &c.Change.To
	}
	known := map[uint16]VLANSource{}
	for _, d := range r.declaredOn(r.subject(ifi.Name, n)) {
		known[d.VID] = VLANDeclared
	}
	for _, v := range n.VLANs {
		known[v.ID] = VLANAdvertised
	}
	delete(known, n.PVID)
	delete(known, c.Neighbor.PVID)
	for _, vid := range slices.Sorted(maps.Keys(known)) {
		r.add(ifi, c, n, vid, vid, known[vid])
	}
}

// add appends one uplink, without its name.
func (r *resolver) add(ifi discovery.Interface, c *Claim, n *discovery.Neighbor, vlan, vid uint16, how VLANSource) {
	a := Uplink{
		Identity:       r.identify(r.subject(ifi.Name, n), vlan),
		VLANSource:     how,
		VID:            vid,
		Port:           linkOf(ifi),
		CarrierChanges: ifi.CarrierChanges,
		Neighbor:       n.MSAP,
		System:         n.SystemName,
	}
	naming, named, notes := r.nameOf(r.subject(ifi.Name, n), occurrence(n, vlan, vid))
	if named {
		a.Name, a.Aliases, a.Rule = naming.Name, slices.Clone(naming.Aliases), naming.Ref
		a.Keep, a.Spans = naming.StaleKeep, naming.Spans
	}
	a.Notes = notes
	r.certainty(&a, ifi, c)
	if naming.UnadvertisedSwitch {
		a.Identity.Port = ""
	}
	path := pathOf(r.Snapshot, ifi, vid)
	if none := path.none; none != "" {
		a.Usable = false
		if a.Reason != "" {
			none = a.Reason + "; and " + none
		}
		a.Reason = none
	} else {
		a.Device, a.Parent, a.Made = linkOf(path.device), linkOf(path.parent), path.device.Own()
	}
	r.view.Uplinks = append(r.view.Uplinks, a)
}

// certainty says how far the uplink may be relied on.
func (r *resolver) certainty(a *Uplink, ifi discovery.Interface, c *Claim) {
	switch {
	case !ifi.Operational():
		a.Certainty, a.Since = nodefile.Down, c.Lost
		a.Reason = ifi.Name + " has no carrier"
		if !ifi.Up {
			a.Reason = ifi.Name + " is administratively down"
		}
	case !c.Lost.IsZero():
		a.Certainty, a.Since = nodefile.Unverified, c.Lost
		a.Reason = fmt.Sprintf("%s; waiting for its LLDP", c.LostWhy.Sentence())
		a.Usable = a.Keep && c.LostWhy == LostCarrier
	case c.Change != nil && a.VID == 0:
		a.Certainty, a.Since = nodefile.Unverified, c.Change.Since
		a.Reason = fmt.Sprintf("the switch announces %s instead of %s; believed after %s if it stays so",
			vlanText(c.Change.To.PVID), vlanText(c.Neighbor.PVID), c.Change.Since.Add(HoldDown).Format(time.TimeOnly))
		a.Usable = a.Keep && a.Identity == r.untaggedIdentity(ifi.Name, &c.Neighbor)
	case c.Neighbor.Protocol == discovery.ProtocolCDP && !c.Sole:
		a.Certainty, a.Since = nodefile.Unverified, c.Since
		a.Reason = fmt.Sprintf("CDP counts once nothing else has been heard for %s, because other makers' switches forward it", fit.Span(convergeAfter))
	case c.Live:
		a.Certainty, a.Since, a.Usable = nodefile.Fresh, c.Since, true
	default:
		a.Certainty, a.Since, a.Usable = nodefile.Stale, c.Neighbor.LastHeard, true
		a.Reason = fmt.Sprintf("the switch is silent (%s), but the carrier was never lost since", c.Gone.Sentence())
	}
}

// replacedShown is how long the replacement of a switch is a condition.
const replacedShown = 24 * time.Hour

// switchConditions reports what is particular about the switches.
func (r *resolver) switchConditions() {
	for _, s := range r.switches {
		for _, replaced := range s.Replacements {
			until := replaced.At.Add(replacedShown)
			if !r.now.Before(until) {
				continue
			}
			r.wake(until)
			r.condition(SwitchReplaced, "", "", "%s: chassis %s took the place of %s, which fell silent, and inherits its networks",
				s.Name, replaced.New, replaced.Old)
		}
	}
	for _, pair := range r.switches.namesakes(r.Memory.sightings(r.World, r.Snapshot)) {
		r.condition(SameName, "", "", "chassis %s and %s are both called %s; Colvin takes them for two switches, but rules by system name cannot tell them apart",
			pair[0].Chassis, pair[1].Chassis, pair[0].SystemName)
	}
}

// spans reports names that cover several identities without saying so.
func (r *resolver) spans() {
	seen := map[string]Identity{}
	told := map[string]bool{}
	for i := range r.view.Uplinks {
		a := &r.view.Uplinks[i]
		first, ok := seen[a.Name]
		switch {
		case a.Name == "" || a.Spans || told[a.Name] || a.Certainty == nodefile.Unverified || a.Device.Index == 0 && a.Parent.Index == 0:
		case !ok:
			seen[a.Name] = a.Identity
		case first != a.Identity:
			told[a.Name] = true
			r.condition(Spans, "", a.Name, "%s names both %s and %s; put the switches into one group, split the rule, or accept it with spans: true",
				a.Name, first, a.Identity)
		}
	}
}

func describe(n *discovery.Neighbor) string {
	s := fmt.Sprintf("%s port %s (%s)", n.Chassis, n.Port, vlanText(n.PVID))
	if n.SystemName != "" {
		return n.SystemName + ", chassis " + s
	}
	return "chassis " + s
}

func vlanText(vid uint16) string {
	if vid == 0 {
		return "VLAN not advertised"
	}
	return fmt.Sprintf("VLAN %d", vid)
}

func vlanSource(vid uint16) VLANSource {
	if vid == 0 {
		return VLANUnknown
	}
	return VLANAdvertised
}

// NeighborText is the switch and port of an uplink, for messages.
func (a *Uplink) NeighborText() string {
	parts := []string{string(a.Neighbor.Chassis), "port", string(a.Neighbor.Port)}
	if a.System != "" {
		parts = append([]string{a.System}, parts...)
	}
	return strings.Join(parts, " ")
}
