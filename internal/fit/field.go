// SPDX-License-Identifier: Apache-2.0

package fit

import (
	"fmt"
	"strings"
)

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

const (
	// someTexts is how many of many things a message tells.
	someTexts = 3
	// maxText bounds each of them: they hold what is on the wire.
	maxText = 512
)

// Some tells the first few of several things, each bounded, and how many more there are.
func Some(all []string) string {
	var out []string
	for _, text := range all[:min(len(all), someTexts)] {
		out = append(out, Bound(text, maxText))
	}
	s := strings.Join(out, "; ")
	if more := len(all) - someTexts; more > 0 {
		s += fmt.Sprintf("; and %d more", more)
	}
	return s
}
