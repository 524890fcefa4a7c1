// SPDX-License-Identifier: Apache-2.0

package planfile

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/cabling"
)

// maxNesting bounds how deep subgraphs are in each other.
const maxNesting = 64

// dotReader reads DOT (https://graphviz.org/doc/info/lang.html), as far as it says which port
// is connected to which: "leaf1":"swp1" -- "server1":"eth1". The grammar is read whole, what
// attributes draw is passed over; of ptmd's own, match_type counts.
type dotReader struct {
	*reader
	lex    dotLexer
	token  dotToken
	edge   string // --, or -> in a digraph
	failed bool   // there is a mistake in this statement already
	line   int    // of it
}

// A scope is what attributes hold in a graph or subgraph: those of ptmd.
type scope struct {
	lldp      string
	templates map[string]string
}

func (r *reader) dot(text string) {
	d := &dotReader{reader: r, lex: dotLexer{text: text, line: 1, column: 1}}
	d.next()
	graphs := 0
	for ; d.token.kind != dotEnd && len(r.mistakes) == 0; graphs++ {
		d.graph()
	}
	if graphs == 0 && len(r.mistakes) == 0 {
		r.mistake(1, 1, "there is no graph in it", `write graph G { "leaf1":"swp1" -- "server1":"eth1" }`)
	}
}

func (d *dotReader) next() {
	d.token = d.lex.next()
	if d.token.problem != "" {
		d.wrong(d.token.problem, d.token.hint)
	}
}

// wrong tells a mistake at the token, unless one was told of this statement.
func (d *dotReader) wrong(message, hint string) {
	if !d.failed {
		d.mistake(d.token.line, d.token.column, message, hint)
		d.line = d.token.line
	}
	d.failed = true
}

func (d *dotReader) graph() {
	if d.token.keyword("strict") {
		d.next()
	}
	switch {
	case d.token.keyword("graph"):
		d.edge = "--"
	case d.token.keyword("digraph"):
		d.edge = "->"
	default:
		d.wrong(fmt.Sprintf("a graph is expected, not %s", d.token.shown()), `write graph G { "leaf1":"swp1" -- "server1":"eth1" }`)
		return
	}
	if d.next(); d.token.kind == dotID {
		d.next()
	}
	d.block(scope{templates: map[string]string{}}, 0)
}

// block reads { statements }, from its brace on.
func (d *dotReader) block(s scope, depth int) {
	if !d.token.is("{") {
		d.wrong(fmt.Sprintf("{ is expected, not %s", d.token.shown()), "")
		return
	}
	s.templates = maps.Clone(s.templates)
	for d.next(); !d.token.is("}"); {
		if d.token.kind == dotEnd {
			d.wrong("the file ends within a graph", "close it with }")
			return
		}
		if d.token.is(";") {
			d.next()
			continue
		}
		if d.statement(&s, depth); d.failed {
			d.recover()
		}
	}
	d.next()
}

// recover goes to where the next statement can begin: another line, or what ends one.
func (d *dotReader) recover() {
	depth := 0
	for ; d.token.kind != dotEnd; d.token = d.lex.next() {
		if d.token.is("}") {
			depth--
		}
		if depth < 0 || depth == 0 && (d.token.line > d.line || d.token.is(";")) {
			break
		}
		if d.token.is("{") {
			depth++
		}
	}
	if d.failed = false; d.token.problem != "" {
		d.wrong(d.token.problem, d.token.hint)
	}
}

