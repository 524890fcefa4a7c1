// SPDX-License-Identifier: Apache-2.0

package fit

import (
	"fmt"
	"strings"
)

// Suggest returns a question such as `did you mean "vlan"?` when a word is
// nearly one of the candidates, else "".
func Suggest(word string, candidates []string) string {
	best := Nearest(word, candidates)
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// Nearest is the candidate that somebody may have meant who mistyped it, whatever the
// case; empty where nothing is near.
func Nearest(word string, candidates []string) string {
	const longest = 64
	if len(word) > longest {
		return ""
	}
	best, nearest := "", 1+len([]rune(word))/3 // one slip in three letters is a slip
	for _, c := range candidates {
		if len(c) > longest {
			continue
		}
		if strings.EqualFold(word, c) {
			return c
		}
		if d := distance([]rune(strings.ToLower(word)), []rune(strings.ToLower(c))); d < nearest || d == nearest && best == "" {
			best, nearest = c, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, replace or swap with the
// neighbour to get from a to b.
func distance(a, b []rune) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
