// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// InterfaceFacts are an interface and what Colvin does on it.
type InterfaceFacts struct {
	discovery.Interface
	MasterName string              `json:"masterName,omitempty"`
	ParentName string              `json:"parentName,omitempty"`
	Port       bool                `json:"port"` // Colvin listens on it
	Problem    string              `json:"problem,omitempty"`
	NIC        *discovery.NIC      `json:"nic,omitempty"`
	Transmit   *discovery.Transmit `json:"transmit,omitempty"`
	// Routers are those that are heard on it, and Prefixes what they announce as on-link.
	Routers  []discovery.HeardRouter `json:"routers,omitempty"`
	Prefixes []netip.Prefix          `json:"heardPrefixes,omitempty"`

	relation string
}

// interfaceRow is an interface with what it leads to.
type interfaceRow struct {
	Node string `json:"node,omitempty"`
	InterfaceFacts
	Uplinks []mapping.Uplink `json:"uplinks"`
}

// A publishedInterface is an interfaceRow without what a node does not publish.
type publishedInterface struct {
	interfaceRow
	CarrierChanges any `json:"carrierChanges,omitempty"`
	Ethernet       any `json:"ethernet,omitempty"`
}

// publishedFactsOf are the same of an interface by itself.
type publishedFactsOf struct {
	InterfaceFacts
	CarrierChanges any `json:"carrierChanges,omitempty"`
	Ethernet       any `json:"ethernet,omitempty"`
}

// Interfaces shows the ports of nodes and the networks they lead to.
func (o *Out) Interfaces(nodes []Node) error {
	rows, told := []interfaceRow{}, []publishedInterface{}
	for i := range nodes {
		n := &nodes[i]
		mine := o.interfaceRows(n)
		rows = append(rows, mine...)
		for _, r := range mine {
			if n.Published {
				told = append(told, publishedInterface{interfaceRow: r})
			}
		}
	}
	switch {
	case o.Format != JSON:
		return o.interfaceTable(rows, len(told) > 0)
	case len(told) > 0:
		return o.JSON(told)
	}
	return o.JSON(rows)
}

func (o *Out) interfaceRows(n *Node) []interfaceRow {
	rows := []interfaceRow{}
	for _, i := range n.Snapshot.Interfaces {
		row := newInterfaceRow(n, i)
		row.Node = o.nodeField(n)
		rows = append(rows, row)
	}
	return rows
}

func newInterfaceRow(n *Node, i discovery.Interface) interfaceRow {
	row := interfaceRow{InterfaceFacts: InterfaceFacts{Interface: i}, Uplinks: []mapping.Uplink{}}
	if m, ok := n.Snapshot.Interface(i.Master); ok {
		row.MasterName = m.Name
	}
	if p, ok := n.Snapshot.Interface(i.Parent); ok {
		row.ParentName = p.Name
	}
	row.Routers, row.Prefixes = n.Snapshot.Routers(i.Index), n.Snapshot.HeardPrefixes(i.Index)
	row.relation = strings.Join(relations(n.Snapshot, &row.InterfaceFacts), ", ")
	if p, ok := n.Snapshot.Port(i.Index); ok {
		row.Port, row.Problem, row.NIC = true, p.Problem, &p.NIC
		if !n.Published {
			row.Transmit = &p.Transmit
		}
	}
	of := i.Index
	if i.VF && i.PF != 0 { // it shares the networks of its physical function
		of = i.PF
	}
	for _, at := range n.View.Uplinks {
		if at.LeadsThrough(of) {
			row.Uplinks = append(row.Uplinks, at)
		}
	}
	return row
}

// relations say how an interface stands to others.
func relations(snap *discovery.Snapshot, i *InterfaceFacts) []string {
	var out []string
	if b := i.Bond; b != nil {
		out = append(out, b.Mode)
		if active, ok := snap.Interface(b.Active); ok {
			out = append(out, "active "+active.Name)
		}
	}
	if i.MasterName != "" {
		out = append(out, "in "+i.MasterName)
	}
	if m := i.BondMember; m != nil {
		out = append(out, map[bool]string{true: "active", false: "backup"}[m.Active])
		if !m.Up {
			out = append(out, "not used by the bond")
		}
	}
	switch {
	case i.VLAN != 0:
		out = append(out, fmt.Sprintf("VLAN %d on %s", i.VLAN, cmp.Or(i.ParentName, "a device elsewhere")))
	case i.ParentName != "":
		out = append(out, "on "+i.ParentName)
	}
	if i.VF {
		of := "virtual function"
		if pf, ok := snap.Interface(i.PF); ok {
			of = "virtual function of " + pf.Name
		}
		out = append(out, of)
	}
	return out
}

