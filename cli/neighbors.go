// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/paste"
)

// neighborRow is a neighbour with the interface that it was heard on.
type neighborRow struct {
	Interface string `json:"interface"`
	// SentOn is the interface on which this node sent it itself.
	SentOn string `json:"sentOn,omitempty"`
	discovery.Neighbor
}

func (a *app) neighbors() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:     "neighbors [INTERFACE]",
		Aliases: []string{"neighbours"},
		Short:   "Show the neighbours and routers heard on each port (-o wide: all that they say)",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.complete(cmd, args, portNames)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.needsAgent(err)
			}
			if len(args) == 1 && !slices.Contains(portNames(s), args[0]) {
				return fmt.Errorf("colvind does not listen on %q; \"%s\" says why", args[0], paste.Operand(args[0], "colvin", "explain"))
			}
			rows, routers := neighborRows(s, args), routerRows(s, args)
			if a.format == formatJSON {
				return a.json(neighborList(rows, routers))
			}
			return errors.Join(a.neighborText(rows, args), a.routers(routers))
		},
	}, formatTable, formatWide, formatJSON)
}

func (a *app) neighborText(rows []neighborRow, args []string) error {
	switch {
	case len(rows) == 0 && len(args) == 1:
		return a.print("No neighbour is heard on %s; \"%s\" says why.", args[0], paste.Operand(args[0], "colvin", "explain"))
	case len(rows) == 0:
		return a.print("No neighbour is heard; \"colvin topology\" says why, for each port.")
	case a.format == formatWide:
		return a.neighborDetails(rows)
	default:
		return a.neighborTable(rows)
	}
}

// neighborList are neighbours and routers, which the protocol tells apart.
func neighborList(rows []neighborRow, routers []routerRow) []any {
	out := []any{}
	for _, r := range rows {
		out = append(out, r)
	}
	for _, r := range routers {
		out = append(out, r)
	}
	return out
}

func portNames(s *agentapi.State) []string {
	var names []string
	for i := range s.Snapshot.Ports {
		names = append(names, s.Snapshot.Ports[i].Name)
	}
	return names
}

func neighborRows(s *agentapi.State, only []string) []neighborRow {
	rows, self := []neighborRow{}, s.Snapshot.Self()
	for _, p := range s.Snapshot.Ports {
		if len(only) == 1 && p.Name != only[0] {
			continue
		}
		for _, n := range p.Neighbors {
			row := neighborRow{Interface: p.Name, Neighbor: n}
			if from, own := self.Sender(&n); own {
				row.SentOn = from.Name
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func (a *app) neighborTable(rows []neighborRow) error {
	var cells [][]string
	for _, n := range rows {
		cells = append(cells, []string{
			n.Interface, string(n.Protocol), a.system(&n), a.cell(string(n.Chassis)), a.cell(string(n.Port)), vid(n.PVID), a.list(vlans(n.VLANs)),
			a.ago(n.LastHeard), fit.Age(n.Lifetime()),
		})
	}
	return a.table([]string{"INTERFACE", "PROTOCOL", "SYSTEM", "CHASSIS", "PORT", "PVID", "VLANS", "HEARD", "TTL"}, cells)
}

// system is the name of a system, or that it is no other than this one.
func (a *app) system(n *neighborRow) string {
	if n.SentOn != "" {
		return strings.TrimSpace(a.cell(n.SystemName) + " (this node, on " + n.SentOn + ")")
	}
	return a.cell(n.SystemName)
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
func (a *app) neighborDetails(rows []neighborRow) error {
	for i := range rows {
		if i > 0 {
			if err := a.print(""); err != nil {
				return err
			}
		}
		if err := a.facts(a.neighborFacts(&rows[i])); err != nil {
			return err
		}
	}
	return nil
}

// neighborFacts are what Colvin observed itself, and what the neighbour says.
func (a *app) neighborFacts(n *neighborRow) []fact {
	return append([]fact{
		{"Interface", n.Interface},
		{"Protocol", fmt.Sprintf("%s, from %s to %s", strings.ToUpper(string(n.Protocol)), n.Source, n.Destination)},
		{"Tag", tag(n.Tag)},
		{"Heard", fmt.Sprintf("%s, first at %s; expected every %s", a.ago(n.LastHeard), fit.Stamp(n.FirstHeard), fit.Span(n.Interval()))},
		{"Speaker", speaker(n)},
	}, saidFacts(&n.Neighbor)...)
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

// saidFacts are what a neighbour says, in the order of the standard's TLVs.
func saidFacts(n *discovery.Neighbor) []fact {
	f := []fact{
		{"Chassis ID", string(n.Chassis)},
		{"Port ID", string(n.Port)},
		{"Time to live", fmt.Sprintf("%d s", n.TTL)},
		{"Port description", n.PortDescription},
		{"System name", n.SystemName},
		{"System description", n.SystemDescription},
		{"Capabilities", capabilities(n.Capabilities)},
	}
	for _, address := range n.ManagementAddresses {
		f = append(f, fact{"Management address", address})
	}
	f = append(f, fact{"PVID", vid(n.PVID)})
	for _, v := range n.VLANs {
		f = append(f, fact{"VLAN", strings.TrimSpace(fmt.Sprintf("%d %s", v.ID, v.Name))})
	}
	if n.ManagementVID != 0 {
		f = append(f, fact{"Management VLAN", vid(n.ManagementVID)})
	}
	return append(f, linkFacts(n)...)
}

// linkFacts are what a neighbour says of the link, of its policies, and what
// Colvin does not decode.
func linkFacts(n *discovery.Neighbor) []fact {
	f := []fact{{"Link aggregation", linkAggregation(n.LinkAggregation)}}
	if n.MaxFrameSize != 0 {
		f = append(f, fact{"Maximum frame size", fmt.Sprintf("%d octets", n.MaxFrameSize)})
	}
	if m := n.MACPHY; m != nil {
		f = append(f, fact{"Medium", mauType(m.MAUType)}, fact{"Auto-negotiation", autoNegotiation(m)})
	}
	if n.MED != nil {
		for i := range n.MED.NetworkPolicies {
			f = append(f, fact{"MED policy", networkPolicy(n.MED.NetworkPolicies[i])})
		}
	}
	f = append(f, dcbxFacts(n.DCBX)...)
	for i := range n.UnknownTLVs {
		f = append(f, fact{"Unknown TLV", unknownTLV(n.UnknownTLVs[i])})
	}
	return f
}
