// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/discovery/transmit"
)

// speak has every speaker do what is to be done now. It reports whether anything
// a Snapshot shows has changed.
func (o *Observer) speak() bool {
	changed, now := false, o.now()
	for _, p := range o.ports() {
		changed = o.advance(p, now) || changed
		if err := o.updateTap(p); err != nil {
			o.noteFailure(p, err)
			o.publish()
			changed = o.advance(p, now) || changed // which the speaker has to know
		}
	}
	return changed
}

// advance has one speaker do so, and reports whether its status changed.
func (o *Observer) advance(p *port, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := p.speaker.Status()
	if p.changed.Swap(false) {
		p.known = p.table.Neighbors()
	}
	p.speaker.Advance(now, &transmit.Input{
		Mode: p.mode, Up: p.up, Carrier: p.carrier, Problem: p.trouble(), NIC: p.nic,
		Limit: p.limit(), Announcement: p.announcement,
		Neighbors: p.known, NewNeighbor: p.appeared.Swap(false),
	}, p.write)
	after := p.speaker.Status()
	if after.State != before.State {
		o.logTransmit(p.name, after)
	}
	return after != before
}

// trouble says why nothing can be sent on the port though it is up.
func (p *port) trouble() string {
	if !p.broken() {
		return ""
	}
	return cmp.Or(p.problem, "the socket of the port failed")
}

// logTransmit tells of what an operator should know. A speaker that falls silent
// remains so for minutes, so nobody can flood the log.
func (o *Observer) logTransmit(name string, t discovery.Transmit) {
	switch t.State {
	case discovery.Silent:
		o.log.Info("LLDP is not sent", "interface", name, "reason", t.Reason)
	case discovery.Sending:
		o.log.Info("LLDP is sent", "interface", name)
	case discovery.Off, discovery.Watching:
		o.log.Debug("LLDP is not sent now", "interface", name, "reason", t.Reason)
	}
}

// updateTap opens and closes the tap as the speaker wants to listen. It is not called
// with the lock held, which whoever reads the tap takes.
func (o *Observer) updateTap(p *port) error {
	o.mu.Lock()
	listening := p.speaker.Listening()
	o.mu.Unlock()
	if !listening {
		p.closeTap()
	}
	if !listening || p.tap != nil || p.broken() {
		return nil
	}
	conn, err := o.c.Listen(discovery.Interface{Index: p.index, Name: p.name, MAC: p.mac}, ether.Tap)
	if err != nil {
		return err
	}
	p.tap = o.receive(p, conn, receiving{take: func(f ether.Frame) { o.overhear(p, f.Octets) }})
	return nil
}

// overhear takes a frame that some program of this node sent.
func (o *Observer) overhear(p *port, frame []byte) {
	o.mu.Lock()
	p.speaker.Overhear(o.now(), frame, func(mac discovery.MAC) bool {
		return slices.ContainsFunc(o.interfaces, func(i discovery.Interface) bool { return i.MAC == mac })
	})
	heard := !p.speaker.Listening()
	o.mu.Unlock()
	if heard {
		o.wakeRun()
	}
}

// announcement is what there is to say on a port.
func (o *Observer) announcement(i discovery.Interface, r *reach, above []discovery.Interface) lldp.Announcement {
	station := discovery.Capabilities{Available: discovery.CapabilityStation, Enabled: discovery.CapabilityStation}
	return lldp.Announcement{
		Source: transmit.Source(i.MAC, member(i, above)), Chassis: o.chassis, Port: i.Name,
		PortDescription: i.Name, SystemName: o.c.SystemName, SystemDescription: o.c.SystemDescription,
		Capabilities: station, ManagementAddresses: r.port(i.Index),
	}
}

// member reports whether the port shares its MAC address with others.
func member(i discovery.Interface, list []discovery.Interface) bool {
	return slices.ContainsFunc(list, func(m discovery.Interface) bool {
		return m.Index == i.Master && m.Kind.Aggregates()
	})
}

// chassis is the MAC address of the node's first hardware port, or of its first
// port where there is no hardware. Once chosen it stays, whatever comes and goes:
// to a switch, another one is another node.
func chassis(list []discovery.Interface, port func(discovery.Interface) bool) discovery.MAC {
	for _, eligible := range []func(discovery.Interface) bool{func(i discovery.Interface) bool { return i.Hardware() }, port} {
		if n := slices.IndexFunc(list, eligible); n >= 0 {
			return list[n].MAC
		}
	}
	return discovery.MAC{}
}

// A reach is by which addresses the node can be managed.
type reach struct {
	interfaces []discovery.Interface
	places     map[int]int          // in interfaces, by ifindex
	vlans      map[int][]int        // the places of VLAN devices, by the ifindex of what they are on
	addresses  map[int][]netip.Addr // by ifindex
	node       addresses            // of all ports
}

type addresses = [lldp.MaxManagementAddresses]lldp.ManagementAddress

// newReach finds the addresses on ports. What belongs to no port, such as the
// bridge of a container engine, cannot be reached from the wire.
func newReach(list []discovery.Interface, byIndex map[int][]netip.Addr, port func(discovery.Interface) bool) reach {
	r := reach{interfaces: list, places: make(map[int]int, len(list)), vlans: map[int][]int{}, addresses: byIndex}
	for k := range list {
		i := &list[k]
		r.places[i.Index] = k
		if i.VLAN != 0 {
			r.vlans[i.Parent] = append(r.vlans[i.Parent], k)
		}
	}
	var all []int
	for _, i := range list {
		if i.Hardware() || port(i) {
			all = append(all, r.uppers(i.Index)...)
		}
	}
	r.node = r.of(all)
	return r
}

// port returns the addresses to tell on a port: those on it and on what is built
// on it, or else those of the node.
func (r *reach) port(index int) addresses {
	if own := r.of(r.uppers(index)); own != (addresses{}) {
		return own
	}
	return r.node
}

func (r *reach) of(indices []int) addresses {
	var out addresses
	n := 0
	for _, index := range indices {
		for _, a := range r.addresses[index] {
			m := lldp.ManagementAddress{Address: a, Interface: index}
			if n < len(out) && !slices.Contains(out[:n], m) {
				out[n] = m
				n++
			}
		}
	}
	return out
}

// uppers are an interface and everything that is built on it: its master, the
// VLAN devices on it, and theirs.
func (r *reach) uppers(index int) []int {
	out, known := []int{index}, map[int]bool{index: true}
	add := func(index int) {
		if !known[index] {
			known[index], out = true, append(out, index)
		}
	}
	for k := 0; k < len(out); k++ {
		at, listed := r.places[out[k]]
		vlans := r.vlans[out[k]]
		before, _ := slices.BinarySearch(vlans, at)
		for _, place := range vlans[:before] {
			add(r.interfaces[place].Index)
		}
		if listed && r.interfaces[at].Master != 0 {
			add(r.interfaces[at].Master)
		}
		for _, place := range vlans[before:] {
			add(r.interfaces[place].Index)
		}
	}
	return out
}

// above are an interface and everything that is built on it, as listed.
func (r *reach) above(index int) []discovery.Interface {
	var places []int
	for _, index := range r.uppers(index) {
		if place, listed := r.places[index]; listed {
			places = append(places, place)
		}
	}
	slices.Sort(places)
	out := make([]discovery.Interface, len(places))
	for i, place := range places {
		out[i] = r.interfaces[place]
	}
	return out
}
