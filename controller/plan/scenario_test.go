// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/internal/scenario"
	"github.com/colvin-net/colvin/mapping/colour"
)

// TestScenarios changes a cluster in memory, step by step, does what is planned, and
// compares what that was. A scenario is a txtar file with RuleSets, a script, and the
// output of its "plan" steps.
func TestScenarios(t *testing.T) {
	scenario.Run(t, "testdata/*.txtar", func(_ *testing.T, files map[string]string) scenario.Player {
		p := newPlayer()
		p.files = files
		return p
	})
}

var start = time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)

// A player is a cluster that a script acts upon.
type player struct {
	files    map[string]string
	out      strings.Builder
	now      time.Time
	options  plan.Options
	planner  *plan.Planner
	cluster  plan.Cluster
	switches map[string]v1alpha1.Switch
	versions int
}

// Play implements scenario.Player.
func (p *player) Play(_ *testing.T, verb string, args []string) error { return p.play(verb, args) }

// Output implements scenario.Player.
func (p *player) Output() string { return p.out.String() }

func newPlayer() *player {
	return &player{files: map[string]string{}, now: start, planner: plan.New(plan.Options{}), switches: map[string]v1alpha1.Switch{}}
}

func (p *player) play(verb string, args []string) error {
	switch verb {
	case "options": // [attach] [all]
		p.options = plan.Options{Attach: slices.Contains(args, "attach"), Tagged: slices.Contains(args, "all")}
		p.planner = plan.New(p.options)
	case "switch": // NAME CHASSIS [MANAGEMENT ADDRESS]
		p.switches[args[0]] = v1alpha1.Switch{
			ID: args[1], Chassis: args[1], Protocol: v1alpha1.LLDP, SystemName: args[0], ManagementAddresses: args[2:],
			Capabilities: []string{"bridge"}, Enabled: []string{"bridge"},
		}
	case "node": // NAME [UID]: a Node, and what it sees
		p.addNode(args[0], types.UID(append(args, "uid-"+args[0])[1]))
	case "label": // NODE KEY VALUE
		p.node(args[0]).Labels[args[1]] = args[2]
	case "unlabel": // NODE KEY
		delete(p.node(args[0]).Labels, args[1])
	case "machine": // NAME [UID]: a Node of which nobody has said anything yet
		p.addMachine(args[0], types.UID(append(args, "uid-"+args[0])[1]))
	case "agent": // NODE [waiting]: it says that there is nothing, or nothing yet
		p.addTopology(args[0], p.node(args[0]).UID)
		p.converge(args[0], args[1:])
	case "boots": // NODE [forgetting]: its agent has come up, and heard nobody yet
		p.boots(args[0], slices.Contains(args, "forgetting"))
	case "converge": // NODE [waiting]: its agent has heard all, or waits again
		p.converge(args[0], args[1:])
	case "port": // NODE PORT SWITCH PORT KEY=VALUE...
		return p.port(args[0], args[1], args[2], args[3], args[4:])
	case "silent": // NODE PORT MAC [pinned]: no switch speaks there
		p.change(args[0], func(t *v1alpha1.NodeTopologySpec) {
			put(t, v1alpha1.Interface{
				Name: args[1], Up: true, Carrier: true, MTU: 1500, MAC: args[2], Port: &v1alpha1.Port{Silent: true, Pinned: slices.Contains(args, "pinned")},
			})
		})
	case "bond": // NODE BOND MODE PORT...
		p.bond(args[0], args[1], args[2], args[3:])
	case "moved": // NODE NAMESPACE/POD NETWORK TO...
		p.moved(args[0], args[1], args[2], strings.Join(args[3:], " "))
	case "delete":
		return p.delete(args[0], args[1])
	case "rules": // NAME FILE
		return p.ruleSet(args[0], p.files[args[1]])
	case "colour": // NAME CHASSIS VLAN
		vlan, err := strconv.Atoi(args[2])
		p.colour(args[0], args[1], int32(vlan))
		return err
	case "restart": // of the controller, with or without the last good rules
		p.planner = plan.New(p.options)
		if slices.Contains(args, "forgetting") {
			p.cluster.LastGood = nil
		}
	case "after":
		d, err := time.ParseDuration(args[0])
		p.now = p.now.Add(d)
		return err
	case "break": // NODE: what cannot have come from an agent
		p.change(args[0], func(s *v1alpha1.NodeTopologySpec) { s.Interfaces = append(s.Interfaces, s.Interfaces...) })
	case "names": // that a pod can ask for
		fmt.Fprintf(&p.out, "-- names: %s\n", strings.Join(p.planner.Plan(&p.cluster, p.now).Names, " "))
	case "plan":
		return p.plan()
	default:
		return errors.New("unknown step")
	}
	return nil
}

