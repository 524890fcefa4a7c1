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
	mac, pci, driver    string
	addresses, prefixes []netip.Prefix
}

// factsOf are those of the ports.
func factsOf(snap *discovery.Snapshot) map[string]facts {
	out := make(map[string]facts, len(snap.Ports))
	for i := range snap.Ports {
		p := &snap.Ports[i]
		if ifi, ok := snap.Interface(p.Index); ok {
			out[ifi.Name] = facts{
				mac: ifi.MAC.String(), pci: p.NIC.Address, driver: p.NIC.Driver,
				addresses: connected(snap, p), prefixes: snap.HeardPrefixes(p.Index),
			}
		}
	}
	return out
}

// connected are the addresses that say to which subnets a port is connected. One of a lease
// that was not renewed since the port is listened on may be of another wire.
func connected(snap *discovery.Snapshot, p *discovery.Port) (out []netip.Prefix) {
	for _, a := range snap.Connected(p.Index) {
		if !a.Deprecated && (!a.Dynamic || !a.Updated.Before(p.Since)) {
			out = append(out, a.Prefix)
		}
	}
	return out
}

// remember notes that pods attached by a pin.
func (w *World) remember(p *discovery.Port, ifi discovery.Interface, b belief.Port) belief.Port {
	if !b.Pinned && ifi.Operational() {
		pins, _ := w.Rules.Pins(w.subject(ifi.Name, nil))
		b.Pinned = slices.ContainsFunc(w.fit(ifi.Name, &b, pins), func(pin rules.Pin) bool { return w.unspoken(p, &b, pin, pins) })
	}
	return b
}

// fit are the pins that count on a port by where it led before. One by which pods attached
// counts on while a switch speaks: against it.
func (w *World) fit(ifname string, b *belief.Port, pins []rules.Pin) []rules.Pin {
	if b.Pinned && b.State != belief.Silent && w.switched(b) {
		return pins
	}
	led := w.contradicts(ifname, b.Led, pins)
	return slices.DeleteFunc(slices.Clone(pins), func(pin rules.Pin) bool { return !pin.Literal && led })
}

// contradicts reports whether who was heard on a port leads elsewhere than one of its pins:
// then the wire is another than all of them were meant for.
func (w *World) contradicts(ifname string, n *discovery.Neighbor, pins []rules.Pin) bool {
	return n != nil && slices.ContainsFunc(pins, func(pin rules.Pin) bool { return w.elsewhere(ifname, n, pin) })
}

// unspoken reports whether no switch speaks on a port, for as long as one of its pins waits
// for.
func (w *World) unspoken(p *discovery.Port, b *belief.Port, pin rules.Pin, pins []rules.Pin) bool {
	if p.Problem != "" || p.NIC.FirmwareLLDP && !pin.Literal {
		return false // nobody would hear one
	}
	switch b.State {
	case belief.Silent:
		return true
	case belief.Empty, belief.Expecting: // who is expected to lead elsewhere has time to speak
		return pin.Now && !w.contradicts(b.Interface, b.Led, pins) && (b.Holder == nil || !w.contradicts(b.Interface, &b.Holder.Neighbor, pins))
	case belief.Held, belief.Late, belief.Left:
		return !w.switched(b) && (pin.Now || b.Pinned || !b.Seen.Before(heardOut(b)))
	case belief.Disputed: // hosts on a dumb switch are no switches, however many they are
		return len(b.Against) > 0 && !b.ForgotSome() && !w.switched(b)
	}
	return false
}

// switched reports whether a switch holds a port, or is heard there beside who does.
func (w *World) switched(b *belief.Port) bool {
	return b.Holder != nil && w.counts(b.Interface, b) || slices.ContainsFunc(b.Against, func(v belief.Voice) bool {
		return w.counts(b.Interface, &belief.Port{Holder: &v})
	})
}

// heardOut is until when a switch has time to speak on a port that others hold: they may have
// been believed with their first frame, because they held it before.
func heardOut(b *belief.Port) time.Time { return b.HeldSince.Add(belief.SilentAfter) }

// counts reports whether who holds a port is a switch: not a host, which leads nowhere, nor
// CDP where no rule accepts it, which contradicts in words only.
func (w *World) counts(ifname string, b *belief.Port) bool {
	read := w.reader(ifname)
	return !b.IsHost(read) && (b.Holder.Protocol != discovery.ProtocolCDP || read.Word(&b.Holder.Neighbor).Named)
}

// elsewhere reports whether a word leads to another network than the pin says, with the same
// tag.
func (w *World) elsewhere(ifname string, n *discovery.Neighbor, pin rules.Pin) bool {
	s := w.source(ifname, n)
	if tagged := s.tagged(); pin.VID != 0 && !tagged.Has(pin.VID) {
		return false
	}
	l := s.lead(pin.VID)
	return l.to(n) != "network "+pin.Naming.Name
}

