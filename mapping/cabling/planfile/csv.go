// SPDX-License-Identifier: Apache-2.0

package planfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/cabling"
)

// A table says in which columns of a CSV what stands, as its first line names them. The first
// four are those of the ends.
type table struct {
	ends                 [4]string
	typeA, typeB, status string // empty where there is none
}

// tables are those that are known by their first line.
var tables = []table{
	// NetBox, import of cables, and Nautobot likewise.
	{[4]string{"side_a_device", "side_a_name", "side_b_device", "side_b_name"}, "side_a_type", "side_b_type", "status"},
	// NetBox, export of the list of cables.
	{[4]string{"device a", "termination a", "device b", "termination b"}, "", "", "status"},
	// NetBox, export of the connections of interfaces: what is connected through patch panels.
	{[4]string{"device a", "interface a", "device b", "interface b"}, "", "", ""},
	// NVIDIA, the sheet "P2P" of the cable validation tool.
	{[4]string{"a-node name", "a-port", "z-node name", "z-port"}, "", "", ""},
	// What "plan save -o csv" writes.
	{[4]string{"device", "port", "to device", "to port"}, "", "", ""},
}

// csvReader reads a CSV.
type csvReader struct {
	*reader
	rows                         *csv.Reader
	lines                        []string
	table                        table
	at                           map[string]int // columns, by the names of table
	types, several, unterminated int            // rows that are left out
}

func (r *reader) csv(text string, columns []string) {
	c := &csvReader{reader: r, rows: csv.NewReader(strings.NewReader(text)), at: map[string]int{}, lines: strings.Split(text, "\n")}
	c.rows.Comma, c.rows.FieldsPerRecord, c.rows.ReuseRecord = delimiter(text), -1, true
	c.rows.TrimLeadingSpace = true
	first, err := c.rows.Read()
	if err == nil && strings.EqualFold(first[0], "sep=") { // a spreadsheet's note to itself
		first, err = c.rows.Read()
	}
	if err != nil {
		c.broken(err)
		return
	}
	header := slices.Clone(first)
	numbers := c.columns(header, columns)
	if len(r.mistakes) > 0 {
		return
	}
	if numbers {
		c.row(header)
	}
	for len(r.mistakes) < maxMistakes {
		row, err := c.rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			c.broken(err)
			break
		}
		c.row(row)
	}
	c.note(c.types, "cables left out that do not end at interfaces: %d; in the connections of interfaces, as NetBox exports them, patch panels are passed through")
	c.note(c.several, "cables left out that have several ports at an end: %d; it is not told which is connected to which")
	c.note(c.unterminated, "cables left out that have an end without device and port: %d")
}

// delimiter is what stands between the cells, by what the first line has most of outside of
// quotes: spreadsheets write what their language has.
func delimiter(text string) rune {
	most, quotes := ',', 0
	found := map[rune]int{}
	for _, c := range firstLine(text) {
		switch c {
		case '"':
			quotes++
		case ',', ';', '\t':
			if found[c] += 1 - quotes%2; found[c] > found[most] {
				most = c
			}
		}
	}
	return most
}

// broken says why a CSV cannot be read on.
func (c *csvReader) broken(err error) {
	p, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case errors.Is(err, io.EOF):
		c.mistake(1, 1, "the file is empty", "its first line names the columns")
	case ok:
		message := p.Err.Error()
		if p.StartLine < p.Line {
			message += fmt.Sprintf(", in a row that begins in line %d", p.StartLine)
		}
		c.mistake(p.Line, p.Column, message, `write a cell that has quotes in it in quotes, and each of them twice: "a ""b"""`)
	default:
		c.mistake(1, 1, err.Error(), "")
	}
}

// columns finds the columns. They are numbers where there is no line with names.
func (c *csvReader) columns(header, asked []string) (numbers bool) {
	if len(asked) > 0 {
		return c.askedColumns(header, asked)
	}
	for _, t := range tables {
		if !slices.ContainsFunc(t.ends[:], func(name string) bool { return called(header, name) == nil }) {
			c.table = t
			for _, name := range append(t.ends[:], t.typeA, t.typeB, t.status) {
				if name != "" {
					c.at[name] = c.only(header, name)
				}
			}
			return false
		}
	}
	hint := "name the four in which device, port, and the device and port at the other end stand: --columns \"Server,NIC,Switch,Switch port\"; by number where no line names them: --columns 1,2,3,4"
	if called(header, "termination a") != nil || called(header, "a_terminations") != nil {
		hint = "have NetBox export the columns Device A and Device B, too, or all data"
	}
	if strings.HasPrefix(header[0], "#") {
		hint = "a CSV has no comments: begin with the line that names the columns"
	}
	c.mistake(1, 1, "these are no columns of a known table: "+shown(header), hint)
	return false
}

// called are the columns that bear a name, by number from 1.
func called(header []string, name string) (at []int) {
	for i, cell := range header {
		if strings.EqualFold(strings.TrimSpace(cell), name) {
			at = append(at, i+1)
		}
	}
	return at
}

