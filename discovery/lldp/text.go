// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/colvin-net/colvin/internal/fit"
)

// since returns the text written from start on.
func (d *decoder) since(start int) string { return d.text.String()[start:] }

// printable returns the text of a name or description up to its first NUL, with
// everything that is not UTF-8 or cannot be seen written \xNN: a terminal that
// shows it does nothing else. A backslash stays one, for people to read: unlike
// an ID, this text need not give the octets back.
func (d *decoder) printable(v []byte) string {
	n := ascii(v)
	if n < len(v) && v[n] != 0 {
		return escaped(v)
	}
	start := d.optionalLen - cap(v) // of the octets from v on
	return d.text.String()[start : start+n]
}

// escaped is printable for a text that is no part of the LLDPDU.
func escaped(v []byte) string {
	const more = 16 // room for a few line breaks
	var s strings.Builder
	s.Grow(len(v) + more)
	for {
		n := ascii(v)
		s.Write(v[:n])
		v = v[n:]
		if len(v) == 0 || v[0] == 0 {
			return s.String()
		}
		r, n := utf8.DecodeRune(v)
		if n > 1 && fit.Visible(r) { // one octet is no UTF-8 here, or a control character
			s.Write(v[:n])
		} else {
			escape(&s, v[:n])
		}
		v = v[n:]
	}
}

// ascii returns how many octets v begins with are printable ASCII. It looks at
// eight at once, also where the last of them are behind v: in each the greatest
// bit has to be 0, as it is, where 1 is added and where a space is taken away.
// What these carry goes into octets behind one that is not printable.
func ascii(v []byte) int {
	const (
		word     = 8
		ones     = 0x01010101_01010101
		spaces   = ' ' * ones
		greatest = 0x80 * ones
	)
	n := 0
	for n < len(v) && cap(v)-n >= word {
		x := binary.LittleEndian.Uint64(v[n : n+word])
		if other := (x | (x + ones) | (x - spaces)) & greatest; other != 0 {
			return min(n+bits.TrailingZeros64(other)/word, len(v))
		}
		n += word
	}
	for n < len(v) && ' ' <= v[n] && v[n] <= '~' {
		n++
	}
	return min(n, len(v))
}

const digits = "0123456789abcdef"

// escape writes each octet as \xNN.
func escape(s *strings.Builder, v []byte) {
	for _, c := range v {
		s.Write([]byte{'\\', 'x', digits[c>>4], digits[c&0xf]})
	}
}

// macText returns "mac:" and a MAC address.
func (d *decoder) macText(v []byte) string {
	b := []byte("mac:00:00:00:00:00:00")
	for i, c := range v {
		b[4+3*i], b[5+3*i] = digits[c>>4], digits[c&0xf]
	}
	start := d.text.Len()
	d.text.Write(b)
	return d.since(start)
}

// ipText returns a prefix and an IP address.
func (d *decoder) ipText(prefix string, a netip.Addr) string {
	const longest = len("ip:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
	b := append(make([]byte, 0, longest), prefix...)
	if a.Is6() && !a.Is4In6() {
		b = appendIPv6(b, a.As16())
	} else {
		b = a.AppendTo(b)
	}
	start := d.text.Len()
	d.text.Write(b)
	return d.since(start)
}

// appendIPv6 appends the text of an address (RFC 5952, 4). That of netip takes as
// long as six TLVs.
func appendIPv6(b []byte, a [16]byte) []byte {
	var start, end int // the first of the longest runs of zero groups, if of two or more
	for i := 0; i < len(a); i += 2 {
		j := i
		for j < len(a) && a[j]|a[j+1] == 0 {
			j += 2
		}
		if j-i > max(end-start, 2) {
			start, end = i, j
		}
		i = j
	}
	for i := 0; i < len(a); i += 2 {
		if i == start && end > 0 {
			b = append(b, "::"...)
			if i = end; i == len(a) {
				break
			}
		} else if i > 0 {
			b = append(b, ':')
		}
		b = strconv.AppendUint(b, uint64(a[i])<<8|uint64(a[i+1]), 16)
	}
	return b
}

// rawText returns a number and octets, such as "subtype9:00ff".
func (d *decoder) rawText(prefix string, number byte, v []byte) string {
	start := d.text.Len()
	d.text.WriteString(prefix)
	d.text.Write(strconv.AppendUint(make([]byte, 0, 3), uint64(number), 10))
	d.text.WriteByte(':')
	for _, c := range v {
		d.text.Write([]byte{digits[c>>4], digits[c&0xf]})
	}
	return d.since(start)
}
