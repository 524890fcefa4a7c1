// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
)

// NodeTopologySpec tells what a node sees and remembers in the form in which it is
// published: only what changes nothing while nothing changes. Input is the way back.
// Where speakers beside the holders of the ports say so much that it would be more than one
// node may tell, some of them are left out, which are for reading only.
func NodeTopologySpec(view *mapping.View, snap *discovery.Snapshot, memory mapping.Memory) v1alpha1.NodeTopologySpec {
	const some = 4
	var spec v1alpha1.NodeTopologySpec
	for _, most := range []int{v1alpha1.MaxOthers, some, 0} {
		b := topologyBuilder{view: view, snap: snap, memory: memory, maxOthers: most}
		if spec = b.build(); !b.others {
			break
		}
		if _, left := Within(&spec); left == "" {
			break
		}
	}
	return spec
}

func (b *topologyBuilder) build() v1alpha1.NodeTopologySpec {
	spec := v1alpha1.NodeTopologySpec{BootID: b.view.BootID, Converged: b.view.Converged, Silence: b.view.Silence.String(), Goodbye: b.view.Goodbye.String()}
	for _, ifi := range relevant(b.snap) {
		spec.Interfaces = append(spec.Interfaces, b.networkInterface(ifi))
	}
	slices.SortFunc(b.switches, func(a, b v1alpha1.Switch) int { return cmp.Compare(a.ID, b.ID) })
	spec.Switches = b.switches
	spec.Summary = summary(spec.Interfaces)
	return spec
}

// relevant are the interfaces to publish: ports, what joins them, the VLAN devices on
// them. Where there are too many, those that matter least go.
func relevant(snap *discovery.Snapshot) []discovery.Interface {
	weight := map[int]int{} // by index, the more important the smaller
	for i := range snap.Ports {
		weight[snap.Ports[i].Index] = 1
	}
	for range snap.Interfaces { // until nothing is added any more
		before := len(weight)
		for i := range snap.Interfaces {
			ifi := &snap.Interfaces[i]
			if _, known := weight[ifi.Index]; known {
				if ifi.Master != 0 {
					weight[ifi.Master] = cmp.Or(weight[ifi.Master], 2)
				}
			} else if w := leads(snap, ifi, weight); w != 0 {
				weight[ifi.Index] = w
			}
		}
		if len(weight) == before {
			break
		}
	}
	var out []discovery.Interface
	for _, ifi := range snap.Interfaces {
		if weight[ifi.Index] != 0 {
			out = append(out, ifi)
		}
	}
	slices.SortStableFunc(out, func(a, b discovery.Interface) int { return weight[a.Index] - weight[b.Index] })
	out = out[:min(len(out), v1alpha1.MaxInterfaces)]
	slices.SortFunc(out, func(a, b discovery.Interface) int { return a.Index - b.Index })
	return out
}

// leads is the weight of an interface that is no port and joins none, or 0 where it
// does not lead to one. The containers of a bridge do not.
func leads(snap *discovery.Snapshot, ifi *discovery.Interface, weight map[int]int) int {
	master, _ := snap.Interface(ifi.Master)
	switch {
	case ifi.Own():
		return 0
	case ifi.Kind == discovery.KindVLAN && weight[ifi.Parent] != 0:
		return 3
	case ifi.Master != 0 && weight[ifi.Master] != 0 && master.Kind != discovery.KindBridge:
		return 2
	default:
		return 0
	}
}

func summary(interfaces []v1alpha1.Interface) v1alpha1.TopologySummary {
	var s v1alpha1.TopologySummary
	var unsure []string
	for i := range interfaces {
		p := interfaces[i].Port
		if p == nil {
			continue
		}
		s.Ports++
		switch {
		case p.Holder != nil && (p.Holder.Certainty == v1alpha1.Fresh || p.Holder.Certainty == v1alpha1.Stale):
			s.Heard++
		case !interfaces[i].Up || !interfaces[i].Carrier:
		case p.Pinned:
			s.Pinned++
		default:
			unsure = append(unsure, interfaces[i].Name)
		}
	}
	s.Unsure = fit.Few(unsure, v1alpha1.MaxSummary)
	return s
}

// topologyBuilder gathers the switches while the interfaces are told.
type topologyBuilder struct {
	view     *mapping.View
	snap     *discovery.Snapshot
	memory   mapping.Memory
	switches []v1alpha1.Switch

	maxOthers int  // on one port
	others    bool // there are any
}