func (d *dotReader) statement(s *scope, depth int) {
	first := d.token
	switch {
	case first.keyword("graph") || first.keyword("node") || first.keyword("edge"):
		d.next()
		if at := d.attributes(); !first.keyword("node") {
			s.take(at, first.keyword("graph"))
		}
		return
	case first.keyword("subgraph") || first.is("{"):
		d.subgraph(*s, depth)
		if d.token.is(d.edge) {
			d.wrong("a cable has one port at each end, not a subgraph", `write each cable: "leaf1":"swp1" -- "server1":"eth1"`)
		}
		return
	case first.kind != dotID:
		d.wrong(fmt.Sprintf("a statement is expected, not %s", first.shown()), "")
		return
	}
	d.next()
	if d.token.is("=") {
		if d.next(); d.token.kind != dotID {
			d.wrong(fmt.Sprintf("a value is expected, not %s", d.token.shown()), "")
			return
		}
		s.take(map[string]string{first.text: d.token.text}, true)
		d.next()
		return
	}
	d.chain(*s, first)
}

// subgraph reads one, with its name or without.
func (d *dotReader) subgraph(s scope, depth int) {
	if depth >= maxNesting {
		d.wrong(fmt.Sprintf("subgraphs are nested more than %d deep", maxNesting), "")
		d.lex.skip()
		return
	}
	if d.token.keyword("subgraph") {
		if d.next(); d.token.kind == dotID {
			d.next()
		}
	}
	d.block(s, depth+1)
}

// chain reads a node, or nodes with edges between them.
func (d *dotReader) chain(s scope, first dotToken) {
	ends := []dotNode{d.end(first)}
	for d.token.is("--") || d.token.is("->") {
		if !d.token.is(d.edge) {
			d.wrong(fmt.Sprintf("%s in a graph whose edges are %s", d.token.text, d.edge), "write "+d.edge+", or digraph in place of graph, or graph in place of digraph")
			return
		}
		if d.next(); d.token.keyword("subgraph") || d.token.is("{") {
			d.wrong("a cable has one port at each end, not a subgraph", `write each cable: "leaf1":"swp1" -- "server1":"eth1"`)
			return
		}
		if d.token.kind != dotID {
			d.wrong(fmt.Sprintf("the other end of the cable is expected, not %s", d.token.shown()), "")
			return
		}
		at := d.token
		d.next()
		ends = append(ends, d.end(at))
	}
	own := s
	own.take(d.attributes(), false)
	for i := 1; i < len(ends) && !d.failed; i++ {
		if d.ported(ends[i-1]) && d.ported(ends[i]) {
			d.cable(ends[i-1].written, ends[i].written, cabling.Cable{ByDescription: own.byDescription()})
		}
	}
}

// A dotNode is an end of an edge; port tells whether it has one.
type dotNode struct {
	written
	port, html bool
}

// end reads what may follow the ID of a node: a port, and a compass point, which is for drawing.
func (d *dotReader) end(id dotToken) dotNode {
	e := dotNode{html: id.html}
	e.line, e.column, e.Device = id.line, id.column, id.text
	for i := 0; d.token.is(":"); i++ {
		if d.next(); d.token.kind != dotID {
			d.wrong(fmt.Sprintf("a port is expected, not %s", d.token.shown()), "")
			return e
		}
		if i == 0 {
			e.Port, e.port, e.html = d.token.text, true, e.html || d.token.html
		}
		d.next()
	}
	return e
}

// ported reports whether an end can be that of a cable.
func (d *dotReader) ported(e dotNode) bool {
	device, port, joined := strings.Cut(e.Device, ":")
	switch {
	case e.html:
		d.mistake(e.line, e.column, "an HTML string is no name of a device or port", "write the name in quotes")
	case e.port:
		return true
	case joined:
		d.mistake(e.line, e.column, fmt.Sprintf("%s is one name: the end of this cable has no port", yamlfile.Quote(e.Device)), fmt.Sprintf("write \"%s\":\"%s\"", device, port))
	default:
		d.mistake(e.line, e.column, fmt.Sprintf("%s has no port", yamlfile.Quote(e.Device)), `write the port behind the device, at both ends: "leaf1":"swp1" -- "server1":"eth1"`)
	}
	return false
}

