// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/mapping/rules"
)

// large is a cluster with a node per number, each with two ports on one of the leaves,
// of which each has 40 nodes.
func large(tb testing.TB, nodes int) *player {
	tb.Helper()
	p := newPlayer()
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	must(p.ruleSet("site", "networks: [{name: green, spans: true, match: [{vlan: 100}]}, {name: 'rail-{system.1}', match: [{system: 'leaf-(*)', vlan: 200}]}]"))
	for n := range nodes {
		leaf, name := fmt.Sprintf("leaf-%d", n/40), fmt.Sprintf("node%04d", n)
		must(p.play("switch", []string{leaf, fmt.Sprintf("mac:00:1b:21:00:%02x:00", n/40), "192.0.2.1"}))
		must(p.play("node", []string{name}))
		must(p.port(name, "eth1", leaf, fmt.Sprintf("1/%d", n%40), []string{"vlan=100"}))
		must(p.port(name, "eth2", leaf, fmt.Sprintf("2/%d", n%40), []string{"vlan=200"}))
	}
	for p.do(p.planner.Plan(&p.cluster, p.now)) {
		continue // until nothing is left to do
	}
	return p
}

// BenchmarkPlan measures what a change on one of 1000 nodes costs.
func BenchmarkPlan(b *testing.B) {
	p := large(b, 1000)
	for b.Loop() {
		p.change("node0500", func(*v1alpha1.NodeTopologySpec) {})
		if d := p.planner.Plan(&p.cluster, p.now); len(d.Nodes) > 0 {
			b.Fatal(text(d))
		}
	}
}

// BenchmarkPlanRules measures what another rule costs, for which every node resolves
// again.
func BenchmarkPlanRules(b *testing.B) {
	p := large(b, 1000)
	for n := 0; b.Loop(); n++ {
		if err := p.ruleSet("more", fmt.Sprintf("networks: [{name: n%d, match: [{vlan: 4000}]}]", n)); err != nil {
			b.Fatal(err)
		}
		p.do(p.planner.Plan(&p.cluster, p.now))
	}
}

// TestInventive holds that a node that invents as much as an object can hold does not
// keep the others waiting.
func TestInventive(t *testing.T) {
	p := large(t, 3)
	if err := p.play("node", []string{"inventor"}); err != nil {
		t.Fatal(err)
	}
	p.change("inventor", func(s *v1alpha1.NodeTopologySpec) {
		for i := range 2048 {
			mac := fmt.Sprintf("02:00:00:00:%02x:%02x", i/256, i%256)
			s.Switches = append(s.Switches, v1alpha1.Switch{
				ID: "mac:" + mac, Chassis: "mac:" + mac, Protocol: v1alpha1.LLDP, SystemName: "leaf-0", Enabled: []string{"bridge"}, Capabilities: []string{"bridge"},
				ManagementAddresses: []string{"192.0.2.1"},
			})
			s.Interfaces = append(s.Interfaces, v1alpha1.Interface{
				Name: fmt.Sprintf("e%d", i), Index: int32(i + 1), Up: true, Carrier: true,
				Port: &v1alpha1.Port{Holder: &v1alpha1.Holder{
					Neighbor: v1alpha1.Neighbor{Switch: "mac:" + mac, PortID: fmt.Sprintf("ifname:%d", i), Source: mac, PVID: int32(i%4000 + 1)}, Certainty: v1alpha1.Fresh, Since: metav1.NewTime(p.now),
				}},
			})
		}
	})
	begin := time.Now()
	d := p.planner.Plan(&p.cluster, p.now)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("one plan took %v", took)
	}
	t.Logf("%d identities without a colour, in %v", len(d.Uncoloured), time.Since(begin))
}

// TestTrunks holds the same of many VLANs on many bonds.
func TestTrunks(t *testing.T) {
	p := large(t, 3)
	if err := p.play("node", []string{"inventor"}); err != nil {
		t.Fatal(err)
	}
	p.change("inventor", func(s *v1alpha1.NodeTopologySpec) {
		s.Switches = []v1alpha1.Switch{{ID: "mac:02:00:00:00:00:01", Chassis: "mac:02:00:00:00:00:01", Protocol: v1alpha1.LLDP, SystemName: "leaf-0"}}
		for i := range int32(32) {
			holder := &v1alpha1.Holder{Neighbor: v1alpha1.Neighbor{Switch: "mac:02:00:00:00:00:01", PortID: fmt.Sprintf("ifname:%d", i), PVID: 1}, Certainty: v1alpha1.Fresh, Since: metav1.NewTime(p.now)}
			for vid := range int32(1000) {
				holder.VLANs = append(holder.VLANs, v1alpha1.VLAN{ID: vid + 2})
			}
			s.Interfaces = append(s.Interfaces, v1alpha1.Interface{
				Name: fmt.Sprintf("e%d", i), Index: i + 1, Up: true, Carrier: true, Master: i/2 + 100,
				BondMember: &v1alpha1.BondMember{Active: true, Up: true, Aggregator: 1}, Port: &v1alpha1.Port{Holder: holder},
			})
		}
		for i := range int32(16) {
			s.Interfaces = append(s.Interfaces, v1alpha1.Interface{Name: fmt.Sprintf("bond%d", i), Index: i + 100, Kind: "bond", Up: true, Carrier: true, Bond: &v1alpha1.Bond{Mode: "802.3ad", Aggregator: 1}})
		}
	})
	begin := time.Now()
	d := p.planner.Plan(&p.cluster, p.now)
	if took := time.Since(begin); took > 10*time.Second || len(d.Uncoloured) != 1 {
		t.Errorf("one plan took %v:\n%s", took, text(d))
	}
	t.Logf("planned in %v", time.Since(begin))
}

