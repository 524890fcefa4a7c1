// SPDX-License-Identifier: Apache-2.0

package cards

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxRanges is how many ranges of names are told before the rest is counted.
const maxRanges = 3

// natural compares names as people order them: numbers in them by their value.
func natural(a, b string) int {
	for a != "" && b != "" {
		wordA, restA := token(a)
		wordB, restB := token(b)
		if wordA != wordB {
			if isDigit(wordA[0]) && isDigit(wordB[0]) {
				shortA, shortB := strings.TrimLeft(wordA, "0"), strings.TrimLeft(wordB, "0")
				return cmp.Or(cmp.Compare(len(shortA), len(shortB)), cmp.Compare(shortA, shortB), cmp.Compare(wordA, wordB))
			}
			return cmp.Compare(wordA, wordB)
		}
		a, b = restA, restB
	}
	return cmp.Compare(len(a), len(b))
}

// token is the number or the other text that a string begins with, and the rest.
func token(s string) (word, rest string) {
	end := 1
	for end < len(s) && isDigit(s[end]) == isDigit(s[0]) {
		end++
	}
	return s[:end], s[end:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// A series is names that differ in one number alone, or one name.
type series struct {
	before, after string
	numbers       []string
}

// ranges tells names of ports in short: eth1, Ethernet1/1-48.
func ranges(names []string) string { return inShort(names, false) }

// nodeSet tells names of nodes in short, with ranges in brackets: n[01-40].example.net.
func nodeSet(names []string) string { return inShort(names, true) }

func inShort(names []string, brackets bool) string {
	names = slices.Clone(names)
	slices.SortFunc(names, natural)
	names = slices.Compact(names)
	at := counter(names)
	var all []*series
	of := map[[2]string]*series{}
	for _, name := range names {
		before, number, after := numberAt(name, at)
		key := [2]string{before, after}
		if number == "" {
			all = append(all, &series{before: name, numbers: []string{""}})
			continue
		}
		if of[key] == nil {
			of[key] = &series{before: before, after: after}
			all = append(all, of[key])
		}
		of[key].numbers = append(of[key].numbers, number)
	}
	var out []string
	for _, s := range all[:min(len(all), maxRanges)] {
		out = append(out, s.text(brackets))
	}
	if more := len(all) - maxRanges; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, ", ")
}

// counter is which number of the names counts: the only one in which they differ, or else the
// last that not all have alike.
func counter(names []string) int {
	at, last := 0, -1
	for _, name := range names {
		if last = max(last, len(numbers(name))-1); last > at {
			at = last
		}
	}
	for k := at; k >= 0 && len(names) > 1; k-- {
		seen := map[string]bool{}
		for _, name := range names {
			if n := numbers(name); k < len(n) {
				seen[name[n[k][0]:n[k][1]]] = true
			}
		}
		if len(seen) > 1 {
			return k
		}
	}
	return at
}

// numbers are where the numbers in a name are.
func numbers(name string) (all [][2]int) {
	for i := 0; i < len(name); {
		word, _ := token(name[i:])
		if isDigit(word[0]) {
			all = append(all, [2]int{i, i + len(word)})
		}
		i += len(word)
	}
	return all
}

// numberAt splits a name at one of its numbers; one that has not so many is before it.
func numberAt(name string, k int) (before, number, after string) {
	n := numbers(name)
	if k >= len(n) {
		return name, "", ""
	}
	return name[:n[k][0]], name[n[k][0]:n[k][1]], name[n[k][1]:]
}

func (s *series) text(brackets bool) string {
	if len(s.numbers) == 1 {
		return s.before + s.numbers[0] + s.after
	}
	var parts []string
	for i := 0; i < len(s.numbers); {
		j := i
		for j+1 < len(s.numbers) && follows(s.numbers[j], s.numbers[j+1]) {
			j++
		}
		part := s.numbers[i]
		if j > i {
			part += "-" + s.numbers[j]
		}
		parts, i = append(parts, part), j+1
	}
	text := strings.Join(bounded(parts), ",")
	if brackets || s.after != "" || s.before == "" {
		text = "[" + text + "]"
	}
	return s.before + text + s.after
}

// follows reports whether b is the number after a, written alike.
func follows(a, b string) bool {
	x, errA := strconv.ParseUint(a, 10, 63)
	y, errB := strconv.ParseUint(b, 10, 63)
	alike := len(a) == len(b) || a[0] != '0' && b[0] != '0'
	return errA == nil && errB == nil && alike && y == x+1
}

// short are the names of switches without what all that are called alike could do without:
// the first label of a host name, where no other switch has the same.
func short(names []string) []string {
	count := map[string]int{}
	label := func(name string) string {
		l, _, _ := strings.Cut(name, ".")
		if strings.Trim(l, "0123456789") == "" { // an IP address
			return name
		}
		return l
	}
	for _, n := range slices.Compact(slices.Sorted(slices.Values(names))) {
		count[label(n)]++
	}
	out := make([]string, len(names))
	for i, n := range names {
		if out[i] = n; count[label(n)] == 1 {
			out[i] = label(n)
		}
	}
	return out
}