// only is the column that bears a name, 0 for none. Which of several is meant is not guessed.
func (c *csvReader) only(header []string, name string) int {
	at := called(header, name)
	if len(at) == 0 {
		return 0
	}
	if len(at) > 1 {
		c.mistake(1, 1, fmt.Sprintf("%d columns are called %s", len(at), yamlfile.Quote(name)), fmt.Sprintf("name the columns by --columns, that one by its number: %d or %d", at[0], at[1]))
	}
	return at[0]
}

// askedColumns finds the columns that somebody names, by what the first line calls them or by
// number.
func (c *csvReader) askedColumns(header, asked []string) (numbers bool) {
	if len(asked) != 4 {
		c.mistake(1, 1, fmt.Sprintf("--columns names %d columns, and four are needed", len(asked)), "name those of device, port, and the device and port at the other end")
		return false
	}
	numbers = true
	for i, name := range asked {
		name = strings.TrimSpace(name)
		at := c.only(header, name)
		if at > 0 {
			numbers = false
		} else if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(header) {
			at = n
		} else {
			c.mistake(1, 1, fmt.Sprintf("there is no column %s in %s", yamlfile.Quote(name), shown(header)), "name a column as the first line does, or by its number")
		}
		c.table.ends[i] = strconv.Itoa(i)
		c.at[c.table.ends[i]] = at
	}
	if at := slices.Sorted(maps.Values(c.at)); len(c.mistakes) == 0 && len(slices.Compact(at)) < len(asked) {
		c.mistake(1, 1, "--columns names a column twice", "name four: of a device, its port, and of the device and port at the other end")
	}
	return numbers
}

// shown are the columns of a table, as far as they fit into a line.
func shown(header []string) string {
	var all []string
	for _, cell := range header[:min(len(header), 20)] {
		all = append(all, yamlfile.Quote(cell))
	}
	return fit.List(all, 300)
}

// row reads a cable.
func (c *csvReader) row(row []string) {
	if !slices.ContainsFunc(row, func(cell string) bool { return strings.TrimSpace(cell) != "" }) {
		return
	}
	status := strings.ToLower(c.cell(row, c.table.status))
	switch {
	case !isInterface(c.cell(row, c.table.typeA)) || !isInterface(c.cell(row, c.table.typeB)):
		c.types++
		return
	case c.unended(row, 0) || c.unended(row, 2):
		c.unterminated++
		return
	}
	a, b := c.end(row, 0), c.end(row, 2)
	if c.table.ends[1] == "termination a" && (strings.Contains(a.Port, ",") || strings.Contains(b.Port, ",")) {
		c.several++
		return
	}
	c.cable(a, b, cabling.Cable{Future: status == "planned" || status == "decommissioning"})
}

// isInterface reports whether what NetBox says of the type of an end can be a network interface.
func isInterface(kind string) bool {
	kind = strings.ToLower(kind)
	return kind == "" || kind == "interface" || kind == "dcim.interface" || kind == "dcim | interface"
}

// unended reports whether a cable of NetBox has nothing at an end.
func (c *csvReader) unended(row []string, first int) bool {
	known := c.table.status != ""
	return known && c.cell(row, c.table.ends[first]) == "" && c.cell(row, c.table.ends[first+1]) == ""
}

// cell is what stands in a column; empty where there is none.
func (c *csvReader) cell(row []string, column string) string {
	at := c.at[column]
	if column == "" || at == 0 || at > len(row) {
		return ""
	}
	return plainCell(strings.TrimSpace(row[at-1]))
}

func (c *csvReader) end(row []string, first int) written {
	w := written{End: cabling.End{Device: c.cell(row, c.table.ends[first]), Port: c.cell(row, c.table.ends[first+1])}}
	at := min(c.at[c.table.ends[first]], len(row)) - 1
	w.line, w.column = c.rows.FieldPos(max(at, 0))
	if w.line <= len(c.lines) {
		line := c.lines[w.line-1]
		w.column = 1 + utf8.RuneCountInString(line[:min(w.column-1, len(line))])
	}
	return w
}

// formula are the characters with which spreadsheets begin what they compute.
const formula = "=+-@\t\r"

// CSVCell is a text as a cell that no spreadsheet takes for something to compute: what is heard
// is text of others. The quote that it may begin with is taken away where plans are read.
func CSVCell(s string) string {
	if rest := strings.TrimLeft(s, "'"); rest != "" && strings.IndexByte(formula, rest[0]) >= 0 {
		return "'" + s
	}
	return s
}

// plainCell is what CSVCell was given.
func plainCell(s string) string {
	if rest := strings.TrimLeft(s, "'"); rest != "" && rest != s && strings.IndexByte(formula, rest[0]) >= 0 {
		return s[1:]
	}
	return s
}

func writeCSV(b *bytes.Buffer, p *cabling.Plan) {
	w := csv.NewWriter(b)
	_ = w.Write([]string{"device", "port", "to device", "to port"}) // to memory
	for i := range p.Cables {
		c := &p.Cables[i]
		_ = w.Write([]string{CSVCell(c.A.Device), CSVCell(c.A.Port), CSVCell(c.B.Device), CSVCell(c.B.Port)})
	}
	w.Flush()
}
