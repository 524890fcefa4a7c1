// SPDX-License-Identifier: Apache-2.0

package rulesimport

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A Witness is what the agent of a node hears and remembers, and the rules in force there.
type Witness struct {
	Input   mapping.Input
	Sources []rules.Source
}

// A witness is one that was asked.
type witness struct {
	mapping.Input
	*ruleBase
	inForce *mapping.View // what the rules in force make of it
}

// A ruleBase are rules in force, with what becomes of them with others behind them.
type ruleBase struct {
	sources []rules.Source
	sets    map[string]*rules.Set
}

func newRuleBase(sources []rules.Source) *ruleBase {
	return &ruleBase{sources, map[string]*rules.Set{}}
}

// with are the rules in force, and those of a text behind them.
func (b *ruleBase) with(text string) (*rules.Set, error) {
	if set, ok := b.sets[text]; ok {
		return set, nil
	}
	set, _, err := rules.Merge(append(slices.Clone(b.sources), rules.Source{Name: "what was made", Data: []byte(text)})...)
	if err == nil {
		b.sets[text] = set
	}
	return set, err
}

// resolve tells what rules make of what a witness hears.
func (w *witness) resolve(set *rules.Set) *mapping.View {
	in := w.Input
	in.Rules = set
	view := mapping.Resolve(in)
	return &view
}

// view is what the rules in force make of what a witness hears.
func (w *witness) view() *mapping.View {
	if w.inForce == nil {
		set, _ := w.with("") // they are valid
		w.inForce = w.resolve(set)
	}
	return w.inForce
}

// witnesses are the nodes of which the files tell what is heard there, by the RuleSets in
// the files, and the one that the command runs on.
func (c *content) witnesses(here *Witness, now time.Time) (map[string]*witness, error) {
	var sources []rules.Source
	for _, o := range c.ours("RuleSet") {
		var r struct {
			Spec json.RawMessage `json:"spec"`
		}
		if json.Unmarshal(o.raw, &r) == nil {
			source, err := clusterview.RuleSource(o.Metadata.Name, r.Spec)
			if _, _, wrong := rules.MergePart(source); cmp.Or(err, wrong) == nil {
				sources = append(sources, source)
				continue
			}
		}
		c.unread(o.place, "%s holds mistakes: \"colvin rules check\" tells them", o)
	}
	clusterview.SortRuleSources(sources)
	if len(sources) == 0 && here != nil {
		sources = slices.DeleteFunc(slices.Clone(here.Sources), func(s rules.Source) bool { return s.Root == "" }) // a file is the node's own
	}
	if _, _, err := rules.Merge(sources...); err != nil {
		return nil, fmt.Errorf("the RuleSets in the files do not fit together, so what is in force is not known: %w", err)
	}
	out, base := map[string]*witness{}, newRuleBase(sources)
	for _, o := range c.ours("NodeTopology") {
		var t v1alpha1.NodeTopology
		err := json.Unmarshal(o.raw, &t)
		var in mapping.Input
		if err == nil {
			in, err = clusterview.Input(&t.Spec, t.Name, now)
		}
		if err != nil {
			c.unread(o.place, "%s: %v", o, unfit(err))
			continue
		}
		out[t.Name] = &witness{Input: in, ruleBase: base}
	}
	if here != nil { // which knows more than it has published
		out[here.Input.Node] = &witness{Input: here.Input, ruleBase: newRuleBase(here.Sources)}
	}
	return out, nil
}

// ours are Colvin's objects of a kind.
func (c *content) ours(kind string) []*object {
	return slices.DeleteFunc(slices.Clone(c.objects), func(o *object) bool {
		return o.Kind != kind || !strings.HasPrefix(o.APIVersion, v1alpha1.GroupVersion.Group+"/")
	})
}

// A place is where on a node a claim is about: one device with its ports, and a tag.
type place struct {
	device string
	ports  []discovery.Interface
	vid    uint16
	whole  []discovery.Interface // the ports of the bond, team or bridge that they are in, or they
}