func (b *topologyBuilder) networkInterface(ifi discovery.Interface) v1alpha1.Interface {
	out := v1alpha1.Interface{
		Name: fit.Bound(ifi.Name, v1alpha1.MaxName), Index: int32(ifi.Index), MTU: int32(ifi.MTU), Kind: string(ifi.Kind), Up: ifi.Up, Carrier: ifi.Carrier,
		Master: int32(ifi.Master), Parent: int32(ifi.Parent), VLAN: int32(ifi.VLAN), VLANFiltering: ifi.VLANFiltering,
	}
	if ifi.MAC != (discovery.MAC{}) {
		out.MAC = ifi.MAC.String()
	}
	if ifi.Bond != nil {
		out.Bond = &v1alpha1.Bond{Mode: ifi.Bond.Mode, Active: int32(ifi.Bond.Active), Aggregator: int32(ifi.Bond.Aggregator)}
	}
	if m := ifi.BondMember; m != nil {
		out.BondMember = &v1alpha1.BondMember{Active: m.Active, Up: m.Up, Aggregator: int32(m.Aggregator)}
	}
	if p, ok := b.snap.Port(ifi.Index); ok {
		out.Port = b.port(ifi, &p)
	}
	return out
}

func (b *topologyBuilder) port(ifi discovery.Interface, p *discovery.Port) *v1alpha1.Port {
	out := &v1alpha1.Port{
		Problem: fit.Bound(p.Problem, v1alpha1.MaxProblem), TooManyNeighbors: p.TooManyNeighbors,
		Pending: slices.Contains(b.view.Pending, ifi.Name),
	}
	out.Driver, out.Address = fit.Bound(p.NIC.Driver, v1alpha1.MaxDriver), fit.Bound(p.NIC.Address, v1alpha1.MaxDriver)
	if p.NIC.FirmwareLLDP {
		out.FirmwareLLDP = &v1alpha1.FirmwareLLDP{Driver: fit.Bound(p.NIC.Driver, v1alpha1.MaxDriver), Remedy: fit.Bound(p.NIC.Remedy, v1alpha1.MaxRemedy)}
	}
	held, ok := b.memory.Port(ifi.Index)
	told := held.Against
	out.Silent, out.Pinned = held.State == belief.Silent, held.Pinned
	if closed, untold := b.view.Untold[ifi.Name]; untold {
		out.PinUntold = v1alpha1.PinCounts
		if closed {
			out.PinUntold = v1alpha1.PinContradicted
		}
	}
	if ok {
		out.Holder = b.holder(ifi, &held)
		out.Holder.Led = held.Led != nil && belief.Alike(held.Led, &held.Holder.Neighbor)
		told = append(slices.Clone(told), *held.Holder)
	}
	if held.Led != nil && (out.Holder == nil || !out.Holder.Led) {
		out.Led = new(b.neighbor(ifi.Name, held.Led))
	}
	for i := range p.Neighbors {
		n := &p.Neighbors[i]
		same := func(v belief.Voice) bool { return v.MSAP == n.MSAP && v.Source == n.Source }
		if ok && slices.ContainsFunc(told, same) || len(out.Others) == b.maxOthers {
			continue
		}
		b.others = true
		out.Others = append(out.Others, b.neighbor(ifi.Name, n))
	}
	return out
}

// holder tells what is believed of a port: what package mapping says of its untagged
// network, if it is told at all.
func (b *topologyBuilder) holder(ifi discovery.Interface, p *belief.Port) *v1alpha1.Holder {
	out := &v1alpha1.Holder{Neighbor: b.neighbor(ifi.Name, &p.Holder.Neighbor)}
	say := func(certainty v1alpha1.Certainty, since time.Time, why v1alpha1.DoubtReason) {
		out.Certainty, out.Since, out.Reason = certainty, wireTime(since), why
	}
	_, out.Crowded = p.Crowded(b.view.Time)
	for i := range p.Against[:min(len(p.Against), v1alpha1.MaxAgainst)] {
		if b.others = true; b.maxOthers > 0 && !p.ForgotSome() { // all or none: what all say follows from all
			out.Against = append(out.Against, b.neighbor(ifi.Name, &p.Against[i].Neighbor))
		}
	}
	out.Unsettled = p.Unsettled()
	if n := len(p.Before); n > 0 {
		out.Before = new(b.neighbor(ifi.Name, &p.Before[n-1]))
	}
	switch p.State {
	case belief.Held:
		say(v1alpha1.Fresh, p.HeldSince, "")
	case belief.Late:
		if say(v1alpha1.Fresh, p.HeldSince, ""); !b.view.Time.Before(p.Holder.GoneAt()) {
			say(v1alpha1.Stale, p.Holder.LastHeard, v1alpha1.SilentSwitch)
		}
	case belief.Left:
		say(v1alpha1.Unverified, p.Since, v1alpha1.SaidGoodbye)
	case belief.Disputed:
		if say(v1alpha1.Unverified, p.Since, v1alpha1.Disputed); p.Struck {
			out.Reason = v1alpha1.VLANChanging
		}
		at := wireTime(p.HeldSince)
		out.HeldSince = &at
	default:
		say(v1alpha1.Unverified, p.Away, cmp.Or(causes[p.Cause], v1alpha1.SilentSwitch))
		out.Struck = p.Struck
	}
	if !ifi.Operational() {
		out.Certainty = v1alpha1.Down
	}
	return out
}

