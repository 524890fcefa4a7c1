// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// A mutant is one change to one file.
type mutant struct {
	file     string // from the top of the module, with slashes
	line     int
	function string // or the constant or variable at the top of a file
	nth      int    // of those that read the same in one function, from 1

	// The lines around the change as a reader wants to see them. What the compiler
	// gets in text is longer, so that what is no longer used is not an error.
	before, after string

	source     []byte // of the whole file
	start, end int    // the octets that text takes the place of
	text       string
}

// key names a mutant for as long as its function stays as it is, wherever that is.
func (m *mutant) key() string {
	return fmt.Sprintf("%s %s", m.file, m.change())
}

func (m *mutant) String() string {
	return fmt.Sprintf("%s:%d %s", m.file, m.line, m.change())
}

func (m *mutant) change() string {
	function := m.function
	if m.nth > 1 {
		function = fmt.Sprintf("%s#%d", function, m.nth)
	}
	return fmt.Sprintf("%s: %s -> %s", function, m.before, m.after)
}

// apply returns the file as the mutant has it.
func (m *mutant) apply() []byte {
	return slices.Concat(m.source[:m.start], []byte(m.text), m.source[m.end:])
}

// mutantsOf returns the mutants of a file, in order. Generated files have none.
func mutantsOf(name string, source []byte) ([]mutant, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("read the code: %w", err)
	}
	if ast.IsGenerated(file) {
		return nil, nil
	}
	w := walker{tokens: fset.File(file.Pos()), source: source, name: name, comments: file.Comments}
	ast.PreorderStack(file, nil, func(n ast.Node, above []ast.Node) bool {
		w.visit(n, above)
		return true
	})
	slices.SortStableFunc(w.found, func(a, b mutant) int { return a.start - b.start })
	seen := map[string]int{}
	for i := range w.found {
		m := &w.found[i]
		seen[m.key()]++
		m.nth = seen[m.key()]
	}
	return w.found, nil
}

// A walker collects the mutants of one file.
type walker struct {
	tokens   *token.File
	source   []byte
	name     string
	comments []*ast.CommentGroup
	function string // around the node that is visited
	found    []mutant
}

func (w *walker) offset(p token.Pos) int { return w.tokens.Offset(p) }

func (w *walker) code(n ast.Node) string {
	return string(w.source[w.offset(n.Pos()):w.offset(n.End())])
}

// change adds a mutant: text, of which a reader sees what is shown, takes the place
// of what is between two positions.
func (w *walker) change(from, to token.Pos, text, shown string) {
	start, end := w.offset(from), w.offset(to)
	first := bytes.LastIndexByte(w.source[:start], '\n') + 1
	last := w.lineEnd(to)
	line := func(middle string) string {
		return oneLine(string(w.source[first:start]), middle, string(w.source[end:last]))
	}
	w.found = append(w.found, mutant{
		file: w.name, line: w.tokens.Line(from), function: w.function,
		before: line(string(w.source[start:end])), after: line(shown),
		source: w.source, start: start, end: end, text: text,
	})
}

// lineEnd is where the line of a position ends, without its comment.
func (w *walker) lineEnd(p token.Pos) int {
	end := len(w.source)
	if i := bytes.IndexByte(w.source[w.offset(p):], '\n'); i >= 0 {
		end = w.offset(p) + i
	}
	for _, c := range w.comments {
		if c.Pos() >= p {
			return min(end, w.offset(c.Pos()))
		}
	}
	return end
}

// oneLine makes one line of code of what is changed and what is around it. Where
// that is long, what is near the change is kept.
func oneLine(before, changed, after string) string {
	const most, mostChanged = 60, 160
	b, c, a := []rune(blanks(before)), []rune(blanks(changed)), []rune(blanks(after))
	dots := []rune("...")
	if len(b) > most {
		b = slices.Concat(dots, b[len(b)-most:])
	}
	if len(c) > mostChanged {
		c = slices.Concat(c[:mostChanged/2], dots, c[len(c)-mostChanged/2:])
	}
	if len(a) > most {
		a = slices.Concat(a[:most], dots)
	}
	return strings.TrimSpace(string(slices.Concat(b, c, a)))
}

var blank = regexp.MustCompile(`\s+`)

func blanks(code string) string { return blank.ReplaceAllString(code, " ") }