// portKey tells sets of ports apart.
func portKey(ports []discovery.Interface) string {
	all := make([]string, len(ports))
	for i, ifi := range ports {
		all[i] = fmt.Sprint(ifi.Index)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}

// find finds the device of a claim.
func (w *witness) find(c *claim) (place, error) {
	ifi, err := w.device(c.at)
	if err != nil {
		return place{}, err
	}
	if c.at.bridge && c.vid != 0 && !ifi.VLANFiltering {
		return place{}, fmt.Errorf("%s does not keep VLANs apart, so \"vlan\": %d does nothing there and frames leave it untagged: give what is meant in a table of node, interface, network, vlan", ifi.Name, c.vid)
	}
	p, err := w.below(ifi, 0)
	if err != nil {
		return place{}, err
	}
	p.device, p.whole = ifi.Name, p.ports
	for range maxDepth {
		above, ok := w.Snapshot.Interface(ifi.Master)
		if !ok || !above.Kind.JoinsPorts() {
			break
		}
		all, err := w.below(above, 0)
		if err != nil || all.vid != p.vid {
			break
		}
		ifi, p.whole = above, all.ports
	}
	if c.vid == 0 {
		return p, nil
	}
	if p.vid != 0 {
		return place{}, fmt.Errorf("%s is tagged already, and a VLAN within a VLAN has no name", ifi.Name)
	}
	p.vid = c.vid
	return p, nil
}

func (w *witness) device(at target) (discovery.Interface, error) {
	snap := w.Snapshot
	var there []string
	var found []discovery.Interface
	for _, ifi := range snap.Interfaces {
		port, isPort := snap.Port(ifi.Index)
		switch {
		case at.name != "" && (ifi.Name == at.name || slices.Contains(ifi.AltNames, at.name)),
			at.mac != "" && ifi.Kind == "" && ifi.MAC.String() == at.mac,
			at.pci != "" && isPort && port.NIC.Address == at.pci:
			found = append(found, ifi)
		}
		there = append(there, ifi.Name)
	}
	switch {
	case len(found) > 1:
		var names []string
		for _, ifi := range found {
			names = append(names, ifi.Name)
		}
		return discovery.Interface{}, fmt.Errorf("several of its interfaces are %s: %s; give the name of the one that is meant in a table of node, interface, network", at, strings.Join(names, ", "))
	case len(found) == 1 && at.bridge && found[0].Kind != discovery.KindBridge:
		return found[0], fmt.Errorf("%s is no bridge", at)
	case len(found) == 1:
		return found[0], nil
	}
	return discovery.Interface{}, &absent{at, there}
}

// absent is the error that a node has no such device.
type absent struct {
	at    target
	there []string
}

func (e *absent) Error() string {
	return fmt.Sprintf("it has no interface %s that leads to a port, but %s", e.at, strings.Join(e.there, ", "))
}

// maxDepth bounds how many devices stand on each other: what a node tells may go in circles,
// such as where a device is on one of another network namespace.
const maxDepth = 8

// below finds the ports below a device, and the tag that frames bear there.
func (w *witness) below(ifi discovery.Interface, depth int) (place, error) {
	snap := w.Snapshot
	if depth > maxDepth {
		return place{}, fmt.Errorf("what %s is on is not told", ifi.Name)
	}
	if _, ok := snap.Port(ifi.Index); ok {
		return place{ports: []discovery.Interface{ifi}}, nil
	}
	if ifi.Kind == discovery.KindVLAN && ifi.VLAN != 0 {
		parent, ok := snap.Interface(ifi.Parent)
		if !ok {
			return place{}, fmt.Errorf("what %s is on is not told", ifi.Name)
		}
		p, err := w.below(parent, depth+1)
		if err == nil && p.vid != 0 {
			err = fmt.Errorf("%s is a VLAN within a VLAN, which has no name", ifi.Name)
		}
		p.vid = ifi.VLAN
		return p, err
	}
	if ifi.VLANFiltering {
		return place{}, fmt.Errorf("%s is a bridge that keeps VLANs apart, and Colvin attaches nothing through it", ifi.Name)
	}
	var out place
	for _, member := range snap.Interfaces {
		if member.Master != ifi.Index || !ifi.Kind.JoinsPorts() {
			continue
		}
		p, err := w.below(member, depth+1)
		if err != nil && member.Kind == discovery.KindVLAN {
			return place{}, err
		}
		if err != nil {
			continue // the containers of a bridge
		}
		if len(out.ports) > 0 && p.vid != out.vid {
			return place{}, fmt.Errorf("the ports of %s bear different tags", ifi.Name)
		}
		out.ports, out.vid = append(out.ports, p.ports...), p.vid
	}
	if len(out.ports) == 0 {
		silence, _ := mapping.Silent(snap, ifi, w.Snapshot.Time)
		return place{}, fmt.Errorf("%s", silence.Message)
	}
	return out, nil
}

// uplinks are the ways into networks through the ports of a place, with a tag. Pods attach
// to the whole device, so what is told on any of its ports counts.
func (p *place) uplinks(v *mapping.View, vid uint16) (all []*mapping.Uplink) {
	for i := range v.Uplinks {
		a := &v.Uplinks[i]
		on := func(index int) bool {
			return slices.ContainsFunc(p.whole, func(ifi discovery.Interface) bool { return ifi.Index == index })
		}
		if a.VID == vid && (on(a.Port.Index) || slices.ContainsFunc(a.Members, func(m mapping.Member) bool { return on(m.Port.Index) })) {
			all = append(all, a)
		}
	}
	return all
}

// reliable reports whether pods may attach to what an uplink says.
func reliable(a *mapping.Uplink) error {
	if a.Usable && slices.Contains([]nodefile.Certainty{nodefile.Fresh, nodefile.Stale}, a.Certainty) {
		return nil
	}
	why := cmp.Or(a.Reason, "it is "+string(a.Certainty))
	if a.Name == "" {
		return fmt.Errorf("%s (%s was heard there)", why, told(a))
	}
	return fmt.Errorf("%s (it led to %s before, %s)", why, a.Name, told(a))
}

// told is who told of an uplink, and what.
func told(a *mapping.Uplink) string {
	if a.Identity.Kind == identity.Pin {
		return "pinned"
	}
	switch who := yamlfile.Quote(cmp.Or(a.System, string(a.Neighbor.Chassis))); {
	case a.Identity.HasVLAN():
		return fmt.Sprintf("%s VLAN %d", who, a.Identity.VLAN)
	default:
		return fmt.Sprintf("%s port %s", who, yamlfile.Quote(string(a.Neighbor.Port)))
	}
}

// closed says why nobody knows whether a port is silent.
func (w *witness) closed(ifi discovery.Interface) error {
	p, _ := w.Snapshot.Port(ifi.Index)
	b, _ := w.Memory.Port(ifi.Index)
	switch {
	case p.Problem != "":
		return fmt.Errorf("the agent cannot listen on %s: %s", ifi.Name, p.Problem)
	case !ifi.Up:
		return fmt.Errorf("%s is administratively down", ifi.Name)
	case !ifi.Carrier:
		return fmt.Errorf("%s has no carrier", ifi.Name)
	case p.NIC.FirmwareLLDP:
		return fmt.Errorf("the firmware of %s takes LLDP frames, so nobody knows whether a switch speaks: %s leaves them to the node", ifi.Name, p.NIC.Remedy)
	case b.Led != nil:
		return fmt.Errorf("%s is silent now, but %s port %s was heard there before: if that is over, \"colvin forget %s\" on the node says so",
			ifi.Name, yamlfile.Quote(cmp.Or(b.Led.SystemName, string(b.Led.Chassis))), yamlfile.Quote(string(b.Led.Port)), ifi.Name)
	}
	return nil
}

// trialName is what a pin is called while it is tried.
const trialName = "trial"

// trial are the rules in force, and one behind them that is tried.
func (w *witness) trial(matches []string, vid uint16) (*rules.Set, error) {
	tagged := ""
	if vid != 0 {
		tagged = fmt.Sprintf(", tagged: \"%d\"", vid)
	}
	return w.with(fmt.Sprintf("networks: [{name: %s%s, match: [%s]}]\n", trialName, tagged, strings.Join(matches, ", ")))
}

// pins tries whether a pin would count on the ports of a place now, and returns one for each.
func (w *witness) pins(p *place) (matches []string, err error) {
	for _, ifi := range p.ports {
		if err := w.closed(ifi); err != nil {
			return nil, err
		}
		match, lacking := rules.Exact{Node: w.Node, Interface: ifi.Name, Silent: true}.Match()
		if len(lacking) > 0 {
			return nil, fmt.Errorf("its %s cannot be written in a rule", strings.Join(lacking, " and "))
		}
		matches = append(matches, match)
	}
	set, err := w.trial(matches, p.vid)
	if err != nil {
		return nil, err
	}
	all := p.uplinks(w.resolve(set), p.vid)
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has not settled: somebody speaks there, and leads nowhere yet", p.device)
	}
	for _, a := range all {
		if a.Certainty != nodefile.Pinned {
			return nil, fmt.Errorf("%s has not settled: %s", p.device, cmp.Or(a.Reason, "it is "+string(a.Certainty)))
		}
	}
	return matches, nil
}
