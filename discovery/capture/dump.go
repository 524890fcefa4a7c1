// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An offset is what a row of a dump begins with.
type offset struct {
	text  string // its digits
	value int
	octal int  // what they are otherwise, as od writes them; less than 0 where they are not
	at    int  // its index in the line
	end   int  // the index of what follows it
	plain bool // without 0x and colon, as an octet might be
}

// readOffset reads what a line begins with as an offset: "0x0010:", "0010:",
// "0x0010", "00000010" or "0010".
func readOffset(line string) (offset, bool) {
	const fewest, most = 4, 16 // digits of one without colon
	o := offset{at: leading(line), octal: -1}
	token := line[o.at:]
	if end := strings.IndexAny(token, blanks); end >= 0 {
		token = token[:end]
	}
	o.end = o.at + len(token)
	digits, colon := strings.CutSuffix(token, ":")
	prefixed := len(digits) > 2 && strings.EqualFold(digits[:2], "0x")
	if o.text = digits; prefixed {
		digits = digits[2:]
	}
	if !colon && (len(digits) < fewest || len(digits) > most) || strings.Contains(line[o.end:], ": ") && colon && len(digits) <= 2 {
		return o, false
	}
	value, err := strconv.ParseUint(digits, 16, 63)
	if err != nil || value > math.MaxInt64/2 {
		return o, false
	}
	const odDigits = 7
	if octal, err := strconv.ParseUint(digits, 8, 31); err == nil && !colon && !prefixed && len(digits) == odDigits {
		o.octal = int(octal)
	}
	o.value, o.plain = int(value), !colon && !prefixed
	return o, true
}

// is reports whether an offset is this one.
func (o *offset) is(value int) bool { return o.value == value || o.octal == value }

// A row is a row of a dump: an offset, octets, and most often what characters these
// would be.
type row struct {
	offset
	line   string
	octets []byte // all that might be octets
	ends   []int  // for each group of them, how many there are up to it
	texts  []int  // for each group, the index of what follows it
	groups int    // digits of the longest group
}

// readRow reads a row. What begins its column of characters may look like octets.
func readRow(line string) (row, bool) {
	o, ok := readOffset(line)
	r := row{offset: o, line: line}
	if !ok {
		return r, false
	}
	for at := o.end; ; {
		at += leading(line[at:])
		token := line[at:]
		if end := strings.IndexAny(token, blanks); end >= 0 {
			token = token[:end]
		}
		octets, _, err := appendHex(nil, token)
		if err != nil || len(octets) == 0 {
			return r, true
		}
		at += len(token)
		r.octets = append(r.octets, octets...)
		r.ends, r.texts = append(r.ends, len(r.octets)), append(r.texts, at)
		r.groups = max(r.groups, len(token))
	}
}

// beginsDump reports whether a line is the first row of a dump. Where the offset might
// be octets, the row behind it tells, or that a frame of LLDP or CDP begins behind it.
func beginsDump(line, next string) bool {
	r, ok := readRow(line)
	switch {
	case !ok || len(r.ends) == 0:
		return false
	case r.isAddress(next):
		return true
	case !r.plain:
		// One that begins in its midst: its offset is said to be no beginning.
		return r.value == 0 || strings.ContainsAny(r.text[:1], "0123456789") && len(r.text) > 2 && strings.Contains(line[:r.end], ":")
	case r.value != 0:
		return false
	case len(r.text) > r.groups:
		return true
	}
	o, ok := readOffset(next)
	return ok && o.plain && len(o.text) == len(r.text) && r.splitAt(o, 0) >= 0 || beginsFrame(r.octets) || unfinished(r.octets)
}

// isAddress reports whether the offset of a first row is where it is in some memory, as IOS
// and debuggers print it: a frame of LLDP or CDP begins there, and the next row goes on.
func (r *row) isAddress(next string) bool {
	if r.value == 0 || !isAnother(r.octets) {
		return false
	}
	o, ok := readOffset(next)
	return ok && o.plain == r.plain && len(o.text) == len(r.text) && r.splitAt(o, r.value) >= 0
}

// splitAt returns behind which group another row goes on that has this offset, or -1.
// So many octets come before the row. The greatest number counts where digits can be
// read in two ways.
func (r *row) splitAt(next offset, before int) int {
	for i, n := range slices.Backward(r.ends) {
		if next.is(before + n) {
			return i
		}
	}
	return -1
}

// readDump reads the rows of a dump.
func (t *text) readDump() {
	line := t.line
	octets, wrong := t.readRows()
	if wrong != nil {
		t.skipRows()
	}
	if t.isPart(line, octets) {
		return
	}
	t.prose, t.dumps = nil, true
	if wrong != nil {
		t.bad(wrong.line, wrong.column, wrong.err)
		return
	}
	t.octets = octets
	t.frame(Frame{Bytes: whole(octets), NoHeader: bareLLDPDU(octets) || bareCDP(octets)})
}

// skipRows passes over what is left of a dump with a mistake.
func (t *text) skipRows() {
	for {
		line := t.peekLine(0)
		if r, ok := readRow(line); (!ok || r.value == 0) && !isRepeat(line) {
			return
		}
		t.advance()
	}
}

// isForeign reports whether a line begins a dump as od and hexdump print it with octets, or
// words, that are not in hex.
func isForeign(line, next string) bool {
	first, _, more := strings.Cut(line, " ")
	second, _, _ := strings.Cut(next, " ")
	_, err := strconv.ParseUint(second, 16, 31)
	return more && (first == "0000000" || first == "000000") && len(second) == len(first) && second != first && err == nil
}

// readForeign reports such a dump and passes over it.
func (t *text) readForeign() {
	width := strings.IndexByte(t.line, ' ')
	t.prose, t.dumps = nil, true
	t.bad(t.number, 1, errors.New("this dump has no octets in hex: use xxd, hexdump -C or od -A x -t x1"))
	for {
		token, _, _ := strings.Cut(t.peekLine(0), " ")
		if _, err := strconv.ParseUint(token, 16, 31); (err != nil || len(token) != width) && !isRepeat(token) || !t.advance() {
			return
		}
	}
}

// numbersColumns reports whether a line numbers the columns of a dump below it.
func numbersColumns(line string) bool {
	const least = 8
	groups := strings.Fields(line)
	for i, g := range groups {
		if n, err := strconv.ParseUint(g, 16, 8); err != nil || int(n) != i {
			return false
		}
	}
	return len(groups) >= least
}

// numbersPacket reports whether a line numbers the packet of which the dump follows.
func (t *text) numbersPacket() bool {
	const most = 5 // digits
	number := strings.Trim(t.line, blanks)
	next := 0
	if strings.Trim(t.peekLine(0), blanks) == "" {
		next++
	}
	_, err := strconv.Atoi(number)
	return err == nil && len(number) <= most && beginsDump(t.peekLine(next), t.peekLine(next+1))
}

// readRows returns the octets of a dump, or where it goes wrong.
func (t *text) readRows() ([]byte, *mistake) {
	octets := t.octets[:0]
	for d := (dump{}); ; d.rows++ {
		r, _ := readRow(t.line)
		if d.rows == 0 && r.isAddress(t.peekLine(0)) {
			d.base = r.value
		}
		if wrong := t.checkRow(&r, d.base+len(octets)); wrong != nil {
			return octets, wrong
		}
		next, more := t.nextRow(&r)
		group, column, err := d.split(&r, next, more, d.base+len(octets))
		if err != nil {
			return octets, &mistake{t.number, column, err}
		}
		row := r.octets[:r.ends[group]]
		if octets = append(octets, row...); isRepeat(t.peekLine(0)) {
			t.advance()
			if octets, err = t.repeat(octets, row, d.base); err != nil {
				return octets, &mistake{t.number, 1, err}
			}
			next, more = readOffset(t.peekLine(0))
		}
		if len(octets) > maxFrame {
			return octets, &mistake{t.number, r.at + 1, errTooLarge}
		}
		if !more {
			return octets, t.checkEnd(&r)
		}
		if t.advance(); next.end == len(strings.TrimRight(t.line, blanks)) { // the length, behind the last row
			return octets, nil
		}
	}
}

// repeat appends a row, once at least, until the offset of the next line is reached.
func (t *text) repeat(octets, row []byte, base int) ([]byte, error) {
	next, ok := readOffset(t.peekLine(0))
	for more := ok; more; more = len(octets) <= maxFrame && !next.is(base+len(octets)) && base+len(octets) < max(next.value, next.octal) {
		octets = append(octets, row...)
	}
	if !ok || !next.is(base+len(octets)) && len(octets) <= maxFrame {
		return octets, errors.New("no offset behind it tells how often the row before it is repeated")
	}
	return octets, nil
}

// checkRow checks the offset of a row, and that its octets are in their order.
func (t *text) checkRow(r *row, so int) *mistake {
	switch {
	case len(r.ends) == 0:
		column := min(r.end+1+leading(r.line[r.end:]), len(r.line))
		return &mistake{t.number, column, errors.New("no octets in hex follow the offset")}
	case !r.is(so):
		return &mistake{t.number, r.at + 1, fmt.Errorf("the offset is %s, but 0x%04x octets come before it: give all rows of the dump, from 0 on", r.text, so)}
	case r.plain && (len(r.text) == len("000000") || len(r.text) == len("0000000")) && r.groups > 2:
		return &mistake{t.number, r.end + 2, errors.New("od and hexdump exchange the octets of such groups: use xxd, hexdump -C or od -A x -t x1")}
	}
	return nil
}

// checkEnd checks that what follows the last row is no row whose offset is misspelt.
func (t *text) checkEnd(r *row) *mistake {
	line := t.peekLine(0)
	at := leading(line)
	token, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	bad := strings.IndexFunc(token, notHex)
	if strings.HasPrefix(strings.ToLower(token), "0x") {
		bad = 2 + strings.IndexFunc(token[2:], notHex)
	}
	if len(token) != r.end-r.at || token[0] < '0' || token[0] > '9' || bad < 2 || strings.ContainsAny(token[:len(token)-1], ":.") || token[bad] == ':' {
		return nil
	}
	t.advance()
	c, _ := utf8.DecodeRuneInString(token[bad:])
	return &mistake{t.number, at + bad + 1, fmt.Errorf("%q is no hex digit of an offset: give all rows of the dump as they were printed", c)}
}

// nextRow returns the offset of the line behind a row where the dump goes on there.
func (t *text) nextRow(r *row) (offset, bool) {
	next, ok := readOffset(t.peekLine(0))
	if !ok || next.value <= r.value || next.plain != r.plain || next.plain && len(next.text) != len(r.text) {
		return offset{}, false
	}
	return next, true
}

// A dump is what was seen of one.
type dump struct {
	rows, characters int // rows with a column of characters
	base             int // the first offset
}

// split returns behind which of its groups the octets of a row end: where the next row
// says so, or else where what follows is what they are as characters.
func (d *dump) split(r *row, next offset, more bool, before int) (group, column int, err error) {
	all := len(r.ends) - 1
	if more {
		group := r.splitAt(next, before)
		rest := ""
		if group >= 0 {
			rest = strings.Trim(r.line[r.texts[group]:], blanks)
		}
		// Octal ones are of od, which begins its column of characters so.
		decimal := group >= 0 && next.value != before+r.ends[group] && rest != "" && rest[0] != '>'
		if group < 0 || decimal {
			return 0, r.at + 1, fmt.Errorf("the offset of the next row is %s, which this one does not lead to: give all rows of the dump, offsets and octets in hex", next.text)
		}
		if rest != "" {
			d.characters++
		}
		return group, 0, nil
	}
	for i := all; i >= 0; i-- {
		like := d.characters > 0 || d.rows == 0 || i == all
		if like && graphic(string(r.octets[:r.ends[i]])) == graphic(r.line[r.texts[i]:]) {
			return i, 0, nil
		}
	}
	rest := r.line[r.texts[all]:]
	text := strings.Trim(rest, blanks)
	wide := leading(rest) > 1
	switch {
	case d.characters == 0 && (text == "" || text[0] == '#' || wide):
		return all, 0, nil
	case text == "":
		return 0, strings.LastIndexAny(r.line[:r.texts[all]], blanks) + 2, errors.New("octets and characters cannot be told apart here: leave the characters out")
	default:
		return 0, r.texts[all] + leading(rest) + 1, fmt.Errorf("%q is neither hex nor the octets before it as characters: leave the characters out", shortened(text))
	}
}

// graphic returns what of a text is the same in all columns of characters: dots stand
// for others, and bars for the edges of some.
func graphic(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(".|<>", r) {
			return -1
		}
		return r
	}, s)
}

// isRepeat reports whether a line stands for rows like the one before it, as hexdump
// and od leave them out.
func isRepeat(line string) bool { return strings.Trim(line, blanks) == "*" }