func (p *player) version() string {
	p.versions++
	return strconv.Itoa(p.versions)
}

func (p *player) addNode(name string, uid types.UID) {
	p.addMachine(name, uid)
	p.addTopology(name, uid)
}

func (p *player) addMachine(name string, uid types.UID) {
	p.cluster.Nodes = append(p.cluster.Nodes, plan.Node{Name: name, UID: uid, Labels: map[string]string{"kubernetes.io/hostname": name}})
}

func (p *player) addTopology(name string, uid types.UID) {
	p.cluster.Topologies = append(p.cluster.Topologies, &v1alpha1.NodeTopology{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: "topology-of-" + uid, ResourceVersion: p.version(), CreationTimestamp: metav1.NewTime(p.now),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: name, UID: uid}},
		},
		Spec: v1alpha1.NodeTopologySpec{BootID: "boot-1", Converged: true},
	})
}

func (p *player) node(name string) *plan.Node {
	return &p.cluster.Nodes[slices.IndexFunc(p.cluster.Nodes, func(n plan.Node) bool { return n.Name == name })]
}

// change writes another version of a topology.
func (p *player) change(node string, do func(*v1alpha1.NodeTopologySpec)) {
	for i, t := range p.cluster.Topologies {
		if t.Name == node {
			t = t.DeepCopy()
			t.ResourceVersion = p.version()
			do(&t.Spec)
			p.cluster.Topologies[i] = t
		}
	}
}

func (p *player) converge(node string, args []string) {
	p.change(node, func(s *v1alpha1.NodeTopologySpec) {
		s.Converged = !slices.Contains(args, "waiting")
		for _, ifi := range s.Interfaces {
			if s.Converged && ifi.Port != nil {
				ifi.Port.Pending = false
			}
		}
	})
}

// boots is what an agent says first after a reboot: of each port, who held it before, whom
// it believes nothing; or nothing, where the state directory did not outlive it.
func (p *player) boots(node string, forgetting bool) {
	p.change(node, func(s *v1alpha1.NodeTopologySpec) {
		s.BootID, s.Converged = "boot-"+p.version(), false
		for i := range s.Interfaces {
			port := s.Interfaces[i].Port
			switch {
			case port == nil || port.Holder == nil:
			case forgetting:
				s.Interfaces[i].Port = &v1alpha1.Port{Pending: true}
			default:
				h := port.Holder.DeepCopy()
				h.Certainty, h.Reason, h.Since = v1alpha1.Unverified, v1alpha1.Rebooted, metav1.NewTime(p.now)
				s.Interfaces[i].Port = &v1alpha1.Port{Pending: true, Holder: h}
			}
		}
	})
}

