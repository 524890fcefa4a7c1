// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/internal/scenario"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// TestScenarios plays what the wire said, step by step, and compares what the
// node resolved. A scenario is a txtar file with rules, a script and the output
// of its "show" and "explain" steps.
func TestScenarios(t *testing.T) {
	scenario.Run(t, "testdata/scenarios/*.txtar", func(t *testing.T, files map[string]string) scenario.Player {
		t.Helper()
		p := &player{files: files, now: start, node: "node1", boot: "boot-1", attach: true}
		p.loadRules(t, "rules.yaml")
		return p
	})
}

var start = time.Date(2026, 1, 2, 10, 0, 0, 0, time.Local)

// player holds the model of one node that a script acts upon.
type player struct {
	files      map[string]string
	out        strings.Builder
	node, boot string
	attach     bool
	tagged     bool
	now        time.Time
	rules      *rules.Set
	ruleSet    *rules.Set // the same
	links      []discovery.Interface
	ports      []discovery.Port
	away       []discovery.Interface // what is gone
	memory     mapping.Memory
	book       []mapping.Colour
	view       mapping.View
}

// Output implements scenario.Player.
func (p *player) Output() string { return p.out.String() }

func (p *player) loadRules(t *testing.T, name string) {
	t.Helper()
	set, _, err := rules.Parse(name, []byte(p.files[name]))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	p.rules = set
	p.ruleSet = asRuleSet(t, p.files[name])
}

