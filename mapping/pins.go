// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A pin is an admin's word about a port where no switch speaks: a match with silent. It
// never outweighs a switch. One that speaks there and leads elsewhere closes the port, and
// one that did speak there keeps a pin out that does not name this very port.

// facts are what a node knows of an interface by itself.
type facts struct {
	mac, pci, driver  string
	addresses, leased []netip.Prefix
	prefixes          map[uint16][]netip.Prefix
}

// factsOf are those of the ports.
func (m Memory) factsOf(snap *discovery.Snapshot) map[string]facts {
	out := make(map[string]facts, len(snap.Ports))
	for i := range snap.Ports {
		p := &snap.Ports[i]
		if ifi, ok := snap.Interface(p.Index); ok {
			f := facts{mac: ifi.MAC.String(), pci: p.NIC.Address, driver: p.NIC.Driver, prefixes: p.HeardPrefixes(snap.Time)}
			f.addresses, f.leased = connected(snap, p, m.began(ifi, p))
			out[ifi.Name] = f
		}
	}
	return out
}

// began is since when somebody has listened on a port in its carrier epoch, as far as is
// known: over a restart of the agent the cable is the same.
func (m Memory) began(ifi discovery.Interface, p *discovery.Port) time.Time {
	if b := m.find(ifi); b != nil && b.Index == ifi.Index && b.Instance == ifi.Instance && b.MAC == ifi.MAC &&
		b.Epoch == ifi.Epoch() && !b.Began.IsZero() && b.Began.Before(p.Since) {
		return b.Began
	}
	return p.Since
}

// connected are the addresses that say to which subnets a port is connected. One of a lease
// that was not renewed since its epoch began may be of another wire.
func connected(snap *discovery.Snapshot, p *discovery.Port, began time.Time) (known, leased []netip.Prefix) {
	for _, a := range snap.Connected(p.Index) {
		switch {
		case a.Deprecated:
		case a.Dynamic && a.Updated.Before(began):
			leased = append(leased, a.Prefix)
		default:
			known = append(known, a.Prefix)
		}
	}
	return known, leased
}

// A pinnedPort is a port with what rules say of it in case that no switch speaks there.
type pinnedPort struct {
	*World
	p    *discovery.Port
	ifi  discovery.Interface
	b    *belief.Port
	read *reader

	all   []rules.Pin
	notes []string    // why other rules do not pin it that are about it
	fit   []rules.Pin // those that count by where the port led before
	// switched is set where a switch holds the port, or is heard there beside who does.
	switched bool
	leads    tagLeads // of who holds the port, or did
	// elsewhere is set where they lead elsewhere than one of fit.
	elsewhere bool
	waits     bool // who is remembered to have led elsewhere has time to speak
	closed    bool // a switch leads elsewhere, so nothing attaches
}

func (w *World) pinnedPort(p *discovery.Port, ifi discovery.Interface, b *belief.Port) *pinnedPort {
	r := &pinnedPort{World: w, p: p, ifi: ifi, b: b, read: w.reader(ifi.Name)}
	if _, untold := w.Untold[ifi.Name]; untold { // where they lead nobody knows here
		return r
	}
	r.all, r.notes = w.Rules.Pins(w.subject(ifi.Name, nil))
	if len(r.all) == 0 {
		return r
	}
	r.switched = b.Holder != nil && counts(r.read, b) || slices.ContainsFunc(b.Against, func(v belief.Voice) bool { return counts(r.read, &belief.Port{Holder: &v}) })
	led := b.Led != nil && counts(r.read, &belief.Port{Holder: &belief.Voice{Neighbor: *b.Led}}) && r.contradicts(b.Led, r.all)
	// Those by which pods attached count on while a switch speaks: against it.
	if r.fit = r.all; !(b.Pinned && b.State != belief.Silent && r.switched) && led {
		r.fit = slices.DeleteFunc(slices.Clone(r.all), func(pin rules.Pin) bool { return !pin.Literal })
	}
	if b.Holder != nil {
		r.leads = r.leadsOf(&b.Holder.Neighbor)
	}
	r.elsewhere = slices.ContainsFunc(r.fit, r.leads.elsewhere)
	r.waits = r.elsewhere || led && r.contradicts(b.Led, r.fit)
	return r
}

// remember notes that pods attached by a pin.
func (w *World) remember(p *discovery.Port, ifi discovery.Interface, b belief.Port) belief.Port {
	if !b.Pinned && ifi.Operational() {
		r := w.pinnedPort(p, ifi, &b)
		b.Pinned = slices.ContainsFunc(r.fit, r.unspoken)
	}
	return b
}

// contradicts reports whether who was heard on a port leads elsewhere than one of its pins:
// then the wire is another than all of them were meant for.
func (r *pinnedPort) contradicts(n *discovery.Neighbor, pins []rules.Pin) bool {
	return slices.ContainsFunc(pins, r.leadsOf(n).elsewhere)
}

