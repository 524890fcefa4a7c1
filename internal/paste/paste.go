// SPDX-License-Identifier: Apache-2.0

// Package paste writes texts so that who copies them out of a message gives exactly
// them: to a shell, or in YAML. What a command or a rule says stays with its callers.
package paste

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/colvin-net/colvin/internal/fit"
)

// Command is a command for a shell, with quotes around the words that need them. A word
// that cannot be printed is written in $'...', which dash does not know.
func Command(words ...string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = word(w)
	}
	return strings.Join(out, " ")
}

// Operand is a command that ends in an operand which may look like a flag.
func Operand(operand string, words ...string) string {
	if strings.HasPrefix(operand, "-") {
		words = append(words, "--")
	}
	return Command(append(words, operand)...)
}

// safe is a word that every shell takes as it is.
var safe = late(`^[A-Za-z0-9@%+:,./_-][A-Za-z0-9@%+=:,./_-]*$`)

func word(s string) string {
	switch {
	case safe().MatchString(s):
		return s
	case Printable(s):
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for _, c := range []byte(s) {
		if safe().Match([]byte{c}) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// Printable reports whether a text can be copied from a screen as it is.
func Printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !fit.Visible(r) })
}

// Whole reports whether a text is what it was: octets that are no UTF-8 become U+FFFD in
// JSON, and compare equal to it.
func Whole(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsRune(s, utf8.RuneError)
}

// Device is an interface as ip(8) takes it: by its name, or by ifindex where that is not
// whole.
func Device(name string, index int) string {
	if index > 0 && !Whole(name) {
		return fmt.Sprint("if", index)
	}
	return name
}

// YAML is a text as a YAML scalar on one line, in quotes. What is no UTF-8 cannot be
// written: see Whole.
func YAML(s string) string {
	switch {
	case !Printable(s):
		return `"` + escaped(s) + `"`
	case strings.ContainsAny(s, `"\`):
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return `"` + s + `"`
}

// escaped is a text within double quotes (YAML 1.2.2, 5.7).
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case fit.Visible(r):
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// late compiles an expression when it is first needed: a plugin that is started for each
// container mostly needs none.
func late(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
