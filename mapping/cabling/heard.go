// SPDX-License-Identifier: Apache-2.0

package cabling

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
)

// A Source is one node, and what it knows of its ports.
type Source struct {
	Node string
	// Snapshot and Memory are what its agent sees and remembers; without a Snapshot nothing
	// is known of the node.
	Snapshot *discovery.Snapshot
	Memory   mapping.Memory
	// Published is set where this is what the node tells the cluster, which leaves out the
	// interfaces on which nobody listens.
	Published bool
	// Doubt says why all this may be old; empty where it is not.
	Doubt string
	// Pool is what the node has in common with those that should be cabled alike; empty: its
	// hardware says it.
	Pool string
}

// Heard is what some nodes hear.
type Heard struct {
	nodes    []*node
	switches mapping.Switches
	peers    []*peer
	byName   map[string][]*node // by the first part of the name
	// Whole is set where these are all nodes of a cluster.
	Whole bool
}

// A node has ports.
type node struct {
	name   string
	pool   string
	known  bool
	ports  []*port
	others map[string]string // interfaces that are no port, and why
	least  bool              // there may be more interfaces
	doubt  string
}

// A port is an interface into which a cable goes.
type port struct {
	node   *node
	name   string
	names  []string // alternative ones
	mac    discovery.MAC
	group  string // the NIC that it is on, or the bond that it belongs to; empty for neither
	driver string
	state  hearing
	why    string // what keeps it from being heard
	peers  []*peer
}

// hearing is what a port says of its cable.
type hearing int

const (
	// sure: who is at the other end says so now.
	sure hearing = iota
	// doubtful: who was, or that several say it, each for himself.
	doubtful
	// unheard: nobody says anything, for a reason that is not the cable.
	unheard
	// dark: there is no carrier.
	dark
)

// A peer is who speaks at the other end of a cable: one utterance of a speaker.
type peer struct {
	discovery.Neighbor
	chassis discovery.ID // by which the switch is known
	sure    bool
}

// NewHeard puts together what nodes hear. The time is that of the snapshots' readers.
func NewHeard(now time.Time, whole bool, sources ...Source) *Heard {
	h := &Heard{Whole: whole, byName: map[string][]*node{}}
	for i := range sources {
		h.switches = append(h.switches, sources[i].Memory.Switches...)
	}
	for i := range sources {
		h.add(&sources[i], now)
	}
	return h
}

func (h *Heard) add(s *Source, now time.Time) {
	n := &node{name: s.Node, pool: s.Pool, known: s.Snapshot != nil, others: map[string]string{}, least: s.Published, doubt: s.Doubt}
	h.nodes = append(h.nodes, n)
	key := firstLabel(fold(s.Node))
	h.byName[key] = append(h.byName[key], n)
	if !n.known {
		return
	}
	self := s.Snapshot.Self()
	for i := range s.Snapshot.Interfaces {
		ifi := &s.Snapshot.Interfaces[i]
		p, listening := s.Snapshot.Port(ifi.Index)
		if !listening && !ifi.Hardware() {
			n.others[ifi.Name] = noPort(ifi)
			continue
		}
		out := &port{node: n, name: ifi.Name, names: ifi.AltNames, mac: ifi.MAC, driver: p.NIC.Driver, group: nicOf(p.NIC.Address)}
		if master, ok := s.Snapshot.Interface(ifi.Master); ok && master.Kind.Aggregates() {
			out.group = master.Name
		}
		h.hear(s, self, ifi, out, now)
		n.ports = append(n.ports, out)
	}
}

// noPort says why a cable cannot end at an interface.
func noPort(ifi *discovery.Interface) string {
	switch {
	case ifi.VF:
		return "is a virtual function: a cable ends at its physical one"
	case ifi.Kind.Aggregates():
		return "is a " + string(ifi.Kind) + ": write the ports that belong to it"
	default:
		return "is no port with a cable"
	}
}

// nicOf is the device of which a port is a function.
func nicOf(address string) string {
	nic, _, _ := strings.Cut(address, ".")
	return nic
}

