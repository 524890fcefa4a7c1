// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
)

const (
	// maxLine has room for the largest frame as "0x01, 0x80, ".
	maxLine = 6 * maxFrame

	blanks        = " \t\r"
	byteOrderMark = "\ufeff"
)

// errNotText ends a file that is no text.
var errNotText = errors.New("it begins neither as pcap nor as pcapng does, and is no text with lines of hex; \"editcap -F pcap\" of Wireshark makes pcap of other captures")

// A text is a file of frames in hex while it is read. A frame is in one of three
// forms: lines of digits alone (hex.go), rows with offsets as dumps have them
// (dump.go), and strings or arrays of programming languages (literal.go).
type text struct {
	name    string
	scanner *bufio.Scanner
	yield   func(Frame, error) bool
	stopped bool // by who takes the frames

	line   string   // that is read
	number int      // of the line, from 1
	ahead  []string // lines that were looked at already
	ended  bool     // there are no more

	frames int    // good or bad
	id     string // of the next frame, where a comment names it
	octets []byte // of the frame that is read

	prose     []mistake // what stands before a frame: headings, if that is a dump
	dumps     bool      // there are dumps or literals, and lines between them are prose
	paragraph paragraph
}

// A mistake is what is no hex in a line.
type mistake struct {
	line, column int
	err          error
}

// A TextError is what cannot be read of a text, and where.
type TextError struct {
	File         string
	Line, Column int // from 1
	Err          error
}

// Error implements error.
func (e *TextError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %v", e.File, e.Line, e.Column, e.Err)
}

// Unwrap returns what is wrong there.
func (e *TextError) Unwrap() error { return e.Err }

// textFrames yields the frames of a text.
func textFrames(name string, r io.Reader, yield func(Frame, error) bool) {
	t := text{name: name, scanner: bufio.NewScanner(r), yield: yield}
	t.scanner.Buffer(nil, maxLine)
	for !t.stopped && t.advance() {
		if strings.Contains(t.line, "\x00") {
			t.flush()
			t.report(fmt.Errorf("read %s: %w", name, errNotText))
			return
		}
		t.read()
	}
	t.endParagraph()
	t.flush()
	switch err := t.scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		t.report(fmt.Errorf("%s:%d: the line is longer than %d octets: give one frame per line", name, t.number+1, maxLine))
	case err != nil:
		t.report(fmt.Errorf("read frames: %w", err))
	}
}

// advance goes to the next line.
func (t *text) advance() bool {
	if _, ok := t.peek(0); !ok {
		return false
	}
	t.line, t.ahead = t.ahead[0], t.ahead[1:]
	t.number++
	return true
}

// peek returns a line behind the one that is read: 0 is the next.
func (t *text) peek(i int) (string, bool) {
	for len(t.ahead) <= i {
		if t.ended = t.ended || !t.scanner.Scan(); t.ended {
			return "", false
		}
		line := t.scanner.Text()
		if t.number+len(t.ahead) == 0 {
			line = strings.TrimPrefix(line, byteOrderMark)
		}
		t.ahead = append(t.ahead, unquote(line))
	}
	return t.ahead[i], true
}

// unquote takes away what mails put before lines, and the no-break spaces of web pages.
// Columns stay what they are.
func unquote(line string) string {
	line = strings.ReplaceAll(line, "\u00a0", "  ")
	text := strings.TrimLeft(line, blanks+">")
	quotes := line[:len(line)-len(text)]
	return strings.ReplaceAll(quotes, ">", " ") + text
}

// peekLine is peek, with an empty line behind the last one.
func (t *text) peekLine(i int) string {
	line, _ := t.peek(i)
	return line
}

// read reads what begins in the current line.
func (t *text) read() {
	switch next := t.peekLine(0); {
	case strings.Trim(t.line, blanks) == "":
		t.endParagraph()
	case beginsDump(t.line, next):
		t.readDump()
	case beginsArray(t.line, next):
		t.readArrays()
	case isString(t.line):
		t.readStrings()
	case numbersColumns(t.line), t.numbersPacket():
	case isForeign(t.line, next):
		t.readForeign()
	default:
		t.readHex()
	}
}

// heading takes a line that is no frame. Before a dump, or after one, it is what
// people and programs write around dumps; anywhere else it is a mistake.
func (t *text) heading(column int, err error) {
	const most = 1 << 16
	t.beginParagraph()
	if t.dumps || t.paragraph.about {
		return
	}
	if t.prose = append(t.prose, mistake{t.number, column, err}); len(t.prose) > most {
		t.flush()
	}
}

// flush reports what turned out to be no heading.
func (t *text) flush() {
	if len(t.prose) > 0 {
		t.id = ""
	}
	for _, m := range t.prose {
		t.bad(m.line, m.column, m.err)
	}
	t.prose = nil
}

// comment takes note of the name of the next frame.
func (t *text) comment(s string) {
	if id, ok := strings.CutPrefix(strings.TrimSpace(s), "id:"); ok {
		t.flush()
		t.id = fit.Printable(strings.TrimSpace(id))
	}
}

// good yields a frame, with what its form leaves out.
func (t *text) good(octets []byte) { t.frame(Frame{Bytes: whole(octets)}) }

func (t *text) frame(f Frame) {
	t.paragraph.line = 0
	t.frames++
	f.ID = cmp.Or(t.id, strconv.Itoa(t.frames))
	t.id = ""
	t.stopped = t.stopped || !t.yield(f, nil)
}

// bad reports a frame that cannot be read.
func (t *text) bad(line, column int, err error) {
	t.frames++
	t.id = ""
	t.report(&TextError{File: t.name, Line: line, Column: column, Err: err})
}

func (t *text) report(err error) {
	t.stopped = t.stopped || !t.yield(Frame{}, err)
}

// shortened keeps a message readable.
func shortened(s string) string {
	const most = 32
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
