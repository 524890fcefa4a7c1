// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/rules"
)

// Input is what the NodeTopologySpec of a node was made of, as far as mapping.Resolve
// goes by it: whoever adds the rules and the colours resolves the same as the node does.
// It fails where the object cannot have come from there.
func Input(spec *v1alpha1.NodeTopologySpec, node string, now time.Time) (mapping.Input, error) {
	r := topologyReader{now: now, snap: &discovery.Snapshot{Time: now}, switches: map[string]*v1alpha1.Switch{}, untold: map[string]bool{}}
	r.memory.BootID = spec.BootID
	for i := range spec.Switches {
		r.readSwitch(&spec.Switches[i])
	}
	for i := range spec.Interfaces {
		if err := r.networkInterface(&spec.Interfaces[i]); err != nil {
			return mapping.Input{}, fmt.Errorf("read spec.interfaces[%d] of NodeTopology %s: %w", i, node, err)
		}
	}
	world := mapping.World{Node: node, BootID: spec.BootID, Untold: r.untold}
	var ok bool
	if world.Silence, ok = rules.ParseSilence(spec.Silence); !ok {
		return mapping.Input{}, fmt.Errorf("read spec.silence of NodeTopology %s: %q is neither refuse, keep nor a duration", node, spec.Silence)
	}
	if world.Goodbye, ok = rules.ParseSilence(spec.Goodbye); !ok {
		return mapping.Input{}, fmt.Errorf("read spec.goodbye of NodeTopology %s: %q is neither refuse nor a duration", node, spec.Goodbye)
	}
	return mapping.Input{World: world, Snapshot: r.snap, Memory: r.memory}, nil
}

type topologyReader struct {
	now      time.Time
	snap     *discovery.Snapshot
	memory   mapping.Memory
	untold   map[string]bool
	switches map[string]*v1alpha1.Switch
}

// readSwitch notes a switch, and what is remembered of it where that says more than
// its chassis ID.
func (r *topologyReader) readSwitch(s *v1alpha1.Switch) {
	r.switches[s.ID] = cmp.Or(r.switches[s.ID], s)
	if s.KnownAs == "" {
		return
	}
	known, chassis := discovery.ID(s.KnownAs), discovery.ID(s.Chassis)
	i := slices.IndexFunc(r.memory.Switches, func(m mapping.Switch) bool { return m.ID == known })
	if i < 0 {
		i = len(r.memory.Switches)
		r.memory.Switches = append(r.memory.Switches, mapping.Switch{ID: known, Name: s.SystemName, Chassis: []discovery.ID{known}})
	}
	if m := &r.memory.Switches[i]; !slices.Contains(m.Chassis, chassis) {
		m.Chassis = append(m.Chassis, chassis)
	}
}

func (r *topologyReader) networkInterface(in *v1alpha1.Interface) error {
	out := discovery.Interface{
		Index: int(in.Index), Name: in.Name, MTU: int(in.MTU), Kind: discovery.Kind(in.Kind), Ethernet: true, Up: in.Up, Carrier: in.Carrier,
		Master: int(in.Master), Parent: int(in.Parent), VLAN: uint16(in.VLAN), VLANFiltering: in.VLANFiltering,
	}
	var err error
	if out.MAC, err = parseMAC(in.MAC); err != nil {
		return err
	}
	if in.Bond != nil {
		out.Bond = &discovery.Bond{Mode: in.Bond.Mode, Active: int(in.Bond.Active), Aggregator: uint16(in.Bond.Aggregator)}
	}
	if m := in.BondMember; m != nil {
		out.BondMember = &discovery.BondMember{Active: m.Active, Up: m.Up, Aggregator: uint16(m.Aggregator)}
	}
	if _, twice := r.snap.Interface(out.Index); twice || out.Index <= 0 {
		return fmt.Errorf("index %d is used twice, or none", out.Index)
	}
	r.snap.Interfaces = append(r.snap.Interfaces, out)
	if in.Port == nil {
		return nil
	}
	return r.port(out, in.Port)
}

func parseMAC(s string) (discovery.MAC, error) {
	if s == "" {
		return discovery.MAC{}, nil
	}
	return discovery.ParseMAC(s)
}

