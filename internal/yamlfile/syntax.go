// SPDX-License-Identifier: Apache-2.0

package yamlfile

import (
	"errors"
	"fmt"
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
)

// notYAML opens the message of every mistake in the YAML itself.
const notYAML = "not valid YAML: "

// Parse reads a document. It always returns one: what is wrong with it is in
// Err, and a document that is not YAML reads as empty.
func Parse(file string, data []byte) *Document {
	d := &Document{file: file, mappings: make(map[*node]*Mapping)}
	if len(data) > MaxSize {
		d.breaks(1, 1, fmt.Sprintf("the file has %d bytes, at most %d are read", len(data), MaxSize), "split it or remove what is not needed")
		return d
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	for line := range strings.SplitSeq(text, "\n") {
		d.columns = append(d.columns, utf8.RuneCountInString(line))
	}
	if d.checkText(text) {
		d.parse(text)
	}
	d.broken = len(d.mistakes) > 0
	return d
}

// breaks records a mistake that keeps the document from being read.
func (d *Document) breaks(line, column int, message, hint string) {
	d.report(d.at(line, column, "", message, hint))
	d.root = nil
}

// checkText refuses octets that are not text (YAML 1.2.2, 5.1 and 5.2).
func (d *Document) checkText(text string) bool {
	line, column := 1, 1
	for i, r := range text {
		switch {
		case r == '\n':
			line, column = line+1, 0
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			d.breaks(line, column, notYAML+"the text is not UTF-8", "save the file as UTF-8")
			return false
		case r < ' ' && r != '\t', r == 0x7f:
			d.breaks(line, column, fmt.Sprintf("%scontrol character %U", notYAML, r), "remove it")
			return false
		}
		column++
	}
	return true
}

// parse runs the YAML parser. A panic of the parser is a mistake in the
// document, because no document may stop the program.
func (d *Document) parse(text string) {
	defer func() {
		if r := recover(); r != nil {
			d.breaks(1, 1, "not valid YAML", "simplify the file until it reads")
		}
	}()
	tokens := lexer.Tokenize(text)
	d.checkTokens(tokens)
	if len(d.mistakes) > 0 {
		return
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntaxError(err)
		return
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case d.root == nil:
			d.root = d.convert(doc.Body)
		default:
			n := d.convert(doc.Body)
			d.breaks(n.line, n.column, "a second document begins here", "put one document into a file")
			return
		}
	}
}

func (d *Document) syntaxError(err error) {
	e, ok := errors.AsType[yaml.Error](err)
	if !ok {
		d.breaks(1, 1, "not valid YAML", "")
		return
	}
	line, column := 1, 1
	if tk := e.GetToken(); tk != nil && tk.Position != nil {
		line, column = tk.Position.Line, tk.Position.Column
	}
	d.breaks(line, column, notYAML+printable(e.GetMessage()), syntaxHint(e.GetMessage()))
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
	doc   *Document
	depth int         // open flow collections
	line  int         // of the token before
	keys  map[int]int // lines that begin with a key, by column, in the open blocks
}

func (d *Document) checkTokens(tokens token.Tokens) {
	c := &tokenCheck{doc: d, keys: make(map[int]int)}
	for _, tk := range tokens {
		if tk.Position == nil {
			continue
		}
		if message, hint := c.leftOut(tk); message != "" {
			d.report(d.at(tk.Position.Line, tk.Position.Column, "", message, hint))
		}
		if c.tooMuch(tk) {
			d.breaks(tk.Position.Line, tk.Position.Column, "nested too deeply, or too many keys in one mapping", "simplify the file")
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
func (d *Document) convert(n ast.Node) *node {
	out := &node{line: 1, column: 1}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		out.line, out.column, out.text = tk.Position.Line, tk.Position.Column, tk.Value
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		d.convertMapping(out, n.Values)
		if !n.IsFlowStyle && len(out.entries) > 0 {
			key := out.entries[0].key
			out.line, out.column = key.line, key.column // not those of the colon
		}
	case *ast.MappingValueNode:
		d.convertMapping(out, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out.kind = KindList
		for _, v := range n.Values {
			out.items = append(out.items, d.convert(v))
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
		d.breaks(out.line, out.column, notYAML+"a value was expected here", "")
	}
	return out
}

func (d *Document) convertMapping(out *node, values []*ast.MappingValueNode) {
	out.kind = KindMapping
	for _, v := range values {
		key, value := d.convert(v.Key), d.convert(v.Value)
		if value.kind == KindNone {
			value.line, value.column = key.line, key.column // an absent value has no place of its own
		}
		out.entries = append(out.entries, entry{key, value})
	}
}
