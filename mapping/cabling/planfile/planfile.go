// SPDX-License-Identifier: Apache-2.0

// Package planfile reads and writes plans of cables: the DOT of ptmd (Cumulus Linux), the CSV
// of NetBox, any other CSV, and YAML of our own. Every mistake in a file is told, with its
// place. What the plans mean is for package cabling.
package planfile

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/cabling"
)

// The formats.
const (
	DOT  = "dot"
	CSV  = "csv"
	YAML = "yaml"
)

// Formats are all of them.
var Formats = []string{DOT, CSV, YAML}

// MaxSize is the size of the largest file that is read.
const MaxSize = 32 << 20

// The bounds on a plan.
const (
	maxCables   = 200_000
	maxMistakes = 1000
)

// Options say how a file is to be read.
type Options struct {
	Format string // empty: what the name of the file ends with, or else what it looks like
	// Columns are the four columns of a CSV in which a device, its port, and the device and
	// port at the other end stand: by what is written in the first line, or by number from 1.
	// Empty: those of NetBox, or what is called like them.
	Columns []string
}

// Read reads a plan. The error is yamlfile.Mistakes.
func Read(name string, data []byte, o Options) (*cabling.Plan, error) {
	r := &reader{name: name, plan: &cabling.Plan{}, ends: map[cabling.End]cabling.Place{}}
	switch {
	case len(data) > MaxSize:
		r.mistake(1, 1, fmt.Sprintf("the file has more than %d MiB, and more are not read", MaxSize>>20), "leave out what is not about the cables of nodes")
	case !utf8.Valid(data):
		line, column := invalid(data)
		r.mistake(line, column, "the text is not UTF-8", "save the file as UTF-8")
	default:
		text := strings.TrimPrefix(string(data), "\ufeff")
		switch o.format(name, text) {
		case DOT:
			r.dot(text)
		case CSV:
			r.csv(text, o.Columns)
		case YAML:
			r.yaml(text)
		default:
			r.mistake(1, 1, "neither the name of the file nor what is in it says how it is written", "let its name end with .dot, .csv or .yaml, or say it by --format")
		}
	}
	return r.result()
}

// invalid is where the first octet stands that is no UTF-8.
func invalid(data []byte) (line, column int) {
	line, column = 1, 1
	for len(data) > 0 {
		c, size := utf8.DecodeRune(data)
		if c == utf8.RuneError && size == 1 {
			break
		}
		if column++; c == '\n' {
			line, column = line+1, 1
		}
		data = data[size:]
	}
	return line, column
}

// format is how the file is written; empty where nothing tells.
func (o *Options) format(name, text string) string {
	if o.Format != "" {
		return o.Format
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".dot", ".gv":
		return DOT
	case ".csv", ".tsv":
		return CSV
	case ".yaml", ".yml", ".json":
		return YAML
	}
	first := strings.ToLower(strings.TrimSpace(firstLine(text)))
	switch word, _, _ := strings.Cut(strings.ReplaceAll(first, "{", " "), " "); {
	case len(o.Columns) > 0:
		return CSV
	case word == "graph" || word == "digraph" || word == "strict" || strings.HasPrefix(first, "/"):
		return DOT
	case strings.ContainsAny(first, ",;\t") && !strings.Contains(first, ": "):
		return CSV
	case first == "" || strings.HasSuffix(first, ":") || strings.Contains(text, "nodes"):
		return YAML
	}
	return ""
}

// firstLine is the first line that is not empty and no comment.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return ""
}

// A reader collects the cables of a file, and its mistakes.
type reader struct {
	name     string
	plan     *cabling.Plan
	ends     map[cabling.End]cabling.Place // that have a cable, by folded names
	mistakes yamlfile.Mistakes
}

func (r *reader) mistake(line, column int, message, hint string) {
	if len(r.mistakes) < maxMistakes {
		r.mistakes = append(r.mistakes, yamlfile.Mistake{File: r.name, Line: line, Column: column, Message: message, Hint: hint})
	}
}