// tagLeads are where an utterance leads, by tag, also where that is more than counts for a
// node; nowhere where there is none.
type tagLeads struct {
	*source
	said   *discovery.Neighbor
	tagged rules.VIDs
}

func (r *pinnedPort) leadsOf(n *discovery.Neighbor) tagLeads {
	if n == nil {
		return tagLeads{}
	}
	s := r.source(r.ifi.Name, n)
	return tagLeads{s, n, s.tagged()}
}

// tell reports whether they lead anywhere with the tag of a pin.
func (l tagLeads) tell(pin rules.Pin) bool {
	return l.source != nil && (pin.VID == 0 || l.tagged.Has(pin.VID))
}

// elsewhere reports whether they lead to another network than the pin says, with the same
// tag.
func (l tagLeads) elsewhere(pin rules.Pin) bool {
	if !l.tell(pin) {
		return false
	}
	led := l.lead(pin.VID)
	return led.to(l.said) != "network "+pin.Naming.Name
}

// unspoken reports whether no switch speaks on a port, for as long as one of its pins waits
// for.
func (r *pinnedPort) unspoken(pin rules.Pin) bool {
	if r.p.Problem != "" || r.overheard() != "" && !pin.Literal {
		return false // nobody would hear one
	}
	switch b := r.b; b.State {
	case belief.Silent:
		return true
	case belief.Empty, belief.Expecting: // who is expected to lead elsewhere has time to speak
		return pin.Now && !r.waits
	case belief.Held, belief.Late, belief.Left:
		return !r.switched && (pin.Now || b.Pinned || !b.Seen.Before(heardOut(b)))
	case belief.Disputed: // hosts on a dumb switch are no switches, however many they are
		return len(b.Against) > 0 && !b.ForgotSome() && !r.switched
	}
	return false
}

// overheard says why a switch that speaks on the port may not be heard; empty: it would be.
func (r *pinnedPort) overheard() string {
	switch {
	case r.p.NIC.FirmwareLLDP:
		return "the firmware of " + r.ifi.Name + " takes LLDP"
	case r.p.TooManyNeighbors:
		return "more speak on " + r.ifi.Name + " than Colvin keeps"
	default:
		return ""
	}
}

// heardOut is until when a switch has time to speak on a port that others hold: they may have
// been believed with their first frame, because they held it before.
func heardOut(b *belief.Port) time.Time { return b.HeldSince.Add(belief.SilentAfter) }

// counts reports whether who holds a port is a switch: not a host, which leads nowhere, nor
// CDP where no rule accepts it, which contradicts in words only.
func counts(read *reader, b *belief.Port) bool {
	return !b.IsHost(read) && (b.Holder.Protocol != discovery.ProtocolCDP || read.Word(&b.Holder.Neighbor).Named)
}

// refusePins tells of the pins that do not count by where the port led before.
func (r *resolver) refusePins(pp *pinnedPort) {
	if pp.switched && pp.ifi.Operational() && pp.b.State != belief.Silent {
		return
	}
	counts := map[uint16]bool{}
	for _, pin := range pp.fit {
		counts[pin.VID] = true
	}
	told := 0
	for _, pin := range pp.all {
		if counts[pin.VID] {
			continue
		}
		if told++; told > maxContradictions {
			return
		}
		r.condition(PinContradicted, pp.ifi.Name, pin.Naming.Name, "%s: a rule pins it to %s, but %s was heard there, which leads elsewhere; %s says that this is over, and a rule that names node and interface without wildcards counts all the same",
			pp.ifi.Name, pin.Naming.Name, describe(pp.b.Led), paste.Operand(pp.ifi.Name, "colvin", "forget"))
	}
}

// pin adds where rules say that a port leads on which no switch speaks.
func (r *resolver) pin(pp *pinnedPort) {
	if slices.ContainsFunc(pp.fit, func(pin rules.Pin) bool { return pin.Untold }) {
		if r.view.Untold == nil {
			r.view.Untold = map[string]bool{}
		}
		r.view.Untold[pp.ifi.Name] = pp.closed
	}
	for _, pin := range pp.fit {
		a, add := r.pinned(pp, pin)
		if !add {
			continue
		}
		path := r.links.path(pp.ifi, pin.VID)
		if path.none != "" {
			a.Usable = false
			a.Reason = strings.TrimPrefix(a.Reason+"; and "+path.none, "; and ")
		} else {
			a.Device, a.Parent, a.Made = linkOf(path.device), linkOf(path.parent), path.device.Own()
		}
		r.view.Uplinks, r.joins = append(r.view.Uplinks, a), append(r.joins, path.joins)
	}
}