// port has a port lead to the port of a switch, or not any more.
func (p *player) port(node, port, device, at string, settings []string) error {
	s, ok := p.switches[device]
	if !ok {
		return fmt.Errorf("no switch %s", device)
	}
	holder := &v1alpha1.Holder{
		Neighbor:  v1alpha1.Neighbor{Switch: s.ID, PortID: "ifname:" + at, Source: strings.TrimPrefix(s.Chassis, "mac:")},
		Certainty: v1alpha1.Fresh, Since: metav1.NewTime(p.now),
	}
	ifi := v1alpha1.Interface{Name: port, Up: true, Carrier: true, MTU: 1500, MAC: "02:00:00:00:00:01", Port: &v1alpha1.Port{Holder: holder}}
	for _, setting := range settings {
		if err := p.set(&ifi, s, setting); err != nil {
			return err
		}
	}
	ifi.Carrier = holder.Certainty != v1alpha1.Down
	p.change(node, func(t *v1alpha1.NodeTopologySpec) {
		put(t, ifi)
		if !slices.ContainsFunc(t.Switches, func(o v1alpha1.Switch) bool { return o.ID == s.ID }) {
			t.Switches = append(t.Switches, s)
		}
	})
	return nil
}

func (p *player) set(ifi *v1alpha1.Interface, s v1alpha1.Switch, setting string) error {
	key, value, _ := strings.Cut(setting, "=")
	holder := ifi.Port.Holder
	number := func(s string) int32 {
		n, _ := strconv.Atoi(s)
		return int32(n)
	}
	switch key {
	case "vlan":
		holder.PVID = number(value)
	case "tagged":
		for vid := range strings.SplitSeq(value, ",") {
			holder.VLANs = append(holder.VLANs, v1alpha1.VLAN{ID: number(vid)})
		}
	case "source":
		holder.Source = value
	case "mac":
		ifi.MAC = value
	case "pinned": // pods attached by a rule before
		ifi.Port.Pinned = true
	case "led": // the holder held the port for a while
		holder.Led = true
	case "certainty":
		holder.Certainty = v1alpha1.Certainty(value)
	case "reason":
		holder.Reason = v1alpha1.DoubtReason(value)
	case "since":
		d, err := time.ParseDuration(value)
		holder.Since = metav1.NewTime(p.now.Add(d))
		return err
	case "rival": // a VLAN that another speaker on the port tells
		holder.Against = []v1alpha1.Neighbor{{Switch: s.ID, PortID: "ifname:rival", PVID: number(value), Source: "00:00:5e:00:53:99"}}
	default:
		return fmt.Errorf("unknown setting %s", key)
	}
	return nil
}

// put adds or replaces an interface; what joins it with others stays.
func put(t *v1alpha1.NodeTopologySpec, ifi v1alpha1.Interface) {
	i := slices.IndexFunc(t.Interfaces, func(o v1alpha1.Interface) bool { return o.Name == ifi.Name })
	if i < 0 {
		ifi.Index = int32(len(t.Interfaces) + 2)
		t.Interfaces = append(t.Interfaces, ifi)
		return
	}
	ifi.Index, ifi.Master, ifi.BondMember = t.Interfaces[i].Index, t.Interfaces[i].Master, t.Interfaces[i].BondMember
	t.Interfaces[i] = ifi
}

func (p *player) bond(node, bond, mode string, ports []string) {
	p.change(node, func(t *v1alpha1.NodeTopologySpec) {
		put(t, v1alpha1.Interface{Name: bond, Kind: "bond", Up: true, Carrier: true, Bond: &v1alpha1.Bond{Mode: mode, Aggregator: 1}})
		master := t.Interfaces[len(t.Interfaces)-1].Index
		for i := range t.Interfaces {
			if slices.Contains(ports, t.Interfaces[i].Name) {
				t.Interfaces[i].Master, t.Interfaces[i].BondMember = master, &v1alpha1.BondMember{Active: true, Up: true, Aggregator: 1}
			}
		}
	})
}

