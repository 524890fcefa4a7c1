// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/node"
)

// neighborRow is a neighbour with the interface that it was heard on.
type neighborRow struct {
	Interface string `json:"interface"`
	discovery.Neighbor
}

func (a *app) neighbors() *cobra.Command {
	return &cobra.Command{
		Use:     "neighbors [INTERFACE]",
		Aliases: []string{"neighbours"},
		Short:   "Show the LLDP neighbours heard on each port",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.needsAgent(err)
			}
			if len(args) == 1 && !isPort(s, args[0]) {
				return fmt.Errorf("colvind does not listen on %q; \"colvin explain %s\" says why", args[0], args[0])
			}
			rows := neighborRows(s, args)
			if a.format == formatJSON {
				return a.json(rows)
			}
			return a.neighborTable(rows)
		},
	}
}

func isPort(s *node.State, ifname string) bool {
	return slices.ContainsFunc(s.Snapshot.Ports, func(p discovery.Port) bool { return p.Name == ifname })
}

func neighborRows(s *node.State, only []string) []neighborRow {
	rows := []neighborRow{}
	for _, p := range s.Snapshot.Ports {
		if len(only) == 1 && p.Name != only[0] {
			continue
		}
		for _, n := range p.Neighbors {
			rows = append(rows, neighborRow{Interface: p.Name, Neighbor: n})
		}
	}
	return rows
}

func (a *app) neighborTable(rows []neighborRow) error {
	header := []string{"INTERFACE", "SYSTEM", "CHASSIS", "PORT", "PVID", "VLANS", "HEARD", "TTL"}
	if a.format == formatWide {
		header = append(header, "PORT DESCRIPTION", "MANAGEMENT", "CAPABILITIES", "SYSTEM DESCRIPTION")
	}
	var cells [][]string
	for _, n := range rows {
		row := []string{
			n.Interface, n.SystemName, string(n.Chassis), string(n.Port), vid(n.PVID), vlans(n.VLANs),
			age(a.now().Sub(n.LastHeard)) + " ago", age(n.Lifetime()),
		}
		if a.format == formatWide {
			row = append(row, n.PortDescription, strings.Join(n.ManagementAddresses, ","), n.Capabilities.Enabled.String(), n.SystemDescription)
		}
		cells = append(cells, row)
	}
	return a.table(header, cells)
}

func vid(v uint16) string {
	if v == 0 {
		return "not told"
	}
	return strconv.Itoa(int(v))
}

func vlans(vs []discovery.VLANName) string {
	var out []string
	for _, v := range vs {
		out = append(out, fmt.Sprintf("%d(%s)", v.ID, v.Name))
	}
	return strings.Join(out, ",")
}

// interfaceRow is an interface with what it leads to.
type interfaceRow struct {
	discovery.Interface
	Port        bool                 `json:"port"` // Colvin listens on it
	Problem     string               `json:"problem,omitempty"`
	Attachments []mapping.Attachment `json:"attachments"`
}

func (a *app) interfaces() *cobra.Command {
	return &cobra.Command{
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
	}
}

