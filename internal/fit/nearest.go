// SPDX-License-Identifier: Apache-2.0

package fit

import "strings"

// Nearest finds what somebody may have meant who mistyped it, whatever the case; empty
// where nothing is near.
func Nearest(word string, among []string) string {
	best, found := max(1, len([]rune(word))/3)+1, ""
	for _, candidate := range among {
		if d := distance([]rune(strings.ToLower(word)), []rune(strings.ToLower(candidate))); d < best {
			best, found = d, candidate
		}
	}
	return found
}

// distance counts the letters to add, leave out, replace or exchange with the next.
func distance(a, b []rune) int {
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			now[j] = min(last[j]+1, now[j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
