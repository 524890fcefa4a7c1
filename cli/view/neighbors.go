// SPDX-License-Identifier: Apache-2.0

package view

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/paste"
)

// neighborRow is a neighbour with the interface that it was heard on.
type neighborRow struct {
	Node      string `json:"node,omitempty"`
	Interface string `json:"interface"`
	// SentOn is the interface on which this node sent it itself.
	SentOn string `json:"sentOn,omitempty"`
	discovery.Neighbor

	certainty string // of who holds the port, by what a node publishes
}

// A publishedNeighbor is a neighborRow without what a node does not publish.
type publishedNeighbor struct {
	neighborRow
	Certainty   string `json:"certainty,omitempty"` // of who holds the port
	Destination any    `json:"destination,omitempty"`
	TTL         any    `json:"ttl,omitempty"`
	FirstHeard  any    `json:"firstHeard,omitempty"`
	LastHeard   any    `json:"lastHeard,omitempty"`
}

// Neighbors shows the neighbours and routers that nodes hear, on one interface where it is
// not empty.
func (o *Out) Neighbors(nodes []Node, ifname string) error {
	rows, routers := []neighborRow{}, []routerRow{}
	published := false
	for i := range nodes {
		n := &nodes[i]
		published = published || n.Published
		rows, routers = append(rows, o.neighborRows(n, ifname)...), append(routers, o.routerRows(n, ifname)...)
	}
	if o.Format == JSON {
		return o.JSON(neighborList(rows, routers, published))
	}
	return errors.Join(o.neighborText(rows, ifname, published), o.routers(routers))
}

func (o *Out) neighborText(rows []neighborRow, ifname string, published bool) error {
	switch {
	case len(rows) == 0 && ifname != "":
		return o.Print("No neighbour is heard on %s; \"%s\" says why.", ifname, o.paste(ifname, "explain"))
	case len(rows) == 0:
		return o.Print("No neighbour is heard; \"%s topology\" says why, for each port.", o.Command)
	case o.Format == Wide:
		return o.neighborDetails(rows, published)
	default:
		return o.neighborTable(rows, published)
	}
}

// paste is a command of this one about something, to be pasted.
func (o *Out) paste(operand, command string) string {
	return paste.Operand(operand, append(strings.Fields(o.Command), command)...)
}

// neighborList are neighbours and routers, which the protocol tells apart.
func neighborList(rows []neighborRow, routers []routerRow, published bool) []any {
	out := []any{}
	for _, r := range rows {
		if published {
			out = append(out, publishedNeighbor{neighborRow: r, Certainty: r.certainty})
		} else {
			out = append(out, r)
		}
	}
	for _, r := range routers {
		out = append(out, r)
	}
	return out
}

// PortNames are the interfaces on which a node listens.
func (n *Node) PortNames() []string {
	var names []string
	for i := range n.Snapshot.Ports {
		names = append(names, n.Snapshot.Ports[i].Name)
	}
	return names
}

