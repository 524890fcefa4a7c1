// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const separators = blanks + ":-,"

// readHex reads a line of hex digits, and those in which the frame goes on.
func (t *text) readHex() {
	row, comment := hexRow(t.line)
	t.comment(comment)
	if !strings.ContainsFunc(row, isWord) {
		return // brackets and lines that programs and people put around frames
	}
	octets, column, err := appendHex(t.octets[:0], row)
	if err != nil {
		if isProse(row) {
			t.heading(column, err)
			return
		}
		t.flush()
		t.bad(t.number, column, err)
		return
	}
	t.flush()
	if continues(row) {
		t.readOn(octets)
		return
	}
	octets, rows := t.wrapped(octets)
	for range rows {
		t.advance()
	}
	t.octets = octets
	t.good(octets)
}

// readOn reads further lines of a frame, each but the last of which ends in a
// separator that is no blank, as those of an array do.
func (t *text) readOn(octets []byte) {
	for more := true; more; {
		row, _ := hexRow(t.peekLine(0))
		next, column, err := appendHex(nil, row)
		if len(next) == 0 && err == nil || err != nil && isProse(row) || isAnother(next) && !unfinished(octets) {
			break
		}
		t.advance()
		if err == nil && len(octets)+len(next) > maxFrame {
			column, err = 1, errTooLarge
		}
		if err != nil {
			t.bad(t.number, column, err)
			return
		}
		octets, more = append(octets, next...), continues(row)
	}
	t.octets = octets
	t.good(octets)
}

// hexRow returns what of a line is hex digits and separators, each in its column,
// and its comment.
func hexRow(line string) (row, comment string) {
	if begin := strings.Index(line, "/*"); begin >= 0 { // as arrays have them
		if end := strings.LastIndex(line, "*/"); end > begin {
			line = line[:begin] + strings.Repeat(" ", end+len("*/")-begin) + line[end+len("*/"):]
		}
	}
	row, comment, _ = strings.Cut(line, "#")
	row, _, _ = strings.Cut(row, "//")
	return unquoted(row), comment
}

// unquoted takes away the quotes around a row of a JSON or YAML file, and the comma
// behind them.
func unquoted(row string) string {
	inner := strings.Trim(row, blanks+",")
	if n := len(inner); n < 2 || inner[0] != inner[n-1] || inner[0] != '"' && inner[0] != '\'' {
		return row
	}
	begin := strings.Index(row, inner)
	return strings.Repeat(" ", begin+1) + inner[1:len(inner)-1]
}

// continues reports whether a row says that it is not the last one of its frame.
func continues(row string) bool {
	row = strings.TrimRight(row, blanks)
	return row != "" && strings.IndexByte(",:-", row[len(row)-1]) >= 0
}

// isProse reports whether a row that is no hex was not meant as such: a heading,
// rather than a frame with a mistake in it.
func isProse(row string) bool {
	const (
		least   = 24 // digits
		percent = 90
	)
	digits, others := 0, 0
	for _, r := range row {
		switch {
		case !notHex(r):
			digits++
		case strings.ContainsRune(separators+"xX", r):
		default:
			others++
		}
	}
	return others > 0 && digits < least || others*100 > (digits+others)*(100-percent)
}

// appendHex appends the octets of groups of hex digits. Where it fails it says
// in which column.
func appendHex(octets []byte, digits string) (_ []byte, column int, err error) {
	for at := 0; at < len(digits); {
		group := digits[at:]
		if end := strings.IndexAny(group, separators); end >= 0 {
			group = group[:end]
		}
		column, at = at+1, at+len(group)+1
		if len(group) > 2 && strings.EqualFold(group[:2], "0x") {
			if group, column = group[2:], column+2; len(group) == 1 {
				group = "0" + group // as programs write small numbers
			}
		}
		if bad := strings.IndexFunc(group, notHex); bad >= 0 {
			r, _ := utf8.DecodeRuneInString(group[bad:])
			return nil, column + bad, fmt.Errorf("%q is no hex digit: give the octets of a frame in hex, or begin the line with #", r)
		}
		if len(group)%2 != 0 {
			return nil, column, fmt.Errorf("%q has an odd number of hex digits: give two for each octet", shortened(group))
		}
		if len(octets)+len(group)/2 > maxFrame {
			return nil, column, errTooLarge
		}
		if octets, err = hex.AppendDecode(octets, []byte(group)); err != nil {
			return nil, column, err
		}
	}
	return octets, 0, nil
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func notHex(r rune) bool { return !unicode.Is(unicode.ASCII_Hex_Digit, r) }

// wrapped appends the rows behind the first one of a frame that nothing but its
// content shows to go on: rows of one length and perhaps a shorter one, which
// together are whole, while the first is not, and zeros as padding. It returns how many
// rows it took.
func (t *text) wrapped(first []byte) (octets []byte, rows int) {
	const widest, most = 64, 512 // octets of a row; rows
	width, octets := len(first), first
	if width > widest {
		return first, 0
	}
	last := false
	for ; unfinished(octets); rows++ {
		row := t.bareRow(rows)
		if last || rows == most || len(row) == 0 || len(row) > width || isAnother(row) {
			return octets[:width], 0
		}
		octets, last = append(octets, row...), len(row) < width
	}
	if !beginsFrame(octets) {
		return octets[:width], 0
	}
	for ; !last && rows < most; rows++ { // padding
		row := t.bareRow(rows)
		if len(row) == 0 || len(row) > width || len(bytes.Trim(row, "\x00")) > 0 {
			break
		}
		octets, last = append(octets, row...), len(row) < width
	}
	return octets, rows
}

// bareRow returns the octets of a row that is still to be read and holds nothing but
// them.
func (t *text) bareRow(i int) []byte {
	line := t.peekLine(i)
	if strings.Contains(line, "#") {
		return nil
	}
	octets, _, err := appendHex(nil, line)
	if err != nil {
		return nil
	}
	return octets
}
