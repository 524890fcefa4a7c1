// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"

	"github.com/colvin-net/colvin/internal/yamlfile"
)

// maxPattern bounds a glob; with the texts of LLDP, at most 511 octets, it
// bounds the work of a match.
const maxPattern = 512

// A glob is a parsed pattern: * is any text, ? any one character, (...) catches
// what its part matched, and a backslash takes the next character literally.
type glob struct {
	source   string
	steps    []step
	captures int
}

type step struct {
	op      stepOp
	literal rune
}

type stepOp uint8

const (
	opLiteral stepOp = iota
	opOne
	opAny
	opOpen
	opClose
)

func parseGlob(s string) (*glob, error) {
	const escape = `write \( \) \* \? \\ in single quotes for the character itself`
	if s == "" {
		return nil, yamlfile.Problem{Message: "the pattern is empty", Hint: "write a pattern, or remove the key"}
	}
	if len(s) > maxPattern {
		return nil, yamlfile.Problem{Message: fmt.Sprintf("the pattern has %d octets", len(s)), Hint: fmt.Sprintf("write at most %d", maxPattern)}
	}
	g := &glob{source: s}
	open, escaped := -1, false
	for _, r := range s {
		next := step{literal: r}
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
			continue
		case r == '*':
			next.op = opAny
		case r == '?':
			next.op = opOne
		case r == '(':
			if open >= 0 {
				return nil, yamlfile.Problem{Message: "a ( stands inside (...)", Hint: escape}
			}
			next.op, open = opOpen, len(g.steps)
			g.captures++
		case r == ')':
			if open < 0 {
				return nil, yamlfile.Problem{Message: "a ) has no ( before it", Hint: escape}
			}
			if open == len(g.steps)-1 {
				return nil, yamlfile.Problem{Message: "the () catches nothing", Hint: "write (*) to catch any text"}
			}
			next.op, open = opClose, -1
		}
		g.steps = append(g.steps, next)
	}
	switch {
	case escaped:
		return nil, yamlfile.Problem{Message: `the pattern ends in a single \`, Hint: escape}
	case open >= 0:
		return nil, yamlfile.Problem{Message: "a ( is not closed", Hint: escape}
	}
	return g, nil
}

// match reports whether the whole text matches, and what the captures caught.
// Every * takes as little as it can, from left to right: going back to the last
// * alone is then enough, and the work is at most the product of the lengths.
func (g *glob) match(text string) ([]string, bool) {
	t := []rune(text)
	marks := make([]int, 0, 2*g.captures) // where the captures open and close
	i, p := 0, 0
	star, starText, starMarks := -1, 0, 0
	for {
		switch {
		case p < len(g.steps) && g.steps[p].op == opAny:
			star, starText, starMarks = p, i, len(marks)
			p++
			continue
		case p < len(g.steps) && (g.steps[p].op == opOpen || g.steps[p].op == opClose):
			marks = append(marks, i)
			p++
			continue
		case p < len(g.steps) && i < len(t) && (g.steps[p].op == opOne || g.steps[p].literal == t[i]):
			p++
			i++
			continue
		case p == len(g.steps) && i == len(t):
			return caught(t, marks), true
		}
		if star < 0 || starText == len(t) {
			return nil, false
		}
		starText++ // the last * takes one character more
		i, p, marks = starText, star+1, marks[:starMarks]
	}
}

func caught(t []rune, marks []int) []string {
	if len(marks) == 0 {
		return nil
	}
	out := make([]string, 0, len(marks)/2)
	for k := 0; k+1 < len(marks); k += 2 {
		out = append(out, string(t[marks[k]:marks[k+1]]))
	}
	return out
}

// specific reports whether the pattern says anything: some character that is
// not a wildcard.
func (g *glob) specific() bool {
	for _, s := range g.steps {
		if s.op == opLiteral {
			return true
		}
	}
	return false
}