// attributes reads [a=b, c=d] as often as there is one.
func (d *dotReader) attributes() map[string]string {
	all := map[string]string{}
	for d.token.is("[") {
		for d.next(); !d.token.is("]"); {
			if d.token.is(",") || d.token.is(";") {
				d.next()
				continue
			}
			name := d.token
			if name.kind != dotID {
				d.wrong(fmt.Sprintf("an attribute or ] is expected, not %s", name.shown()), "")
				return all
			}
			if d.next(); !d.token.is("=") {
				d.wrong(fmt.Sprintf("= is expected behind %s, not %s", yamlfile.Quote(name.text), d.token.shown()), "")
				return all
			}
			if d.next(); d.token.kind != dotID {
				d.wrong(fmt.Sprintf("a value is expected, not %s", d.token.shown()), "")
				return all
			}
			all[name.text] = d.token.text
			d.next()
		}
		d.next()
	}
	return all
}

// take takes those attributes that say how ptmd compares: LLDP, and the templates to which it
// refers.
func (s *scope) take(attributes map[string]string, templates bool) {
	for name, value := range attributes {
		switch {
		case name == "LLDP":
			s.lldp = value
		case templates && strings.HasPrefix(name, "LLDP"):
			s.templates[name] = value
		}
	}
}

// lldpParameter is one of ptmd's: match_type=portdescr, lldptmpl=LLDP1.
var lldpParameter = regexp.MustCompile(`(?i)\b(match_type|lldptmpl)\s*=\s*([^,\s]+)`)

// byDescription reports whether ports are called by their descriptions.
func (s *scope) byDescription() bool {
	text := s.lldp
	for range 2 {
		for _, m := range lldpParameter.FindAllStringSubmatch(text, -1) {
			if strings.EqualFold(m[1], "match_type") {
				return strings.EqualFold(m[2], "portdescr")
			}
			text = s.templates[m[2]]
		}
	}
	return false
}

// The kinds of tokens.
type dotKind int

const (
	dotEnd dotKind = iota
	dotID
	dotSign // { } [ ] = ; : , -- ->
)

type dotToken struct {
	kind         dotKind
	text         string
	quoted, html bool
	line, column int
	problem      string // what is wrong with it
	hint         string
}

func (t *dotToken) is(sign string) bool { return t.kind == dotSign && t.text == sign }

func (t *dotToken) keyword(word string) bool {
	return t.kind == dotID && !t.quoted && !t.html && strings.EqualFold(t.text, word)
}

func (t *dotToken) shown() string {
	if t.kind == dotEnd {
		return "the end of the file"
	}
	return yamlfile.Quote(t.text)
}

// A dotLexer cuts a text into tokens.
type dotLexer struct {
	text         string
	line, column int
}

// take moves on by some octets, which it returns.
func (l *dotLexer) take(n int) string {
	taken := l.text[:n]
	l.text = l.text[n:]
	if lines := strings.Count(taken, "\n"); lines > 0 {
		l.line += lines
		l.column = 1
		l.column += utf8.RuneCountInString(taken[strings.LastIndexByte(taken, '\n')+1:])
	} else {
		l.column += utf8.RuneCountInString(taken)
	}
	return taken
}

// skip goes to the end.
func (l *dotLexer) skip() { l.take(len(l.text)) }

var (
	dotBlank   = regexp.MustCompile(`^(?:[ \t\r\n\f\x{feff}]+|//[^\n]*|(?s:/\*.*?\*/))`)
	dotName    = regexp.MustCompile(`^[\pL_\x{80}-\x{10ffff}][\pL_0-9\x{80}-\x{10ffff}]*`)
	dotNumeral = regexp.MustCompile(`^-?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)`)
	dotSigns   = regexp.MustCompile(`^(?:--|->|[{}\[\]=;:,])`)
	dotString  = regexp.MustCompile(`^"(?:[^"\\]|\\(?s:.))*"`)
	dotPlus    = regexp.MustCompile(`^\s*\+\s*"`)
)

