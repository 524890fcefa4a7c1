// SPDX-License-Identifier: Apache-2.0

package fit

import "strings"

// Bound bounds a text by characters, as an API server counts, and makes it what will come
// back from there: an interface may have any octets in its name.
func Bound(s string, most int) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= most {
		return s
	}
	r := []rune(s)
	return string(r[:min(len(r), most)])
}

// Few joins words with commas, the first few of them where all are too long.
func Few(words []string, most int) string {
	const more = ",..."
	all := strings.Join(words, ",")
	if len(all) <= most {
		return all
	}
	end := strings.LastIndex(all[:most-len(more)+1], ",")
	return all[:max(end, 0)] + more
}
