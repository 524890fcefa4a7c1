// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// Explain answers what network an interface is attached to, and why, in full
// sentences. It reports false where the node has no such interface.
func Explain(v *View, snap *discovery.Snapshot, m Memory, ifname string, now time.Time) ([]string, bool) {
	e := explainer{view: v, snap: snap, memory: m, now: now}
	for _, i := range snap.Interfaces {
		if i.Name == ifname {
			e.ifi = i
		}
	}
	if e.ifi.Name == "" {
		return nil, false
	}
	if p, ok := snap.Port(e.ifi.Index); ok {
		e.port = &p
	}
	e.explain()
	return e.out, true
}

type explainer struct {
	view   *View
	snap   *discovery.Snapshot
	memory Memory
	now    time.Time
	ifi    discovery.Interface
	port   *discovery.Port // nil where Colvin does not listen
	out    []string
}

func (e *explainer) say(format string, args ...any) {
	e.out = append(e.out, fmt.Sprintf(format, args...))
}

func (e *explainer) explain() {
	if e.ifi.VF && e.ifi.PF != 0 {
		e.virtualFunction()
		return
	}
	found := false
	for i := range e.view.Uplinks {
		a := &e.view.Uplinks[i]
		if a.LeadsThrough(e.ifi.Index) {
			if found {
				e.say("")
			}
			e.uplink(a)
			found = true
		}
	}
	if !found && e.port != nil {
		e.say("%s is not attached to any network that Colvin knows of.", e.ifi.Name)
	}
	e.silence(found)
	if e.port != nil {
		e.transmit()
	}
	for _, c := range e.view.Conditions {
		if c.Interface == e.ifi.Name && c.Type != PortUnreadable && c.Type != LLDPInFirmware {
			e.say("%s: %s.", c.Type, c.Message)
		}
	}
}

// virtualFunction explains a VF by its PF.
func (e *explainer) virtualFunction() {
	silence, _ := Silent(e.snap, e.ifi, e.now)
	e.say("%s.", silence.Message)
	pf, ok := e.snap.Interface(e.ifi.PF)
	if !ok {
		return
	}
	e.ifi, e.port = pf, nil
	if p, ok := e.snap.Port(pf.Index); ok {
		e.port = &p
	}
	e.explain()
}

// silence says why nothing is heard on the interface.
func (e *explainer) silence(found bool) {
	silence, silent := Silent(e.snap, e.ifi, e.now)
	switch {
	case found && silence.Cause != Unreadable:
	case silent:
		e.say("%s.", upperFirst(silence.Message))
	case relayed(e.port.Neighbors):
		e.say("%s, so none of them is believed. The first is %s.", upperFirst(LostCDP.Sentence()), describe(&e.port.Neighbors[0]))
	default:
		e.say("A rule ignores what is heard on it: %s.", describe(&e.port.Neighbors[0]))
	}
}

// transmit says why Colvin is silent itself, or what keeps it from being heard.
func (e *explainer) transmit() {
	reason := strings.TrimSuffix(e.port.Transmit.Reason, ".")
	switch state := e.port.Transmit.State; {
	case reason == "":
	case state == discovery.Sending:
		e.say("Colvin speaks on it, but %s.", reason)
	case state == discovery.Watching:
		e.say("Colvin does not speak on it yet: %s.", reason)
	default:
		e.say("Colvin does not speak on it: %s.", reason)
	}
}