func interfaceRows(s *node.State) []interfaceRow {
	ports := map[int]discovery.Port{}
	for _, p := range s.Snapshot.Ports {
		ports[p.Index] = p
	}
	rows := []interfaceRow{}
	for _, i := range s.Snapshot.Interfaces {
		row := interfaceRow{Interface: i, Attachments: []mapping.Attachment{}}
		if p, ok := ports[i.Index]; ok {
			row.Port, row.Problem = true, p.Problem
		}
		for _, at := range s.View.Attachments {
			if at.Port.Index == i.Index || at.Device.Index == i.Index {
				row.Attachments = append(row.Attachments, at)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// interfaceTable shows the ports, and all other interfaces when asked for wide.
func (a *app) interfaceTable(rows []interfaceRow) error {
	var cells [][]string
	for _, r := range rows {
		if !r.Port && len(r.Attachments) == 0 && a.format != formatWide {
			continue
		}
		kind := r.Kind
		if kind == "" {
			kind = r.Bus
		}
		var nets []string
		for _, at := range r.Attachments {
			nets = append(nets, attachmentText(&at))
		}
		cells = append(cells, []string{r.Name, strconv.Itoa(r.Index), r.MAC.String(), kind, link(&r.Interface), strconv.Itoa(int(r.CarrierChanges)), strings.Join(nets, "; ")})
	}
	return a.table([]string{"INTERFACE", "IFINDEX", "MAC", "KIND", "LINK", "CARRIER CHANGES", "NETWORKS"}, cells)
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

func attachmentText(at *mapping.Attachment) string {
	name := at.Name
	if name == "" {
		name = "unnamed"
	}
	if at.VID != 0 {
		name = fmt.Sprintf("%s tagged %d", name, at.VID)
	}
	return fmt.Sprintf("%s (%s)", name, at.Certainty)
}

func (a *app) explain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain INTERFACE",
		Short: "Say what network an interface is attached to, and why",
		Args:  cobra.ExactArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.interfaceNames(cmd), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.needsAgent(err)
			}
			lines, ok := mapping.Explain(&s.View, s.Snapshot, s.Memory, args[0], a.now())
			if !ok {
				return fmt.Errorf("there is no interface %q on %s; \"colvin interfaces -o wide\" lists all", args[0], s.Node)
			}
			if a.format == formatJSON {
				return a.json(struct {
					Interface string   `json:"interface"`
					Sentences []string `json:"sentences"`
				}{args[0], slices.DeleteFunc(lines, func(s string) bool { return s == "" })})
			}
			return a.print("%s", strings.Join(lines, "\n"))
		},
	}
}

func (a *app) interfaceNames(cmd *cobra.Command) []string {
	s, err := a.state(cmd.Context())
	if err != nil {
		return nil
	}
	var names []string
	for _, i := range s.Snapshot.Interfaces {
		names = append(names, i.Name)
	}
	return names
}

// statusReport is "colvin status" as JSON.
type statusReport struct {
	Version    string              `json:"version"`
	Node       string              `json:"node"`
	Started    time.Time           `json:"started"`
	Converged  bool                `json:"converged"`
	Pending    []string            `json:"pending"`
	Rules      node.Rules          `json:"rules"`
	Ports      []discovery.Port    `json:"ports"`
	Conditions []mapping.Condition `json:"conditions"`
}

func (a *app) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show whether the agent is well, its ports and counters",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.state(cmd.Context())
			if err != nil {
				return a.needsAgent(err)
			}
			r := statusReport{
				Version: s.Version, Node: s.Node, Started: s.Started, Converged: s.View.Converged, Rules: s.Rules,
				Pending: append([]string{}, s.View.Pending...), Ports: s.Snapshot.Ports,
				Conditions: append([]mapping.Condition{}, s.View.Conditions...),
			}
			if a.format == formatJSON {
				return a.json(r)
			}
			return a.statusText(&r)
		},
	}
}

func (a *app) statusText(r *statusReport) error {
	converged := "every port was heard or waited for"
	switch {
	case len(r.Ports) == 0:
		converged = "there is no port to listen on; interfaces: in colvind.yaml chooses them"
	case !r.Converged:
		converged = "not yet: waiting for " + strings.Join(r.Pending, ", ")
	}
	inForce := "none"
	switch {
	case !r.Rules.Loaded.IsZero():
		inForce = fmt.Sprintf("%s, read at %s", r.Rules.File, stamp(r.Rules.Loaded))
	case r.Rules.File != "":
		inForce = fmt.Sprintf("none of %s", r.Rules.File)
	}
	lines := []string{
		fmt.Sprintf("Agent:      colvind %s on %s, up %s", r.Version, r.Node, age(a.now().Sub(r.Started))),
		"Converged:  " + converged,
		"Rules:      " + inForce,
	}
	for _, w := range r.Rules.Warnings {
		lines = append(lines, "Warning:    "+w)
	}
	for _, c := range r.Conditions {
		lines = append(lines, fmt.Sprintf("%s: %s", c.Type, c.Message))
	}
	if err := a.print("%s\n", strings.Join(lines, "\n")); err != nil {
		return err
	}
	return a.counterTable(r.Ports)
}

func (a *app) counterTable(ports []discovery.Port) error {
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	var cells [][]string
	for _, p := range ports {
		k := p.Counters
		cells = append(cells, []string{
			p.Name, strconv.Itoa(len(p.Neighbors)), count(k.FramesIn), count(k.FramesDiscarded), count(k.FramesInErrors),
			count(k.TLVsDiscarded), count(k.TLVsUnrecognized), count(k.Ageouts), count(k.TooManyNeighbors),
		})
	}
	return a.table([]string{"PORT", "NEIGHBORS", "FRAMES", "DISCARDED", "ERRORS", "TLVS DISCARDED", "TLVS UNRECOGNIZED", "AGEOUTS", "TOO MANY"}, cells)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version of this command and of the agent",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			agent := ""
			s, err := a.state(cmd.Context())
			switch {
			case err == nil:
				agent = s.Version
			case errors.Is(err, fs.ErrPermission):
				return a.needsAgent(err)
			}
			if a.format == formatJSON {
				return a.json(map[string]string{"colvin": a.version, "colvind": agent})
			}
			if agent == "" {
				agent = "not running"
			}
			return a.print("colvin  %s\ncolvind %s", a.version, agent)
		},
	}
}
