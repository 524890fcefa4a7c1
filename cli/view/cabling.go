// SPDX-License-Identifier: Apache-2.0

package view

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/cabling"
	"github.com/colvin-net/colvin/mapping/cabling/planfile"
)

// CSV is rows for spreadsheets and programs.
const CSV = "csv"

// A CablingReport is what came of a check of cables, and how it is to be shown.
type CablingReport struct {
	// Plan is the file that was checked; empty where nodes were compared with each other.
	Plan string `json:"plan,omitempty"`
	// Node is whose cables alone were judged; empty for those of all nodes.
	Node string `json:"node,omitempty"`
	*cabling.Report
	Wrong int `json:"wrong"` // findings that make the check fail

	Strict bool `json:"-"` // what is not known counts as wrong
	All    bool `json:"-"` // a table shows what is right, too
}

// Cabling shows what is to be said of cables: totals first, then what is wrong.
func (o *Out) Cabling(r *CablingReport) error {
	switch o.Format {
	case JSON:
		return o.JSON(r)
	case CSV:
		return o.cablingCSV(r)
	}
	if err := o.Print("%s", r.totals()); err != nil {
		return err
	}
	var rows [][]string
	hidden := map[cabling.Verdict]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if !r.shows(f.Verdict) {
			hidden[f.Verdict] += len(f.Cables)
			continue
		}
		for k := range f.Cables {
			c := &f.Cables[k]
			rows = append(rows, r.row(string(f.Verdict), c.Node, c.Interface, o.ends(c), c.Plan, c.Note))
		}
	}
	delete(hidden, cabling.OK)
	notes := slices.Clone(r.Notes)
	if len(hidden) > 0 {
		notes = append(notes, "not shown: "+counts(hidden)+"; --all shows every cable")
	}
	for i := range notes {
		notes[i] = UpperFirst(fit.Printable(notes[i])) + "."
	}
	if len(rows) == 0 {
		return o.lines(notes)
	}
	return o.Table(r.row("VERDICT", "NODE", "INTERFACE", "ACTUAL <-> EXPECTED", "PLAN", "NOTE"), rows, notes...)
}

// row leaves out where the plan has a cable, where there is no plan.
func (r *CablingReport) row(verdict, node, ifname, ends, plan, note string) []string {
	if r.Plan == "" {
		return []string{verdict, node, ifname, ends, note}
	}
	return []string{verdict, node, ifname, ends, plan, note}
}

// shows reports whether a table has the cables of a verdict.
func (r *CablingReport) shows(v cabling.Verdict) bool {
	return r.All || v.Wrong() || r.Strict && v.Unknown()
}

func (o *Out) lines(all []string) error {
	for _, line := range all {
		if err := o.Print("%s", line); err != nil {
			return err
		}
	}
	return nil
}

// totals says how many cables there are of each verdict.
func (r *CablingReport) totals() string {
	switch alike := r.Totals[cabling.OK]; {
	case r.Plan == "" && r.Nodes == 0:
		return "No nodes were compared."
	case r.Plan == "":
		return fmt.Sprintf("Nodes compared: %d. Cabled like the rest: %d.%s", r.Nodes, alike, r.findings())
	case r.Node != "":
		return fmt.Sprintf("Cables of %s: %s. Only those of %s were judged; \"kubectl colvin plan check\" judges those of a cluster.", fit.Printable(r.Plan), counts(r.Totals), fit.Printable(r.Node))
	default:
		return fmt.Sprintf("Cables of %s on %d nodes: %s.", fit.Printable(r.Plan), r.Nodes, counts(r.Totals))
	}
}

func (r *CablingReport) findings() string {
	if len(r.Findings) == 0 {
		return ""
	}
	return fmt.Sprintf(" Findings: %d.", len(r.Findings))
}

// counts lists how many there are of each, what is right first.
func counts(of map[cabling.Verdict]int) string {
	var all []string
	for _, v := range append([]cabling.Verdict{cabling.OK}, cabling.Verdicts...) {
		if n := of[v]; n > 0 && (v != cabling.OK || len(all) == 0) {
			all = append(all, strconv.Itoa(n)+" "+string(v))
		}
	}
	return strings.Join(all, ", ")
}

// ends are where a cable ends, and where it should.
func (o *Out) ends(c *cabling.Found) string {
	actual, expected := "?", "?"
	if c.Actual != nil {
		actual = o.Cell(c.Actual.Device) + " " + o.Cell(c.Actual.Port)
	}
	if c.Expected != nil {
		expected = strings.TrimSpace(o.Cell(c.Expected.Device) + " " + o.Cell(c.Expected.Port))
	}
	return actual + " <-> " + expected
}

// cablingCSV has a row for each cable.
func (o *Out) cablingCSV(r *CablingReport) error {
	var text strings.Builder
	w := csv.NewWriter(&text)
	row := func(cells ...string) {
		for i := range cells {
			cells[i] = planfile.CSVCell(fit.Printable(cells[i]))
		}
		_ = w.Write(cells) // to memory
	}
	row("finding", "verdict", "node", "interface", "actual device", "actual port", "actual chassis", "actual port ID", "expected device", "expected port", "plan", "note")
	for i := range r.Findings {
		for k := range r.Findings[i].Cables {
			c := r.Findings[i].Cables[k]
			if c.Actual == nil {
				c.Actual = &cabling.Far{}
			}
			if c.Expected == nil {
				c.Expected = &cabling.End{}
			}
			row(strconv.Itoa(i+1), string(r.Findings[i].Verdict), c.Node, c.Interface,
				c.Actual.Device, c.Actual.Port, string(c.Actual.Chassis), string(c.Actual.PortID), c.Expected.Device, c.Expected.Port, c.Plan, c.Note)
		}
	}
	w.Flush()
	return o.Write(text.String())
}
