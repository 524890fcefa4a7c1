// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
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
		if unicode.IsPrint(r) && (r != utf8.RuneError || n > 1) {
			s.Write(v[:n])
		} else {
			escape(&s, v[:n])
		}
		v = v[n:]
	}
	return s.String()
}

// escape writes each octet as \xNN.
func escape(s *strings.Builder, v []byte) {
	const digits = "0123456789abcdef"
	for _, c := range v {
		s.WriteString(`\x`)
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&0xf])
	}
}
