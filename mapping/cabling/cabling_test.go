// SPDX-License-Identifier: Apache-2.0

package cabling_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/cabling"
)

var now = time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)

// An adder builds what one node knows.
type adder struct{ cabling.Source }

func node(name string) *adder {
	return &adder{cabling.Source{Node: name, Snapshot: &discovery.Snapshot{Time: now}}}
}

// port adds a port that hears somebody, or nobody, in a state.
func (a *adder) port(name string, state belief.State, who ...discovery.Neighbor) *discovery.Interface {
	index := len(a.Snapshot.Interfaces) + 2
	mac := discovery.MAC{2, 0, 0, byte(len(a.Node)), a.Node[len(a.Node)-1], byte(index)}
	a.Snapshot.Interfaces = append(a.Snapshot.Interfaces, discovery.Interface{Index: index, Name: name, MAC: mac, Bus: "pci", Ethernet: true, Up: true, Carrier: true})
	a.Snapshot.Ports = append(a.Snapshot.Ports, discovery.Port{Index: index, Name: name, Since: now.Add(-time.Hour), NIC: discovery.NIC{Driver: "ice", Address: "0000:3b:00.0"}, Neighbors: who})
	b := belief.Port{Interface: name, Index: index, State: state}
	if len(who) > 0 && state != belief.Empty {
		b.Holder = &belief.Voice{Neighbor: who[0]}
	}
	a.Memory.Ports = append(a.Memory.Ports, b)
	return &a.Snapshot.Interfaces[len(a.Snapshot.Interfaces)-1]
}

// on adds ports that hear switches: eth0=leaf-1/swp7.
func (a *adder) on(cables ...string) *adder {
	for _, c := range cables {
		name, far, _ := strings.Cut(c, "=")
		system, port, _ := strings.Cut(far, "/")
		a.port(name, belief.Held, leaf(system, port))
	}
	return a
}

// leaf is a switch that names its ports, with a chassis ID of its name.
func leaf(system, port string) discovery.Neighbor {
	sum := byte(0)
	for _, c := range []byte(system) {
		sum = sum*31 + c
	}
	return discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, Source: discovery.MAC{0, 0, 0x5e, 0, 1, sum}, SystemName: system,
		MSAP: discovery.MSAP{Chassis: discovery.ID(fmt.Sprintf("mac:00:00:5e:00:53:%02x", sum)), Port: discovery.ID("ifname:" + port)},
	}
}

// bare is a switch that says nothing but IDs, and maybe a description.
func bare(chassis, port, description string) discovery.Neighbor {
	return discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, Source: discovery.MAC{0, 0, 0x5e, 0, 2, 1}, PortDescription: description,
		MSAP: discovery.MSAP{Chassis: discovery.ID(chassis), Port: discovery.ID(port)},
	}
}

func named(n discovery.Neighbor, system string) discovery.Neighbor {
	n.SystemName = system
	return n
}

// heard puts nodes together.
func heard(nodes ...*adder) *cabling.Heard {
	var all []cabling.Source
	for _, n := range nodes {
		all = append(all, n.Source)
	}
	return cabling.NewHeard(now, true, all...)
}

// plan is one of cables: node1:eth0 -- leaf-1:swp7.
func plan(lines ...string) *cabling.Plan {
	p := &cabling.Plan{}
	end := func(s string) cabling.End {
		device, port, _ := strings.Cut(strings.TrimSpace(s), "|")
		return cabling.End{Device: device, Port: port}
	}
	for i, l := range lines {
		a, b, _ := strings.Cut(l, " -- ")
		p.Cables = append(p.Cables, cabling.Cable{A: end(a), B: end(b), Where: cabling.Place{File: "plan", Line: i + 1, Column: 1}})
	}
	return p
}

// told is a report as lines, without what is right.
func told(r *cabling.Report) string {
	var out strings.Builder
	for _, f := range r.Findings {
		if f.Verdict == cabling.OK {
			continue
		}
		for i, c := range f.Cables {
			verdict := string(f.Verdict)
			if i > 0 {
				verdict = "  and"
			}
			actual, expected := "?", "?"
			if c.Actual != nil {
				actual = c.Actual.String()
			}
			if c.Expected != nil {
				expected = strings.TrimSpace(c.Expected.String())
			}
			fmt.Fprintf(&out, "%s: %s %s: %s <-> %s", verdict, c.Node, c.Interface, actual, expected)
			if c.Note != "" {
				out.WriteString(" (" + c.Note + ")")
			}
			out.WriteString("\n")
		}
	}
	return out.String()
}

