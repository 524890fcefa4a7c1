// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"slices"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/rules"
)

const (
	// HoldDown is how long a known neighbour must announce another VLAN before
	// it is believed: a switch being reconfigured often passes through states
	// that nobody means.
	HoldDown = 30 * time.Second

	// maxGuard bounds the protection of an incumbent that was live before the
	// agent restarted: four transmit intervals, whatever time to live it told.
	maxGuard = 2 * time.Minute

	// forgetAfter is how long a claim outlives its interface, to explain.
	forgetAfter = time.Hour
)

// Memory is what a node remembers from one snapshot to the next, and over a
// restart of the agent: who holds each port, and whether that can still be true.
type Memory struct {
	BootID string  `json:"bootID"` // World.InstanceID
	Claims []Claim `json:"claims"` // ordered by ifindex, one per port

	Switches Switches `json:"switches,omitempty"` // those with several chassis IDs
}

// A Claim says which neighbour holds a port. The holder, the incumbent, keeps
// the port against newcomers with another identity while it is fresh.
type Claim struct {
	Interface string        `json:"interface"`
	Index     int           `json:"index"`
	MAC       discovery.MAC `json:"mac"`
	// Epoch is the carrier epoch in which the incumbent was last heard.
	Epoch uint32 `json:"epoch"`

	Neighbor discovery.Neighbor `json:"neighbor"`       // the incumbent as last heard
	Since    time.Time          `json:"since"`          // when it came to hold the port with this VLAN
	Live     bool               `json:"live"`           // heard within its time to live
	Gone     GoneCause          `json:"gone,omitempty"` // why it is no longer live

	// Lost is when the cable can have changed since the incumbent was heard;
	// zero while it cannot. LostWhy says how.
	Lost    time.Time `json:"lost,omitzero"`
	LostWhy LossCause `json:"lostWhy,omitempty"`

	// Sole is set once a speaker of CDP was the only one for convergeAfter. Only then
	// is it believed to be at the other end of the cable.
	Sole bool `json:"sole,omitempty"`
	// Alone is since when nothing but CDP is heard, where LLDP was before on the same
	// cable.
	Alone time.Time `json:"alone,omitzero"`

	// Change is set while the incumbent announces another VLAN on probation.
	Change *Change `json:"change,omitempty"`

	// Guard protects an incumbent that was taken over from before a restart of
	// the agent until it had its time to be heard again.
	Guard time.Time `json:"guard,omitzero"`

	// Rivals are live neighbours with another identity on the same port.
	Rivals []discovery.Neighbor `json:"rivals,omitempty"`
}

// Change is an announcement of another VLAN by the incumbent.
type Change struct {
	To    discovery.Neighbor `json:"to"`
	Since time.Time          `json:"since"`
}

// lossGravity orders the causes: what stale: keep may overlook comes first.
var lossGravity = []LossCause{LostCarrier, LostVLAN, LostCDP, LostDevice, LostBoot}

// World is what, beside the snapshot, decides how it is read.
type World struct {
	Node   string
	BootID string
	// Instance is of what is known of links: another boot has another, and so has a network
	// namespace that was made again. Empty: the boot's.
	Instance string
	Rules    *rules.Set

	switches Switches // from the Memory
}

// InstanceID names the instance for which what is remembered counts.
func (w *World) InstanceID() string { return cmp.Or(w.Instance, w.BootID) }

func (w *World) subject(ifname string, n *discovery.Neighbor) rules.Subject {
	return rules.Subject{Node: w.Node, Interface: ifname, Neighbor: n}
}

// untaggedIdentity is the identity that a neighbour's untagged traffic belongs to.
func (w *World) untaggedIdentity(ifname string, n *discovery.Neighbor) Identity {
	return w.identify(w.subject(ifname, n), n.PVID)
}