func (r *reader) note(count int, format string) {
	if count > 0 {
		r.plan.Notes = append(r.plan.Notes, fmt.Sprintf(format, count))
	}
}

// A written end is an end of a cable with where it stands.
type written struct {
	cabling.End
	line, column int
}

// cable adds a cable. One that is written twice is one.
func (r *reader) cable(a, b written, cable cabling.Cable) {
	if !r.valid(a) || !r.valid(b) {
		return
	}
	cable.A, cable.B, cable.Where = a.End, b.End, cabling.Place{File: r.name, Line: a.line, Column: a.column}
	x, y := key(a.End), key(b.End)
	if x == y {
		r.mistake(b.line, b.column, fmt.Sprintf("%s is at both ends of the cable", quote(b.End)), "write the other end")
		return
	}
	if len(r.plan.Cables) >= maxCables {
		if len(r.plan.Cables) == maxCables {
			r.mistake(a.line, a.column, fmt.Sprintf("there are more than %d cables, and more are not read", maxCables), "split the plan")
		}
		return
	}
	if !cable.Future {
		at, old := r.ends[x]
		bt, also := r.ends[y]
		switch {
		case old && also && at == bt:
			return // the same cable
		case old:
			r.mistake(a.line, a.column, fmt.Sprintf("%s has a cable already, at %s", quote(a.End), at), "leave one of them")
			return
		case also:
			r.mistake(b.line, b.column, fmt.Sprintf("%s has a cable already, at %s", quote(b.End), bt), "leave one of them")
			return
		}
		r.ends[x], r.ends[y] = cable.Where, cable.Where
	}
	r.plan.Cables = append(r.plan.Cables, cable)
}

func (r *reader) valid(w written) bool {
	for _, n := range []struct{ what, text string }{{"device", w.Device}, {"port", w.Port}} {
		switch {
		case strings.TrimSpace(n.text) == "":
			r.mistake(w.line, w.column, "the end of a cable has no "+n.what, "write the name of a device and of its port at both ends")
			return false
		case strings.ContainsFunc(strings.TrimSpace(n.text), unicode.IsControl):
			r.mistake(w.line, w.column, fmt.Sprintf("the name of a %s has a line break, a tab or the like in it: %s", n.what, yamlfile.Quote(n.text)), "write one name, and each cable by itself")
			return false
		case len(n.text) > cabling.MaxName:
			r.mistake(w.line, w.column, fmt.Sprintf("the name of a %s has more than %d octets", n.what, cabling.MaxName), "no switch says so long a name")
			return false
		}
	}
	return true
}

func key(e cabling.End) cabling.End {
	fold := func(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
	return cabling.End{Device: fold(e.Device), Port: fold(e.Port)}
}

func quote(e cabling.End) string { return yamlfile.Quote(e.String()) }

func (r *reader) result() (*cabling.Plan, error) {
	if len(r.mistakes) == 0 && len(r.plan.Cables) == 0 {
		r.mistake(1, 1, "there is no cable in it", "\"colvin plan save\" writes one that has some")
	}
	if len(r.mistakes) > 0 {
		slices.SortStableFunc(r.mistakes, func(a, b yamlfile.Mistake) int { return (a.Line-b.Line)<<20 + a.Column - b.Column })
		return nil, r.mistakes
	}
	return r.plan, nil
}

// Write writes a plan. Reading it gives the same cables.
func Write(p *cabling.Plan, format string) []byte {
	var b bytes.Buffer
	comment := "#"
	switch format {
	case DOT:
		comment = "//"
		writeDOT(&b, p)
	case CSV:
		writeCSV(&b, p)
		return b.Bytes() // which has no comments
	default:
		writeYAML(&b, p)
	}
	for _, note := range p.Notes {
		fmt.Fprintf(&b, "%s not in it: %s\n", comment, fit.Printable(note))
	}
	return b.Bytes()
}
