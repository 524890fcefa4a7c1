// SPDX-License-Identifier: Apache-2.0

package cards

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/topology"
	"github.com/colvin-net/colvin/mapping/topology/topologytest"
)

func of(t *topology.Topology, unfold bool) *Picture { return Of(t, HuesOf(t), unfold) }

// text is a picture as somebody could tell it.
func text(p *Picture) string {
	var b strings.Builder
	for i, n := range p.Nodes {
		fmt.Fprintf(&b, "%s (%s)\n", n.Title, n.Sub)
		for j, port := range n.Ports {
			fmt.Fprintf(&b, "  %s", port.Name)
			if port.Master != "" {
				fmt.Fprintf(&b, " in %s", port.Master)
			}
			for _, t := range port.Texts {
				fmt.Fprintf(&b, ", %s", t.Words)
			}
			fmt.Fprintf(&b, " [%s]: %s\n", port.Doubt, port.Far)
			for _, l := range p.Lines {
				if l.Node == i && l.NodePort == j {
					sw := p.Switches[l.Switch]
					fmt.Fprintf(&b, "    %d to %s %s\n", l.Count, sw.Title, sw.Ports[l.SwitchPort].Name)
				}
			}
		}
		for _, r := range n.Rest {
			fmt.Fprintf(&b, "  %s\n", r.Words)
		}
	}
	return b.String()
}

