// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"reflect"
	"slices"
	"sort"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/rules"
)

// forgetAfter is how long what is believed of a port outlives its interface, to explain.
const forgetAfter = time.Hour

// Memory is what a node remembers from one snapshot to the next, and over a
// restart of the agent: what is believed of each port.
type Memory struct {
	BootID string        `json:"bootID"` // World.InstanceID
	Ports  []belief.Port `json:"ports"`  // ordered by ifindex

	Switches Switches `json:"switches,omitempty"` // those with several chassis IDs
	Bearers  Bearers  `json:"bearers,omitempty"`  // of chassis IDs that several ports share
}

// World is what, beside the snapshot, decides how it is read.
type World struct {
	Node   string
	BootID string
	// Instance is of what is known of links: another boot has another, and so has a network
	// namespace that was made again. Empty: the boot's.
	Instance string
	Rules    *rules.Set

	// How long a switch's word counts once it is heard no more, where no rule says it:
	// after it fell silent, and after it said goodbye.
	Silence, Goodbye rules.Silence

	// Untold is View.Untold of the node, for whoever is not told of all that it goes by.
	Untold map[string]bool

	switches Switches // from the Memory
	bearers  Bearers
	facts    map[string]facts // by interface, from the snapshot
	self     *discovery.Self  // likewise
	budget   *budget          // of what is resolved; nil where all counts
}

// InstanceID names the instance for which what is remembered counts.
func (w *World) InstanceID() string { return cmp.Or(w.Instance, w.BootID) }

// look takes in what is read of a memory and a snapshot again and again.
func (w *World) look(m Memory, snap *discovery.Snapshot) {
	w.switches, w.bearers, w.facts, w.self = m.Switches, m.Bearers, m.factsOf(snap), snap.Self()
}

func (w *World) subject(ifname string, n *discovery.Neighbor) rules.Subject {
	f := w.facts[ifname]
	return rules.Subject{
		Node: w.Node, Interface: ifname, Neighbor: n,
		MAC: f.mac, PCI: f.pci, Driver: f.driver, Addresses: f.addresses, Leased: f.leased, Prefixes: f.prefixes,
	}
}

// Restore prepares a memory that was written by an earlier run: nothing in it
// has been heard by this one. What was known before a reboot is trusted by nothing, and the
// kernel may count devices in another order now.
func (m Memory) Restore(bootID string, now time.Time) Memory {
	out := Memory{BootID: bootID, Ports: slices.Clone(m.Ports), Switches: m.Switches, Bearers: m.Bearers}
	for i, p := range out.Ports {
		if out.Ports[i] = p.Restored(now); m.BootID != bootID {
			out.Ports[i] = p.Suspected(now, belief.Rebooted)
			out.Ports[i].Index = 0
		}
	}
	return out
}

// Shift is the memory with its times on an axis that began that much later.
func (m Memory) Shift(by time.Duration) Memory {
	m.Ports, m.Bearers = slices.Clone(m.Ports), slices.Clone(m.Bearers)
	for i, p := range m.Ports {
		m.Ports[i] = p.Shift(by)
	}
	for i := range m.Bearers {
		b := &m.Bearers[i]
		for _, t := range []*time.Time{&b.Heard, &b.Contradicted} {
			if !t.IsZero() {
				*t = t.Add(by)
			}
		}
	}
	return m
}

// Material is the memory without what changes while nothing happens.
func (m Memory) Material() Memory {
	out := Memory{BootID: m.BootID, Ports: slices.Clone(m.Ports), Switches: m.Switches, Bearers: m.Bearers.material()}
	for i, p := range out.Ports {
		out.Ports[i] = p.Material()
	}
	return out
}

// Advance takes the memory from one snapshot to the next. It changes neither.
func (m Memory) Advance(w World, snap *discovery.Snapshot) Memory {
	w.look(m, snap)
	m = m.without(w.ignored)
	out := m.advancePorts(w, snap)
	w.switches = m.Switches.learn(byFirstHeard(out.sightings(snap)))
	w.bearers = m.Bearers.learn(out.Ports, snap.Time)
	if !reflect.DeepEqual(w.switches, m.Switches) || !w.bearers.asApart(m.Bearers) {
		return m.advancePorts(w, snap) // words lead elsewhere now
	}
	out.Bearers = w.bearers
	return out
}

