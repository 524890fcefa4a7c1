// SPDX-License-Identifier: Apache-2.0

// Package yamlfile reads strict YAML files and reports every mistake in them at
// once, each with file, line, column and what to do. What the keys mean stays
// with the packages that own the files.
//
// A reader parses a document, asks it for what it knows and looks at the
// mistakes last:
//
//	doc := yamlfile.Parse(name, data)
//	m := doc.Mapping()
//	cfg.Level = m.Get("level").OneOf("info", "debug", "info", "warn")
//	cfg.Every = yamlfile.Parsed(m.Get("every"), 30*time.Second, time.ParseDuration)
//	for _, v := range m.Get("peers").List() {
//		cfg.Peers = append(cfg.Peers, v.Mapping().Get("name").Required("").Text(""))
//	}
//	if err := doc.Err(); err != nil {
//		return err // Mistakes: all of them, sorted by position
//	}
//
// Every getter takes the value to use when the key is absent, and returns it
// too when the value is wrong, after recording the mistake. A key that nobody
// asked for is unknown, and a key that stands twice is a mistake, without a
// reader having to look. A document that is not YAML has one mistake and reads
// as empty, so readers need no special case for it.
//
// The dialect is small on purpose: one document of at most 1 MiB, no anchors,
// aliases, merge keys, tags or directives, and decimal numbers. An empty file is
// an empty mapping, and so is a mapping or list without a value, since that is
// what remains when every entry is commented out.
package yamlfile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
)

// MaxSize is the size of the largest document that is read.
const MaxSize = 1 << 20

// maxMistakes bounds what is kept of a file that is wrong everywhere.
const maxMistakes = 1000

// A Mistake is one thing wrong in a file, at a place an editor can go to.
type Mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line"`           // from 1; 0 where Path alone says the place
	Column  int    `json:"column"`         // from 1, in characters; 0 with Line
	Path    string `json:"path,omitempty"` // such as "networks[2].match[0].vlan"; empty for the document
	Message string `json:"message"`        // what is wrong
	Hint    string `json:"hint,omitempty"` // what to do about it
}

// String returns file:line:column: path: what is wrong; what to do.
func (m Mistake) String() string {
	s := m.File + ": "
	if m.Line != 0 {
		s = fmt.Sprintf("%s:%d:%d: ", m.File, m.Line, m.Column)
	}
	if m.Path != "" {
		s += m.Path + ": "
	}
	s += m.Message
	if m.Hint != "" {
		s += "; " + m.Hint
	}
	return s
}

// Mistakes are the mistakes of a file, ordered by position.
type Mistakes []Mistake

// Error returns one mistake per line.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i := range m {
		lines[i] = m[i].String()
	}
	return strings.Join(lines, "\n")
}

// A Problem is an error with what to do about it. A parse function given to
// Parsed returns one to fill in a mistake's message and hint.
type Problem struct {
	Message string
	Hint    string
}

// Error returns the message and the hint.
func (p Problem) Error() string {
	if p.Hint == "" {
		return p.Message
	}
	return p.Message + "; " + p.Hint
}

// A Document is one YAML file being read. It is not for concurrent use.
type Document struct {
	file     string
	columns  []int // length of each line in characters
	root     *node // nil when empty or not YAML
	broken   bool  // not YAML: later mistakes would only be noise
	mistakes Mistakes
	warnings Mistakes
	mappings map[*node]*Mapping // every mapping handed out
	order    []*Mapping         // the same, in order
}

// Mapping returns the document's content, which must be a mapping.
func (d *Document) Mapping() *Mapping {
	return Value{doc: d, node: d.root, line: 1, column: 1}.Mapping()
}

// Root returns the document's content, whatever it is.
func (d *Document) Root() Value {
	v := Value{doc: d, line: 1, column: 1}
	if d.root == nil {
		return v
	}
	return v.with(d.root)
}

// Err returns every mistake as Mistakes, or nil. It is called last, because a
// key is unknown when nobody has asked for it.
func (d *Document) Err() error {
	all := slices.Clone(d.mistakes)
	for _, m := range d.order {
		all = append(all, m.unknown()...)
	}
	if len(all) == 0 {
		return nil
	}
	sortMistakes(all)
	if len(all) > maxMistakes {
		last := all[maxMistakes]
		last.Path, last.Message, last.Hint = "", "and more mistakes from here on", "mend the ones above first"
		all = append(all[:maxMistakes:maxMistakes], last)
	}
	return all
}

// Warnings returns what readers warned of, ordered by position.
func (d *Document) Warnings() Mistakes {
	all := slices.Clone(d.warnings)
	sortMistakes(all)
	return all
}

func sortMistakes(m Mistakes) {
	slices.SortStableFunc(m, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// at makes a mistake whose position is within the file.
func (d *Document) at(line, column int, path, message, hint string) Mistake {
	line = min(max(line, 1), max(len(d.columns), 1))
	width := 0
	if line <= len(d.columns) {
		width = d.columns[line-1]
	}
	column = min(max(column, 1), width+1)
	return Mistake{File: d.file, Line: line, Column: column, Path: path, Message: message, Hint: hint}
}

// report records a mistake. One more than the limit is kept, so that Err can
// tell that there are more.
func (d *Document) report(m Mistake) {
	if !d.broken && len(d.mistakes) <= maxMistakes {
		d.mistakes = append(d.mistakes, m)
	}
}

func (d *Document) warn(m Mistake) {
	if !d.broken && len(d.warnings) < maxMistakes {
		d.warnings = append(d.warnings, m)
	}
}

// Quote returns text from a file or the wire for a message: quoted, escaped,
// and cut where it is long.
func Quote(s string) string {
	const limit = 60
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit]) + "…"
	}
	return strconv.Quote(s)
}

// printable escapes what a terminal would act on.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if fit.Visible(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}
