// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/belief"
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

// ExplainNetwork says which ways lead from a node to the network of a name, and why, in
// full sentences. It reports false where none does.
func ExplainNetwork(v *View, snap *discovery.Snapshot, m Memory, name string, now time.Time) ([]string, bool) {
	e := explainer{view: v, snap: snap, memory: m, now: now}
	ways := v.Named(name)
	if len(ways) == 0 {
		return nil, false
	}
	what := name + " is a network"
	if first := ways[0].Name; first != name {
		what = fmt.Sprintf("%s is another name of network %s", name, first)
	}
	var through []string
	for i := range ways {
		through = append(through, ways[i].Through())
	}
	e.say("%s. This node leads to it through %s.", what, strings.Join(through, " and "))
	for i := range ways {
		e.say("")
		e.ifi, e.port = discovery.Interface{}, nil
		if ifi, ok := snap.Interface(ways[i].Port.Index); ok {
			e.ifi = ifi
		}
		if p, ok := snap.Port(ways[i].Port.Index); ok {
			e.port = &p
		}
		e.uplink(&ways[i])
	}
	for _, c := range v.Conditions {
		if c.Network == name || c.Network == ways[0].Name {
			e.say("%s: %s.", c.Type, c.Message)
		}
	}
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
	for _, n := range e.view.PinNotes {
		if n.Interface == e.ifi.Name {
			e.say("Note: %s.", n.Note)
		}
	}
	e.itself()
	e.addresses(found)
	if e.port != nil {
		e.transmit()
	}
	for _, c := range e.view.Conditions {
		if c.Interface == e.ifi.Name && c.Type != PortUnreadable && c.Type != LLDPInFirmware && c.Type != HearsItself {
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
	default:
		e.unbelieved()
	}
}

// itself says that the node is heard on the interface, or that what it sends on it is
// heard on another.
func (e *explainer) itself() {
	for _, w := range wires(e.snap, e.snap.Self()) {
		if w.has(e.ifi.Index) {
			e.say("%s; that tells nothing of the network.", w)
		}
	}
}

// unbelieved says of what is heard why nothing follows from it.
func (e *explainer) unbelieved() {
	b := e.belief()
	self := e.snap.Self()
	others := slices.DeleteFunc(slices.Clone(e.port.Neighbors), func(n discovery.Neighbor) bool {
		_, own := self.Sender(&n)
		return own
	})
	for i := range others[:min(len(others), maxContradictions)] {
		n := &others[i]
		waits := slices.ContainsFunc(b.Against, func(v belief.Voice) bool { return v.MSAP == n.MSAP && v.Source == n.Source })
		switch kind := discovery.SpeakerOf(n); {
		case kind != discovery.SpeakerSwitch:
			e.say("%s is heard on it, a %s, which tells nothing of the network.", describe(n), kind)
		case self.Has(n.Source):
			e.say("%s is heard on it from %s, an address of this node, so it is not believed.", describe(n), n.Source)
		case n.Tag != 0:
			e.say("%s is heard on it through a tagged VLAN, so it tells nothing of the port.", describe(n))
		case !waits:
			e.say("A rule ignores what is heard on it: %s.", describe(n))
		case n.Protocol == discovery.ProtocolCDP:
			e.say("%s is heard on it by CDP, which other makers' switches forward: it is believed once nothing else has been heard for a while%s.", describe(n), e.ends(&b))
		default:
			e.say("%s, from %s, is heard on it, and believed once it has been heard alone for a while%s.", describe(n), n.Source, e.ends(&b))
		}
	}
}

// ends says when a wait ends.
func (e *explainer) ends(b *belief.Port) string {
	if b.Ends.IsZero() {
		return ", and once more"
	}
	return fmt.Sprintf(", %s from now if nothing else is heard", fit.Span(b.Ends.Sub(e.now)))
}

// belief is what is believed of the port.
func (e *explainer) belief() belief.Port {
	if p := e.memory.find(e.ifi); p != nil {
		return *p
	}
	return belief.Port{}
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
	case a.VLANSource == VLANPinned && a.Usable:
		e.say("%s is attached to network %s, %s, by a rule alone: no switch speaks on it, so nobody on the wire confirms that.", subject, a.Name, how)
	case a.Usable:
		e.say("%s is attached to network %s, %s.", subject, a.Name, how)
	default:
		e.say("%s leads, %s, to network %s, but no pod can be attached to it now: %s.", subject, how, a.Name, a.Reason)
	}
	if a.VLANSource == VLANPinned {
		e.pin(a)
	} else {
		e.neighbour(a)
		e.naming(a)
		e.certainty(a)
	}
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

// pin says which rule says where a port leads, and what ends that.
func (e *explainer) pin(a *Uplink) {
	e.say("The rule at %s pins it (silent). A switch that speaks there and leads elsewhere closes the port, and one that leads to %s makes it fresh.", a.Rule, a.Name)
	if len(a.Aliases) > 0 {
		e.say("It also answers to %s.", strings.Join(a.Aliases, ", "))
	}
}

// neighbour says who was heard and what it said.
func (e *explainer) neighbour(a *Uplink) {
	who := "The switch is chassis " + string(a.Neighbor.Chassis)
	if a.System != "" {
		who = fmt.Sprintf("The switch is %s, chassis %s", a.System, a.Neighbor.Chassis)
	}
	if strings.HasPrefix(string(a.Neighbor.Chassis), "cdp:") {
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
	case m.Neighbor == (discovery.MSAP{}) && m.Decides:
		e.say("%s carries it; it is %s there by a rule alone.", m.Port.Name, m.Certainty)
	case m.Neighbor == (discovery.MSAP{}):
		e.say("%s carries nothing of it now; a rule alone says that it would (%s).", m.Port.Name, m.Certainty)
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
		e.say("No rule names %s, so it has the colour %s; %s.", a.Identity, a.Colour, e.remedy(a))
	case a.VLANSource == VLANUnknown:
		e.say("No rule names it. A network whose VLAN is not advertised gets no colour; %s.", e.remedy(a))
	default:
		e.say("No rule names it, and it has no colour; %s.", e.remedy(a))
	}
	if len(a.Aliases) > 0 {
		e.say("It also answers to %s.", strings.Join(a.Aliases, ", "))
	}
	for _, n := range a.Notes {
		e.say("Note: %s.", strings.TrimSuffix(n, "."))
	}
}

// remedy says which rule names an uplink.
func (e *explainer) remedy(a *Uplink) string {
	matches, why := a.Matches(e.view.Node)
	if len(matches) == 0 {
		return why
	}
	before, cdp, only := "", "", ""
	if len(a.Notes) > 0 { // a rule that gives no name ends the search
		before = ", before the others,"
	}
	if strings.HasPrefix(string(a.Neighbor.Chassis), "cdp:") {
		cdp = ", and with cdp: true pods attach to it"
	}
	if why != "" {
		only = fmt.Sprintf(" (on this node only: %s)", why)
	}
	return fmt.Sprintf("a rule with match: [%s]%s names it%s%s", strings.Join(matches, ", "), before, cdp, only)
}

// certainty says how sure that is, for how long, and what would change it.
func (e *explainer) certainty(a *Uplink) {
	b, held := e.memory.Port(a.Port.Index)
	if !held {
		return
	}
	heard := e.lastHeard(&b)
	switch a.Certainty {
	case nodefile.Fresh:
		if heard.IsZero() { // of what a node publishes
			e.say("This is fresh since %s; when the switch was last heard is known on the node only.", fit.Stamp(a.Since))
			return
		}
		e.fresh(a, &b, heard)
	case nodefile.Stale:
		e.say("This is stale: %s; it was last heard %s.", a.Reason, ago(e.now, heard))
		if a.Usable {
			e.say("Pods still attach %s. The next LLDP frame of this switch makes it fresh. A lost carrier, or anybody else who is heard here, ends it.", e.until(a))
		}
	case nodefile.Unverified:
		e.say("This is unverified since %s: %s%s.", fit.Stamp(a.Since), a.Reason, e.lastWord(". The", heard))
		if b.State == belief.Disputed {
			e.dispute(a, &b)
			return
		}
		e.say("The next LLDP frame decides; switches send one every 30 s as a rule, and many at once when a link comes up.")
	case nodefile.Pinned: // of a bond that is pinned at another of its ports
	case nodefile.Down:
		e.say("This is down since %s%s.", fit.Stamp(a.Since), e.lastWord("; the", heard))
		e.down(a)
	}
}

// lastWord says when the switch was last heard, behind the, where that is known: a node
// publishes no times that change while nothing else does.
func (e *explainer) lastWord(the string, heard time.Time) string {
	if heard.IsZero() {
		return ""
	}
	return the + " switch was last heard " + ago(e.now, heard)
}

// down says how a port comes up, and what is believed of it then.
func (e *explainer) down(a *Uplink) {
	if port, ok := e.snap.Interface(a.Port.Index); ok {
		if silence, silent := Silent(e.snap, port, e.now); silent {
			e.say("%s.", upperFirst(silence.Message))
		}
	}
	if a.Keep {
		e.say("Pods can be attached again as soon as it has a carrier: a rule has the network kept.")
		return
	}
	e.say("Pods can be attached again once a switch is heard on it, to the network that this one tells then.")
}

// fresh says of a word that holds since when it does, and what is said against it.
func (e *explainer) fresh(a *Uplink, b *belief.Port, heard time.Time) {
	n := &b.Holder.Neighbor
	if b.State == belief.Disputed {
		e.say("This is fresh: all that is heard on the port agrees on it, though not on everything; the switch was last heard %s.", ago(e.now, heard))
		e.dispute(a, b)
		return
	}
	if b.State == belief.Late {
		e.say("This is fresh, but the switch is late: it was last heard %s, and is expected every %s; pods attach %s.", ago(e.now, heard), fit.Span(n.Interval()), e.until(a))
		return
	}
	e.say("This is fresh: the switch was last heard %s, from %s, and is expected every %s; it has been so since %s.",
		ago(e.now, heard), n.Source, fit.Span(n.Interval()), fit.Stamp(a.Since))
	if !b.Settled {
		e.unsettled(b)
	}
	e.say("In silence pods still attach %s. A lost carrier makes it unverified until the switch is heard again. Another word from this switch is not believed before it has stood alone; another switch not while this one is heard.", e.until(a))
}

// unsettled says until when another switch would be believed as little as the one that holds
// the port, and what put that off.
func (e *explainer) unsettled(b *belief.Port) {
	until, anew := "", ""
	if !b.Alone.IsZero() { // else a node has told that it is so, and no times
		until = " before " + fit.Stamp(b.Alone.Add(belief.SettlesAfter))
		switch {
		case b.Alone.Equal(b.Lost):
			anew = fmt.Sprintf(" That began anew at %s: until then frames were lost or read late, or no agent listened.", fit.Stamp(b.Alone))
		case b.Alone.After(b.HeldSince):
			anew = fmt.Sprintf(" That began anew at %s: until then it was late, or somebody else was heard.", fit.Stamp(b.Alone))
		}
	}
	e.say("It has not been heard alone for long yet: another switch heard here%s would be believed as little as this one.%s", until, anew)
}

// until says how long silence is accepted.
func (e *explainer) until(a *Uplink) string {
	if a.Until.IsZero() {
		return "however long it lasts"
	}
	return fmt.Sprintf("for %s more", fit.Span(a.Until.Sub(e.now)))
}

// dispute says who stands against who leads there, how to find them, and what ends it.
func (e *explainer) dispute(a *Uplink, b *belief.Port) {
	against := b.Against
	if a.Neighbor != b.Holder.MSAP { // it is one of those who contradict the holder
		against = append([]belief.Voice{*b.Holder}, slices.DeleteFunc(slices.Clone(against), func(v belief.Voice) bool { return v.MSAP == a.Neighbor })...)
	}
	for i := range against {
		v := &against[i]
		if i == maxContradictions {
			e.say("So do %d more.", len(against)-maxContradictions)
			break
		}
		last := ""
		if !v.LastHeard.IsZero() {
			last = ", last " + ago(e.now, v.LastHeard)
		}
		e.say("%s says otherwise: heard from %s%s. On the switch, show mac address-table address %s finds where that is.",
			describe(&v.Neighbor), v.Source, last, v.Source)
	}
	if b.Ends.IsZero() {
		e.say("Who is heard twice and alone for long enough is believed; nobody is yet.")
		return
	}
	e.say("Who is heard alone for long enough is believed: in %s, if it stays as it is.", fit.Span(b.Ends.Sub(e.now)))
}

// lastHeard prefers the table, which knows of the last refresh, to the memory.
func (e *explainer) lastHeard(b *belief.Port) time.Time {
	last := b.Holder.LastHeard
	if e.port != nil {
		for i := range e.port.Neighbors {
			if n := &e.port.Neighbors[i]; n.MSAP == b.Holder.MSAP && n.Source == b.Holder.Source {
				last = later(last, n.LastHeard)
			}
		}
	}
	return last
}

func ago(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return fit.Span(now.Sub(t)) + " ago"
}
