// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"slices"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/rules"
)

// evidence is what was heard on a port of who can be at the other end of its cable.
func (w *World) evidence(snap *discovery.Snapshot, ifi discovery.Interface, p *discovery.Port) belief.Evidence {
	e := belief.Evidence{Now: snap.Time, Interface: ifi, LostAt: p.LostAt, Listening: p.Since, Deaf: p.Problem != ""}
	if p.Epoch != ifi.Epoch() { // the port is not listened on again yet
		return e
	}
	hear := func(n discovery.Neighbor) {
		if w.speaks(ifi, &n) {
			e.Utterances = append(e.Utterances, n)
		}
	}
	for _, n := range p.Past {
		hear(n)
	}
	for _, d := range p.Departed {
		hear(d.Neighbor)
		if d.Cause == discovery.SaidGoodbye && d.Neighbor.Tag == 0 { // whoever said so: it is of an agent's address
			e.Goodbyes = append(e.Goodbyes, d)
		}
	}
	for _, n := range p.Neighbors {
		hear(n)
	}
	return e
}

// speaks reports whether what was heard can be the word of the switch at the other end of
// the cable.
func (w *World) speaks(ifi discovery.Interface, n *discovery.Neighbor) bool {
	if n.Tag != 0 || discovery.SpeakerOf(n) != discovery.SpeakerSwitch {
		return false
	}
	if _, own := w.self.Sender(n); own || w.self.Has(n.Source) {
		return false // this node itself; what comes from an address of it no switch says
	}
	_, ignored := w.Rules.Ignored(w.subject(ifi.Name, n))
	return !ignored
}

// reader reads what is heard on one port by the rules in force.
func (w *World) reader(ifname string) *reader { return &reader{world: w, ifname: ifname} }

// A reader remembers what it has read: a switch with thousands of VLANs takes long.
type reader struct {
	world  *World
	ifname string
	known  []readWord
}

type readWord struct {
	said discovery.Neighbor
	word belief.Word
}

// Word implements belief.Reader.
func (r *reader) Word(n *discovery.Neighbor) belief.Word {
	for i := range r.known {
		if k := &r.known[i]; k.said.Source == n.Source && belief.Alike(&k.said, n) {
			return k.word
		}
	}
	s := r.world.source(r.ifname, n)
	out := r.world.wordOf(n, s.leads(r.world.budget))
	if r.world.budget.over() { // what is left out may have a name, so who says it is no host
		out.Named = true
	}
	r.known = append(r.known, readWord{*n, out})
	return out
}

// wordOf is what the networks an utterance leads to make of it.
func (w *World) wordOf(n *discovery.Neighbor, leads []lead) belief.Word {
	var out belief.Word
	for i := range leads {
		l := &leads[i]
		out.Named = out.Named || l.named && (n.Protocol != discovery.ProtocolCDP || l.naming.CDP)
		out.Leads = append(out.Leads, belief.Lead{Tag: l.vid, To: l.to(n)})
		out.Silence, out.Goodbye = max(out.Silence, w.silence(l.naming)), max(out.Goodbye, w.goodbye(l.naming))
	}
	return out
}

// A lead is one network that an utterance leads to.
type lead struct {
	vlan, vid uint16 // the VLAN, 0 where it is not told; the tag, 0 for none
	source    VLANSource
	identity  Identity
	naming    rules.Naming
	named     bool
	notes     []string
}

// to is where it leads, by which words are compared.
func (l *lead) to(n *discovery.Neighbor) string {
	to := l.identity.String()
	if l.named {
		to = "network " + l.naming.Name
	}
	if n.Protocol == discovery.ProtocolCDP && !l.naming.CDP {
		to += " by CDP" // which is another word: nothing attaches by it
	}
	return to
}

// leads are where the utterance leads, as far as that counts: the untagged network first, then
// what is told by name or declared by rules, in the order of the VLAN IDs. A VID equal to the
// PVID is untagged only. What is advertised may be partial, so it never withdraws what is
// declared.
func (s *source) leads(b *budget) []lead {
	tagged := s.tagged()
	if b != nil {
		tagged = tagged.Without(b.left)
	}
	out := make([]lead, 0, 1+tagged.Len())
	out = append(out, s.lead(0))
	for vid := range tagged.All() {
		out = append(out, s.lead(vid))
	}
	return out
}

// tagged are the tags of the networks that the utterance leads to.
func (s *source) tagged() rules.VIDs {
	out := s.read.Declared()
	for vid := range s.told {
		out.Add(vid)
	}
	out.Remove(s.said.PVID)
	return out
}

// lead is where the utterance leads with a tag, or without one.
func (s *source) lead(vid uint16) lead {
	l := lead{vlan: cmp.Or(vid, s.said.PVID), vid: vid, source: vlanSource(s.said.PVID)}
	if vid != 0 {
		l.source = VLANDeclared
		if _, told := s.told[vid]; told {
			l.source = VLANAdvertised
		}
	}
	l.identity = s.identity(l.vlan)
	l.naming, l.named, l.notes = s.read.Name(s.occurrence(&l))
	if l.naming.UnadvertisedSwitch {
		l.identity.Port = ""
	}
	return l
}

// occurrence is how a VLAN shows on the port, as rules see it.
func (s *source) occurrence(l *lead) rules.Occurrence {
	o := rules.Occurrence{VID: l.vlan, Tagged: l.vid != 0}
	if l.vlan != 0 {
		o.VLANName = s.told[l.vlan]
	}
	return o
}

// How long a word counts after its switch fell silent where nobody says it: a day, which
// an operator has to notice it. After a goodbye it counts no more.
const defaultSilence = 24 * time.Hour

// silence is how long a word counts after its switch was heard last.
func (w *World) silence(n rules.Naming) time.Duration {
	return limit(cmp.Or(n.Silence, w.Silence), defaultSilence)
}

// goodbye is how long it does after its switch said goodbye.
func (w *World) goodbye(n rules.Naming) time.Duration { return limit(cmp.Or(n.Goodbye, w.Goodbye), 0) }

func limit(s rules.Silence, otherwise time.Duration) time.Duration {
	d, forever := s.Limit(otherwise)
	if forever {
		return belief.Forever
	}
	return d
}

// sightings are who holds the ports, or held them last, in the order of the ports. What else
// is heard joins no switches: anybody can invent it.
func (m Memory) sightings(snap *discovery.Snapshot) []sighting {
	var out []sighting
	for i := range m.Ports {
		p := &m.Ports[i]
		if _, ok := snap.Interface(p.Index); !ok || p.Holder == nil {
			continue
		}
		live := p.State == belief.Held || p.State == belief.Late && snap.Time.Before(p.Holder.GoneAt())
		out = append(out, sighting{port: sightedPort{index: p.Index}, live: live, disputed: p.State == belief.Disputed, Neighbor: &p.Holder.Neighbor})
	}
	return out
}

// byFirstHeard orders sightings by when each was first heard.
func byFirstHeard(all []sighting) []sighting {
	slices.SortStableFunc(all, func(a, b sighting) int { return a.FirstHeard.Compare(b.FirstHeard) })
	return all
}