func (r *topologyReader) port(ifi discovery.Interface, in *v1alpha1.Port) error {
	out := discovery.Port{
		Index: ifi.Index, Name: ifi.Name, Epoch: ifi.Epoch(), Problem: in.Problem, TooManyNeighbors: in.TooManyNeighbors,
	}
	if f := in.FirmwareLLDP; f != nil {
		out.NIC = discovery.NIC{FirmwareLLDP: true, Remedy: f.Remedy}
	}
	out.NIC.Driver, out.NIC.Address = in.Driver, in.Address
	if in.Pending {
		out.Since = r.now
	}
	for i := range in.Others {
		n, err := r.neighbor(ifi.Name, &in.Others[i])
		if err != nil {
			return fmt.Errorf("port.others[%d]: %w", i, err)
		}
		out.Neighbors = append(out.Neighbors, n)
	}
	b := belief.Port{Interface: ifi.Name, Index: ifi.Index, MAC: ifi.MAC, Epoch: ifi.Epoch(), State: belief.Empty, Since: r.now, Seen: r.now}
	if in.Holder != nil {
		var err error
		if b, err = r.belief(ifi, in.Holder); err != nil {
			return fmt.Errorf("port.holder: %w", err)
		}
		if in.Holder.Led {
			b.Led = &b.Holder.Neighbor
		}
	}
	if b.Pinned = in.Pinned; in.Silent {
		b.State = belief.Silent
	}
	if in.PinUntold != "" {
		r.untold[ifi.Name] = in.PinUntold == v1alpha1.PinContradicted
	}
	if in.Led != nil {
		led, err := r.neighbor(ifi.Name, in.Led)
		if err != nil {
			return fmt.Errorf("port.led: %w", err)
		}
		b.Led = &led
	}
	r.memory.Ports = append(r.memory.Ports, b)
	if b.Holder != nil {
		if b.State == belief.Held || b.State == belief.Disputed {
			out.Neighbors = slices.Insert(out.Neighbors, 0, b.Holder.Neighbor)
		}
	}
	r.snap.Ports = append(r.snap.Ports, out)
	return nil
}

// belief is what a node believes of a port, by what it told of its holder.
func (r *topologyReader) belief(ifi discovery.Interface, h *v1alpha1.Holder) (belief.Port, error) {
	n, err := r.neighbor(ifi.Name, &h.Neighbor)
	if err != nil {
		return belief.Port{}, err
	}
	since := h.Since.Time
	b := belief.Port{
		Interface: ifi.Name, Index: ifi.Index, MAC: ifi.MAC, Epoch: ifi.Epoch(),
		Holder: &belief.Voice{Neighbor: n}, Since: since, HeldSince: since, Away: since, Seen: r.now,
	}
	b.Settled = true
	if h.Unsettled {
		b.Settled, b.Lost = false, r.now
	}
	if h.Crowded {
		b.Second = r.now
	}
	for i := range h.Against {
		n, err := r.neighbor(ifi.Name, &h.Against[i])
		if err != nil {
			return b, fmt.Errorf("against[%d]: %w", i, err)
		}
		b.Against = append(b.Against, belief.Voice{Neighbor: n})
	}
	if h.Before != nil {
		before, err := r.neighbor(ifi.Name, h.Before)
		if err != nil {
			return b, fmt.Errorf("before: %w", err)
		}
		b.Before = []discovery.Neighbor{before}
	}
	switch {
	case h.Certainty == v1alpha1.Fresh:
		b.State = belief.Held
	case h.Certainty == v1alpha1.Stale:
		b.State, b.Holder.LastHeard = belief.Late, since
		if b.Holder.GoneAt().After(r.now) { // the clock of the node is ahead
			b.Holder.LastHeard = r.now.Add(-b.Holder.GoneAt().Sub(since))
		}
	case h.Reason == v1alpha1.SaidGoodbye:
		b.State, b.Holder.Goodbye = belief.Left, since
	case h.Reason == v1alpha1.Disputed, h.Reason == v1alpha1.VLANChanging:
		b.State, b.Struck = belief.Disputed, h.Reason == v1alpha1.VLANChanging
		if h.HeldSince != nil {
			b.HeldSince = h.HeldSince.Time
		}
	default:
		b.State, b.Struck = belief.Silent, h.Struck
		for cause, reason := range causes {
			if reason == h.Reason {
				b.State, b.Cause = belief.Expecting, cause
			}
		}
	}
	return b, nil
}

func (r *topologyReader) neighbor(ifname string, in *v1alpha1.Neighbor) (discovery.Neighbor, error) {
	s := r.switches[in.Switch]
	if s == nil {
		return discovery.Neighbor{}, fmt.Errorf("switch %q is not listed under spec.switches", in.Switch)
	}
	source, err := parseMAC(in.Source)
	if err != nil {
		return discovery.Neighbor{}, err
	}
	out := discovery.Neighbor{
		Protocol: discovery.Protocol(s.Protocol), Source: source, MSAP: discovery.MSAP{Chassis: discovery.ID(s.Chassis), Port: discovery.ID(in.PortID)},
		PortDescription: in.PortDescription, SystemName: s.SystemName, SystemDescription: s.SystemDescription,
		ManagementAddresses: s.ManagementAddresses, PVID: uint16(in.PVID), MaxFrameSize: uint16(in.MaxFrameSize),
	}
	if out.Capabilities.Available, err = discovery.ParseCapabilities(s.Capabilities); err != nil {
		return out, err
	}
	if out.Capabilities.Enabled, err = discovery.ParseCapabilities(s.Enabled); err != nil {
		return out, err
	}
	if s.Ambiguous {
		r.memory.Bearers = append(r.memory.Bearers, mapping.Bearer{Chassis: out.Chassis, Interface: ifname, Apart: true})
	}
	for _, v := range in.VLANs {
		out.VLANs = append(out.VLANs, discovery.VLANName{ID: uint16(v.ID), Name: v.Name})
	}
	return out, nil
}
