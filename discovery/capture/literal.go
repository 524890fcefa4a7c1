// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What follows the bracket before an array's first octet, which may stand in the next
// line.
var (
	arrayBegins = regexp.MustCompile(`[\[{]\s*0[xX][0-9a-fA-F]{1,2}\s*[],}]|[\[{]\s*0[xX][0-9a-fA-F]{1,2}\s*$`)
	arrayOpens  = regexp.MustCompile(`[\[{]\s*(//.*|/\*.*\*/\s*)?$`)
	arrayGoesOn = regexp.MustCompile(`^\s*([\[{]\s*)?0[xX][0-9a-fA-F]{1,2}\s*(,|[]}]|$)`)
)

// beginsArray reports whether an array of octets in a programming language begins in a
// line: "static const unsigned char pkt1[61] = {", "[]byte{0x01, 0x80}".
func beginsArray(line, next string) bool {
	return strings.ContainsAny(line, "[{") &&
		(arrayBegins.MatchString(line) || arrayOpens.MatchString(line) && arrayGoesOn.MatchString(next))
}

// readArrays reads the arrays that begin in a line, with as many lines as they have. An
// array of arrays holds a frame in each.
func (t *text) readArrays() {
	at := arrayBegins.FindStringIndex(t.line)
	if at == nil {
		at = arrayOpens.FindStringIndex(t.line)
	}
	t.prose, t.dumps = nil, true
	octets, depth := t.octets[:0], 0
	for rest := t.line[at[0]:]; ; {
		token, after := arrayToken(rest)
		column := 1 + len(t.line) - len(after) - len(token)
		switch rest = after; token {
		case "":
			if depth == 0 || !t.advance() {
				t.endArray(octets)
				return
			}
			rest = t.line
		case "{", "[":
			depth++
		case "}", "]":
			depth--
			octets = t.endArray(octets)
		case ",":
		case ";":
			rest = ""
		default:
			octet, err := strconv.ParseUint(token, 0, 8)
			if err != nil || !strings.EqualFold(token[:min(2, len(token))], "0x") {
				t.bad(t.number, column, fmt.Errorf("%q is no octet of an array: write each as 0x01", shortened(token)))
				t.skipArray(depth)
				return
			}
			if len(octets) == maxFrame {
				t.bad(t.number, column, errTooLarge)
				t.skipArray(depth)
				return
			}
			octets = append(octets, byte(octet))
		}
	}
}

// endArray yields an array, unless it is empty.
func (t *text) endArray(octets []byte) []byte {
	if len(octets) > 0 {
		t.octets = octets
		t.good(octets)
	}
	return octets[:0]
}

// skipArray passes over what is left of an array with a mistake.
func (t *text) skipArray(depth int) {
	for depth > 0 {
		line := t.line
		if depth -= strings.Count(line, "}") + strings.Count(line, "]"); depth <= 0 || strings.Trim(t.peekLine(0), blanks) == "" || !t.advance() {
			return
		}
	}
}

// arrayToken returns the first token of an array in what is left of a line, without
// blanks and comments: a bracket, a separator or a word. At the end it is empty.
func arrayToken(s string) (token, rest string) {
	s = strings.TrimLeft(s, blanks)
	switch {
	case s == "", strings.HasPrefix(s, "//"), s[0] == '#':
		return "", ""
	case strings.HasPrefix(s, "/*"):
		end := strings.LastIndex(s, "*/")
		if end < 0 {
			return "", ""
		}
		return arrayToken(s[end+len("*/"):])
	case strings.IndexByte("{}[],;", s[0]) >= 0:
		return s[:1], s[1:]
	}
	end := strings.IndexAny(s[1:], blanks+"{}[],;/#") + 1
	if end == 0 {
		end = len(s)
	}
	return s[:end], s[end:]
}

var escapedOctet = regexp.MustCompile(`\\x[0-9a-fA-F]{2}`)

// isString reports whether a line holds a string with octets as \x01, outside of its
// comment.
func isString(line string) bool {
	at := escapedOctet.FindStringIndex(line)
	comment := strings.IndexByte(line, '#')
	return at != nil && (comment < 0 || at[0] < comment)
}

