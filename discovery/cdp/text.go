// SPDX-License-Identifier: Apache-2.0

package cdp

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
)

// printable returns the text of a name or description up to its first NUL, with
// everything that is not UTF-8 or cannot be seen written \xNN: a terminal that
// shows it does nothing else. A backslash stays one, for people to read: unlike
// an ID, this text need not give the octets back.
func printable(v []byte) string {
	v, _, _ = bytes.Cut(v, []byte{0})
	var s strings.Builder
	s.Grow(len(v))
	for len(v) > 0 {
		r, n := utf8.DecodeRune(v)
		if fit.Visible(r) && (r != utf8.RuneError || n > 1) {
			s.Write(v[:n])
		} else {
			escape(&s, v[:n])
		}
		v = v[n:]
	}
	return s.String()
}

// textID returns prefix, a colon and the value with everything but printable ASCII,
// and the backslash, written \xNN, so that different values stay different. Only
// NULs that pad a printable text are dropped; any other NUL counts, since binary
// IDs may differ just behind one.
func textID(prefix string, v []byte) discovery.ID {
	if padded := bytes.TrimRight(v, "\x00"); len(padded) > 0 && !slices.ContainsFunc(padded, special) {
		v = padded
	}
	var s strings.Builder
	s.Grow(len(prefix) + 1 + len(v))
	s.WriteString(prefix)
	s.WriteByte(':')
	for i, c := range v {
		if special(c) {
			escape(&s, v[i:i+1])
		} else {
			s.WriteByte(c)
		}
	}
	return discovery.ID(s.String())
}

// special reports whether an octet is escaped in an ID.
func special(c byte) bool { return c < ' ' || c > '~' || c == '\\' }

// escape writes each octet as \xNN.
func escape(s *strings.Builder, v []byte) {
	const digits = "0123456789abcdef"
	for _, c := range v {
		s.WriteString(`\x`)
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&0xf])
	}
}
