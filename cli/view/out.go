// SPDX-License-Identifier: Apache-2.0

// Package view shows what nodes know, to people and to programs: the tables, sentences and
// JSON that colvin prints on a node and kubectl colvin for many, each in one place. It prints
// what it is given: agents and API servers are asked by the commands.
package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/colvin-net/colvin/internal/fit"
)

// The formats of -o that say how much a view shows.
const (
	Table = "table"
	Wide  = "wide"
	Text  = "text"
	JSON  = "json"
)

// maxCell is how many characters a table shows of a text of any length.
const maxCell = 32

// An Out is where a view goes, and in which format.
type Out struct {
	W       io.Writer
	Format  string
	Now     func() time.Time
	Command string // that people type, such as colvin
	PerNode bool   // rows say of which node they are
}

// JSON prints v as indented JSON.
func (o *Out) JSON(v any) error {
	enc := json.NewEncoder(o.W)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false) // people read it, and copy names out of it
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// Table prints rows under a header in aligned columns, and notes below. Empty cells show
// as "-", and whatever the cells hold does nothing to the terminal.
func (o *Out) Table(header []string, rows [][]string, notes ...string) error {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		cells := slices.Clone(row)
		for i := range cells {
			cells[i] = cmp.Or(fit.Printable(cells[i]), "-")
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // to memory
	for _, note := range notes {
		fmt.Fprintln(&text, note)
	}
	return o.Write(text.String())
}

// TableOr is Table, or the sentence where there are no rows.
func (o *Out) TableOr(nothing string, header []string, rows [][]string, notes ...string) error {
	if len(rows) > 0 {
		return o.Table(header, rows, notes...)
	}
	return o.Print("%s", strings.Join(append([]string{nothing}, notes...), "\n"))
}

// A Fact is one line of a description.
type Fact struct{ Key, Value string }

// Facts prints a description, without what has no value.
func (o *Out) Facts(facts []Fact) error {
	width := 0
	for _, f := range facts {
		width = max(width, len(f.Key))
	}
	var text strings.Builder
	for _, f := range facts {
		if f.Value != "" {
			lines := strings.ReplaceAll(strings.TrimSpace(f.Value), "\n", "\n"+strings.Repeat(" ", width+2))
			fmt.Fprintf(&text, "%-*s %s\n", width+1, f.Key+":", lines)
		}
	}
	return o.Write(text.String())
}

// Cell is what a cell shows of a text from the wire: all of it where the format is wide.
func (o *Out) Cell(s string) string {
	if o.Format == Wide {
		return s
	}
	return fit.Cut(s, maxCell)
}

// List is what a cell shows of a list.
func (o *Out) List(items []string) string {
	if o.Format == Wide {
		return strings.Join(items, ", ")
	}
	return fit.List(items, maxCell)
}

// Print writes a line of prose.
func (o *Out) Print(format string, args ...any) error {
	return o.Write(fmt.Sprintf(format+"\n", args...))
}

// Write writes a text as it is.
func (o *Out) Write(s string) error {
	if _, err := io.WriteString(o.W, s); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// Ago says how long ago t was.
func (o *Out) Ago(t time.Time) string { return fit.Age(o.Now().Sub(t)) + " ago" }