// readStrings reads the strings that begin in a line. A string goes on in the next line
// behind a backslash, and as in C where nothing is between them, unless another frame
// of LLDP or CDP begins there. A comma ends a frame.
func (t *text) readStrings() {
	octets := t.octets[:0]
	for {
		pieces, goesOn, mistake := readString(t.line)
		if mistake != nil {
			t.flush()
			t.bad(t.number, mistake.column, mistake.err)
			return
		}
		for _, p := range pieces {
			if octets = append(octets, p.octets...); p.last {
				octets = t.endString(octets)
			}
		}
		if len(octets) > maxFrame {
			t.flush()
			t.bad(t.number, 1, errTooLarge)
			return
		}
		next := t.peekLine(0)
		if !isString(next) && !strings.ContainsAny(next, `"'`) || !goesOn && (len(octets) == 0 || beginsString(next)) || !t.advance() {
			t.endString(octets)
			return
		}
	}
}

// beginsString reports whether a frame of LLDP or CDP begins in a line of strings, or
// whether they are none.
func beginsString(line string) bool {
	pieces, _, wrong := readString(line)
	return wrong != nil || len(pieces) == 0 || isAnother(pieces[0].octets)
}

func (t *text) endString(octets []byte) []byte {
	if len(octets) > 0 {
		t.prose, t.dumps, t.octets = nil, true, octets
		t.good(octets)
	}
	return octets[:0]
}

// A piece is a part of a string, the last of its frame or not.
type piece struct {
	octets []byte
	last   bool
}

// readString reads the strings of a line, and whether it says that they go on in the
// next.
func readString(line string) (pieces []piece, goesOn bool, wrong *mistake) {
	line = strings.TrimRight(line, blanks)
	if whole, cut := strings.CutSuffix(line, `\`); cut && !strings.HasSuffix(whole, `\`) {
		line, goesOn = strings.TrimRight(whole, blanks), true
	}
	if !strings.ContainsAny(line, `"'`) { // without quotes, there are such octets only
		begin := max(strings.Index(line, `\x`), 0)
		octets, _, wrong := unescape(line, begin, 0)
		return []piece{{octets: octets}}, goesOn, wrong
	}
	for at := 0; ; {
		quote := strings.IndexAny(line[at:], `"'`)
		if quote < 0 {
			return pieces, goesOn, nil
		}
		at += quote
		octets, end, wrong := unescape(line, at+1, line[at])
		if wrong != nil {
			return nil, false, wrong
		}
		at = min(end+1, len(line))
		between := line[at:]
		if next := strings.IndexAny(between, `"'`); next >= 0 {
			between = between[:next]
		}
		pieces = append(pieces, piece{octets, strings.ContainsAny(between, ",;")})
	}
}

// escapes are the octets that programs write with a letter.
var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '0': 0, 'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v', '\\': '\\', '\'': '\'', '"': '"'}

// unescape returns the octets of a string from an index on up to its quote, and the
// index of that. Without a quote nothing but octets as \x01 and blanks may follow.
func unescape(line string, at int, quote byte) (octets []byte, end int, wrong *mistake) {
	mistakeAt := func(at int, err error) ([]byte, int, *mistake) { return nil, 0, &mistake{column: at + 1, err: err} }
	for at < len(line) && (quote == 0 || line[at] != quote) {
		c := line[at]
		switch {
		case c == '\\' && escapedOctet.MatchString(line[at:min(at+4, len(line))]):
			octet, _ := strconv.ParseUint(line[at+2:at+4], 16, 8)
			octets, at = append(octets, byte(octet)), at+4
		case quote == 0 && strings.IndexByte(blanks, c) >= 0:
			at++
		case c == '\\' && quote != 0 && at+1 < len(line) && isEscape(line[at+1:]):
			octets, at = append(octets, escapes[line[at+1]]), at+2
		case quote != 0 && c != '\\' && ' ' <= c && c <= '~':
			octets, at = append(octets, c), at+1
		default:
			r, _ := utf8.DecodeRuneInString(line[at:])
			return mistakeAt(at, fmt.Errorf("%q begins no octet of a string: write each as \\x01", r))
		}
	}
	if quote != 0 && at == len(line) {
		return mistakeAt(at-1, errors.New("the string has no end"))
	}
	return octets, at, nil
}

// isEscape reports whether what follows a backslash stands for one octet. A zero
// before another digit does not: the octet would be octal.
func isEscape(s string) bool {
	_, known := escapes[s[0]]
	return known && !(s[0] == '0' && len(s) > 1 && '0' <= s[1] && s[1] <= '9')
}