// NoPort is why nothing is shown of a node.
const NoPort = "there is no port to listen on; interfaces: in colvind.yaml chooses them"

// UpperFirst begins a sentence.
func UpperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// interfaceTable shows the ports and what is built on them, or all interfaces
// when asked for wide.
func (o *Out) interfaceTable(rows []interfaceRow, published bool) error {
	wide := o.Format == Wide
	var cells [][]string
	above := onPorts(rows)
	for i := range rows {
		r := &rows[i]
		if !wide && (r.VF || !above[place{r.Node, r.Index}] && len(r.Uplinks) == 0) {
			continue
		}
		var nets []string
		for _, at := range r.Uplinks {
			nets = append(nets, uplinkText(&at))
		}
		cells = append(cells, o.row(r.Node, append(interfaceCells(r, wide, published), o.List(nets))...))
	}
	nothing := UpperFirst(NoPort) + "; \"" + o.Command + " interfaces -o wide\" shows all."
	if wide {
		nothing = "There is no interface."
	}
	return o.TableOr(nothing, append(o.header(interfaceColumns(wide, published)...), "NETWORKS"), cells)
}

// interfaceColumns are those of interfaceCells: of what a node publishes, those of which it
// tells.
func interfaceColumns(wide, published bool) []string {
	columns := []string{"INTERFACE", "MAC", "KIND", "DRIVER", "LINK", "RELATION"}
	if !published {
		columns = append(columns, "TRANSMIT")
	}
	if wide {
		columns = append(columns, "IFINDEX", "MTU")
	}
	if wide && !published {
		columns = append(columns, "CARRIER CHANGES", "ALTNAMES", "ADDRESSES", "HEARD PREFIXES")
	}
	return columns
}

func interfaceCells(r *interfaceRow, wide, published bool) []string {
	driver, transmit := "", ""
	if r.Port {
		driver = r.NIC.Driver
	}
	if r.Transmit != nil {
		transmit = string(r.Transmit.State)
	}
	row := []string{r.Name, MACText(r.MAC), cmp.Or(string(r.Kind), r.Bus), driver, link(&r.Interface), r.relation}
	if !published {
		row = append(row, transmit)
	}
	if wide {
		row = append(row, strconv.Itoa(r.Index), strconv.Itoa(r.MTU))
	}
	if wide && !published {
		row = append(row, strconv.Itoa(int(r.CarrierChanges)), strings.Join(r.AltNames, ", "), strings.Join(ownAddresses(&r.Interface), ", "), joined(r.Prefixes))
	}
	return row
}

// ownAddresses are the IP addresses of an interface.
func ownAddresses(i *discovery.Interface) []string {
	var out []string
	for k := range i.Addresses {
		out = append(out, i.Addresses[k].Prefix.String())
	}
	if i.AddressesOmitted > 0 {
		out = append(out, fmt.Sprintf("and %d more", i.AddressesOmitted))
	}
	return out
}

func joined(prefixes []netip.Prefix) string {
	var out []string
	for _, p := range prefixes {
		out = append(out, p.String())
	}
	return strings.Join(out, ", ")
}

// A place is an interface of a node.
type place struct {
	node  string
	index int
}

// onPorts finds the ports, the bonds and bridges of which they are part, and the
// devices on top of these: not the many ends of pods and virtual machines.
func onPorts(rows []interfaceRow) map[place]bool {
	found := map[place]bool{}
	for i := range rows {
		found[place{rows[i].Node, rows[i].Index}] = rows[i].Port
	}
	for more := true; more; {
		more = false
		for i := range rows {
			r := &rows[i]
			self, master := place{r.Node, r.Index}, place{r.Node, r.Master}
			if found[self] && r.MasterName != "" && !found[master] {
				found[master], more = true, true
			}
			if !found[self] && r.ParentName != "" && found[place{r.Node, r.Parent}] {
				found[self], more = true, true
			}
		}
	}
	return found
}

func link(i *discovery.Interface) string {
	switch {
	case !i.Up:
		return "down"
	case !i.Carrier:
		return "no carrier"
	default:
		return "up"
	}
}

func uplinkText(at *mapping.Uplink) string {
	name := cmp.Or(at.Name, "unnamed")
	if at.VID != 0 {
		name = fmt.Sprintf("%s tagged %d", name, at.VID)
	}
	return fmt.Sprintf("%s (%s)", name, at.Certainty)
}
