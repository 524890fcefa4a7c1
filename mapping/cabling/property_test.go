// SPDX-License-Identifier: Apache-2.0

package cabling_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/cabling"
	"github.com/colvin-net/colvin/mapping/cabling/planfile"
)

// systems are what switches call themselves: some share a name, some have none, and some say
// what is meant for whoever reads it.
var systems = []string{
	"leaf-1", "leaf-1.example.net", "LEAF-1.example.org", "leaf-2", "", "", "switch", "switch", "node1", "node2.example.net", "192.0.2.1", "=cmd", "a\"b\\", "\u202eevil", "x y", "#", "null", "{", "leaf\\", " pad ",
	"mac:00:00:5e:00:53:01", "local:x", "tor-7",
}

// ports are what they call a port, with its number.
var ports = []struct{ id, description string }{
	{"ifname:Ethernet1/%d", ""},
	{"ifname:swp%d", "to node1"},
	{"ifname:Gi1/0/%d", "Gi1/0/1"},
	{"local:%d", "ge-0/0/%d"},
	{"local:etp%d", "Ethernet%d"},
	{"mac:00:00:5e:00:54:%02x", "swp%d"},
	{"mac:00:00:5e:00:54:%02x", ""},
	{"ifalias:=port %d", "uplink"},
	{"circuit:\\x00%d", "\x1b"},
	{"ifname:%d", "%d"},
	{"ifname:\\x22%d\"", ""},
}

// A world is made by chance: switches, and nodes whose ports lead to them or to each other.
type world struct {
	*rand.Rand
	nodes []*adder
	used  int
}

// speaker is a switch, at one of its ports that nobody uses yet.
func (w *world) speaker() discovery.Neighbor {
	i := w.IntN(len(systems))
	p := ports[i%len(ports)] // a switch names all its ports alike
	w.used++
	format := func(s string) string {
		if s == "" || !slices.Contains([]byte(s), '%') {
			return s
		}
		return fmt.Sprintf(s, w.used)
	}
	n := bare(fmt.Sprintf("mac:00:00:5e:00:53:%02x", i), format(p.id), format(p.description))
	n.SystemName = systems[i]
	if w.IntN(4) == 0 {
		n.Protocol, n.Chassis = discovery.ProtocolCDP, discovery.ID(fmt.Sprintf("cdp:%s(%d)", "sw", i))
	}
	return n
}

func newWorld(seed uint64, nodes int) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // a test that can be repeated
	for i := range nodes {
		name := fmt.Sprintf("node%d", i+1)
		if w.IntN(3) == 0 {
			name += ".example.net"
		}
		n := node(name)
		for k := range 1 + w.IntN(4) {
			ifname := fmt.Sprintf([]string{"eth%d", "ens%df0np0", "mac:%d", "=e%d", "p\"%d"}[w.IntN(5)], k)
			state := []belief.State{belief.Held, belief.Held, belief.Held, belief.Late, belief.Disputed, belief.Empty}[w.IntN(6)]
			if state == belief.Empty {
				n.port(ifname, state).Carrier = w.IntN(2) == 0
				continue
			}
			n.port(ifname, state, w.speaker())
		}
		w.nodes = append(w.nodes, n)
	}
	w.between()
	return w
}

// between joins ports of nodes that lead nowhere with each other.
func (w *world) between() {
	type end struct {
		node *adder
		port int
	}
	var free []end
	for _, n := range w.nodes {
		for i := range n.Snapshot.Ports {
			if len(n.Snapshot.Ports[i].Neighbors) == 0 && n.Snapshot.Interfaces[i].Carrier {
				free = append(free, end{n, i})
			}
		}
	}
	for ; len(free) > 1; free = free[2:] {
		for _, pair := range [][2]end{{free[0], free[1]}, {free[1], free[0]}} {
			at, far := &pair[0].node.Snapshot.Ports[pair[0].port], pair[1]
			id := "ifname:" + far.node.Snapshot.Ports[far.port].Name
			if w.IntN(2) == 0 {
				id = "mac:" + far.node.Snapshot.Interfaces[far.port].MAC.String()
			}
			says := bare(fmt.Sprintf("mac:%s", far.node.Snapshot.Interfaces[0].MAC), id, "")
			says.SystemName, says.Capabilities.Available = far.node.Node, discovery.CapabilityStation
			at.Neighbors = []discovery.Neighbor{says}
		}
	}
}