// wireTime is a time in the resolution that the API has.
func wireTime(t time.Time) metav1.Time { return metav1.Time{Time: t.UTC().Truncate(time.Second)} }

var causes = map[belief.Cause]v1alpha1.DoubtReason{
	belief.CarrierLost: v1alpha1.CarrierLost, belief.DeviceReplaced: v1alpha1.DeviceReplaced, belief.Rebooted: v1alpha1.Rebooted,
	belief.Unheard: v1alpha1.NotHeard,
}

func (b *topologyBuilder) neighbor(ifname string, n *discovery.Neighbor) v1alpha1.Neighbor {
	out := v1alpha1.Neighbor{
		Switch: b.switchID(ifname, n), PortID: fit.Bound(string(n.Port), v1alpha1.MaxID), PortDescription: fit.Bound(n.PortDescription, v1alpha1.MaxText),
		PVID: int32(n.PVID), MaxFrameSize: int32(n.MaxFrameSize),
	}
	if n.Source != (discovery.MAC{}) {
		out.Source = n.Source.String()
	}
	for _, v := range n.VLANs[:min(len(n.VLANs), v1alpha1.MaxVLANs)] {
		out.VLANs = append(out.VLANs, v1alpha1.VLAN{ID: int32(v.ID), Name: fit.Bound(v.Name, v1alpha1.MaxVLANName)})
	}
	return out
}

// switchID lists what the neighbour says of its device, unless it is listed already,
// and returns the ID under which it is.
func (b *topologyBuilder) switchID(ifname string, n *discovery.Neighbor) string {
	s := b.device(n)
	s.Ambiguous = b.memory.Bearers.Apart(ifname, n.Chassis)
	for _, known := range b.switches {
		if s.ID = known.ID; sameSwitch(&s, &known) {
			return known.ID
		}
	}
	if len(b.switches) == v1alpha1.MaxSwitches {
		return s.Chassis
	}
	s.ID = s.Chassis
	for k := 2; slices.ContainsFunc(b.switches, func(o v1alpha1.Switch) bool { return o.ID == s.ID }); k++ {
		s.ID = s.Chassis + "#" + strconv.Itoa(k)
	}
	b.switches = append(b.switches, s)
	return s.ID
}

func (b *topologyBuilder) device(n *discovery.Neighbor) v1alpha1.Switch {
	out := v1alpha1.Switch{
		Chassis: fit.Bound(string(n.Chassis), v1alpha1.MaxID), Protocol: v1alpha1.Protocol(n.Protocol),
		SystemName: fit.Bound(n.SystemName, v1alpha1.MaxText), SystemDescription: fit.Bound(n.SystemDescription, v1alpha1.MaxText),
	}
	if n.Capabilities != (discovery.Capabilities{}) {
		out.Capabilities, out.Enabled = n.Capabilities.Available.Names(), n.Capabilities.Enabled.Names()
	}
	for _, a := range n.ManagementAddresses[:min(len(n.ManagementAddresses), v1alpha1.MaxAddresses)] {
		out.ManagementAddresses = append(out.ManagementAddresses, fit.Bound(a, v1alpha1.MaxAddress))
	}
	if known := b.memory.Switches.Canonical(n.Chassis); known != n.Chassis {
		out.KnownAs = fit.Bound(string(known), v1alpha1.MaxID)
	}
	return out
}

// sameSwitch compares two entries of the list of switches.
func sameSwitch(s, o *v1alpha1.Switch) bool {
	return s.ID == o.ID && s.Chassis == o.Chassis && s.KnownAs == o.KnownAs && s.Ambiguous == o.Ambiguous &&
		s.Protocol == o.Protocol && s.SystemName == o.SystemName && s.SystemDescription == o.SystemDescription &&
		slices.Equal(s.Capabilities, o.Capabilities) && slices.Equal(s.Enabled, o.Enabled) && slices.Equal(s.ManagementAddresses, o.ManagementAddresses)
}