// TestFold holds that nodes share a card if they lead to the same, and only then.
func TestFold(t *testing.T) {
	b := topologytest.New()
	green, storage := topologytest.Untagged("green", 100), topologytest.Tagged("storage", 300)
	plain := func(name, ifname string, i int, rest ...topology.Port) {
		b.Node(name, append([]topology.Port{b.Port(ifname, "leaf-1", fmt.Sprintf("Eth1/%d", i), green), b.Port("eth1", "leaf-2", fmt.Sprintf("Eth1/%d", i), green, storage)}, rest...)...)
	}
	plain("node9", "eth0", 1)
	plain("node10", "eth0", 2, topologytest.Silent("eth2", mapping.NoCarrier))
	plain("node11", "ens1", 4) // another name for the port
	b.Node("swapped", b.Port("eth1", "leaf-2", "Eth1/9", green, storage), b.Port("eth0", "leaf-1", "Eth1/9", green))
	b.Node("stale", topologytest.Sure(nodefile.Stale, b.Port("eth0", "leaf-1", "Eth1/5", green)), b.Port("eth1", "leaf-2", "Eth1/5", green, storage))
	b.Node("once", b.Port("eth0", "leaf-1", "Eth1/6", green))
	b.Node("bonded", topologytest.In("bond0", b.Port("eth0", "leaf-1", "Eth1/7", green), b.Port("eth1", "leaf-2", "Eth1/7", green, storage))...)
	b.Node("pinned", topology.Port{Name: "eth0", Pinned: []topology.Network{topologytest.Pinned("green")}})
	b.Node("nowhere1")
	b.Node("nowhere2", topologytest.Silent("eth0", mapping.NothingHeard))
	want := `4 nodes (node[9-11], swapped)
  ens1, eth0, green []: leaf-1, 4 ports
    4 to leaf-1 Eth1/1-2,4,9
  eth1, green, storage · tagged 300 []: leaf-2, 4 ports
    4 to leaf-2 Eth1/1-2,4,9
  no carrier: 1 port
stale ()
  eth0, green [stale]: leaf-1 Eth1/5
    1 to leaf-1 Eth1/5
  eth1, green, storage · tagged 300 []: leaf-2 Eth1/5
    1 to leaf-2 Eth1/5
once ()
  eth0, green []: leaf-1 Eth1/6
    1 to leaf-1 Eth1/6
bonded ()
  eth0 in bond0, green []: leaf-1 Eth1/7
    1 to leaf-1 Eth1/7
  eth1 in bond0, green, storage · tagged 300 []: leaf-2 Eth1/7
    1 to leaf-2 Eth1/7
pinned ()
  eth0, green [pinned]: no switch speaks
2 nodes (nowhere[1-2])
  nothing heard: 1 port
`
	if diff := cmp.Diff(want, text(of(b.Topology(), false))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(of(b.Topology(), true).Nodes); n != 10 {
		t.Errorf("%d cards, want one for each of 10 nodes", n)
	}
}

// TestNothingIsLost holds that each node and each cable is in the picture once, folded or not.
func TestNothingIsLost(t *testing.T) {
	all := []*topology.Topology{topologytest.New().Topology(), topologytest.Rack(), topologytest.Of60.Topology(), topologytest.Of400.Topology()}
	for seed := range uint64(40) {
		all = append(all, topologytest.Random(seed, int(seed*3), int(seed%7)))
	}
	for i, top := range all {
		cables := 0
		for _, n := range top.Nodes {
			for _, p := range n.Ports {
				cables += len(p.Links)
			}
		}
		for _, unfold := range []bool{false, true} {
			p := of(top, unfold)
			nodes, lines := 0, 0
			for _, c := range p.Nodes {
				nodes += c.Count
			}
			for _, l := range p.Lines {
				lines += l.Count
			}
			if nodes != len(top.Nodes) || lines != cables || unfold && len(p.Nodes) != len(top.Nodes) {
				t.Errorf("topology %d, unfold %t: %d of %d nodes on %d cards, %d of %d cables", i, unfold, nodes, len(top.Nodes), len(p.Nodes), lines, cables)
			}
		}
	}
}

// TestDoubtShows holds that no line looks sure that is not, folded or not.
func TestDoubtShows(t *testing.T) {
	for seed := range uint64(20) {
		for _, top := range []*topology.Topology{topologytest.Random(seed, 30, 4), topologytest.Of60.Topology()} {
			unsure := 0
			for _, n := range top.Nodes {
				for _, p := range n.Ports {
					for _, l := range p.Links {
						if slices.ContainsFunc(l.Networks, func(n topology.Network) bool { return n.Certainty != nodefile.Fresh }) {
							unsure++
						}
					}
				}
			}
			got := 0
			for _, l := range of(top, false).Lines {
				if l.Look.Style != Solid {
					got += l.Count
				}
			}
			if got != unsure {
				t.Errorf("seed %d: %d lines are broken, want %d", seed, got, unsure)
			}
		}
	}
}

func TestRanges(t *testing.T) {
	for want, names := range map[string][]string{
		"":                               nil,
		"eth0":                           {"eth0", "eth0"},
		"eth0-1":                         {"eth1", "eth0"},
		"Ethernet1/1-3,7,47-48":          {"Ethernet1/1", "Ethernet1/2", "Ethernet1/3", "Ethernet1/7", "Ethernet1/47", "Ethernet1/48"},
		"Ethernet[30-33]/1":              {"Ethernet30/1", "Ethernet31/1", "Ethernet32/1", "Ethernet33/1"},
		"n[08-10].rack1.example.net":     {"n08.rack1.example.net", "n09.rack1.example.net", "n10.rack1.example.net"},
		"n[08,9-10]x":                    {"n08x", "n9x", "n10x"},
		"[1-3]":                          {"1", "2", "3"},
		"a, b, c, and 2 more":            {"a", "b", "c", "d", "e"},
		"r1n1-2, r2n1-2":                 {"r1n1", "r1n2", "r2n1", "r2n2"},
		"x1,99999999999999999999999999":  {"x99999999999999999999999999", "x1"},
		"00:00:5e:00:53:77":              {"00:00:5e:00:53:77"},
		"eth, eth1":                      {"eth", "eth1"},
		"e1, eth-2":                      {"e1", "eth-2"},
		"sw-a, sw-b":                     {"sw-b", "sw-a"},
		"GigabitEthernet1/0/1-2, Te1/1/": {"GigabitEthernet1/0/1", "GigabitEthernet1/0/2", "Te1/1/"},
	} {
		if got := ranges(names); got != want {
			t.Errorf("%q: got %q, want %q", names, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	names := []string{"leaf-1.example.net", "leaf-2.a.example", "leaf-2.b.example", "192.0.2.1", ".hidden", "", "mac:00"}
	want := []string{"leaf-1", "leaf-2.a.example", "leaf-2.b.example", "192.0.2.1", ".hidden", "", "mac:00"}
	if diff := cmp.Diff(want, short(names)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestHues holds that networks are told apart as far as there are colours, and that one that is
// called after a colour, or has one, is drawn in it.
func TestHues(t *testing.T) {
	b := topologytest.New()
	var networks []topology.Network
	for i := range 5 {
		networks = append(networks, topologytest.Tagged(fmt.Sprintf("net%d", i), uint16(i+1)))
	}
	own := topologytest.Tagged("teal-heron", 20)
	own.Colour = "teal-heron"
	b.Node("n", b.Port("e", "s", "p", append(networks, topologytest.Untagged("green", 1), own)...))
	h := HuesOf(b.Topology())
	seen := map[string]string{}
	for name, hex := range h {
		if other, twice := seen[hex]; twice {
			t.Errorf("%s and %s are both %s", name, other, hex)
		}
		seen[hex] = name
	}
	if h["green"] != "#6c8d65" || h["teal-heron"] != "#266f60" {
		t.Errorf("green is %s, teal-heron %s", h["green"], h["teal-heron"])
	}
}
