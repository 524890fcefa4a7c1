// SPDX-License-Identifier: Apache-2.0

// Package fit makes text fit, durations and times too: into columns and boxes, where
// people look at it, and into fields that an API server bounds. How long a text may
// be, its callers say.
package fit

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Cut shortens text to n characters with an ellipsis, nearer to the end than to
// the beginning: names of systems differ at the beginning, of ports at the end.
func Cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	tail := (n - 1) / 3
	return string(r[:n-1-tail]) + "…" + string(r[len(r)-tail:])
}

// Wrap breaks text into lines of n characters where there are blanks to break at.
func Wrap(s string, n int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > n:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// Line puts the lines of a text into one.
func Line(s string) string {
	var out strings.Builder
	for line := range strings.SplitSeq(s, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		switch before := out.String(); {
		case strings.HasSuffix(before, ":"):
			out.WriteString(" ")
		case before != "":
			out.WriteString("; ")
		}
		out.WriteString(line)
	}
	return out.String()
}

// List joins what fits into n characters, at least one item, and says how many
// there are beyond.
func List(items []string, n int) string {
	out := ""
	for i, item := range items {
		next := item
		if i > 0 {
			next = out + ", " + item
		}
		if i > 0 && utf8.RuneCountInString(next) > n {
			return fmt.Sprintf("%s and %d more", out, len(items)-i)
		}
		out = next
	}
	return out
}

// Visible reports whether a reader sees a character, or a blank: not what does something to
// a terminal, and not what shows as nothing, so that two names look like one (Unicode calls
// such characters default ignorable).
func Visible(r rune) bool {
	const blankBraille = '\u2800'
	return unicode.IsPrint(r) && r != blankBraille && (r < unicode.MaxLatin1 || !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector))
}

// Printable keeps text from doing anything to a terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if Visible(r) {
			return r
		}
		return utf8.RuneError
	}, s)
}