// Restore prepares a memory that was written by an earlier run: nothing in it
// has been heard by this one. What was known before a reboot only explains.
func (m Memory) Restore(bootID string, now time.Time) Memory {
	out := Memory{BootID: bootID, Claims: slices.Clone(m.Claims), Switches: m.Switches}
	for i := range out.Claims {
		c := &out.Claims[i]
		if c.Change != nil { // the old VLAN is refuted, the new one not confirmed
			c.lose(LostVLAN, c.Change.Since)
		}
		if c.Live { // else it had left already, and restarts must not protect it
			c.Gone = GoneNotHeard
			c.Guard = now.Add(min(c.Neighbor.Lifetime(), maxGuard))
		}
		c.Live, c.Change, c.Rivals = false, nil, nil
		if m.BootID != bootID {
			c.lose(LostBoot, now)
		}
	}
	return out
}

// Material is the memory without what changes while nothing happens: the times
// of the last frames, and rivals, which hold nothing.
func (m Memory) Material() Memory {
	out := Memory{BootID: m.BootID, Claims: slices.Clone(m.Claims), Switches: m.Switches}
	for i := range out.Claims {
		c := &out.Claims[i]
		c.Rivals = nil
		c.Neighbor.FirstHeard, c.Neighbor.LastHeard = time.Time{}, time.Time{}
		if c.Change != nil {
			change := *c.Change
			change.To.FirstHeard, change.To.LastHeard = time.Time{}, time.Time{}
			c.Change = &change
		}
	}
	return out
}

// Advance takes the memory from one snapshot to the next. It changes neither.
func (m Memory) Advance(w World, snap *discovery.Snapshot) Memory {
	w.switches = m.Switches
	m = m.without(w.ignored)
	w.switches = m.Switches.learn(m.sightings(w, snap), snap.Time)
	out := Memory{BootID: w.InstanceID(), Switches: w.switches}
	for i := range snap.Ports {
		p := &snap.Ports[i]
		ifi, ok := snap.Interface(p.Index)
		if !ok {
			continue
		}
		if c, ok := advancePort(w, snap.Time, ifi, p, m.findClaim(ifi)); ok {
			out.Claims = append(out.Claims, c)
		}
	}
	for _, c := range m.Claims { // interfaces that are gone, or are no ports any more
		if out.has(c) || snap.Time.Sub(c.Lost) > forgetAfter && !c.Lost.IsZero() {
			continue
		}
		c.lose(LostDevice, snap.Time)
		c.Live, c.Change, c.Rivals = false, nil, nil
		out.Claims = append(out.Claims, c)
	}
	slices.SortFunc(out.Claims, func(a, b Claim) int { return a.Index - b.Index })
	return out
}

// without leaves out claims: a rule may have come to ignore who holds a port.
func (m Memory) without(drop func(Claim) bool) Memory {
	return Memory{BootID: m.BootID, Claims: slices.DeleteFunc(slices.Clone(m.Claims), drop), Switches: m.Switches}
}

func (w *World) ignored(c Claim) bool {
	_, ok := w.Rules.Ignored(w.subject(c.Interface, &c.Neighbor))
	return ok
}

// Claim returns the claim on the interface with the given ifindex.
func (m Memory) Claim(index int) (Claim, bool) {
	for _, c := range m.Claims {
		if c.Index == index {
			return c, true
		}
	}
	return Claim{}, false
}

// findClaim finds what is remembered of an interface: by ifindex, or by name where
// the device was replaced by another one.
func (m Memory) findClaim(ifi discovery.Interface) *Claim {
	for _, c := range m.Claims {
		if c.Index == ifi.Index {
			return &c
		}
	}
	for _, c := range m.Claims {
		if c.Interface == ifi.Name {
			return &c
		}
	}
	return nil
}

func (m Memory) has(c Claim) bool {
	return slices.ContainsFunc(m.Claims, func(o Claim) bool {
		return o.Index == c.Index || o.Interface == c.Interface
	})
}

