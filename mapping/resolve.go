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
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// Input is everything that a View depends on.
type Input struct {
	World
	Snapshot *discovery.Snapshot
	Memory   Memory // as Advance left it for this snapshot
	Colours  Colours
}

// Colours are the colours known to the node and how they are used.
type Colours struct {
	Book   []Colour `json:"book"`   // oldest first
	Tagged bool     `json:"tagged"` // tagged identities get colours too (colours.of: all)
	Attach bool     `json:"attach"` // a colour is a name that a pod may ask for
}

// A Colour is one allocation.
type Colour struct {
	Name     string   `json:"name"`
	Identity Identity `json:"identity"` // of a chassis, never of a group
}

// Resolve computes what every name means on this node. It is pure: the same
// input gives the same View.
func Resolve(in Input) View { return resolve(in, MaxUplinks) }

// resolve is Resolve with a bound of ways.
func resolve(in Input, most int) View {
	v := View{Node: in.Node, BootID: in.BootID, Silence: in.Silence, Goodbye: in.Goodbye, Time: in.Snapshot.Time}
	in.look(in.Memory, in.Snapshot)
	in.budget = in.assess(in.Snapshot, in.Memory, most)
	v.Uplinks = slices.Grow(v.Uplinks, min(in.budget.ways, most))
	r := resolver{Input: in, now: in.Snapshot.Time, view: &v, links: newLinks(in.Snapshot)}
	for i := range in.Snapshot.Ports {
		r.port(&in.Snapshot.Ports[i])
	}
	r.tellBudget()
	r.hearsItself()
	r.staleSoon()
	r.nameAll()
	trunks := r.trunks()
	r.joinAll()
	r.markTrunks(trunks)
	r.readOnlyColours()
	r.spans()
	r.switchConditions()
	v.Converged = len(v.Pending) == 0
	slices.SortStableFunc(v.Conditions, func(a, b Condition) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Interface, b.Interface), cmp.Compare(a.Network, b.Network), cmp.Compare(a.Message, b.Message))
	})
	return v
}

type resolver struct {
	Input
	now   time.Time
	view  *View
	links *links
	joins [][]junction // of each uplink in view
}

func (r *resolver) condition(t ConditionType, ifname, network, format string, args ...any) {
	r.view.Conditions = append(r.view.Conditions,
		Condition{Type: t, Interface: ifname, Network: network, Message: fmt.Sprintf(format, args...)})
}

// wake asks for the view to be computed again at t.
func (r *resolver) wake(t time.Time) {
	if !t.IsZero() && (r.view.Wake.IsZero() || t.Before(r.view.Wake)) {
		r.view.Wake = t
	}
}