// blank passes over blanks and comments. A line that begins with # is the preprocessor's.
func (l *dotLexer) blank() {
	for {
		if l.column == 1 && strings.HasPrefix(l.text, "#") {
			end := strings.IndexByte(l.text, '\n')
			if end < 0 {
				end = len(l.text)
			}
			l.take(end)
			continue
		}
		n := len(dotBlank.FindString(l.text))
		if n == 0 {
			return
		}
		l.take(n)
	}
}

func (l *dotLexer) next() dotToken {
	l.blank()
	t := dotToken{line: l.line, column: l.column}
	switch {
	case l.text == "":
		return t
	case l.text[0] == '"':
		l.quoted(&t)
	case l.text[0] == '<':
		l.markup(&t)
	default:
		t.kind = dotID
		for _, pattern := range []*regexp.Regexp{dotName, dotNumeral} {
			if n := len(pattern.FindString(l.text)); n > 0 {
				t.text = l.take(n)
				l.unquoted(&t)
				return t
			}
		}
		t.kind = dotSign
		if n := len(dotSigns.FindString(l.text)); n > 0 {
			t.text = l.take(n)
			return t
		}
		_, size := utf8.DecodeRuneInString(l.text)
		t.text = l.take(size)
		t.problem, t.hint = fmt.Sprintf("%s cannot stand here", yamlfile.Quote(t.text)), "write names in quotes"
		if t.text == "/" {
			l.skip()
			t.problem, t.hint = "a comment is not closed", "close it with */"
		}
	}
	return t
}

// dotRest is what goes on where a name ended, and cannot.
var dotRest = regexp.MustCompile(`^(?:\.|-[^->]|/[^/*]|[\pL_0-9])[^\s;,:=\[\]{}"]*`)

// unquoted refuses a name of which the grammar takes the beginning only: leaf-1.
func (l *dotLexer) unquoted(t *dotToken) {
	if rest := dotRest.FindString(l.text); rest != "" {
		t.text += l.take(len(rest))
		t.problem, t.hint = fmt.Sprintf("%s has characters that stand in quotes only", yamlfile.Quote(t.text)), fmt.Sprintf("write \"%s\"", t.text)
	}
}

// quoted reads a string, and those that are joined to it with +. In it \" stands for a quote,
// and a backslash at the end of a line for nothing; any other backslash is one.
func (l *dotLexer) quoted(t *dotToken) {
	t.kind, t.quoted = dotID, true
	var whole strings.Builder
	defer func() { t.text = whole.String() }()
	for {
		n := len(dotString.FindString(l.text))
		if n == 0 {
			l.skip()
			t.problem, t.hint = "a string is not closed", "close it with \""
			return
		}
		text := l.take(n)
		whole.WriteString(unescapeDOT(text[1 : len(text)-1]))
		plus := dotPlus.FindString(l.text)
		if plus == "" {
			return
		}
		l.take(len(plus) - 1)
	}
}

// unescapeDOT is what a string means.
var unescapeDOT = strings.NewReplacer(`\"`, `"`, "\\\n", "", "\\\r\n", "", `\\`, `\\`).Replace

// markup reads an HTML string, in which angle brackets are balanced.
func (l *dotLexer) markup(t *dotToken) {
	t.kind, t.html = dotID, true
	depth := 0
	for i := range len(l.text) {
		switch l.text[i] {
		case '<':
			depth++
		case '>':
			depth--
		}
		if depth == 0 {
			text := l.take(i + 1)
			t.text = text[1:i]
			return
		}
	}
	l.skip()
	t.problem, t.hint = "an HTML string is not closed", "close it with >"
}

func writeDOT(b *bytes.Buffer, p *cabling.Plan) {
	b.WriteString("graph cabling {\n")
	for i := range p.Cables {
		c := &p.Cables[i]
		fmt.Fprintf(b, "  %s:%s -- %s:%s\n", quoteDOT(c.A.Device), quoteDOT(c.A.Port), quoteDOT(c.B.Device), quoteDOT(c.B.Port))
	}
	b.WriteString("}\n")
}

func quoteDOT(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }
