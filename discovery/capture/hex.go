// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bufio"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mdlayher/lldp"
)

const (
	// maxLine has room for the largest frame as "0x01, 0x80, ".
	maxLine = 6 * maxFrame

	separators    = " \t\r:-,"
	byteOrderMark = "\ufeff"
)

// errNotHex ends a file that is no text.
var errNotHex = errors.New("it begins neither as pcap nor as pcapng does, and is no text with lines of hex")

// hexLines yields one frame per line.
func hexLines(name string, r io.Reader, yield func(Frame, error) bool) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxLine)
	file := hexFile{name: name}
	for scanner.Scan() {
		f, found, err := file.line(scanner.Text())
		if found && !yield(f, err) || errors.Is(err, errNotHex) {
			return
		}
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		yield(Frame{}, fmt.Errorf("%s:%d: the line is longer than %d octets: give one frame per line", name, file.lines+1, maxLine))
	case err != nil:
		yield(Frame{}, fmt.Errorf("read frames: %w", err))
	}
}

// A hexFile is how far a file was read.
type hexFile struct {
	name   string
	lines  int
	frames int    // good or bad
	id     string // of the next frame, where a comment names it
	octets []byte
}

// line reads one line. It reports whether there is a frame in it, which the
// error says is a bad one.
func (h *hexFile) line(text string) (Frame, bool, error) {
	h.lines++
	digits, comment, _ := strings.Cut(text, "#")
	if id, ok := strings.CutPrefix(strings.TrimSpace(comment), "id:"); ok {
		h.id = printable(strings.TrimSpace(id))
	}
	if h.lines == 1 {
		digits = strings.TrimPrefix(digits, byteOrderMark)
	}
	if strings.Trim(digits, separators) == "" {
		return Frame{}, false, nil
	}
	if strings.Contains(digits, "\x00") {
		return Frame{}, true, fmt.Errorf("read %s: %w", h.name, errNotHex)
	}
	h.frames++
	f := Frame{ID: cmp.Or(h.id, strconv.Itoa(h.frames))}
	h.id = ""
	octets, column, err := appendHex(h.octets[:0], digits)
	if err != nil {
		return Frame{}, true, fmt.Errorf("%s:%d:%d: %w", h.name, h.lines, column, err)
	}
	h.octets, f.Bytes = octets, octets
	if bareLLDPDU(octets) {
		f.Bytes = withHeader(nil, uint16(lldp.EtherType), octets)
	}
	return f, true, nil
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
			group, column = group[2:], column+2
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

func notHex(r rune) bool { return !unicode.Is(unicode.ASCII_Hex_Digit, r) }

// shortened keeps a message readable.
func shortened(s string) string {
	const most = 32
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// printable keeps a name from doing anything to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
}