// pinned is the uplink of a pin, and whether there is any beside what a switch says.
func (r *resolver) pinned(pp *pinnedPort, pin rules.Pin) (a Uplink, add bool) {
	ifi, b := pp.ifi, pp.b
	a = Uplink{
		Identity: Identity{Kind: identity.Pin, Switch: ifi.MAC.String(), VLAN: pin.VID}, VLANSource: VLANPinned, VID: pin.VID,
		Port: linkOf(ifi), CarrierChanges: ifi.CarrierChanges, Since: b.Since,
		Name: pin.Naming.Name, Aliases: slices.Clone(pin.Naming.Aliases), Rule: pin.Naming.Ref, Spans: pin.Naming.Spans,
	}
	doubt := func(c nodefile.Certainty, format string, args ...any) (Uplink, bool) {
		a.Certainty, a.Reason = c, fmt.Sprintf(format, args...)
		return a, true
	}
	switch {
	case !ifi.Up:
		return doubt(nodefile.Down, "%s is administratively down", ifi.Name)
	case !ifi.Carrier:
		return doubt(nodefile.Down, "%s has no carrier", ifi.Name)
	case pp.p.Problem != "":
		return doubt(nodefile.Unverified, "nobody can listen on %s, so whether a switch speaks there is not known", ifi.Name)
	case pp.overheard() != "" && !pin.Literal && !pp.switched:
		return doubt(nodefile.Unverified, "%s, so whether a switch speaks there is not known; a rule that names node and interface without wildcards counts all the same", pp.overheard())
	case pp.unspoken(pin):
		a.Certainty, a.Usable = nodefile.Pinned, true
		a.Reason = "pinned: no switch speaks there, so nobody on the wire confirms it"
		return a, true
	case b.State == belief.Empty, b.State == belief.Expecting:
		return doubt(nodefile.Unverified, "the rule counts once no switch was heard on %s for a while", ifi.Name)
	case b.State == belief.Disputed, !counts(pp.read, b) && pp.switched:
		return doubt(nodefile.Unverified, "%s is heard there, and who is to be believed is not decided", heard(b))
	case !counts(pp.read, b):
		r.turn(later(heardOut(b), r.now.Add(time.Second)))
		return doubt(nodefile.Unverified, "the rule counts once no switch was heard on %s for a while", ifi.Name)
	case !pin.Literal && !b.Pinned:
		return a, false // the rule is not for a port where a switch speaks
	case !pp.elsewhere && pp.leads.tell(pin):
		return a, false // the switch itself says so
	case !pp.elsewhere:
		return doubt(nodefile.Unverified, "a rule pins VLAN %d, but %s speaks there and does not tell it; a rule with tagged: about this switch names it", pin.VID, describe(&b.Holder.Neighbor))
	}
	return doubt(nodefile.Unverified, "a rule pins it, but %s speaks there and leads elsewhere", describe(&b.Holder.Neighbor))
}

// heard is who was heard on a port last.
func heard(b *belief.Port) string {
	if n := latest(b.Against); n != nil {
		return describe(n)
	}
	return describe(&b.Holder.Neighbor)
}

// closePinned takes out of use what a switch says on a port that is pinned elsewhere: it is
// told, and never redirects pods.
func (r *resolver) closePinned(pp *pinnedPort, said []Uplink) {
	b, ifname := pp.b, pp.ifi.Name
	if !pp.elsewhere || b.State == belief.Silent || b.State == belief.Empty || b.State == belief.Expecting || !pp.ifi.Operational() {
		return
	}
	isSwitch, told := counts(pp.read, b), 0
	for _, pin := range pp.fit {
		if !pp.leads.elsewhere(pin) {
			continue
		}
		if told++; told > maxContradictions {
			return
		}
		where := nameOrIdentity(said, pin.VID)
		if !isSwitch {
			if b.Holder.Protocol == discovery.ProtocolCDP && !pp.switched {
				r.condition(PinContradicted, ifname, pin.Naming.Name, "%s: a rule pins it to %s, and %s says by CDP, which other makers' switches forward, that it leads to %s; pods go on to attach by the rule",
					ifname, pin.Naming.Name, describe(&b.Holder.Neighbor), where)
			}
			continue
		}
		if !pin.Literal && !b.Pinned {
			continue // it speaks since this link came up, and the rule is for those that do not
		}
		why := fmt.Sprintf("a rule pins it to %s, but %s speaks there and leads to %s", pin.Naming.Name, describe(&b.Holder.Neighbor), where)
		for i := range said {
			said[i].Usable, said[i].Reason = false, why
		}
		pp.closed = true
		r.condition(PinContradicted, ifname, pin.Naming.Name, "%s: %s; nothing is attached there until the rule or the cable is put right", ifname, why)
	}
}

// nameOrIdentity is where the uplink with a tag leads, in words.
func nameOrIdentity(said []Uplink, vid uint16) string {
	for i := range said {
		if said[i].VID == vid {
			return nameAndIdentity(&said[i])
		}
	}
	return "no network"
}