func check(t *testing.T, p *cabling.Plan, h *cabling.Heard) *cabling.Report {
	t.Helper()
	r, err := cabling.Check(p, h)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, n := range r.Totals {
		sum += n
	}
	cables := 0
	for _, f := range r.Findings {
		cables += len(f.Cables)
	}
	if sum != cables {
		t.Errorf("the totals count %d cables, and there are %d", sum, cables)
	}
	return r
}

// TestCheck holds one mistake of each kind.
func TestCheck(t *testing.T) {
	down := node("node1").on("eth0=leaf-1/swp1")
	down.port("eth1", belief.Empty).Carrier = false
	down.port("eth2", belief.Empty).Up = false
	down.port("eth3", belief.Silent)
	down.Snapshot.Interfaces = append(down.Snapshot.Interfaces, discovery.Interface{Index: 50, Name: "bond0", Kind: "bond", Ethernet: true})
	unknown := &adder{cabling.Source{Node: "node2"}}
	old := node("node3").on("eth0=leaf-1/swp3")
	old.Doubt = "the node is NotReady"
	published := node("node4").on("ens3f0np0=leaf-1/swp4")
	published.Published = true
	late := leaf("leaf-1", "swp8")
	late.LastHeard, late.TTL = now.Add(-90*time.Second), 120
	stale := node("node5")
	stale.port("eth0", belief.Late, leaf("leaf-1", "swp5"))
	stale.port("eth1", belief.Disputed, leaf("leaf-1", "swp6"))
	stale.port("eth2", belief.Left, leaf("leaf-9", "swp7"))
	stale.port("eth3", belief.Late, late) // which is not gone yet
	for name, tt := range map[string]struct {
		plan  []string
		heard []*adder
		want  string
	}{
		"as planned":  {[]string{"node1|eth0 -- leaf-1|swp1"}, []*adder{node("node1").on("eth0=leaf-1/swp1")}, ""},
		"turned":      {[]string{"leaf-1|swp1 -- node1|eth0"}, []*adder{node("node1").on("eth0=leaf-1/swp1")}, ""},
		"wrong port":  {[]string{"node1|eth0 -- leaf-1|swp1"}, []*adder{node("node1").on("eth0=leaf-1/swp2")}, "wrong port: node1 eth0: leaf-1 swp2 <-> leaf-1 swp1\n"},
		"wrong place": {[]string{"node1|eth0 -- leaf-1|swp1"}, []*adder{node("node1").on("eth0=leaf-2/swp1")}, "wrong switch: node1 eth0: leaf-2 swp1 <-> leaf-1 swp1 (no node hears a switch that is called leaf-1)\n"},
		"swapped on a node": {
			[]string{"node1|eth0 -- leaf-1|swp1", "node1|eth1 -- leaf-2|swp1"},
			[]*adder{node("node1").on("eth0=leaf-2/swp1", "eth1=leaf-1/swp1")},
			"swapped: node1 eth0: leaf-2 swp1 <-> leaf-1 swp1 (swapped with node1 eth1)\n  and: node1 eth1: leaf-1 swp1 <-> leaf-2 swp1 (swapped with node1 eth0)\n",
		},
		"swapped on a switch": {
			[]string{"node1|eth0 -- leaf-1|swp1", "node2|eth0 -- leaf-1|swp2"},
			[]*adder{node("node1").on("eth0=leaf-1/swp2"), node("node2").on("eth0=leaf-1/swp1")},
			"swapped: node1 eth0: leaf-1 swp2 <-> leaf-1 swp1 (swapped with node2 eth0)\n  and: node2 eth0: leaf-1 swp1 <-> leaf-1 swp2 (swapped with node1 eth0)\n",
		},
		"three in a ring": {
			[]string{"node1|eth0 -- leaf-1|swp1", "node2|eth0 -- leaf-1|swp2", "node3|eth0 -- leaf-1|swp3"},
			[]*adder{node("node1").on("eth0=leaf-1/swp2"), node("node2").on("eth0=leaf-1/swp3"), node("node3").on("eth0=leaf-1/swp1")},
			"swapped: node1 eth0: leaf-1 swp2 <-> leaf-1 swp1 (swapped with node2 eth0)\n  and: node2 eth0: leaf-1 swp3 <-> leaf-1 swp2 (swapped with node3 eth0)\n  and: node3 eth0: leaf-1 swp1 <-> leaf-1 swp3 (swapped with node1 eth0)\n",
		},
		"one that leads to a ring": {
			[]string{"node3|eth0 -- leaf-1|swp3", "node1|eth0 -- leaf-1|swp1", "node2|eth0 -- leaf-1|swp2"},
			[]*adder{node("node1").on("eth0=leaf-1/swp2"), node("node2").on("eth0=leaf-1/swp1"), node("node3").on("eth0=leaf-1/swp1")},
			"swapped: node1 eth0: leaf-1 swp2 <-> leaf-1 swp1 (swapped with node2 eth0)\n  and: node2 eth0: leaf-1 swp1 <-> leaf-1 swp2 (swapped with node1 eth0)\n" +
				"wrong port: node3 eth0: leaf-1 swp1 <-> leaf-1 swp3 (the plan has node1 eth0 there)\n",
		},
		"where another belongs": {
			[]string{"node1|eth0 -- leaf-1|swp1", "node2|eth0 -- leaf-1|swp2"},
			[]*adder{node("node1").on("eth0=leaf-1/swp2"), node("node2").on("eth0=leaf-1/swp9")},
			"wrong port: node1 eth0: leaf-1 swp2 <-> leaf-1 swp1 (the plan has node2 eth0 there)\nwrong port: node2 eth0: leaf-1 swp9 <-> leaf-1 swp2\n",
		},
		"in the port beside": {
			[]string{"node1|eth1 -- leaf-1|swp1"},
			[]*adder{down},
			"wrong port: node1 eth1: ? <-> leaf-1 swp1 (its cable is plugged into node1 eth0; eth1 has no carrier: no cable, or the other end is down)\n",
		},
		"missing":      {[]string{"node1|eth0 -- leaf-1|swp1", "node1|eth1 -- leaf-1|swp2"}, []*adder{down}, "missing: node1 eth1: ? <-> leaf-1 swp2 (eth1 has no carrier: no cable, or the other end is down)\n"},
		"no interface": {[]string{"node1|eth0 -- leaf-1|swp1", "node1|eth9 -- leaf-1|swp2"}, []*adder{down}, "missing: node1 eth9: ? <-> leaf-1 swp2 (the node has no such interface; did the plan mean eth0?)\n"},
		"unknown interface": {
			[]string{"node4|ens3f0 -- leaf-1|swp4"},
			[]*adder{published},
			"unsure: node4 ens3f0: ? <-> leaf-1 swp4 (node4 has no ens3f0 that is known, and ens3f0np0 is plugged in there: write ens3f0np0 if that is meant)\n",
		},
		"bond":       {[]string{"node1|eth0 -- leaf-1|swp1", "node1|bond0 -- leaf-1|swp2"}, []*adder{down}, "unsure: node1 bond0: ? <-> leaf-1 swp2 (bond0 is a bond: write the ports that belong to it)\n"},
		"port down":  {[]string{"node1|eth0 -- leaf-1|swp1", "node1|eth2 -- leaf-1|swp2"}, []*adder{down}, "not heard: node1 eth2: ? <-> leaf-1 swp2 (eth2 is administratively down)\n"},
		"silence":    {[]string{"node1|eth0 -- leaf-1|swp1", "node1|eth3 -- leaf-1|swp2"}, []*adder{down}, "not heard: node1 eth3: ? <-> leaf-1 swp2 (nothing has been heard on eth3 in the 60 min since Colvin began to listen; check that LLDP is enabled on the switch port)\n"},
		"no agent":   {[]string{"node2|eth0 -- leaf-1|swp2"}, []*adder{unknown}, "not heard: node2 eth0: ? <-> leaf-1 swp2 (the node publishes nothing: no agent runs there)\n"},
		"old news":   {[]string{"node3|eth0 -- leaf-1|swp3"}, []*adder{old}, "unsure: node3 eth0: leaf-1 swp3 <-> leaf-1 swp3 (the node is NotReady; until then it was as planned)\n"},
		"old wrongs": {[]string{"node3|eth0 -- leaf-2|swp3"}, []*adder{old}, "unsure: node3 eth0: leaf-1 swp3 <-> leaf-2 swp3 (the node is NotReady)\n"},
		"what does not count": {
			[]string{"node5|eth0 -- leaf-1|swp5", "node5|eth1 -- leaf-1|swp9", "node5|eth2 -- leaf-1|swp7", "node5|eth3 -- leaf-1|swp8"},
			[]*adder{stale},
			"unsure: node5 eth0: leaf-1 swp5 <-> leaf-1 swp5 (the switch is not heard any more; until then it was as planned)\n" +
				"unsure: node5 eth1: leaf-1 swp6 <-> leaf-1 swp9 (speakers contradict each other on this port)\n" +
				"unsure: node5 eth2: leaf-9 swp7 <-> leaf-1 swp7 (the switch said goodbye, and is not heard since)\n",
		},
		"extra":       {[]string{"node1|eth0 -- leaf-1|swp1"}, []*adder{node("node1").on("eth0=leaf-1/swp1", "eth1=leaf-1/swp2")}, "extra: node1 eth1: leaf-1 swp2 <-> ?\n"},
		"not planned": {[]string{"node1|eth0 -- leaf-1|swp1"}, []*adder{node("node1").on("eth0=leaf-1/swp1", "eth1=mgmt/swp2")}, "not planned: node1 eth1: mgmt swp2 <-> ?\n"},
		"hub": {
			[]string{"node1|eth0 -- leaf-1|swp1"},
			[]*adder{node("node1").on("eth0=leaf-1/swp1"), node("node2").on("eth0=leaf-1/swp1")},
			"not planned: node2 eth0: leaf-1 swp1 <-> ? (node1 eth0 hears the same port: something between them passes LLDP on, or copies it)\n",
		},
		"between switches": {[]string{"node1|eth0 -- leaf-1|swp1", "spine-1|swp1 -- leaf-1|swp51"}, []*adder{node("node1").on("eth0=leaf-1/swp1")}, "elsewhere: spine-1 swp1: ? <-> leaf-1 swp51\n"},
		"contradiction": {
			[]string{"node1|eth1 -- node2|eth1"},
			[]*adder{node("node1").on("eth1=node2/eth1"), node("node2").on("eth1=leaf-1/swp1")},
			"unsure: node1 eth1: node2 eth1 <-> node2 eth1 (the nodes contradict each other: on one end it is as planned, on the other wrong switch)\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, told(check(t, plan(tt.plan...), heard(tt.heard...)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestNodesOfPlan tells a node that is not there from a switch that is not.
func TestNodesOfPlan(t *testing.T) {
	p := plan("node1|eth0 -- leaf-1|swp1", "node9|eth0 -- leaf-1|swp9")
	p.Cables[1].NodeA = true
	r := check(t, p, heard(node("node1").on("eth0=leaf-1/swp1")))
	if got, want := told(r), "no node: node9 eth0: ? <-> leaf-1 swp9 (no node of the cluster bears this name)\n"; got != want {
		t.Errorf("got %s", got)
	}
	if r.Wrong(false) != 0 || r.Wrong(true) != 1 {
		t.Errorf("%d are wrong, %d for who is strict", r.Wrong(false), r.Wrong(true))
	}
	if diff := cmp.Diff([]string{"neither a node nor heard by one, under these names: node9"}, r.Notes); diff != "" {
		t.Error(diff)
	}
}

// TestFuture holds that what is planned for later, or is to go, is no mistake either way.
func TestFuture(t *testing.T) {
	p := plan("node1|eth0 -- leaf-1|swp1", "node1|eth1 -- leaf-1|swp2", "node1|eth1 -- leaf-2|swp2", "node2|eth0 -- leaf-1|swp3")
	for i := range p.Cables[1:] {
		p.Cables[i+1].Future = true
	}
	got := told(check(t, p, heard(node("node1").on("eth0=leaf-1/swp1", "eth1=leaf-1/swp2"), node("node2").on("eth0=leaf-1/swp9", "eth7=leaf-1/swp3"))))
	want := "extra: node2 eth0: leaf-1 swp9 <-> ?\nfuture: node1 eth1: leaf-1 swp2 <-> leaf-2 swp2\nfuture: node2 eth0: leaf-1 swp9 <-> leaf-1 swp3\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestTwice refuses a plan that says two things of one port, by two of its names.
func TestTwice(t *testing.T) {
	n := node("node1.example.net").on("eth0=leaf-1/swp1")
	n.Snapshot.Interfaces[0].AltNames = []string{"enp65s0f0"}
	_, err := cabling.Check(plan("node1|eth0 -- leaf-1|swp1", "node1.example.net|enp65s0f0 -- leaf-2|swp1"), heard(n))
	want := "plan:2:1: node1.example.net enp65s0f0 is interface eth0 of node node1.example.net, and so is what plan:1:1 says; leave one of them"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	two := heard(node("node1").on("eth0=leaf-1/Ethernet1/1"), node("node2").on("eth0=leaf-1/Ethernet1/2"))
	for second, want := range map[string]string{
		"node2|eth0 -- LEAF-1|Ethernet1/01": "plan:2:1: LEAF-1 Ethernet1/01 is the port that plan:1:1 calls leaf-1 Eth1/1; leave one of them",
		"leaf-1|e1/1 -- node2|eth0":         "plan:2:1: leaf-1 e1/1 is the port that plan:1:1 calls leaf-1 Eth1/1; leave one of them",
		"node2|eth0 -- leaf-1|Gi1/1":        "", // which may be another
		"node2|eth0 -- leaf-2|Ethernet1/1":  "",
		"spine|p1 -- leaf-1|Ethernet1/1":    "", // nobody looks at it
	} {
		got := ""
		if _, err := cabling.Check(plan("node1|eth0 -- leaf-1|Eth1/1", second), two); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got  %s\nwant %s", second, got, want)
		}
	}
}

// TestDevices holds how devices are called.
func TestDevices(t *testing.T) {
	cdp := discovery.Neighbor{Protocol: discovery.ProtocolCDP, MSAP: discovery.MSAP{Chassis: "cdp:leaf-1.example.net(FDO2210)", Port: "ifname:Ethernet1/7"}}
	address := leaf("leaf-1", "Ethernet1/7")
	address.ManagementAddresses = []string{"192.0.2.1", "2001:db8::1"}
	long := leaf("leaf-1.dc1.example.net", "Ethernet1/7")
	for _, tt := range []struct {
		plan string
		says discovery.Neighbor
		want cabling.Verdict
	}{
		{"leaf-1", long, cabling.OK},
		{"LEAF-1.", long, cabling.OK},
		{"Leaf-1.DC1", long, cabling.OK},
		{"leaf-1.dc1.example.net", leaf("leaf-1", "Ethernet1/7"), cabling.OK},
		{"leaf-1.dc2.example.net", long, cabling.WrongSwitch},
		{"leaf-10", long, cabling.WrongSwitch},
		{"leaf", long, cabling.WrongSwitch},
		{"leaf-1", cdp, cabling.OK},
		{"leaf-1.example.net(FDO2210)", cdp, cabling.OK},
		{"leaf-2", cdp, cabling.WrongSwitch},
		{"192.0.2.1", address, cabling.OK},
		{"2001:DB8:0::1", address, cabling.OK},
		{"192.0.2.2", address, cabling.Unsure}, // it may have more addresses than it tells
		{"192", leaf("192.0.2.1", "Ethernet1/7"), cabling.WrongSwitch},
		{"192.0.2.1", leaf("192.0.2.1", "Ethernet1/7"), cabling.OK},
		{"mac:00:00:5e:00:53:99", bare("mac:00:00:5e:00:53:99", "ifname:Ethernet1/7", ""), cabling.OK},
		{"0000.5e00.5399", bare("mac:00:00:5e:00:53:99", "ifname:Ethernet1/7", ""), cabling.OK},
		{"00-00-5E-00-53-99", bare("mac:00:00:5e:00:53:99", "ifname:Ethernet1/7", ""), cabling.OK},
		{"mac:00:00:5e:00:53:98", bare("mac:00:00:5e:00:53:99", "ifname:Ethernet1/7", ""), cabling.WrongSwitch},
		{"mac:00:00:5e:00:53:98", cdp, cabling.Unsure}, // CDP has no such ID
		{"leaf-1", bare("mac:00:00:5e:00:53:99", "ifname:Ethernet1/7", ""), cabling.Unsure},
		{"leaf-1", bare("local:leaf-1", "ifname:Ethernet1/7", ""), cabling.OK},
	} {
		n := node("node1")
		n.port("eth0", belief.Held, tt.says)
		if r := check(t, plan("node1|eth0 -- "+tt.plan+"|Ethernet1/7"), heard(n)); r.Findings[0].Verdict != tt.want {
			t.Errorf("the plan says %s, the wire %s %s: %s, want %s", tt.plan, tt.says.SystemName, tt.says.Chassis, r.Findings[0].Verdict, tt.want)
		}
	}
}

// TestNodeNames holds how nodes are called: with and without a domain, and never by a name that
// two may have.
func TestNodeNames(t *testing.T) {
	one, other := node("n01.rack0.example.net").on("eth0=leaf-1/swp1"), node("n01.rack1.example.net").on("eth0=leaf-2/swp1")
	for name, want := range map[string]string{
		"n01.rack0|ETH0":             "",
		"N01.Rack0.Example.Net|eth0": "",
		"n01|eth0":                   "unsure: n01 eth0: ? <-> leaf-1 swp1 (the name may be that of node n01.rack0.example.net or n01.rack1.example.net: write it whole)\n",
		"n01.rack2.example.net|eth0": "elsewhere: n01.rack2.example.net eth0: ? <-> leaf-1 swp1\n",
	} {
		got := told(check(t, plan(name+" -- leaf-1|swp1", "n01.rack1|eth0 -- leaf-2|swp1"), heard(one, other)))
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// TestPorts holds how ports are called, and that what cannot be compared is not called wrong.
func TestPorts(t *testing.T) {
	host := bare("mac:00:00:5e:00:53:99", "mac:00:00:5e:00:53:98", "eth1")
	host.Capabilities.Available = discovery.CapabilityStation
	id := func(id string) discovery.Neighbor { return bare("mac:00:00:5e:00:53:99", id, "") }
	both := func(id, description string) discovery.Neighbor {
		return bare("mac:00:00:5e:00:53:99", id, description)
	}
	for _, tt := range []struct {
		plan string
		says discovery.Neighbor
		want cabling.Verdict
	}{
		// One port, written in several ways.
		{"Gi1/0/1", id("ifname:GigabitEthernet1/0/1"), cabling.OK},
		{"GigabitEthernet 1/0/1", id("ifname:Gi1/0/1"), cabling.OK},
		{"gig1/0/01", id("ifname:Gi1/0/1"), cabling.OK},
		{"Eth1/1", id("ifname:Ethernet1/1"), cabling.OK},
		{"et1", id("ifname:Ethernet1"), cabling.OK},
		{"Te0/1", id("ifname:TenGigabitEthernet 0/1"), cabling.OK},
		{"Twe1/0/3", id("ifname:TwentyFiveGigE1/0/3"), cabling.OK},
		{"Hu0/0/0/1", id("ifname:HundredGigE0/0/0/1"), cabling.OK},
		{"XGE1/0/4", id("ifname:Ten-GigabitEthernet1/0/4"), cabling.OK},
		{"100GE1/0/2", id("ifname:100GE1/0/2"), cabling.OK},
		{"ge-0/0/5", id("ifname:xe-0/0/5"), cabling.OK}, // the same socket with another plug
		{"swp01", id("ifname:swp1"), cabling.OK},
		{"SWP1s0", id("ifname:swp1s0"), cabling.OK},
		{"1/0/7", id("ifname:GigabitEthernet1/0/7"), cabling.OK},
		{"Ethernet8", both("local:etp3", "Ethernet8"), cabling.OK},
		{"etp3", both("local:etp3", "Ethernet8"), cabling.OK},
		{"ge-0/0/5", both("local:527", "ge-0/0/5"), cabling.OK},
		{"527", both("local:527", "ge-0/0/5"), cabling.OK},
		{"52", both("local:52", "Port 52"), cabling.OK},
		{"52", both("local:52", "node 3"), cabling.OK}, // which is at the other end
		{"swp7", both("mac:00:00:5e:00:53:77", "swp7"), cabling.OK},
		{"0000.5e00.5377", both("mac:00:00:5e:00:53:77", "swp7"), cabling.OK},
		{"mac:00:00:5E:00:53:77", both("mac:00:00:5e:00:53:77", "swp7"), cabling.OK},
		{"Ethernet1/7", both("ifalias:to node1", "Ethernet1/7"), cabling.OK},
		{"to node1", both("ifalias:to node1", ""), cabling.OK},
		{"ifalias:to node1", both("ifalias:to node1", ""), cabling.OK},
		// Another port.
		{"Gi1/0/1", id("ifname:GigabitEthernet1/0/2"), cabling.WrongPort},
		{"Gi1/0/1", id("ifname:Te1/0/2"), cabling.WrongPort},
		{"Eth1/1", id("ifname:Ethernet1/11"), cabling.WrongPort},
		{"swp1s0", id("ifname:swp1s1"), cabling.WrongPort},
		{"1/0/7", id("ifname:GigabitEthernet1/0/8"), cabling.WrongPort},
		{"xe-0/0/5", id("ifname:ge-0/0/6"), cabling.WrongPort},
		{"ge-0/0/5", both("local:527", "ge-0/0/6"), cabling.WrongPort},
		{"etp3", both("local:etp4", "Ethernet12"), cabling.WrongPort},
		{"mac:00:00:5e:00:53:78", both("mac:00:00:5e:00:53:77", "swp7"), cabling.WrongPort},
		{"eth2", host, cabling.WrongPort},
		{"Gi1/0/1", both("ifname:Gi1/0/2", "node1"), cabling.WrongPort},
		// Who knows?
		{"Gi1/0/1", id("ifname:Te1/0/1"), cabling.Unsure},               // another speed, or another socket
		{"swp1", id("ifname:swp1s0"), cabling.Unsure},                   // it was split
		{"Ethernet1", id("ifname:Ethernet1/1"), cabling.Unsure},         // likewise
		{"Gi0/1", id("ifname:Gi1/0/1"), cabling.Unsure},                 // a stack
		{"3", id("ifname:swp3"), cabling.Unsure},                        // or the third
		{"3", id("ifname:Ethernet8"), cabling.Unsure},                   // which is the third, on SONiC
		{"swp3", id("ifname:Ethernet8"), cabling.Unsure},                // another system
		{"Po1", id("ifname:Ethernet1/1"), cabling.Unsure},               // the bundle that it is in
		{"swp7", id("mac:00:00:5e:00:53:77"), cabling.Unsure},           // it says no name
		{"ge-0/0/5", id("local:527"), cabling.Unsure},                   // nor here
		{"12", both("local:527", "ge-0/0/5"), cabling.Unsure},           // an ifIndex is no number of a port
		{"52", both("local:52", "Port 3"), cabling.Unsure},              // an ifIndex, or the port
		{"52", both("local:52", "3"), cabling.Unsure},                   // likewise
		{"uplink", both("ifalias:to node1", ""), cabling.Unsure},        // nor does it here
		{"swp3", both("ifname:swp5", "swp3"), cabling.Unsure},           // it contradicts itself
		{"Eth3", both("mac:00:00:5e:00:53:77", "eth1"), cabling.Unsure}, // which may be what is at the other end
		{"Fi1/0/1", id("ifname:FiftyGigE1/0/2"), cabling.Unsure},        // or five gigabit
	} {
		n := node("node1")
		n.port("eth0", belief.Held, tt.says)
		if r := check(t, plan("node1|eth0 -- mac:00:00:5e:00:53:99|"+tt.plan), heard(n)); r.Findings[0].Verdict != tt.want {
			t.Errorf("the plan says %s, the wire %s (%s): %s, want %s", tt.plan, tt.says.Port, tt.says.PortDescription, r.Findings[0].Verdict, tt.want)
		}
	}
	p := plan("node1|eth0 -- mac:00:00:5e:00:53:99|swp3")
	p.Cables[0].ByDescription = true
	for description, want := range map[string]cabling.Verdict{"swp3": cabling.OK, "swp4": cabling.WrongPort, "to node1": cabling.Unsure, "": cabling.Unsure} {
		n := node("node1")
		n.port("eth0", belief.Held, both("ifname:swp3", description))
		if r := check(t, p, heard(n)); r.Findings[0].Verdict != want {
			t.Errorf("by the description %q: %s, want %s", description, r.Findings[0].Verdict, want)
		}
	}
}

// TestTwoProtocols holds that what a switch says in LLDP and in CDP are names of one port, and
// of one switch.
func TestTwoProtocols(t *testing.T) {
	lldp := named(bare("mac:00:00:5e:00:53:99", "mac:00:00:5e:00:53:77", ""), "leaf-1")
	cdp := lldp
	cdp.Protocol, cdp.SystemName, cdp.MSAP = discovery.ProtocolCDP, "", discovery.MSAP{Chassis: "cdp:leaf-1.example.net", Port: "ifname:GigabitEthernet1/0/7"}
	n := node("node1")
	n.port("eth0", belief.Held, lldp, cdp)
	for port, want := range map[string]cabling.Verdict{"Gi1/0/7": cabling.OK, "Gi1/0/8": cabling.WrongPort} {
		if r := check(t, plan("node1|eth0 -- leaf-1|"+port), heard(n)); r.Findings[0].Verdict != want {
			t.Errorf("%s: %s, want %s", port, r.Findings[0].Verdict, want)
		}
	}
}

// TestTwins holds that a name that two switches have proves nothing, and that one switch with
// two chassis IDs is one.
func TestTwins(t *testing.T) {
	one, two := named(bare("mac:00:00:5e:00:53:01", "ifname:swp1", ""), "switch"), named(bare("mac:00:00:5e:00:53:02", "ifname:swp2", ""), "switch")
	twins := func(known mapping.Switches) *cabling.Heard {
		n := node("node1")
		n.port("eth0", belief.Held, one)
		n.port("eth1", belief.Held, two)
		n.Memory.Switches = known
		return heard(n)
	}
	p := plan("node1|eth0 -- switch|swp1", "node1|eth1 -- switch|swp3")
	want := "wrong port: node1 eth1: switch swp2 <-> switch swp3\n" +
		"unsure: node1 eth0: switch swp1 <-> switch swp1 (2 switches call themselves so (mac:00:00:5e:00:53:01, mac:00:00:5e:00:53:02): write the chassis ID of the one that is meant)\n"
	if diff := cmp.Diff(want, told(check(t, p, twins(nil)))); diff != "" {
		t.Error(diff)
	}
	same := mapping.Switches{{ID: "mac:00:00:5e:00:53:01", Name: "switch", Chassis: []discovery.ID{"mac:00:00:5e:00:53:01", "mac:00:00:5e:00:53:02"}}}
	if got, want := told(check(t, p, twins(same))), "wrong port: node1 eth1: switch swp2 <-> switch swp3\n"; got != want {
		t.Errorf("one switch: %s", got)
	}
	p = plan("node1|eth0 -- 00:00:5e:00:53:01|swp1", "node1|eth1 -- 00:00:5e:00:53:02|swp2")
	if got := told(check(t, p, twins(nil))); got != "" {
		t.Errorf("by chassis ID: %s", got)
	}
}

// TestBetweenNodes holds that a cable between two nodes is judged by the interfaces of both.
func TestBetweenNodes(t *testing.T) {
	speaks := func(system string, mac discovery.MAC) discovery.Neighbor {
		n := bare("mac:00:00:5e:00:53:99", "mac:"+mac.String(), "")
		n.SystemName, n.Capabilities.Available = system, discovery.CapabilityStation
		return n
	}
	two := node("node2")
	first, second := two.port("ens3f0", belief.Empty).MAC, two.port("ens3f1", belief.Empty).MAC
	for mac, want := range map[discovery.MAC]string{
		first:  "",
		second: fmt.Sprintf("wrong port: node1 eth0: node2 mac:%s <-> node2 ens3f0\n", second),
	} {
		one := node("node1")
		one.port("eth0", belief.Empty, speaks("node2", mac))
		if diff := cmp.Diff(want, told(check(t, plan("node2|ens3f0 -- node1|eth0"), heard(one, two)))); diff != "" {
			t.Error(diff)
		}
	}
	one := node("node1")
	other := speaks("node3", first)
	other.Source = discovery.MAC{2, 2, 2, 2, 2, 2}
	one.port("eth0", belief.Empty, speaks("node2", first), other)
	got := told(check(t, plan("node2|ens3f0 -- node1|eth0"), heard(one, two)))
	if want := "unsure: node1 eth0: node2 mac:" + first.String() + " <-> node2 ens3f0 (several speak on eth0, and no switch among them; until then it was as planned)\n"; got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}