// asRuleSet reads the same rules as a RuleSet has them.
func asRuleSet(t *testing.T, file string) *rules.Set {
	t.Helper()
	var spec map[string]any
	if err := yaml.Unmarshal([]byte(file), &spec); err != nil {
		t.Fatal(err)
	}
	source, err := clusterview.RuleSource("site", spec)
	if err != nil {
		t.Fatal(err)
	}
	set, _, err := rules.Merge(source)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Play implements scenario.Player.
func (p *player) Play(t *testing.T, verb string, args []string) (err error) {
	t.Helper()
	switch verb {
	case "link":
		err = p.link(args)
	case "carrier":
		err = p.carrier(args[0], args[1] == "on")
	case "active": // BOND MEMBER
		for k := range p.links {
			if b := p.links[k].Bond; p.links[k].Name == args[0] && b != nil {
				p.links[k].Bond = &discovery.Bond{Mode: b.Mode, Active: p.index(args[1])}
			}
		}
	case "nic": // PORT DRIVER REMEDY...: an LLDP agent is in its firmware
		for k := range p.ports {
			if p.ports[k].Name == args[0] {
				p.ports[k].NIC = discovery.NIC{Driver: args[1], FirmwareLLDP: true, Remedy: strings.Join(args[2:], " ")}
			}
		}
	case "gone":
		p.away = append(p.away, *p.find(args[0]))
		p.links = slices.DeleteFunc(p.links, func(i discovery.Interface) bool { return i.Name == args[0] })
	case "back": // what was gone, as it was
		p.links = slices.Concat(p.links, slices.DeleteFunc(slices.Clone(p.away), func(i discovery.Interface) bool { return i.Name != args[0] }))
		p.reopen(args[0])
	case "set": // IFACE with keys of link; of another device the port's table is another, too
		if err = p.set(p.find(args[0]), args[1:]); !strings.HasPrefix(args[1], "name=") {
			p.reopen(args[0])
		}
	case "swap": // A B: two ports' names, as udev may
		a, b := p.port(args[0]), p.port(args[1])
		a.Name, b.Name = b.Name, a.Name
	case "flap": // the carrier went and came between two snapshots, and the port's table is still of before
		p.find(args[0]).CarrierChanges += 2
	case "reopen": // package observe found that out
		p.reopen(args[0])
	case "problem": // PORT REASON...: it cannot be listened on
		p.port(args[0]).Problem = strings.Join(args[1:], " ")
	case "full": // PORT: its table takes no more neighbours
		p.port(args[0]).TooManyNeighbors = true
	case "hear":
		err = p.hear(args)
	case "crowd": // PORT N: as many hosts speak
		n, _ := strconv.Atoi(args[1])
		for i := range n {
			mac := discovery.MAC{0, 0, 0x5e, 0, 0x54, byte(i)}.String()
			if err = p.hear([]string{args[0], mac, "mac:" + mac, fmt.Sprint("system=host-", i), "caps=bridge"}); err != nil {
				return err
			}
		}
	case "shutdown":
		p.depart(args[0], discovery.SaidGoodbye, func(n discovery.Neighbor) bool { return string(n.Chassis) == "mac:"+args[1] })
	case "after":
		err = p.after(args[0])
	case "stand": // DURATION, in which everybody says every 30 s what was said last
		err = p.stand(args[0])
	case "forget": // PORT: an admin says that what was heard there is over
		in := p.input()
		before := p.memory.Material()
		memory, who, refusal := p.memory.Forget(in.World, in.Snapshot, args[0])
		fmt.Fprintf(&p.out, "== %s forget %s: %s, %v\n", p.now.Sub(start), args[0], who, refusal)
		if diff := cmp.Diff(before, p.memory.Material()); diff != "" {
			t.Errorf("forgetting changed the memory before (-want +got):\n%s", diff)
		}
		p.memory = memory
	case "rules":
		p.loadRules(t, args[0])
	case "restart":
		p.restart()
	case "away": // DURATION, in which no agent runs
		away, err := time.ParseDuration(args[0])
		if err != nil {
			return err
		}
		p.now = p.now.Add(away)
		p.restart()
	case "reboot": // [IFACE=INDEX...]: the kernel may count devices in another order then
		p.boot += "'"
		for _, a := range args {
			name, index, _ := strings.Cut(a, "=")
			port, n := p.port(name), p.index(index)
			p.find(name).Index, port.Index = n, n
		}
		p.restart()
	case "colours-read-only":
		p.attach = false
	case "colours-tagged":
		p.tagged = true
	case "trunks": // where frames leave untagged and others tagged
		var names []string
		for _, a := range p.view.Uplinks {
			if a.Trunk {
				names = append(names, a.Port.Name+"/"+a.Device.Name)
			}
		}
		fmt.Fprintf(&p.out, "== %s trunks: %s\n", p.now.Sub(start), strings.Join(names, " "))
	case "known": // the names that could mean something
		fmt.Fprintf(&p.out, "== %s known: %s\n", p.now.Sub(start), strings.Join(new(p.input()).KnownNames(), " "))
	case "show":
		p.show()
	case "explain":
		err = p.explain(args[0])
	default:
		err = fmt.Errorf("unknown verb %q", verb)
	}
	p.resolve()
	p.compareController(t)
	p.compareTrial(t)
	p.checkView(t)
	p.checkBudget(t)
	return err
}

// checkView holds what is true of every View.
func (p *player) checkView(t *testing.T) {
	t.Helper()
	if w := p.view.Wake; !w.IsZero() && !w.After(p.now) {
		t.Errorf("after %s: it changes by itself at %s, which is over", p.now.Sub(start), w.Sub(start))
	}
	for _, a := range p.view.Uplinks {
		if a.Device.Index == 0 && a.Device != (nodefile.Link{}) {
			t.Errorf("after %s: %s leads to no device, but to %v", p.now.Sub(start), a.Port.Name, a.Device)
		}
		if a.Parent.Index != 0 && a.VID == 0 {
			t.Errorf("after %s: %s is told from untagged frames, and carries those of %s with a tag", p.now.Sub(start), a.Device.Name, a.Parent.Name)
		}
		if slices.ContainsFunc(a.Members, func(m mapping.Member) bool { return len(m.Junctions) == 0 }) {
			t.Errorf("after %s: %s is a member of nothing", p.now.Sub(start), a.Port.Name)
		}
	}
}

// checkBudget holds that a node of which less counts attaches nothing that it would not attach
// otherwise, that all which counts is as it would be, and that what is left out is told.
func (p *player) checkBudget(t *testing.T) {
	t.Helper()
	in := p.input()
	full := mapping.Resolve(in)
	for most := range len(full.Uplinks) {
		got := mapping.ResolveWithin(in, most)
		left := len(got.Uplinks) < len(full.Uplinks)
		for _, a := range got.Uplinks {
			i := slices.IndexFunc(full.Uplinks, func(o mapping.Uplink) bool {
				return o.Port == a.Port && o.VID == a.VID && o.Identity == a.Identity && o.Device == a.Device
			})
			if a.Usable && (i < 0 || !full.Uplinks[i].Usable || full.Uplinks[i].Name != a.Name || full.Uplinks[i].Trunk != a.Trunk) {
				t.Errorf("after %s: within %d %s (%s, tag %d) is usable", p.now.Sub(start), most, a.Name, a.Port.Name, a.VID)
			}
		}
		told := slices.ContainsFunc(got.Conditions, func(c mapping.Condition) bool { return c.Type == mapping.TopologyTooLarge })
		if left && !told {
			t.Errorf("after %s: within %d there are %d of %d ways, and nobody says why", p.now.Sub(start), most, len(got.Uplinks), len(full.Uplinks))
		}
	}
}

// compareTrial holds that whoever tries rules on what the agent says gets what the agent
// does: those in force change nothing, and what leads somewhere is not idle.
func (p *player) compareTrial(t *testing.T) {
	t.Helper()
	in := p.input()
	in.Snapshot, in.Memory = byJSON(t, in.Snapshot), *byJSON(t, &in.Memory)
	view := mapping.Try(&in)
	if diff := cmp.Diff(p.shown(&p.view), p.shown(&view)); diff != "" {
		t.Errorf("after %s: tried (-node +trial):\n%s", p.now.Sub(start), diff)
	}
	for _, i := range in.Idle(&view) {
		if slices.ContainsFunc(view.Uplinks, func(a mapping.Uplink) bool { return a.Rule == i.Ref }) {
			t.Errorf("after %s: %s, which leads somewhere, is idle: %s", p.now.Sub(start), i.Ref, i.Why)
		}
	}
}

// byJSON is what the agent's socket gives of a value.
func byJSON[T any](t *testing.T, v *T) *T {
	t.Helper()
	wire, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out := new(T)
	if err := json.Unmarshal(wire, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// compareController holds that whoever reads what the node publishes, and the rules as
// a RuleSet, resolves the same.
func (p *player) compareController(t *testing.T) {
	t.Helper()
	spec := clusterview.NodeTopologySpec(&p.view, p.snapshot(), p.memory)
	wire, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	var read v1alpha1.NodeTopologySpec
	if err := json.Unmarshal(wire, &read); err != nil {
		t.Fatal(err)
	}
	in, err := clusterview.Input(&read, p.node, p.now)
	if err != nil {
		t.Fatal(err)
	}
	in.Rules, in.Colours = p.ruleSet, mapping.Colours{Book: p.book, Attach: p.attach, Tagged: p.tagged}
	view := mapping.Resolve(in)
	here := mapping.View{Uplinks: slices.Clone(p.view.Uplinks), Conditions: p.view.Conditions, Converged: p.view.Converged, Pending: p.view.Pending}
	for _, v := range []*mapping.View{&here, &view} {
		for i := range v.Uplinks {
			v.Uplinks[i].Notes = nil // they name places of rules, which differ
		}
	}
	if diff := cmp.Diff(p.shown(&here), p.shown(&view)); diff != "" {
		t.Errorf("after %s: in the controller (-node +controller):\n%s\n%s", p.now.Sub(start), diff, wire)
	}
}

// link NAME [kind=vlan parent=eth1 vlan=100 master=br0 index=N carrier=off mtu=N
// mode=802.3ad active=eth1 agg=N filtering=on pf=eth1 up=no port=yes|no ethernet=no
// unfinished=yes mac=MAC name=N]; agg is the active aggregator of a bond, or the
// aggregator of a member
func (p *player) link(args []string) error {
	i := discovery.Interface{Name: args[0], Index: len(p.links) + 2, Bus: "pci", Ethernet: true, Up: true, Carrier: true, CarrierChanges: 2}
	if err := p.set(&i, args[1:]); err != nil {
		return err
	}
	if i.MAC == (discovery.MAC{}) {
		i.MAC = discovery.MAC{2, 0, 0, 0, 0, byte(i.Index)}
	}
	p.links = append(p.links, i)
	if i.Kind == "" && !i.VF && i.Ethernet && !slices.Contains(args, "port=no") || slices.Contains(args, "port=yes") {
		p.ports = append(p.ports, discovery.Port{Index: i.Index, Name: i.Name, Epoch: i.Epoch(), Since: p.now})
	}
	return nil
}

// set gives a link what the keys say.
func (p *player) set(i *discovery.Interface, args []string) error {
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		n, _ := strconv.Atoi(v)
		switch k {
		case "kind":
			i.Kind, i.Bus = discovery.Kind(v), ""
		case "parent":
			i.Parent = p.index(v)
		case "master":
			i.Master = p.index(v)
		case "vlan":
			i.VLAN = uint16(n)
		case "index":
			i.Index = n
		case "mtu":
			i.MTU = n
		case "pf":
			i.VF, i.PF = true, p.index(v)
		case "filtering":
			i.VLANFiltering = v == "on"
		case "mode":
			i.Bond = &discovery.Bond{Mode: v}
		case "agg":
			if i.Bond != nil {
				i.Bond.Aggregator = uint16(n)
			} else {
				i.BondMember = &discovery.BondMember{Active: true, Up: true, Aggregator: uint16(n)}
			}
		case "carrier":
			i.Carrier = v == "on"
		case "up":
			i.Up = v == "yes"
		case "ethernet":
			i.Ethernet = v == "yes"
		case "unfinished":
			i.Unfinished = v == "yes"
		case "mac":
			i.MAC, _ = discovery.ParseMAC(v)
		case "name":
			i.Name = v
		case "port":
		default:
			return fmt.Errorf("unknown key %q", k)
		}
	}
	return nil
}

func (p *player) find(name string) *discovery.Interface {
	for k := range p.links {
		if p.links[k].Name == name {
			return &p.links[k]
		}
	}
	panic("there is no " + name)
}

func (p *player) port(name string) *discovery.Port {
	for k := range p.ports {
		if p.ports[k].Name == name {
			return &p.ports[k]
		}
	}
	panic("no port " + name)
}

// reopen begins the port's table anew, with what the interface is now.
func (p *player) reopen(name string) {
	i := p.find(name)
	*p.port(name) = discovery.Port{Index: i.Index, Name: name, Epoch: i.Epoch(), Since: p.now}
}

func (p *player) index(name string) int {
	for _, i := range p.links {
		if i.Name == name {
			return i.Index
		}
	}
	n, _ := strconv.Atoi(name)
	return n
}

// carrier counts as the kernel does; the port's table begins anew with the
// epoch, as package observe has it.
func (p *player) carrier(name string, on bool) error {
	for k := range p.links {
		i := &p.links[k]
		if i.Name != name || i.Carrier == on {
			continue
		}
		i.Carrier = on
		i.CarrierChanges++
		for j := range p.ports {
			if q := &p.ports[j]; q.Index == i.Index && q.Epoch != i.Epoch() {
				*q = discovery.Port{Index: i.Index, Name: i.Name, Epoch: i.Epoch(), Since: p.now}
			}
		}
		return nil
	}
	return fmt.Errorf("no such change of %s", name)
}

// hear IFACE MAC|CHASSIS PORT [system=S] [pvid=N] [vlans=100:a,200:b] [ttl=S] [mgmt=IP]
// [caps=bridge|station] [src=MAC] [protocol=cdp] [mfs=N]
func (p *player) hear(args []string) error {
	n := discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, TTL: 120, FirstHeard: p.now, LastHeard: p.now,
		MSAP: discovery.MSAP{Chassis: discovery.ID("mac:" + args[1]), Port: discovery.ID("ifname:" + args[2])},
	}
	if _, err := discovery.ParseMAC(args[1]); err != nil { // it says of what kind it is
		n.Chassis = discovery.ID(args[1])
	}
	if strings.HasPrefix(args[2], "mac:") { // as the agents of hosts name their ports
		n.Port = discovery.ID(args[2])
	}
	for _, a := range args[3:] {
		k, v, _ := strings.Cut(a, "=")
		num, _ := strconv.Atoi(v)
		switch k {
		case "system":
			n.SystemName = v
		case "descr":
			n.PortDescription = v
		case "pvid":
			n.PVID = uint16(num)
		case "to": // the last octet of the group address
			n.Destination = discovery.MAC{0x01, 0x80, 0xc2, 0, 0, byte(num)}
		case "mgmt":
			n.ManagementAddresses = []string{v}
		case "mfs":
			n.MaxFrameSize = uint16(num)
		case "protocol":
			n.Protocol, n.Chassis = discovery.Protocol(v), discovery.ID(v+":"+args[1])
		case "src":
			n.Source, _ = discovery.ParseMAC(v)
		case "caps":
			c := map[string]discovery.CapabilitySet{"bridge": discovery.CapabilityBridge, "station": discovery.CapabilityStation}[v]
			n.Capabilities = discovery.Capabilities{Available: c, Enabled: c}
		case "ttl":
			n.TTL = uint16(num)
		case "vlans":
			for s := range strings.SplitSeq(v, ",") {
				id, name, _ := strings.Cut(s, ":")
				num, _ := strconv.Atoi(id)
				n.VLANs = append(n.VLANs, discovery.VLANName{ID: uint16(num), Name: name})
			}
		default:
			return fmt.Errorf("unknown key %q", k)
		}
	}
	if n.Source == (discovery.MAC{}) {
		copy(n.Source[:], slices.Concat([]byte(args[1]), make([]byte, 6))) // of a device that speaks CDP, whatever it is
		if mac, err := discovery.ParseMAC(args[1]); err == nil {
			n.Source = mac
		}
	}
	for k := range p.ports {
		q := &p.ports[k]
		if q.Name != args[0] {
			continue
		}
		utter(q, n)
		return nil
	}
	return fmt.Errorf("no port %s", args[0])
}

// utter puts what is heard into a port's table, as package neighbor does.
func utter(q *discovery.Port, n discovery.Neighbor) {
	agent := func(o discovery.Neighbor) bool {
		return o.MSAP == n.MSAP && o.Source == n.Source && o.Destination == n.Destination && o.Protocol == n.Protocol && o.Tag == n.Tag
	}
	again := func(o discovery.Neighbor) bool { return agent(o) && belief.Alike(&o, &n) }
	for _, known := range slices.Concat(q.Neighbors, q.Past) {
		if again(known) {
			n.FirstHeard, n.Before = known.FirstHeard, known.LastHeard
		}
	}
	q.Past = slices.DeleteFunc(q.Past, again)
	q.Departed = slices.DeleteFunc(q.Departed, func(d discovery.Departure) bool { return agent(d.Neighbor) })
	for i, known := range q.Neighbors {
		if agent(known) {
			if !again(known) {
				q.Past = append(q.Past, known)
			}
			q.Neighbors[i] = n
			return
		}
	}
	q.Neighbors = append(q.Neighbors, n)
}

func (p *player) stand(arg string) error {
	left, err := time.ParseDuration(arg)
	for ; left > 0; left -= 30 * time.Second {
		if err := p.after(min(left, 30*time.Second).String()); err != nil {
			return err
		}
		for k := range p.ports {
			for _, n := range slices.Clone(p.ports[k].Neighbors) {
				n.LastHeard = p.now
				utter(&p.ports[k], n)
			}
		}
		p.resolve()
	}
	return err
}

// after lets time pass second by second, or by the minute where that is long;
// neighbours age as in their table. What changes by itself was told before.
func (p *player) after(arg string) error {
	left, err := time.ParseDuration(arg)
	step := time.Second
	if left > 10*time.Minute {
		step = time.Minute
	}
	before := p.shownBelow(&p.view)
	for ; left > 0; left -= step {
		step = min(step, left)
		p.now = p.now.Add(step)
		wake, aged := p.view.Wake, false
		for _, q := range p.ports {
			p.depart(q.Name, discovery.AgedOut, func(n discovery.Neighbor) bool {
				expired := !n.Expires().After(p.now)
				aged = aged || expired
				return expired
			})
		}
		p.resolve()
		now := p.shownBelow(&p.view)
		if now != before && !aged && (wake.IsZero() || wake.After(p.now)) {
			return fmt.Errorf("the view of %s changed by itself, though it was to wake at %s:\n%s", p.now.Sub(start), wake.Sub(start), cmp.Diff(before, now))
		}
		before = now
	}
	return err
}

func (p *player) depart(port string, why discovery.DepartureCause, gone func(discovery.Neighbor) bool) {
	for k := range p.ports {
		q := &p.ports[k]
		if q.Name != port {
			continue
		}
		var stay []discovery.Neighbor
		for _, n := range q.Neighbors {
			if gone(n) {
				q.Departed = append(q.Departed, discovery.Departure{Neighbor: n, At: p.now, Cause: why})
			} else {
				stay = append(stay, n)
			}
		}
		q.Neighbors = stay
	}
}

func (p *player) restart() {
	p.memory = p.memory.Restore(p.boot, p.now)
	for k := range p.ports {
		q := &p.ports[k]
		*q = discovery.Port{Index: q.Index, Name: q.Name, Epoch: q.Epoch, Since: p.now}
	}
}

func (p *player) snapshot() *discovery.Snapshot {
	s := &discovery.Snapshot{Time: p.now, Interfaces: slices.Clone(p.links)}
	for _, q := range p.ports {
		q.Neighbors = slices.Clone(q.Neighbors)
		q.Departed = slices.Clone(q.Departed)
		s.Ports = append(s.Ports, q)
	}
	slices.SortStableFunc(s.Interfaces, func(a, b discovery.Interface) int { return a.Index - b.Index })
	slices.SortStableFunc(s.Ports, func(a, b discovery.Port) int { return a.Index - b.Index })
	return s
}

func (p *player) resolve() {
	in := p.input()
	p.memory = p.memory.Advance(in.World, in.Snapshot)
	in.Memory = p.memory
	p.view = mapping.Resolve(in)
	for _, id := range p.view.Uncoloured {
		name := "colour-" + string(rune('a'+len(p.book)))
		p.book = append(p.book, mapping.Colour{Name: name, Identity: id})
	}
	in.Colours.Book = p.book
	p.view = mapping.Resolve(in)
}

// input is what there is to resolve now.
func (p *player) input() mapping.Input {
	return mapping.Input{
		World: mapping.World{Node: p.node, BootID: p.boot, Rules: p.rules}, Snapshot: p.snapshot(), Memory: p.memory,
		Colours: mapping.Colours{Book: p.book, Attach: p.attach, Tagged: p.tagged},
	}
}

func (p *player) show() { p.out.WriteString(p.shown(&p.view)) }

// shown is a View as an operator could read it.
func (p *player) shown(view *mapping.View) string {
	return fmt.Sprintf("== %s\n", p.now.Sub(start)) + p.shownBelow(view)
}

// shownBelow is the same without the time.
func (p *player) shownBelow(view *mapping.View) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, a := range view.Uplinks {
		name, use, device := "-", "no", "-"
		if a.Name != "" {
			name = strings.Join(a.Names(), "|")
		}
		if a.Usable {
			use = "yes"
		}
		switch {
		case a.Device.Name != "":
			device = a.Device.Name
		case a.Parent.Name != "":
			device = "on " + a.Parent.Name
		}
		vid := "untagged"
		if a.VID != 0 {
			vid = fmt.Sprint("tag ", a.VID)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\tuse %s\t%s, %s\n", a.Port.Name, name, device, vid, a.Certainty, use, a.Identity, a.VLANSource)
	}
	_ = w.Flush()
	for _, a := range view.Uplinks {
		if a.Reason != "" {
			fmt.Fprintf(&out, "why %s: %s\n", a.Port.Name, a.Reason)
		}
		for _, n := range a.Notes {
			fmt.Fprintf(&out, "note %s: %s\n", a.Port.Name, n)
		}
	}
	for _, c := range view.Conditions {
		fmt.Fprintf(&out, "%s: %s\n", c.Type, c.Message)
	}
	if !view.Converged {
		fmt.Fprintf(&out, "not converged: %s\n", strings.Join(view.Pending, " "))
	}
	return out.String()
}

func (p *player) explain(name string) error {
	lines, ok := mapping.Explain(&p.view, p.snapshot(), p.memory, name, p.now)
	if !ok {
		lines, ok = mapping.ExplainNetwork(&p.view, p.snapshot(), p.memory, name, p.now)
	}
	if !ok {
		return fmt.Errorf("no interface or network %s", name)
	}
	fmt.Fprintf(&p.out, "== %s explain %s\n%s\n", p.now.Sub(start), name, strings.Join(lines, "\n"))
	return nil
}
