// SPDX-License-Identifier: Apache-2.0

package yamlfile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds on what is given to the parser, whose stack grows with nesting and
// whose time grows with the square of the keys in one block.
const (
	maxNesting     = 64
	maxEntryColumn = 256
	maxBlockKeys   = 5000
	maxDocuments   = 1000
)

// notYAML opens the message of every mistake in the YAML itself.
const notYAML = "not valid YAML: "

// Parse reads a document. It always returns one: what is wrong with it is in
// Err, and a document that is not YAML reads as empty.
func Parse(file string, data []byte) *Document {
	all := ParseAll(file, data)
	if d := all[0]; len(all) > 1 {
		second := all[1].root
		d.broken = false
		d.breaks(second.line, second.column, "a second document begins here", "put one document into a file")
		d.broken = true
	}
	return all[0]
}

// ParseAll reads a file that may hold several documents, of which those that are empty are
// left out. It returns one at least; where the file is not YAML, one that says so.
func ParseAll(file string, data []byte) []*Document {
	d := &Document{file: file, mappings: make(map[*node]*Mapping)}
	if len(data) > MaxSize {
		d.breaks(1, 1, fmt.Sprintf("the file has more than %d bytes, and more are not read", MaxSize), "split it or remove what is not needed")
		d.broken = true
		return []*Document{d}
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	for line := range strings.SplitSeq(text, "\n") {
		d.columns = append(d.columns, utf8.RuneCountInString(line))
	}
	var roots []*node
	if d.checkText(text) {
		roots = d.readAll(text)
	}
	if d.broken = len(d.mistakes) > 0; d.broken || len(roots) == 0 {
		return []*Document{d}
	}
	var all []*Document
	for _, root := range roots {
		all = append(all, &Document{file: file, columns: d.columns, mappings: make(map[*node]*Mapping), root: root})
	}
	return all
}

// Again is the document as it was before anything was asked of it.
func (d *Document) Again() *Document {
	out := &Document{file: d.file, columns: d.columns, root: d.root, broken: d.broken, mappings: make(map[*node]*Mapping)}
	if d.broken {
		out.mistakes = d.mistakes
	}
	return out
}

// breaks records a mistake that keeps the document from being read.
func (d *Document) breaks(line, column int, message, hint string) {
	d.report(d.at(line, column, "", message, hint))
	d.root = nil
}

// checkText refuses octets that are not text (YAML 1.2.2, 5.1 and 5.2).
func (d *Document) checkText(text string) bool {
	line, column, told := 1, 1, false
	for i, r := range text {
		switch {
		case r == '\n':
			line, column, told = line+1, 0, false
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			d.breaks(line, column, notYAML+"the text is not UTF-8", "save the file as UTF-8")
			return false // of every letter in another encoding
		case r == 0:
			d.breaks(line, column, fmt.Sprintf("%scontrol character %U", notYAML, r), "this is no text: name another file")
			return false // there are more
		case !told && (r < ' ' && r != '\t' || r == 0x7f):
			d.breaks(line, column, fmt.Sprintf("%scontrol character %U", notYAML, r), "remove it")
			told = true // of this line
		}
		column++
	}
	return len(d.mistakes) == 0
}

// maxReread bounds how many octets are read again to find more mistakes in the YAML.
const maxReread = 4 << 20

// readAll reads the documents of a text. Where it is not YAML, it is read again without the
// lines that are wrong, so that all mistakes are told at once.
func (d *Document) readAll(text string) []*node {
	lines := strings.Split(text, "\n")
	var told []int // lines
	for left := maxReread; ; left -= len(text) {
		r := reading{doc: d}
		roots := r.read(strings.Join(lines, "\n"))
		if len(r.wrong) == 0 && len(told) == 0 {
			return roots
		}
		again := false
		var lately []int
		for _, w := range r.wrong {
			end := block(lines, w.from)
			if !slices.ContainsFunc(told, func(line int) bool { return w.from <= line && line < end }) {
				d.report(w.Mistake) // else it follows from another
			}
			lately = append(lately, w.from, w.Line)
			again = clearLines(lines[w.from-1:end-1]) || again
		}
		if told = append(told, lately...); !again || r.hopeless || left < 0 {
			return nil
		}
	}
}

// head is the beginning of an entry in a block: its indentation, with the dashes.
var head = regexp.MustCompile(`^ *(?:- +)*`)

// block is the line behind those that belong to one by their indentation.
func block(lines []string, from int) (end int) {
	depth := len(head.FindString(lines[from-1]))
	for end = from + 1; end <= len(lines); end++ {
		text := strings.TrimLeft(lines[end-1], " ")
		if text != "" && text[0] != ':' && len(lines[end-1])-len(text) <= depth { // : goes on after ?
			break
		}
	}
	return end
}

// clearLines has lines say nothing, and reports whether they did before. An entry of a list
// stays one, for the keys that follow.
func clearLines(lines []string) (said bool) {
	now := ""
	if dashes := head.FindString(lines[0]); strings.Contains(dashes, "-") {
		now = dashes + "_: 0"
	}
	for i := range lines {
		said = said || lines[i] != now
		lines[i], now = now, ""
	}
	return said
}

// A reading is one attempt to read a text.
type reading struct {
	doc      *Document
	wrong    []wrong
	hopeless bool // there is no use in looking for more
	above    int  // lines above the document that is being read
}

// wrong is a mistake in the YAML with the line on which it began.
type wrong struct {
	Mistake
	from int
}

func (r *reading) note(line, column int, message, hint string) {
	m := r.doc.at(r.above+line, column, "", message, hint)
	r.wrong = append(r.wrong, wrong{m, m.Line})
}

// read reads the documents of a text, which lines part that begin with three dashes or dots
// wherever they are (YAML 1.2.2, 9.1.2): the parser loses what is behind one that is empty.
func (r *reading) read(text string) (roots []*node) {
	begin, count := 0, 0
	lines := strings.Split(text, "\n")
	part := func(end int) bool {
		if count++; count > maxDocuments {
			r.wrong = nil
			r.give(1, 1, fmt.Sprintf("more than %d documents", maxDocuments), "split the file")
		}
		if r.hopeless {
			return false
		}
		r.above = begin
		if root := r.document(strings.Join(lines[begin:end], "\n")); root != nil {
			roots = append(roots, root)
		}
		begin = end
		return true
	}
	for i, line := range lines {
		if !marker.MatchString(line) {
			continue
		}
		if i > begin && !part(i) {
			return nil
		}
		lines[i] = "   " + line[len("---"):]
	}
	if part(len(lines)); len(r.wrong) > 0 {
		return nil
	}
	return roots
}

var marker = regexp.MustCompile(`^(?:---|\.\.\.)(?:[ \t]|$)`)

// document reads one document. A panic of the parser is a mistake in it, because no document
// may stop the program.
func (r *reading) document(text string) (root *node) {
	defer func() {
		if p := recover(); p != nil {
			r.give(1, 1, "not valid YAML", "simplify the file until it reads")
		}
	}()
	tokens := lexer.Tokenize(text)
	before := len(r.wrong)
	r.checkTokens(tokens)
	if r.hopeless {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntaxError(err, tokens, before)
		return nil
	}
	for _, doc := range file.Docs {
		if doc.Body != nil && root == nil && len(r.wrong) == before {
			root = r.convert(doc.Body)
		}
	}
	return root
}

// give gives up, and says why where nothing else is wrong.
func (r *reading) give(line, column int, message, hint string) {
	if r.hopeless = true; len(r.wrong) == 0 {
		r.note(line, column, message, hint)
	}
}

// syntaxError notes what the parser found. What the tokens showed further down can follow
// from it.
func (r *reading) syntaxError(err error, tokens token.Tokens, before int) {
	e, ok := errors.AsType[yaml.Error](err)
	if !ok {
		r.give(1, 1, "not valid YAML", "")
		return
	}
	line, column := 1, 1
	if tk := e.GetToken(); tk != nil && tk.Position != nil {
		line, column = tk.Position.Line, tk.Position.Column
	}
	from, hint := line, syntaxHint(e.GetMessage())
	if open := opener(tokens, line, column); hint == "" && open != nil && open.Position.Line < line {
		from = open.Position.Line
		hint = fmt.Sprintf("the %s on line %d is not closed", open.Value, r.above+from)
	}
	here := slices.DeleteFunc(slices.Clone(r.wrong[before:]), func(w wrong) bool { return w.Line > r.above+from })
	r.wrong = append(r.wrong[:before], here...)
	if !slices.ContainsFunc(here, func(w wrong) bool { return w.Line == r.above+from }) {
		r.note(line, column, notYAML+printable(e.GetMessage()), hint)
		r.wrong[len(r.wrong)-1].from = min(r.above+from, len(r.doc.columns))
	}
}

// opener is the innermost [ or { that is open at a place.
func opener(tokens token.Tokens, line, column int) *token.Token {
	var open []*token.Token
	for _, tk := range tokens {
		if p := tk.Position; p == nil || p.Line > line || p.Line == line && p.Column >= column {
			break
		}
		switch tk.Type { //nolint:exhaustive // only what nests
		case token.SequenceStartType, token.MappingStartType:
			open = append(open, tk)
		case token.SequenceEndType, token.MappingEndType:
			open = open[:max(len(open)-1, 0)]
		}
	}
	if len(open) == 0 {
		return nil
	}
	return open[len(open)-1]
}

// syntaxHint says what usually causes a message of the parser.
func syntaxHint(message string) string {
	for _, h := range []struct{ part, hint string }{
		{"escape character", "put text with a backslash in single quotes"},
		{"alias name", "put text that begins with * in quotes"},
		{"reserved character", "put the text in quotes"},
		{"cannot start any token", "indent with spaces, and put text that begins with a special character in quotes"},
		{"not allowed in this context", `check the indentation, and put text with ": " in quotes`},
		{"non-map value", "check the indentation, and that the key ends with a colon"},
		{"unexpected key name", "check the indentation, and that the key ends with a colon"},
	} {
		if strings.Contains(message, h.part) {
			return h.hint
		}
	}
	return ""
}

// A tokenCheck looks for what the dialect leaves out, and for what would cost
// the parser more than a configuration file is worth.
type tokenCheck struct {
	depth int         // open flow collections
	line  int         // of the token before
	keys  map[int]int // lines that begin with a key, by column, in the open blocks
}

func (r *reading) checkTokens(tokens token.Tokens) {
	c := &tokenCheck{keys: make(map[int]int)}
	for _, tk := range tokens {
		if tk.Position == nil {
			continue
		}
		if message, hint := c.leftOut(tk); message != "" {
			r.note(tk.Position.Line, tk.Position.Column, message, hint)
		}
		if c.tooMuch(tk) {
			r.wrong = nil
			r.give(tk.Position.Line, tk.Position.Column, "nested too deeply, or too many keys in one mapping", "simplify the file")
			return
		}
	}
}

func (c *tokenCheck) leftOut(tk *token.Token) (message, hint string) {
	switch tk.Type { //nolint:exhaustive // the rest is the dialect
	case token.AnchorType:
		return "anchors are not supported", "write the value out, or put text that begins with & in quotes"
	case token.AliasType:
		return "aliases are not supported", "put text that begins with * in quotes"
	case token.MergeKeyType:
		return "merge keys are not supported", "write the keys out"
	case token.TagType:
		return "tags are not supported", "put text that begins with ! in quotes"
	case token.DirectiveType:
		return "directives are not supported", "put text that begins with % in quotes"
	case token.MappingKeyType:
		return `keys that begin with "? " are not supported`, "write key: value"
	case token.StringType:
		// Within {} the parser takes "a: x b: y" for one text.
		block := tk.Prev != nil && (tk.Prev.Type == token.LiteralType || tk.Prev.Type == token.FoldedType)
		if !block && (strings.Contains(tk.Value, ": ") || strings.HasSuffix(tk.Value, ":")) {
			return fmt.Sprintf("%s%s holds a colon", notYAML, Quote(tk.Value)), "put a comma before the next key, or the text in quotes"
		}
	}
	return "", ""
}

func (c *tokenCheck) tooMuch(tk *token.Token) bool {
	switch tk.Type { //nolint:exhaustive // only what nests
	case token.SequenceStartType, token.MappingStartType:
		c.depth++
	case token.SequenceEndType, token.MappingEndType:
		c.depth--
	case token.SequenceEntryType:
		if tk.Position.Column > maxEntryColumn {
			return true
		}
	}
	if first := tk.Position.Line != c.line; first && tk.Type != token.CommentType {
		c.line = tk.Position.Line
		column := tk.Position.Column
		for open := range c.keys {
			if open > column {
				delete(c.keys, open)
			}
		}
		if tk.Type != token.SequenceEntryType {
			c.keys[column]++
		}
		return c.depth > maxNesting || c.keys[column] > maxBlockKeys
	}
	return c.depth > maxNesting
}

// A node is a value of the document, apart from the parser's own tree.
type node struct {
	kind         Kind
	text         string // of a scalar
	line, column int
	entries      []entry // of a mapping
	items        []*node // of a list
}

type entry struct{ key, value *node }

// convert copies the parser's tree. It runs where a panic of the parser's code
// is caught; the getters never touch that tree.
func (r *reading) convert(n ast.Node) *node {
	out := &node{line: r.above + 1, column: 1}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		out.line, out.column, out.text = r.above+tk.Position.Line, tk.Position.Column, tk.Value
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		r.convertMapping(out, n.Values)
		if !n.IsFlowStyle && len(out.entries) > 0 {
			key := out.entries[0].key
			out.line, out.column = key.line, key.column // not those of the colon
		}
	case *ast.MappingValueNode:
		r.convertMapping(out, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out.kind = KindList
		for _, v := range n.Values {
			out.items = append(out.items, r.convert(v))
		}
	case *ast.StringNode:
		out.kind, out.text = KindText, n.Value
	case *ast.LiteralNode:
		out.kind, out.text = KindText, n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.kind = KindNumber
	case *ast.BoolNode:
		out.kind = KindBool
	case *ast.NullNode:
		out.kind = KindNone
	default:
		r.note(out.line-r.above, out.column, notYAML+"a value was expected here", "")
	}
	return out
}

func (r *reading) convertMapping(out *node, values []*ast.MappingValueNode) {
	out.kind = KindMapping
	for _, v := range values {
		key, value := r.convert(v.Key), r.convert(v.Value)
		if value.kind == KindNone {
			value.line, value.column = key.line, key.column // an absent value has no place of its own
		}
		out.entries = append(out.entries, entry{key, value})
	}
}