// hear fills in what a port says of its cable.
func (h *Heard) hear(s *Source, self *discovery.Self, ifi *discovery.Interface, out *port, now time.Time) {
	h.voices(s, self, ifi, out, now)
	switch {
	case !ifi.Up:
		out.state, out.why = unheard, out.name+" is administratively down"
	case !ifi.Carrier:
		out.state, out.why = dark, out.name+" has no carrier: no cable, or the other end is down"
	case len(out.peers) == 0:
		why, _ := mapping.Silent(s.Snapshot, *ifi, now)
		out.state, out.why = unheard, cmp.Or(why.Message, "nobody is heard on "+out.name)
	}
	if s.Doubt != "" && (out.state == sure || out.state == dark) {
		out.state, out.why = doubtful, s.Doubt
		if len(out.peers) == 0 {
			out.state = unheard
		}
	}
	for _, p := range out.peers {
		p.sure = out.state == sure
	}
}

// voices are those who speak on a port, and whether they count.
func (h *Heard) voices(s *Source, self *discovery.Self, ifi *discovery.Interface, out *port, now time.Time) {
	p, _ := s.Snapshot.Port(ifi.Index)
	var others []discovery.Neighbor
	for i := range p.Neighbors {
		if _, own := self.Sender(&p.Neighbors[i]); !own && p.Neighbors[i].Tag == 0 {
			others = append(others, p.Neighbors[i])
		}
	}
	b, held := s.Memory.Port(ifi.Index)
	if !held {
		h.unheld(others, out)
		return
	}
	out.state, out.why = stateOf(&b, now)
	h.say(out, &b.Holder.Neighbor)
	for i := range others {
		if n := &others[i]; n.Source == b.Holder.Source && n.MSAP != b.Holder.MSAP {
			h.say(out, n)
		}
	}
}

// unheld are the voices on a port that no switch holds: another node at the end of the cable,
// and what rules ignore.
func (h *Heard) unheld(others []discovery.Neighbor, out *port) {
	others = slices.DeleteFunc(others, func(n discovery.Neighbor) bool { return discovery.SpeakerOf(&n) == discovery.SpeakerNIC })
	for i := range others {
		if others[i].Source != others[0].Source {
			out.state, out.why = doubtful, "several speak on "+out.name+", and no switch among them"
		}
		h.say(out, &others[i])
	}
}

func (h *Heard) say(out *port, n *discovery.Neighbor) {
	p := &peer{Neighbor: *n, chassis: h.switches.Canonical(n.Chassis)}
	out.peers = append(out.peers, p)
	h.peers = append(h.peers, p)
}

// stateOf is what is believed of a port, for its cable. A switch that is late is not gone yet: a
// node publishes it as fresh.
func stateOf(b *belief.Port, now time.Time) (hearing, string) {
	switch b.State {
	case belief.Held:
		return sure, ""
	case belief.Late:
		if now.Before(b.Holder.GoneAt()) {
			return sure, ""
		}
		return doubtful, "the switch is not heard any more"
	case belief.Left:
		return doubtful, "the switch said goodbye, and is not heard since"
	case belief.Disputed:
		return doubtful, "speakers contradict each other on this port"
	case belief.Expecting:
		return doubtful, "the switch was not heard since " + since(b.Cause)
	case belief.Empty, belief.Silent:
	}
	return doubtful, "the switch is silent"
}

func since(c belief.Cause) string {
	switch c {
	case belief.CarrierLost:
		return "the carrier was lost"
	case belief.DeviceReplaced:
		return "another device took the place of the interface"
	case belief.Rebooted:
		return "the node started"
	case belief.Unheard:
	}
	return "somebody listens again"
}

// Nodes is how many nodes there are.
func (h *Heard) Nodes() int { return len(h.nodes) }

// system is what to call a peer: what it calls itself, or else its chassis ID.
func (p *peer) system() string {
	if p.SystemName != "" {
		return p.SystemName
	}
	if name, ok := strings.CutPrefix(string(p.Chassis), "cdp:"); ok {
		return name
	}
	return string(p.Chassis)
}

// portText is what to call the port of a peer: its ID, and its description where the ID is no
// name.
func (p *peer) portText() string {
	kind, value, _ := strings.Cut(string(p.Port), ":")
	switch {
	case kind == "ifname" && value != "":
		return value
	case p.PortDescription != "":
		return fmt.Sprintf("%s (%s)", p.Port, p.PortDescription)
	default:
		return string(p.Port)
	}
}