// TestSavedIsClean holds that what is saved is found as it is, in each format, whatever anybody
// calls himself: nothing is wrong, and all that was saved is right.
func TestSavedIsClean(t *testing.T) {
	saved := 0
	for seed := range uint64(400) {
		w := newWorld(seed, 6)
		h := heard(w.nodes...)
		plan := cabling.Today(h)
		if saved += len(plan.Cables); len(plan.Cables) == 0 {
			continue
		}
		for _, format := range planfile.Formats {
			read, err := planfile.Read("plan", planfile.Write(plan, format), planfile.Options{Format: format})
			if err != nil {
				t.Fatalf("seed %d, %s: %v\n%s", seed, format, err, planfile.Write(plan, format))
			}
			r, err := cabling.Check(read, h)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, format, err)
			}
			if r.Wrong(true) != 0 || r.Totals[cabling.OK] != len(plan.Cables) {
				t.Fatalf("seed %d, %s: %d of %d cables are right:\n%s\n%s", seed, format, r.Totals[cabling.OK], len(plan.Cables), told(r), planfile.Write(plan, format))
			}
		}
	}
	if saved < 2000 {
		t.Errorf("only %d cables were saved", saved)
	}
}

// TestSavedCase holds that names which differ in case only are saved so that they can be read.
func TestSavedCase(t *testing.T) {
	h := heard(node("node1").on("Eth0=leaf-1/swp1", "eth0=leaf-1/swp2", "eth1=leaf-1/SWP01"))
	p := cabling.Today(h)
	var got []string
	for i := range p.Cables {
		got = append(got, fmt.Sprintf("%s -- %s", p.Cables[i].A, p.Cables[i].B))
	}
	want := []string{
		"node1 mac:02:00:00:05:31:02 -- leaf-1 swp1", "node1 mac:02:00:00:05:31:03 -- leaf-1 swp2",
		"node1 eth1: leaf-1 SWP01 is heard on node1 mac:02:00:00:05:31:02, too",
	}
	if diff := cmp.Diff(want, append(got, p.Notes...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, format := range planfile.Formats {
		read, err := planfile.Read("plan", planfile.Write(p, format), planfile.Options{Format: format})
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if r := check(t, read, h); r.Totals[cabling.OK] != 2 {
			t.Errorf("%s: %s", format, told(r))
		}
	}
}

// TestExchangedIsOne holds that two cables that are exchanged are one finding, wherever they are.
func TestExchangedIsOne(t *testing.T) {
	tried := 0
	for seed := range uint64(400) {
		w := newWorld(seed, 12)
		plan := cabling.Today(heard(w.nodes...))
		var sure []*discovery.Port
		var holders []*belief.Port
		for _, n := range w.nodes {
			for i := range n.Memory.Ports {
				b := &n.Memory.Ports[i]
				name := n.Snapshot.Ports[i].Name
				if b.State == belief.Held && (b.Holder.SystemName == "leaf-2" || b.Holder.SystemName == "tor-7") && b.Holder.Protocol == discovery.ProtocolLLDP && slices.ContainsFunc(plan.Cables, func(c cabling.Cable) bool {
					return c.A == cabling.End{Device: n.Node, Port: name}
				}) {
					sure, holders = append(sure, &n.Snapshot.Ports[i]), append(holders, b)
				}
			}
		}
		if len(sure) < 2 {
			continue
		}
		tried++
		sure[0].Neighbors, sure[1].Neighbors = sure[1].Neighbors, sure[0].Neighbors
		holders[0].Holder, holders[1].Holder = holders[1].Holder, holders[0].Holder
		r, err := cabling.Check(plan, heard(w.nodes...))
		if err != nil {
			t.Fatal(err)
		}
		if r.Wrong(true) != 1 || r.Totals[cabling.Swapped] != 2 || r.Totals[cabling.OK] != len(plan.Cables)-2 {
			t.Fatalf("seed %d: %s", seed, told(r))
		}
	}
	if tried < 30 {
		t.Errorf("only %d were tried", tried)
	}
}
