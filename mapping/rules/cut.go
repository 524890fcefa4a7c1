// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"bytes"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/internal/yamlfile"
)

// LooksCut reports whether a file looks as if whoever wrote it did not get to its end: it
// says what another one says, but not to the end, by its octets or by its rules alone. A
// cut may fall within a word: 10 of VLAN 100.
func LooksCut(data, whole []byte) bool {
	if len(data) < len(whole) && bytes.HasPrefix(whole, data) {
		return true
	}
	said, all := sayings(data), sayings(whole)
	if len(said) == 0 || len(said) > len(all) {
		return false
	}
	last := len(said) - 1
	if !slices.Equal(said[:last], all[:last]) {
		return false
	}
	if said[last] == all[last] {
		return len(said) < len(all)
	}
	return !bytes.HasSuffix(data, []byte("\n")) && strings.HasPrefix(all[last], said[last])
}

// sayings are all scalars of a document, in its order, each with its path; none where it
// is not YAML.
func sayings(data []byte) (out []string) {
	var walk func(v yamlfile.Value)
	walk = func(v yamlfile.Value) {
		switch v.Kind() {
		case yamlfile.KindMapping:
			for _, p := range v.Mapping().Pairs() {
				walk(p.Value)
			}
		case yamlfile.KindList:
			for _, item := range v.List() {
				walk(item)
			}
		case yamlfile.KindText, yamlfile.KindNumber, yamlfile.KindBool:
			out = append(out, v.Path()+" "+v.Raw())
		case yamlfile.KindAbsent, yamlfile.KindNone:
		}
	}
	for _, p := range yamlfile.Parse("", data).Mapping().Pairs() {
		walk(p.Value)
	}
	return out
}