// advancePort decides who holds one port now. old is nil where nobody did.
func advancePort(w World, now time.Time, ifi discovery.Interface, p *discovery.Port, old *Claim) (Claim, bool) {
	live := believableNeighbors(w, ifi, p)
	var c Claim
	switch {
	case old == nil && len(live) == 0:
		return Claim{}, false
	case old == nil:
		c = take(ifi, live[0], now)
	default:
		c = *old
		c.doubt(ifi, now)
		if c.Neighbor.Protocol == discovery.ProtocolCDP && relayed(acceptedNeighbors(w, ifi, p)) {
			c.lose(LostCDP, now)
		}
		if c.LostWhy == LostCDP && c.Epoch == ifi.Epoch() { // what stands in between is still there
			live = slices.DeleteFunc(live, isCDP)
		}
		c.settle(w, now, ifi, p, live)
	}
	c.Sole = c.Lost.IsZero() && (c.Sole || isCDP(c.Neighbor) && c.Live && !now.Before(c.soleAt(p)))
	c.Interface, c.Index, c.MAC = ifi.Name, ifi.Index, ifi.MAC
	c.Rivals = rivals(w, &c, live)
	return c, true
}

// soleAt is when a speaker of CDP is believed if nothing else is heard until then.
func (c *Claim) soleAt(p *discovery.Port) time.Time {
	since := p.Since
	if c.Alone.After(since) {
		since = c.Alone
	}
	return since.Add(convergeAfter)
}

// take gives the port to a neighbour.
func take(ifi discovery.Interface, n discovery.Neighbor, now time.Time) Claim {
	return Claim{Epoch: ifi.Epoch(), Neighbor: n, Since: now, Live: true}
}

// doubt notes what makes the claim unreliable until it is heard again.
func (c *Claim) doubt(ifi discovery.Interface, now time.Time) {
	switch {
	case c.Index != ifi.Index || c.MAC != ifi.MAC:
		c.lose(LostDevice, now)
	case !ifi.Operational() || c.Epoch != ifi.Epoch():
		c.lose(LostCarrier, now)
	}
}

// lose notes a cause of doubt; the gravest remains.
func (c *Claim) lose(why LossCause, now time.Time) {
	if c.Lost.IsZero() {
		c.Lost = now
	}
	if slices.Index(lossGravity, why) > slices.Index(lossGravity, c.LostWhy) {
		c.LostWhy = why
	}
}

// settle decides between the incumbent and what is heard now.
func (c *Claim) settle(w World, now time.Time, ifi discovery.Interface, p *discovery.Port, live []discovery.Neighbor) {
	held := w.untaggedIdentity(ifi.Name, &c.Neighbor)
	self, other := c.supporters(w, ifi, live, held)
	switch {
	case len(live) > 0 && rank(&live[0]) < rank(&c.Neighbor):
		c.giveWay(ifi, live[0], now) // whoever spoke first need not be the switch
	case self != nil && w.untaggedIdentity(ifi.Name, self) != held:
		c.changeVLAN(w, now, ifi, *self)
	case self != nil:
		c.renew(ifi, *self, now)
	case other != nil:
		c.renew(ifi, *other, now)
	case len(live) > 0 && !c.guarded(now) && c.yields(&live[0]):
		c.giveWay(ifi, live[0], now)
	default:
		c.silence(p)
		if !c.Live && contradicted(&c.Neighbor, live) {
			c.lose(LostVLAN, now)
		}
	}
}

// giveWay gives the port to another neighbour. CDP that comes after LLDP on the same cable
// has to be alone for as long as it would at first.
func (c *Claim) giveWay(ifi discovery.Interface, n discovery.Neighbor, now time.Time) {
	after := !isCDP(c.Neighbor) && (c.LostWhy == "" || c.LostWhy == LostVLAN)
	*c = take(ifi, n, now)
	if after && isCDP(n) {
		c.Alone = now
	}
}