// upperFirst begins a sentence, unless with an interface's name.
func upperFirst(s string) string {
	if strings.HasPrefix(s, "nothing ") || strings.HasPrefix(s, "an ") {
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}

func (e *explainer) uplink(a *Uplink) {
	how := "untagged"
	if a.VID != 0 {
		how = fmt.Sprintf("tagged with VLAN ID %d", a.VID)
	}
	subject := a.Port.Name
	if upper := cmp.Or(a.Parent.Name, a.Device.Name); upper != "" {
		subject = upper
	}
	switch {
	case a.Name == "":
		e.say("%s leads, %s, to a network that has no name: %s.", subject, how, a.Identity)
	case a.Usable:
		e.say("%s is attached to network %s, %s.", subject, a.Name, how)
	default:
		e.say("%s leads, %s, to network %s, but no pod is attached to it now: %s.", subject, how, a.Name, a.Reason)
	}
	e.neighbour(a)
	e.naming(a)
	e.certainty(a)
	switch {
	case !a.Usable, a.Name == "":
	case a.Device.Name == "":
		e.say("Pods attach to it through a VLAN device on %s, which is made when the first of them comes.", a.Parent.Name)
	case a.Device.Name != subject:
		e.say("Pods attach to it through %s.", a.Device.Name)
	}
	for _, m := range a.Members {
		e.member(a, &m)
	}
}

// neighbour says who was heard and what it said.
func (e *explainer) neighbour(a *Uplink) {
	c, _ := e.memory.Claim(a.Port.Index)
	who := fmt.Sprintf("The %s is chassis %s", discovery.SpeakerOf(&c.Neighbor), a.Neighbor.Chassis)
	if a.System != "" {
		who = fmt.Sprintf("The %s is %s, chassis %s", discovery.SpeakerOf(&c.Neighbor), a.System, a.Neighbor.Chassis)
	}
	if c.Neighbor.Protocol == discovery.ProtocolCDP {
		who += " (it speaks CDP, no LLDP)"
	}
	vlan := map[VLANSource]string{
		VLANAdvertised: fmt.Sprintf("it advertises VLAN %d", a.Identity.VLAN),
		VLANDeclared:   fmt.Sprintf("a rule declares VLAN %d there", a.Identity.VLAN),
		VLANUnknown:    "it does not advertise the VLAN, so each of its ports counts as a network of its own",
	}[a.VLANSource]
	if a.VLANSource == VLANUnknown && a.Identity.Port == "" {
		vlan = "it does not advertise the VLAN, and a rule joins its ports (unadvertised: switch)"
	}
	e.say("%s; the cable ends at its port %s; %s.", who, a.Neighbor.Port, vlan)
}

// member says what part a port has in a bond, team or bridge.
func (e *explainer) member(a *Uplink, m *Member) {
	switch {
	case len(a.Members) == 1:
	case m.Decides:
		e.say("%s carries it; it is %s there, at %s port %s.", m.Port.Name, m.Certainty, orChassis(m), m.Neighbor.Port)
	default:
		e.say("%s carries nothing of it now; %s port %s was heard there (%s).", m.Port.Name, orChassis(m), m.Neighbor.Port, m.Certainty)
	}
}

func orChassis(m *Member) string {
	if m.System != "" {
		return m.System
	}
	return string(m.Neighbor.Chassis)
}

// naming says where the name comes from, or how to give one.
func (e *explainer) naming(a *Uplink) {
	switch {
	case a.Rule.String() != "":
		e.say("The rule at %s gives %s the name %s.", a.Rule, a.Identity, a.Name)
	case a.Colour != "" && a.Colour == a.Name:
		e.say("No rule names %s, so it has the colour %s; a rule with match: [{chassis: %q, vlan: %d}] names it.",
			a.Identity, a.Colour, a.Neighbor.Chassis, a.Identity.VLAN)
	case a.VLANSource == VLANUnknown:
		e.say("No rule names it. A network whose VLAN is not advertised gets no colour; a rule with match: [{chassis: %q, port: %q}] names it.",
			a.Neighbor.Chassis, a.Neighbor.Port)
	default:
		e.say("No rule names it, and it has no colour; a rule with match: [{chassis: %q, vlan: %d}] names it.", a.Neighbor.Chassis, a.Identity.VLAN)
	}
	if len(a.Aliases) > 0 {
		e.say("It also answers to %s.", strings.Join(a.Aliases, ", "))
	}
	for _, n := range a.Notes {
		e.say("Note: %s.", strings.TrimSuffix(n, "."))
	}
}

// certainty says how sure that is, for how long, and what would change it.
func (e *explainer) certainty(a *Uplink) {
	c, _ := e.memory.Claim(a.Port.Index)
	heard := e.lastHeard(&c)
	switch a.Certainty {
	case nodefile.Fresh:
		left := heard.Add(c.Neighbor.Lifetime()).Sub(e.now)
		e.say("This is fresh: the switch was last heard %s and its word holds for %s more; it has been so since %s.",
			ago(e.now, heard), fit.Span(left), fit.Stamp(a.Since))
		e.say("Silence until then makes it stale, which is still usable. A lost carrier makes it unverified until the switch is heard again. Another VLAN from this switch is believed after %s; another switch only once this one falls silent.", fit.Span(HoldDown))
	case nodefile.Stale:
		e.say("This is stale: %s; it was last heard %s. Pods still attach, because the cable cannot have moved.", a.Reason, ago(e.now, heard))
		e.say("The next LLDP frame of this switch makes it fresh. A lost carrier, or another switch heard here, ends it.")
	case nodefile.Unverified:
		e.say("This is unverified since %s: %s. The switch was last heard %s.", fit.Stamp(a.Since), a.Reason, ago(e.now, heard))
		if c.Change != nil {
			e.say("Time decides: if the switch keeps announcing the new VLAN for %s, it is believed.", fit.Span(HoldDown))
			return
		}
		e.say("The next LLDP frame decides; switches send one every 30 s as a rule, and many at once when a link comes up.")
	case nodefile.Down:
		e.say("This is down since %s: %s. The switch was last heard %s.", fit.Stamp(a.Since), a.Reason, ago(e.now, heard))
	}
}

// lastHeard prefers the table, which knows of the last refresh, to the memory.
func (e *explainer) lastHeard(c *Claim) time.Time {
	if e.port != nil {
		for i := range e.port.Neighbors {
			if n := &e.port.Neighbors[i]; n.MSAP == c.Neighbor.MSAP && n.LastHeard.After(c.Neighbor.LastHeard) {
				return n.LastHeard
			}
		}
	}
	return c.Neighbor.LastHeard
}

func ago(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return fit.Span(now.Sub(t)) + " ago"
}