// turn is wake where that follows from what a node publishes, whoever listens to its ports.
func (r *resolver) turn(t time.Time) {
	r.wake(t)
	if t.After(r.now) && (r.view.Turn.IsZero() || t.Before(r.view.Turn)) {
		r.view.Turn = t
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
	if silence, _ := silentOn(r.Snapshot, r.self, ifi, p, r.now); silence.Cause == FirmwareLLDP {
		r.condition(LLDPInFirmware, ifi.Name, "", "%s", silence.Message)
	}
	if p.TooManyNeighbors {
		r.condition(TooManyNeighbors, ifi.Name, "", "%s: more LLDP neighbours than Colvin keeps; new ones are refused", ifi.Name)
	}
	b, held := r.Memory.Port(ifi.Index)
	r.pending(p, ifi, &b)
	r.wake(b.Wake(r.reader(ifi.Name)))
	if ifi.Operational() {
		r.contradictions(&b)
	}
	if b.State == belief.Held && !slices.ContainsFunc(p.Neighbors, func(n discovery.Neighbor) bool {
		return n.MSAP == b.Holder.MSAP && belief.Alike(&n, &b.Holder.Neighbor)
	}) {
		r.wake(later(b.Holder.LateAt(), r.now.Add(time.Second))) // who listens does not notice that this is late
	}
	pins := r.pinnedPort(p, ifi, &b)
	r.refusePins(pins)
	for _, note := range pins.notes {
		r.view.PinNotes = append(r.view.PinNotes, PinNote{ifi.Name, note})
	}
	if !held {
		r.pin(pins)
		return
	}
	// Makers count a frame with or without its header and FCS; beyond doubt is only
	// an MTU above all of it.
	if told := b.Holder.MaxFrameSize; told != 0 && ifi.MTU > int(told) {
		r.condition(MTUMismatch, ifi.Name, "", "%s: the MTU is %d, but %s takes frames of %d octets at most; what is larger is lost",
			ifi.Name, ifi.MTU, describe(&b.Holder.Neighbor), told)
	}
	first := len(r.view.Uplinks)
	r.uplinks(ifi, &b)
	r.closePinned(pins, r.view.Uplinks[first:])
	if said := r.view.Uplinks[first:]; r.Untold[ifi.Name] {
		for i := range said {
			said[i].Usable, said[i].Reason = false, "a rule pins "+ifi.Name+" by address or prefix to what only its node knows, and a switch contradicts it"
		}
	}
	r.pin(pins)
}

// pending notes a port that may still speak.
func (r *resolver) pending(p *discovery.Port, ifi discovery.Interface, b *belief.Port) {
	if p.Problem != "" || !ifi.Operational() {
		return
	}
	until := p.Since.Add(belief.SilentAfter)
	switch b.State {
	case belief.Held, belief.Late, belief.Left:
		return
	case belief.Disputed:
		until = later(until, b.Ends)
	default:
		if len(b.Against) > 0 { // who is slow to be believed
			until = later(until, b.Ends)
		}
	}
	if r.now.Before(until) {
		r.view.Pending = append(r.view.Pending, ifi.Name)
		r.wake(until)
	}
}

// maxContradictions bounds how many of those who contradict each other on a port are told.
const maxContradictions = 4

// contradictions tell of words that stand against each other.
func (r *resolver) contradictions(b *belief.Port) {
	for i := range b.Against[:min(len(b.Against), maxContradictions)] {
		n := &b.Against[i].Neighbor
		switch {
		case b.Holder == nil:
		case b.State == belief.Held, b.State == belief.Late:
			r.condition(Conflict, b.Interface, "", "%s: %s, from %s, contradicts %s, which keeps the port while it is heard in time",
				b.Interface, describe(n), n.Source, describe(&b.Holder.Neighbor))
		case b.State != belief.Disputed:
		case b.Struck && changesItsWord(n, &b.Holder.Neighbor):
			r.condition(VLANChanging, b.Interface, "", "%s: %s %s; it is believed once it has said only this for a while",
				b.Interface, describe(n), announces(n, &b.Holder.Neighbor))
		default:
			r.condition(Conflict, b.Interface, "", "%s: %s, from %s, contradicts %s; neither is believed before it has been heard alone for a while",
				b.Interface, describe(n), n.Source, describe(&b.Holder.Neighbor))
		}
	}
}

// uplinks adds where a port leads by the word of its holder, and where, while that is
// disputed, by that of the latest who contradicts it.
func (r *resolver) uplinks(ifi discovery.Interface, b *belief.Port) {
	shared := b.Shared(r.reader(ifi.Name))
	seen := map[belief.Lead]bool{}
	said := []*discovery.Neighbor{&b.Holder.Neighbor}
	if n := latest(b.Against); n != nil && b.State == belief.Disputed {
		said = append(said, n)
	}
	for _, n := range said {
		leads := r.source(ifi.Name, n).leads(r.budget)
		for i := range leads {
			l := &leads[i]
			if b.State != belief.Disputed {
				r.add(ifi, b, n, l, false)
				continue
			}
			if to := (belief.Lead{Tag: l.vid, To: l.to(n)}); !seen[to] {
				seen[to] = true
				r.add(ifi, b, n, l, slices.Contains(shared, to))
			}
		}
	}
}

// latest is the voice that began last.
func latest(voices []belief.Voice) *discovery.Neighbor {
	if len(voices) == 0 {
		return nil
	}
	return &voices[len(voices)-1].Neighbor
}

// add appends one uplink, without its name.
func (r *resolver) add(ifi discovery.Interface, b *belief.Port, n *discovery.Neighbor, l *lead, shared bool) {
	a := Uplink{
		Identity:       l.identity,
		VLANSource:     l.source,
		VID:            l.vid,
		Port:           linkOf(ifi),
		CarrierChanges: ifi.CarrierChanges,
		Neighbor:       n.MSAP,
		System:         n.SystemName,
		Notes:          l.notes,
	}
	if l.named {
		a.Name, a.Aliases, a.Rule = l.naming.Name, slices.Clone(l.naming.Aliases), l.naming.Ref
		a.Keep, a.Spans = l.naming.StaleKeep, l.naming.Spans
	}
	r.certainty(&a, ifi, b, n, l, shared)
	if a.Usable && r.crowdedOut(b) {
		a.Usable, a.Reason = false, "there are more switches than are told apart, and the one that is believed was not heard alone for long"
	}
	if n.Protocol == discovery.ProtocolCDP && a.Usable && !l.naming.CDP {
		a.Usable, a.Reason = false, "only CDP tells it, which crosses the switches of other makers; a rule with cdp: true accepts that"
	}
	path := r.links.path(ifi, l.vid)
	if none := path.none; none != "" {
		a.Usable = false
		if a.Reason != "" {
			none = a.Reason + "; and " + none
		}
		a.Reason = none
	} else {
		a.Device, a.Parent, a.Made = linkOf(path.device), linkOf(path.parent), path.device.Own()
	}
	r.view.Uplinks, r.joins = append(r.view.Uplinks, a), append(r.joins, path.joins)
}

// crowdedOut reports whether switches are turned away for want of room: the first of who
// fills the table must not keep a port, which it has only until the true switch speaks.
func (r *resolver) crowdedOut(b *belief.Port) bool {
	return b.Unsettled() && slices.ContainsFunc(r.Snapshot.Ports, func(p discovery.Port) bool {
		return p.Index == b.Index && p.TooManyNeighbors
	})
}

// certainty says how far the uplink may be relied on that somebody tells.
func (r *resolver) certainty(a *Uplink, ifi discovery.Interface, b *belief.Port, n *discovery.Neighbor, l *lead, shared bool) {
	if !ifi.Operational() {
		a.Certainty, a.Since = nodefile.Down, b.Away
		a.Reason = ifi.Name + " has no carrier"
		if !ifi.Up {
			a.Reason = ifi.Name + " is administratively down"
		}
		return
	}
	unverified := func(since time.Time, format string, args ...any) {
		a.Certainty, a.Since, a.Reason = nodefile.Unverified, since, fmt.Sprintf(format, args...)
	}
	switch b.State {
	case belief.Held:
		a.Certainty, a.Since, a.Usable = nodefile.Fresh, b.HeldSince, true
		r.until(a, b, l)
	case belief.Late:
		r.late(a, b, l)
	case belief.Left:
		unverified(b.Since, "the switch said goodbye; %s", nodefile.WaitsForLLDP)
		if limit := r.goodbye(l.naming); limit > 0 {
			a.Usable = limit == belief.Forever || r.now.Before(b.Holder.Goodbye.Add(limit))
			a.Until = b.Holder.Goodbye.Add(limit)
			r.turn(a.Until)
		}
	case belief.Disputed:
		a.Certainty, a.Since, a.Usable = nodefile.Fresh, b.HeldSince, true
		if !shared {
			a.Usable = false
			unverified(b.Since, "%s", disputed(b, n))
		}
	default: // nobody holds it
		unverified(b.Away, "%s; %s", causeSentence(b.Cause), nodefile.WaitsForLLDP)
		a.Usable = a.Keep && b.Cause == belief.CarrierLost && !b.Struck
	}
}

// staleSoon tells when the networks of ports whose switch is silent will be refused.
func (r *resolver) staleSoon() {
	for port, at := range r.view.StaleEnds() {
		r.condition(StaleSoon, port, "", "%s: the switch is silent; if it stays so, no pod is attached from %s on", port, fit.Stamp(at))
	}
}

// late says how far a word may be relied on that is not heard in time.
func (r *resolver) late(a *Uplink, b *belief.Port, l *lead) {
	gone := b.Holder.GoneAt()
	if r.now.Before(gone) {
		a.Certainty, a.Since, a.Usable = nodefile.Fresh, b.HeldSince, true
		r.turn(gone)
		r.until(a, b, l)
		return
	}
	a.Certainty, a.Since, a.Usable = nodefile.Stale, b.Holder.LastHeard, true
	a.Reason = "the switch is silent, but the carrier was never lost since, and nobody else is heard"
	r.until(a, b, l)
	if !a.Until.IsZero() && !r.now.Before(a.Until) {
		a.Usable, a.Reason = false, "the switch has been silent for longer than is accepted (silence)"
		if _, crowded := b.Crowded(r.now); crowded {
			a.Reason = "the switch is silent, and somebody else was heard on the wire, so it need not be at its end any more"
		}
		return
	}
	r.turn(a.Until)
}

// until says when a word counts no more unless it is heard again.
func (r *resolver) until(a *Uplink, b *belief.Port, l *lead) {
	if _, crowded := b.Crowded(r.now); crowded {
		a.Until = b.Holder.GoneAt()
		return
	}
	if end, ends := b.SilenceEnds(r.silence(l.naming)); ends {
		a.Until = end
	}
}

// disputed says who stands against what somebody says: the latest who contradicts the holder,
// and against him the holder.
func disputed(b *belief.Port, said *discovery.Neighbor) string {
	n := latest(b.Against)
	if n == nil {
		return "it is not believed before it has been heard alone for a while"
	}
	if b.Struck && changesItsWord(n, &b.Holder.Neighbor) {
		return fmt.Sprintf("the switch %s; believed if it stays so", announces(n, &b.Holder.Neighbor))
	}
	if n == said {
		n = &b.Holder.Neighbor
	}
	return fmt.Sprintf("%s, from %s, contradicts it; believed is who is heard alone for a while", describe(n), n.Source)
}

// changesItsWord reports whether it is one switch that says one thing and said another. Where
// a cable was moved to a switch with the same MAC address, it is two.
func changesItsWord(now, before *discovery.Neighbor) bool {
	return now.Source == before.Source && (now.Chassis == before.Chassis || now.Protocol != before.Protocol)
}

// switchConditions reports what is particular about the switches.
func (r *resolver) switchConditions() {
	for _, pair := range r.Memory.successions(r.Snapshot) {
		r.condition(SwitchReplaced, "", "", "%s: chassis %s looks like the successor of %s, which is silent, but could be any switch of that name; accept it with: %s",
			pair[1].SystemName, pair[1].Chassis, pair[0].Chassis, paste.Command("colvin", "rules", "replace", string(pair[0].Chassis), string(pair[1].Chassis), "FILE"))
	}
	r.ambiguousChassis()
	for _, pair := range r.switches.namesakes(r.Memory.sightings(r.Snapshot)) {
		r.condition(SameName, "", "", "chassis %s and %s are both called %s; Colvin takes them for two switches, but rules by system name cannot tell them apart",
			pair[0].Chassis, pair[1].Chassis, pair[0].SystemName)
	}
}

// ambiguousChassis reports chassis IDs that do not say which device it is that holds a port.
func (r *resolver) ambiguousChassis() {
	holders := map[discovery.ID][]string{}
	apart := map[discovery.ID]bool{}
	for i := range r.Snapshot.Ports {
		p, ok := r.Memory.Port(r.Snapshot.Ports[i].Index)
		if !ok {
			continue
		}
		n := &p.Holder.Neighbor
		holders[n.Chassis] = append(holders[n.Chassis], fmt.Sprintf("%s (%s)", p.Interface, says(n)))
		apart[n.Chassis] = apart[n.Chassis] || identifySwitch(r.switches, r.bearers, p.Interface, n).Kind == identity.Sender
	}
	for chassis, all := range holders {
		if apart[chassis] && len(all) > 1 {
			r.condition(ChassisAmbiguous, "", "", "chassis %s does not say which device it is at %s; each counts for itself: give every switch a chassis ID of its own, or write rules by system name",
				chassis, fit.Bound(strings.Join(all, ", "), maxHolders))
		}
	}
	for _, t := range r.bearers.wakes(r.now) {
		r.wake(t)
	}
}

// maxHolders bounds how many octets of a message tell who holds ports.
const maxHolders = 512

// spans reports names that cover several identities without saying so.
func (r *resolver) spans() {
	seen := make(map[string]*Identity, len(r.view.Uplinks))
	told := map[string]bool{}
	for i := range r.view.Uplinks {
		a := &r.view.Uplinks[i]
		first, ok := seen[a.Name]
		switch {
		case a.Name == "" || a.Spans || told[a.Name] || a.Certainty == nodefile.Unverified || a.Device.Index == 0 && a.Parent.Index == 0:
		case !ok:
			seen[a.Name] = &a.Identity
		case *first != a.Identity:
			told[a.Name] = true
			remedy := "put the switches into one group, split the rule, or accept it with spans: true"
			if first.Kind == identity.Pin || a.Identity.Kind == identity.Pin { // no switch, no group
				remedy = "split the rule, or accept it with spans: true"
			}
			r.condition(Spans, "", a.Name, "%s names both %s and %s; %s", a.Name, first, a.Identity, remedy)
		}
	}
}

// announces says what a switch tells now, and what it told before.
func announces(now, before *discovery.Neighbor) string {
	is, was := wordText(now), wordText(before)
	switch {
	case is == was && now.Chassis != before.Chassis:
		return fmt.Sprintf("calls itself chassis %s instead of %s", now.Chassis, before.Chassis)
	case is == was && now.Port != before.Port:
		return fmt.Sprintf("calls its port %s instead of %s", now.Port, before.Port)
	case is == was && now.SystemName != before.SystemName:
		return fmt.Sprintf("calls itself %s instead of %s", cmp.Or(now.SystemName, "nothing"), cmp.Or(before.SystemName, "nothing"))
	case is == was:
		return fmt.Sprintf("announces %s, which are not the same as before", is)
	case was == noVLAN:
		return fmt.Sprintf("announces %s, and told no VLAN before", is)
	case is == noVLAN:
		return fmt.Sprintf("tells no VLAN any more, and announced %s before", was)
	default:
		return fmt.Sprintf("announces %s instead of %s", is, was)
	}
}

const noVLAN = "no VLAN"

// wordText is what an utterance says of the untagged network, and how many it tells.
func wordText(n *discovery.Neighbor) string {
	switch tagged := len(n.VLANs); {
	case n.PVID == 0 && tagged == 0:
		return noVLAN
	case n.PVID == 0:
		return fmt.Sprintf("no untagged VLAN and %d tagged", tagged)
	case tagged == 0:
		return vlanText(n.PVID)
	default:
		return fmt.Sprintf("%s and %d tagged", vlanText(n.PVID), tagged)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
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
	if a.Neighbor == (discovery.MSAP{}) {
		return "nobody"
	}
	parts := []string{string(a.Neighbor.Chassis), "port", string(a.Neighbor.Port)}
	if a.System != "" {
		parts = append([]string{a.System}, parts...)
	}
	return strings.Join(parts, " ")
}