func (m Memory) advancePorts(w World, snap *discovery.Snapshot) Memory {
	out := Memory{BootID: w.InstanceID(), Switches: w.switches, Bearers: w.bearers}
	for i := range snap.Ports {
		p := &snap.Ports[i]
		ifi, ok := snap.Interface(p.Index)
		if !ok {
			continue
		}
		var before belief.Port
		if known := m.find(ifi); known != nil {
			before = *known
		}
		out.Ports = append(out.Ports, w.remember(p, ifi, before.Advance(w.reader(ifi.Name), w.evidence(snap, ifi, p))))
	}
	indexes, names := out.places()
	for _, p := range m.Ports { // interfaces that are gone, or are no ports any more
		if indexes[p.Index] || names[p.Interface] || p.Holder == nil {
			continue
		}
		known := p.State == belief.Empty || p.State == belief.Expecting // to be gone
		if !known || p.Cause != belief.DeviceReplaced && p.Cause != belief.Rebooted {
			p = p.Suspected(snap.Time, belief.DeviceReplaced)
		}
		if snap.Time.Sub(p.Since) <= forgetAfter {
			out.Ports = append(out.Ports, p)
			indexes[p.Index], names[p.Interface] = true, true
		}
	}
	slices.SortFunc(out.Ports, func(a, b belief.Port) int { return a.Index - b.Index })
	return out
}

// without forgets ports: a rule may have come to ignore who holds one.
func (m Memory) without(drop func(belief.Port) bool) Memory {
	return Memory{BootID: m.BootID, Ports: slices.DeleteFunc(slices.Clone(m.Ports), drop), Switches: m.Switches, Bearers: m.Bearers}
}

func (w *World) ignored(p belief.Port) bool {
	if p.Holder == nil {
		return false
	}
	_, ok := w.Rules.Ignored(w.subject(p.Interface, &p.Holder.Neighbor))
	return ok
}

// Port returns what is believed of the interface with the given ifindex, if anybody holds
// it or did.
func (m Memory) Port(index int) (belief.Port, bool) {
	if p, held := m.port(index); p != nil {
		return *p, held
	}
	return belief.Port{}, false
}

// port is Port without a copy; nil where nothing is believed.
func (m Memory) port(index int) (p *belief.Port, held bool) {
	low := sort.Search(len(m.Ports), func(i int) bool { return m.Ports[i].Index >= index })
	if low < len(m.Ports) && m.Ports[low].Index == index {
		return &m.Ports[low], m.Ports[low].Holder != nil
	}
	for i := range m.Ports { // of whoever has not ordered them
		if p := &m.Ports[i]; p.Index == index {
			return p, p.Holder != nil
		}
	}
	return nil, false
}

// find finds what is remembered of an interface: by ifindex, or by name where the device was
// replaced by another one. Of what was remembered before a reboot, which has no ifindex, it
// finds what the same NIC had, whatever its name is now.
func (m Memory) find(ifi discovery.Interface) *belief.Port {
	if p, _ := m.port(ifi.Index); p != nil {
		return p
	}
	for _, is := range []func(*belief.Port) bool{
		func(p *belief.Port) bool { return p.Index == 0 && p.MAC == ifi.MAC && p.Interface == ifi.Name }, // members of a bond share a MAC address
		func(p *belief.Port) bool { return p.Index == 0 && p.MAC == ifi.MAC },
		func(p *belief.Port) bool { return p.Interface == ifi.Name },
	} {
		for i := range m.Ports {
			if is(&m.Ports[i]) {
				return &m.Ports[i]
			}
		}
	}
	return nil
}

// places are the ifindexes and the names of the ports.
func (m Memory) places() (indexes map[int]bool, names map[string]bool) {
	indexes, names = make(map[int]bool, len(m.Ports)), make(map[string]bool, len(m.Ports))
	for i := range m.Ports {
		indexes[m.Ports[i].Index], names[m.Ports[i].Interface] = true, true
	}
	return indexes, names
}