// pins are the pins that count on a port. Those that do not are told.
func (r *resolver) pins(ifi discovery.Interface, b *belief.Port) []rules.Pin {
	all, _ := r.Rules.Pins(r.subject(ifi.Name, nil))
	out := r.fit(ifi.Name, b, all)
	for _, pin := range all {
		same := func(o rules.Pin) bool { return o.VID == pin.VID }
		if !slices.ContainsFunc(out, same) && (!r.switched(b) || !ifi.Operational() || b.State == belief.Silent) {
			r.condition(PinContradicted, ifi.Name, pin.Naming.Name, "%s: a rule pins it to %s, but %s was heard there, which leads elsewhere; %s says that this is over, and a rule that names node and interface without wildcards counts all the same",
				ifi.Name, pin.Naming.Name, describe(b.Led), paste.Operand(ifi.Name, "colvin", "forget"))
		}
	}
	return out
}

// pin adds where rules say that a port leads on which no switch speaks.
func (r *resolver) pin(p *discovery.Port, ifi discovery.Interface, b *belief.Port, pins []rules.Pin) {
	for _, pin := range pins {
		a, add := r.pinned(p, ifi, b, pin, pins)
		if !add {
			continue
		}
		path := r.links.path(ifi, pin.VID)
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
func (r *resolver) pinned(p *discovery.Port, ifi discovery.Interface, b *belief.Port, pin rules.Pin, pins []rules.Pin) (a Uplink, add bool) {
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
	case p.Problem != "":
		return doubt(nodefile.Unverified, "nobody can listen on %s, so whether a switch speaks there is not known", ifi.Name)
	case p.NIC.FirmwareLLDP && !pin.Literal:
		return doubt(nodefile.Unverified, "the firmware of %s takes LLDP, so whether a switch speaks there is not known; a rule that names node and interface without wildcards counts all the same", ifi.Name)
	case r.unspoken(p, b, pin, pins):
		a.Certainty, a.Usable = nodefile.Pinned, true
		a.Reason = "pinned: no switch speaks there, so nobody on the wire confirms it"
		return a, true
	case b.State == belief.Empty, b.State == belief.Expecting:
		return doubt(nodefile.Unverified, "the rule counts once no switch was heard on %s for a while", ifi.Name)
	case b.State == belief.Disputed, !r.counts(ifi.Name, b) && r.switched(b):
		return doubt(nodefile.Unverified, "%s is heard there, and who is to be believed is not decided", r.heard(b))
	case !r.counts(ifi.Name, b):
		r.turn(later(heardOut(b), r.now.Add(time.Second)))
		return doubt(nodefile.Unverified, "the rule counts once no switch was heard on %s for a while", ifi.Name)
	case !r.contradicts(ifi.Name, &b.Holder.Neighbor, pins), !pin.Literal && !b.Pinned:
		return a, false // the switch itself says so, or the rule is not for a port where one speaks
	}
	return doubt(nodefile.Unverified, "a rule pins it, but %s speaks there and leads elsewhere", describe(&b.Holder.Neighbor))
}

// heard is who was heard on a port last.
func (r *resolver) heard(b *belief.Port) string {
	if n := latest(b.Against); n != nil {
		return describe(n)
	}
	return describe(&b.Holder.Neighbor)
}

// closePinned takes out of use what a switch says on a port that is pinned elsewhere: it is
// told, and never redirects pods.
func (r *resolver) closePinned(ifi discovery.Interface, b *belief.Port, pins []rules.Pin, said []Uplink) {
	if b.State == belief.Silent || b.State == belief.Empty || b.State == belief.Expecting || !ifi.Operational() {
		return
	}
	for _, pin := range pins {
		if !r.elsewhere(ifi.Name, &b.Holder.Neighbor, pin) {
			continue
		}
		where := nameOrIdentity(said, pin.VID)
		if !r.counts(ifi.Name, b) {
			if b.Holder.Protocol == discovery.ProtocolCDP && !r.switched(b) {
				r.condition(PinContradicted, ifi.Name, pin.Naming.Name, "%s: a rule pins it to %s, and %s says by CDP, which other makers' switches forward, that it leads to %s; pods go on to attach by the rule",
					ifi.Name, pin.Naming.Name, describe(&b.Holder.Neighbor), where)
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
		r.condition(PinContradicted, ifi.Name, pin.Naming.Name, "%s: %s; nothing is attached there until the rule or the cable is put right", ifi.Name, why)
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