func (o *Out) neighborRows(n *Node, ifname string) []neighborRow {
	var rows []neighborRow
	self := n.Snapshot.Self()
	for _, p := range n.Snapshot.Ports {
		if ifname != "" && p.Name != ifname {
			continue
		}
		heard := p.Neighbors
		b, held := n.Memory.Port(p.Index)
		if held = held && n.Published && b.Holder != nil; held && (len(heard) == 0 || heard[0].MSAP != b.Holder.MSAP) {
			heard = append([]discovery.Neighbor{b.Holder.Neighbor}, heard...) // who is not heard now
		}
		for i := range heard {
			row := neighborRow{Node: o.nodeField(n), Interface: p.Name, Neighbor: heard[i]}
			if from, own := self.Sender(&heard[i]); own {
				row.SentOn = from.Name
			}
			if held && i == 0 {
				row.certainty = n.certaintyOf(p.Index)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// certaintyOf is how sure it is where a port leads, by the first of its ways.
func (n *Node) certaintyOf(index int) string {
	for i := range n.View.Uplinks {
		at := &n.View.Uplinks[i]
		for _, m := range at.Members {
			if m.Port.Index == index {
				return string(m.Certainty)
			}
		}
		if at.Port.Index == index {
			return string(at.Certainty)
		}
	}
	return ""
}

func (o *Out) neighborTable(rows []neighborRow, published bool) error {
	header := o.header("INTERFACE", "PROTOCOL", "SYSTEM", "CHASSIS", "PORT", "PVID", "VLANS", "HEARD", "TTL")
	if published {
		header = append(header[:len(header)-2], "CERTAINTY")
	}
	var cells [][]string
	for _, n := range rows {
		row := o.row(n.Node,
			n.Interface, string(n.Protocol), o.system(&n), o.Cell(string(n.Chassis)), o.Cell(string(n.Port)), vid(n.PVID), o.List(vlans(n.VLANs)))
		if published {
			row = append(row, n.certainty)
		} else {
			row = append(row, o.Ago(n.LastHeard), fit.Age(n.Lifetime()))
		}
		cells = append(cells, row)
	}
	return o.Table(header, cells)
}

// system is the name of a system, or that it is no other than this one.
func (o *Out) system(n *neighborRow) string {
	if n.SentOn != "" {
		return strings.TrimSpace(o.Cell(n.SystemName) + " (this node, on " + n.SentOn + ")")
	}
	return o.Cell(n.SystemName)
}

func vid(v uint16) string {
	if v == 0 {
		return "not advertised"
	}
	return strconv.Itoa(int(v))
}

func vlans(vs []discovery.VLANName) []string {
	var out []string
	for _, v := range vs {
		out = append(out, fmt.Sprintf("%d(%s)", v.ID, v.Name))
	}
	return out
}

// neighborDetails shows everything that each neighbour says.
func (o *Out) neighborDetails(rows []neighborRow, published bool) error {
	for i := range rows {
		if i > 0 {
			if err := o.Print(""); err != nil {
				return err
			}
		}
		facts := o.neighborFacts(&rows[i])
		if published {
			facts = publishedFacts(&rows[i])
		}
		if err := o.Facts(facts); err != nil {
			return err
		}
	}
	return nil
}

// neighborFacts are what Colvin observed itself, and what the neighbour says.
func (o *Out) neighborFacts(n *neighborRow) []Fact {
	return append([]Fact{
		{"Interface", n.Interface},
		{"Protocol", fmt.Sprintf("%s, from %s to %s", strings.ToUpper(string(n.Protocol)), n.Source, n.Destination)},
		{"Tag", tag(n.Tag)},
		{"Heard", fmt.Sprintf("%s, first at %s; expected every %s", o.Ago(n.LastHeard), fit.Stamp(n.FirstHeard), fit.Span(n.Interval()))},
		{"Speaker", speaker(n)},
	}, SaidFacts(&n.Neighbor)...)
}

// publishedFacts are those of a neighbour that a node publishes.
func publishedFacts(n *neighborRow) []Fact {
	facts := []Fact{
		{"Node", n.Node},
		{"Interface", n.Interface},
		{"Certainty", n.certainty},
		{"Protocol", fmt.Sprintf("%s, from %s", strings.ToUpper(string(n.Protocol)), n.Source)},
		{"Speaker", speaker(n)},
	}
	said := slices.DeleteFunc(SaidFacts(&n.Neighbor), func(f Fact) bool { return f.Key == "Time to live" })
	return append(facts, said...)
}

func speaker(n *neighborRow) string {
	switch n.SentOn {
	case "":
		return string(discovery.SpeakerOf(&n.Neighbor))
	case n.Interface:
		return "this node itself, so there is a loop on the wire"
	default:
		return fmt.Sprintf("this node itself, on %s, so %s and %s are on one wire", n.SentOn, n.Interface, n.SentOn)
	}
}

// tag is the tag that frames bear, which say nothing of the port then.
func tag(vid uint16) string {
	switch vid {
	case 0:
		return ""
	case discovery.TagUnknown:
		return "its frames came through a tagged VLAN"
	default:
		return fmt.Sprintf("its frames came through tagged VLAN %d", vid)
	}
}

// SaidFacts are what a neighbour says, in the order of the standard's TLVs.
func SaidFacts(n *discovery.Neighbor) []Fact {
	f := []Fact{
		{"Chassis ID", string(n.Chassis)},
		{"Port ID", string(n.Port)},
		{"Time to live", fmt.Sprintf("%d s", n.TTL)},
		{"Port description", n.PortDescription},
		{"System name", n.SystemName},
		{"System description", n.SystemDescription},
		{"Capabilities", capabilities(n.Capabilities)},
	}
	for _, address := range n.ManagementAddresses {
		f = append(f, Fact{"Management address", address})
	}
	f = append(f, Fact{"PVID", vid(n.PVID)})
	for _, v := range n.VLANs {
		f = append(f, Fact{"VLAN", strings.TrimSpace(fmt.Sprintf("%d %s", v.ID, v.Name))})
	}
	if n.ManagementVID != 0 {
		f = append(f, Fact{"Management VLAN", vid(n.ManagementVID)})
	}
	return append(f, linkFacts(n)...)
}

// linkFacts are what a neighbour says of the link, of its policies, and what
// Colvin does not decode.
func linkFacts(n *discovery.Neighbor) []Fact {
	f := []Fact{{"Link aggregation", linkAggregation(n.LinkAggregation)}}
	if n.MaxFrameSize != 0 {
		f = append(f, Fact{"Maximum frame size", fmt.Sprintf("%d octets", n.MaxFrameSize)})
	}
	if m := n.MACPHY; m != nil {
		f = append(f, Fact{"Medium", mauType(m.MAUType)}, Fact{"Auto-negotiation", autoNegotiation(m)})
	}
	if n.MED != nil {
		for i := range n.MED.NetworkPolicies {
			f = append(f, Fact{"MED policy", networkPolicy(n.MED.NetworkPolicies[i])})
		}
	}
	f = append(f, dcbxFacts(n.DCBX)...)
	for i := range n.UnknownTLVs {
		f = append(f, Fact{"Unknown TLV", unknownTLV(n.UnknownTLVs[i])})
	}
	return f
}
