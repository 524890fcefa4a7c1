// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// interfaceFacts are an interface and what Colvin does on it.
type interfaceFacts struct {
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
	interfaceFacts
	Uplinks []mapping.Uplink `json:"uplinks"`
}

func (a *app) interfaces() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:   "interfaces",
		Short: "Show the node's ports and the networks they lead to (-o wide: all interfaces)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.needsAgent(err)
			}
			rows := interfaceRows(s)
			if a.format == formatJSON {
				return a.json(rows)
			}
			return a.interfaceTable(rows)
		},
	}, formatTable, formatWide, formatJSON)
}

func interfaceRows(s *agentapi.State) []interfaceRow {
	rows := []interfaceRow{}
	for _, i := range s.Snapshot.Interfaces {
		rows = append(rows, newInterfaceRow(s, i))
	}
	return rows
}

func newInterfaceRow(s *agentapi.State, i discovery.Interface) interfaceRow {
	row := interfaceRow{interfaceFacts: interfaceFacts{Interface: i}, Uplinks: []mapping.Uplink{}}
	if m, ok := s.Snapshot.Interface(i.Master); ok {
		row.MasterName = m.Name
	}
	if p, ok := s.Snapshot.Interface(i.Parent); ok {
		row.ParentName = p.Name
	}
	row.Routers, row.Prefixes = s.Snapshot.Routers(i.Index), s.Snapshot.HeardPrefixes(i.Index)
	row.relation = strings.Join(relations(s.Snapshot, &row.interfaceFacts), ", ")
	if p, ok := s.Snapshot.Port(i.Index); ok {
		row.Port, row.Problem, row.NIC, row.Transmit = true, p.Problem, &p.NIC, &p.Transmit
	}
	of := i.Index
	if i.VF && i.PF != 0 { // it shares the networks of its physical function
		of = i.PF
	}
	for _, at := range s.View.Uplinks {
		if at.LeadsThrough(of) {
			row.Uplinks = append(row.Uplinks, at)
		}
	}
	return row
}

// relations say how an interface stands to others.
func relations(snap *discovery.Snapshot, i *interfaceFacts) []string {
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

// interfaceTable shows the ports and what is built on them, or all interfaces
// when asked for wide.
func (a *app) interfaceTable(rows []interfaceRow) error {
	wide := a.format == formatWide
	header := []string{"INTERFACE", "MAC", "KIND", "DRIVER", "LINK", "RELATION", "TRANSMIT"}
	if wide {
		header = append(header, "IFINDEX", "MTU", "CARRIER CHANGES", "ALTNAMES", "ADDRESSES", "HEARD PREFIXES")
	}
	var cells [][]string
	above := onPorts(rows)
	for i := range rows {
		r := &rows[i]
		if !wide && (r.VF || !above[r.Index] && len(r.Uplinks) == 0) {
			continue
		}
		driver, transmit := "", ""
		if r.Port {
			driver, transmit = r.NIC.Driver, string(r.Transmit.State)
		}
		row := []string{r.Name, macText(r.MAC), cmp.Or(string(r.Kind), r.Bus), driver, link(&r.Interface), r.relation, transmit}
		if wide {
			row = append(row, strconv.Itoa(r.Index), strconv.Itoa(r.MTU), strconv.Itoa(int(r.CarrierChanges)), strings.Join(r.AltNames, ", "),
				strings.Join(ownAddresses(&r.Interface), ", "), joined(r.Prefixes))
		}
		var nets []string
		for _, at := range r.Uplinks {
			nets = append(nets, uplinkText(&at))
		}
		cells = append(cells, append(row, a.list(nets)))
	}
	nothing := upperFirst(noPort) + "; \"colvin interfaces -o wide\" shows all."
	if wide {
		nothing = "There is no interface."
	}
	return a.tableOr(nothing, append(header, "NETWORKS"), cells)
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

// onPorts finds the ports, the bonds and bridges of which they are part, and the
// devices on top of these: not the many ends of pods and virtual machines.
func onPorts(rows []interfaceRow) map[int]bool {
	found := map[int]bool{}
	for i := range rows {
		found[rows[i].Index] = rows[i].Port
	}
	for more := true; more; {
		more = false
		for i := range rows {
			r := &rows[i]
			if found[r.Index] && r.MasterName != "" && !found[r.Master] {
				found[r.Master], more = true, true
			}
			if !found[r.Index] && r.ParentName != "" && found[r.Parent] {
				found[r.Index], more = true, true
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