func (p *player) moved(node, pod, network, to string) {
	namespace, name, _ := strings.Cut(pod, "/")
	p.change(node, func(t *v1alpha1.NodeTopologySpec) {
		t.Moved = append(t.Moved, v1alpha1.MovedAttachment{
			Pod: &v1alpha1.PodReference{Namespace: namespace, Name: name, UID: "uid-" + name}, ContainerID: "c-" + name, IfName: "net1",
			Network: network, Device: "eth1", From: "somewhere", To: to, Since: metav1.NewTime(p.now),
		})
	})
}

func (p *player) delete(kind, name string) error {
	c := &p.cluster
	switch kind {
	case "node":
		c.Nodes = slices.DeleteFunc(c.Nodes, func(n plan.Node) bool { return n.Name == name })
	case "topology":
		c.Topologies = slices.DeleteFunc(c.Topologies, func(t *v1alpha1.NodeTopology) bool { return t.Name == name })
	case "rules":
		c.RuleSets = slices.DeleteFunc(c.RuleSets, func(r plan.RuleSet) bool { return r.Name == name })
	case "port": // NODE/PORT
		node, port, _ := strings.Cut(name, "/")
		p.change(node, func(t *v1alpha1.NodeTopologySpec) {
			t.Interfaces = slices.DeleteFunc(t.Interfaces, func(i v1alpha1.Interface) bool { return i.Name == port })
		})
	default:
		return fmt.Errorf("unknown kind %s", kind)
	}
	return nil
}

func (p *player) ruleSet(name, text string) error {
	var spec any
	if err := yaml.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	for i := range p.cluster.RuleSets {
		if r := &p.cluster.RuleSets[i]; r.Name == name {
			r.Spec = spec
			r.Generation++
			return nil
		}
	}
	p.cluster.RuleSets = append(p.cluster.RuleSets, plan.RuleSet{Name: name, Generation: 1, Spec: spec})
	return nil
}

func (p *player) colour(name, chassis string, vlan int32) {
	p.cluster.Colours = append(p.cluster.Colours, &v1alpha1.Colour{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(p.now)}, Spec: v1alpha1.ColourSpec{Switch: chassis, VLAN: vlan},
	})
}

// plan makes plans and does what they say, until there is nothing left to do.
func (p *player) plan() error {
	fmt.Fprintf(&p.out, "-- %s\n", p.now.Format(time.TimeOnly))
	const most = 4
	for range most {
		got := p.planner.Plan(&p.cluster, p.now)
		if same := plan.New(p.options).Plan(&p.cluster, p.now); text(same) != text(got) {
			return fmt.Errorf("a planner without a past plans\n%s\ninstead of\n%s", text(same), text(got))
		}
		p.out.WriteString(text(got))
		if !p.do(got) {
			return nil
		}
	}
	return fmt.Errorf("%d plans, and still something to do", most)
}

// do does what a plan says, and reports whether that was anything.
func (p *player) do(d *plan.Plan) (gave bool) {
	if d.InForce != nil {
		p.cluster.LastGood = slices.Clone(d.InForce)
	}
	for _, c := range d.RuleSets {
		for i := range p.cluster.RuleSets {
			if r := &p.cluster.RuleSets[i]; r.Name == c.Name {
				r.Status = c.Status
			}
		}
	}
	for _, u := range d.Uncoloured {
		var given []colour.Entry
		for _, c := range p.cluster.Colours {
			given = append(given, colour.Entry{Colour: c.Name})
		}
		name, err := colour.NewBook(given...).Allocate(string(u.Identity.Key()), d.Taken, p.now)
		if err == nil {
			gave = true
			p.colour(name, u.Identity.SwitchKey(), int32(u.Identity.VLAN))
			p.cluster.Colours[len(p.cluster.Colours)-1].Annotations = map[string]string{v1alpha1.ColourSeenBy: u.Node.Name}
		}
	}
	for _, c := range d.Nodes {
		labels := maps.Clone(c.Node.Labels)
		for _, name := range c.Add {
			labels[plan.LabelPrefix+name] = "true"
		}
		for _, name := range c.Remove {
			delete(labels, plan.LabelPrefix+name)
		}
		switch {
		case c.Known == nil:
		case *c.Known:
			labels[plan.KnownLabel] = "true"
		default:
			delete(labels, plan.KnownLabel)
		}
		p.node(c.Node.Name).Labels = labels
	}
	for _, c := range d.Networks {
		p.cluster.Networks = slices.DeleteFunc(p.cluster.Networks, func(n *v1alpha1.Network) bool { return n.Name == c.Name })
		if c.Status != nil {
			p.cluster.Networks = append(p.cluster.Networks, &v1alpha1.Network{ObjectMeta: metav1.ObjectMeta{Name: c.Name}, Status: *c.Status})
		}
	}
	return gave || len(d.RuleSets)+len(d.Nodes)+len(d.Networks) > 0
}

