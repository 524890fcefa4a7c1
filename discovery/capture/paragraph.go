// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"strings"
)

// A paragraph is what tcpdump prints about one frame: a heading, with -v lines of what
// is in it, with -vv the octets of single TLVs between them, and last those of the whole
// frame, where they are asked for.
type paragraph struct {
	about  bool // it is about a frame of LLDP or CDP
	indent int  // columns before its heading
	prose  int  // so many lines of prose came before it

	line, column int // where it begins; 0 once the frame came
}

var errNoFrame = errors.New("this is about a frame, without all its octets: have tcpdump print those with -xx")

// tells reports whether a line is one that tcpdump prints about a frame of LLDP or CDP.
func tells(line string) bool {
	for _, s := range []string{" LLDP, length ", " TLV (", " CDPv", "value length:"} {
		if strings.Contains(line, s) {
			return true
		}
	}
	return false
}

// beginParagraph takes note of a line of prose.
func (t *text) beginParagraph() {
	p := &t.paragraph
	if column := indent(t.line); !p.about || column <= p.indent && !strings.Contains(t.line, " TLV (") {
		t.endParagraph()
		*p = paragraph{indent: column, prose: len(t.prose)}
	}
	if !p.about && tells(t.line) {
		p.about, p.line, p.column = true, t.number, 1+leading(t.line)
	}
}

// endParagraph ends what is about one frame, and says so where the frame did not come.
func (t *text) endParagraph() {
	if p := t.paragraph; p.line != 0 {
		t.prose = t.prose[:min(p.prose, len(t.prose))]
		t.flush()
		t.bad(p.line, p.column, errNoFrame)
	}
	t.paragraph = paragraph{}
}

// isPart reports whether a dump, whose first row this is, holds a part of a frame: it
// is none itself, and stands further to the right than those of frames do, or more
// about the frame follows it.
func (t *text) isPart(line string, octets []byte) bool {
	const frames = 8 // columns from the heading to the dump of a frame
	p, next := &t.paragraph, t.peekLine(0)
	switch {
	case !p.about || beginsFrame(octets):
	case indent(line) > p.indent+frames, beginsDump(next, t.peekLine(1)), indent(next) > p.indent, strings.Contains(next, " TLV ("):
		return true
	}
	p.line = 0
	return false
}

// indent returns how many columns of blanks are before a text; 0 where there is none.
func indent(line string) int {
	const tab = 8
	n := 0
	for _, c := range line {
		switch c {
		case ' ':
			n++
		case '\t':
			n += tab - n%tab
		case '\r':
		default:
			return n
		}
	}
	return 0
}

// leading returns how many octets of blanks a line begins with.
func leading(line string) int { return len(line) - len(strings.TrimLeft(line, blanks)) }