// TestNames holds that the labels of one node are bounded.
func TestNames(t *testing.T) {
	p := large(t, 3)
	if err := p.ruleSet("site", "networks: [{name: 'vlan-{vlan}', match: [{vlan: '1-4094'}]}]"); err != nil {
		t.Fatal(err)
	}
	p.change("node0001", func(s *v1alpha1.NodeTopologySpec) {
		for vid := range int32(1020) {
			s.Interfaces[0].Port.Holder.VLANs = append(s.Interfaces[0].Port.Holder.VLANs, v1alpha1.VLAN{ID: vid + 1000})
			s.Interfaces[1].Port.Holder.VLANs = append(s.Interfaces[1].Port.Holder.VLANs, v1alpha1.VLAN{ID: vid + 2500})
		}
	})
	d := p.planner.Plan(&p.cluster, p.now)
	const most = 1024
	for _, c := range d.Nodes {
		if c.Node.Name == "node0001" && len(c.Add) != most {
			t.Errorf("%d labels are added, want %d", len(c.Add), most)
		}
	}
	if len(d.Networks) > most+10 {
		t.Errorf("%d Networks", len(d.Networks))
	}
	if len(d.Problems) != 1 || d.Problems[0].Reason != plan.TooManyNetworks {
		t.Errorf("problems %+v, want one TooManyNetworks", d.Problems)
	}
}

// TestLongest holds that the longest chassis ID, to which a MAC address is added where
// several devices bear it, is not too long for a Network.
func TestLongest(t *testing.T) {
	p := large(t, 1)
	const most = 1152
	id := "cdp:" + strings.Repeat("x", most-len("cdp:"))
	p.change("node0000", func(s *v1alpha1.NodeTopologySpec) {
		s.Switches = []v1alpha1.Switch{{ID: id, Chassis: id, Protocol: v1alpha1.CDP, Ambiguous: true}}
		h := s.Interfaces[0].Port.Holder
		h.Switch, h.Source = id, "00:00:5e:00:53:01"
		s.Interfaces = s.Interfaces[:1]
	})
	d := p.planner.Plan(&p.cluster, p.now)
	i := slices.IndexFunc(d.Networks, func(c plan.NetworkChange) bool { return c.Name == "green" })
	if i < 0 {
		t.Fatalf("planned\n%s", text(d))
	}
	if got := d.Networks[i].Status.Identities[0].Switch; len(got) != most {
		t.Errorf("the chassis ID has %d characters: %s", len(got), got)
	}
}

// TestUnreadable holds that a RuleSet is told why nothing changes though that is a long
// story: good rules of a later version hold keys that this one does not know.
func TestUnreadable(t *testing.T) {
	p := newPlayer()
	if err := p.ruleSet("site", "networks: [{name: green, match: [{later: 1}]}]"); err != nil {
		t.Fatal(err)
	}
	later := "networks: [" + strings.Repeat("{name: green, match: [{later: 1}]}, ", 900) + "]"
	p.cluster.LastGood = []rules.Source{{Name: "ruleset/site", Data: []byte(later), Root: "spec"}}
	d := p.planner.Plan(&p.cluster, p.now)
	const most = 32768 // of a condition's message
	if d.Frozen == "" || len(d.RuleSets) != 1 {
		t.Fatalf("planned\n%s", text(d))
	}
	if message := d.RuleSets[0].Status.Conditions[0].Message; len(message) > most || !strings.Contains(message, "cannot be read: ") {
		t.Errorf("the message has %d characters:\n%s", len(message), message)
	}
}

// TestReboots has 48 nodes with two networks each reboot within half a minute. Each is away
// for two minutes, its agent comes up before the carrier of its ports, and hears one switch
// after another. Until all is as before no label is planned to change, and what is planned
// for the Networks is counted.
func TestReboots(t *testing.T) {
	const many = 48
	p := large(t, many)
	if err := p.plan(); err != nil {
		t.Fatal(err)
	}
	before := map[string]*v1alpha1.NodeTopologySpec{}
	for _, topology := range p.cluster.Topologies {
		before[topology.Name] = topology.Spec.DeepCopy()
	}
	labels, networks := 0, 0
	begin := p.now
	for second := range 5 * 60 {
		p.now = begin.Add(time.Duration(second) * time.Second)
		for i := range many {
			node := fmt.Sprintf("node%04d", i)
			switch up := second - 120 - i*30/many; up {
			case 0: // there is no carrier, so the agent waits for nobody
				p.boots(node, false)
				p.change(node, func(s *v1alpha1.NodeTopologySpec) {
					s.Converged = true
					for i := range s.Interfaces {
						s.Interfaces[i].Carrier, s.Interfaces[i].Port.Pending, s.Interfaces[i].Port.Holder.Certainty = false, false, v1alpha1.Down
					}
				})
			case 20 + i%70: // some NICs and switches take longer than a minute
				p.change(node, func(s *v1alpha1.NodeTopologySpec) { s.Interfaces[0] = before[node].Interfaces[0] })
			case 50 + i%70:
				p.change(node, func(s *v1alpha1.NodeTopologySpec) { s.Interfaces, s.Converged = before[node].Interfaces, true })
			}
		}
		d := p.planner.Plan(&p.cluster, p.now)
		labels, networks = labels+len(d.Nodes), networks+len(d.Networks)
		p.do(d)
	}
	for _, topology := range p.cluster.Topologies {
		if topology.Spec.BootID == "boot-1" || !topology.Spec.Converged {
			t.Fatalf("%s has not come back", topology.Name)
		}
	}
	t.Logf("%d nodes: %d changes of labels, %d of Networks", many, labels, networks)
	if labels != 0 {
		t.Errorf("labels were changed %d times", labels)
	}
}