// text is a plan as an operator could read it.
func text(p *plan.Plan) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if p.Frozen != "" {
		say("frozen: %s", p.Frozen)
	}
	for _, c := range p.RuleSets {
		say("ruleset %s: names %s", c.Name, c.Status.Names)
		sayConditions(say, c.Status.Conditions)
		for _, m := range append(c.Status.Mistakes, c.Status.Warnings...) {
			say("  %s", m)
		}
	}
	for _, u := range p.Uncoloured {
		say("no colour: %s, seen by %s", u.Identity, u.Node.Name)
	}
	for _, c := range p.Nodes {
		say("node %s: add [%s], remove [%s]%s%s", c.Node.Name, strings.Join(c.Add, " "), strings.Join(c.Remove, " "), known(c.Known), map[bool]string{true: ", for the first time"}[c.First()])
	}
	for _, c := range p.Networks {
		sayNetwork(say, c)
	}
	for _, m := range p.Moved {
		pod := v1alpha1.PodReference{}
		if m.Pod != nil {
			pod = *m.Pod
		}
		say("moved on %s: %s/%s %s from %s to %s", m.Node.Name, pod.Namespace, pod.Name, m.IfName, m.Network, m.To)
	}
	for _, m := range p.Missing {
		say("missing on %s: %s: %s", m.Node.Name, m.Network, m.Message)
	}
	for _, problem := range p.Problems {
		say("problem of %s: %s: %s", problem.Node.Name, problem.Reason, problem.Message)
	}
	if !p.Wake.IsZero() {
		say("again at %s", p.Wake.UTC().Format(time.TimeOnly))
	}
	return b.String()
}

func known(k *bool) string {
	switch {
	case k == nil:
		return ""
	case *k:
		return ", its networks are known"
	default:
		return ", its networks are not known any more"
	}
}

func sayNetwork(say func(string, ...any), c plan.NetworkChange) {
	if c.Status == nil {
		say("network %s: delete", c.Name)
		return
	}
	verb := "change"
	if c.Existing == nil {
		verb = "create"
	}
	s := c.Status
	say("network %s: %s; nodes %d, uplinks %d%s", c.Name, verb, s.Nodes, s.Uplinks, strings.TrimSuffix(fmt.Sprintf(", pinned %d", s.Pinned), ", pinned 0"))
	say("  vlans %s, switches %s, aliases %s, problems %s", s.Summary.VLANs, s.Summary.Switches, s.Summary.Aliases, s.Summary.Problems)
	for _, id := range s.Identities {
		say("  is %s %s vlan %d %s", id.Switch, id.SystemName, id.VLAN, id.Port)
	}
	for _, ref := range s.NamedBy {
		say("  by %s", ref)
	}
	sayConditions(say, s.Conditions)
}

func sayConditions(say func(string, ...any), all []metav1.Condition) {
	for _, c := range all {
		say("  %s %s since %s: %s: %s", c.Type, c.Status, c.LastTransitionTime.UTC().Format(time.TimeOnly), c.Reason, c.Message)
	}
}