// supporters are the incumbent itself among what is heard, whatever it says now,
// and another neighbour that says the same as it.
func (c *Claim) supporters(w World, ifi discovery.Interface, live []discovery.Neighbor, held Identity) (self, other *discovery.Neighbor) {
	for i := range live {
		n := &live[i]
		switch {
		case n.MSAP == c.Neighbor.MSAP && (self == nil || n.Destination == c.Neighbor.Destination):
			self = n
		case n.MSAP != c.Neighbor.MSAP && other == nil && w.untaggedIdentity(ifi.Name, n) == held:
			other = n
		}
	}
	return self, other
}

func (c *Claim) renew(ifi discovery.Interface, n discovery.Neighbor, now time.Time) {
	if !c.Live || !c.Lost.IsZero() || c.Change != nil {
		c.Since = now
	}
	c.Neighbor, c.Epoch, c.Live = n, ifi.Epoch(), true
	c.Gone, c.Change = "", nil
	c.Lost, c.LostWhy, c.Guard = time.Time{}, "", time.Time{}
}

// changeVLAN puts another VLAN of the incumbent on probation. After a loss of
// carrier there is nothing to protect: what is announced now holds at once.
func (c *Claim) changeVLAN(w World, now time.Time, ifi discovery.Interface, n discovery.Neighbor) {
	if !c.Lost.IsZero() {
		*c = take(ifi, n, now)
		return
	}
	if c.Change == nil || w.untaggedIdentity(ifi.Name, &c.Change.To) != w.untaggedIdentity(ifi.Name, &n) {
		c.Change = &Change{Since: now}
	}
	if now.Sub(c.Change.Since) >= HoldDown {
		*c = take(ifi, n, now)
		return
	}
	c.Change = &Change{To: n, Since: c.Change.Since}
	c.Live, c.Guard = true, time.Time{}
}

// contradicted reports whether a switch that turned LLDP off tells by CDP that the
// VLAN is another.
func contradicted(n *discovery.Neighbor, live []discovery.Neighbor) bool {
	return !isCDP(*n) && n.PVID != 0 && slices.ContainsFunc(live, func(l discovery.Neighbor) bool {
		return isCDP(l) && l.PVID != 0 && l.PVID != n.PVID
	})
}

// yields reports whether a silent incumbent gives way. To one that is less to be
// believed it does only where it is in doubt itself.
func (c *Claim) yields(to *discovery.Neighbor) bool {
	switch {
	case rank(to) <= rank(&c.Neighbor):
		return true
	case c.LostWhy == LostCDP: // what is behind a switch that forwards CDP is no switch port
		return false
	default:
		return !c.Lost.IsZero()
	}
}

// guarded reports whether the incumbent keeps the port though it is not heard.
func (c *Claim) guarded(now time.Time) bool {
	return c.Lost.IsZero() && now.Before(c.Guard)
}

// silence notes that the incumbent is not heard, and how it left.
func (c *Claim) silence(p *discovery.Port) {
	if c.Change != nil { // it left with a change announced: the old VLAN is refuted
		c.Neighbor.LastHeard = c.Change.To.LastHeard
		c.lose(LostVLAN, c.Change.Since)
		c.Change = nil
	}
	if !c.Live {
		return
	}
	c.Live, c.Gone = false, GoneSilent
	for _, d := range p.Departed {
		if d.Neighbor.MSAP == c.Neighbor.MSAP {
			c.Neighbor.LastHeard = d.Neighbor.LastHeard
			c.Gone = departures[d.Cause]
		}
	}
}

// departures say how a neighbour left.
var departures = map[discovery.DepartureCause]GoneCause{
	discovery.AgedOut:     GoneAgedOut,
	discovery.SaidGoodbye: GoneGoodbye,
}

// rivals are the live neighbours that contradict the incumbent.
func rivals(w World, c *Claim, live []discovery.Neighbor) []discovery.Neighbor {
	held := w.untaggedIdentity(c.Interface, &c.Neighbor)
	var out []discovery.Neighbor
	for i := range live {
		if live[i].MSAP != c.Neighbor.MSAP && rank(&live[i]) == rank(&c.Neighbor) && w.untaggedIdentity(c.Interface, &live[i]) != held {
			out = append(out, live[i])
		}
	}
	return out
}
