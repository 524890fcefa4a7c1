// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/paste"
)

// maxPasted is the longest pattern that a RuleSet takes, in characters: what is suggested
// can be pasted there too.
const maxPasted = 256

// An Exact is a match that takes its texts as they are, and no other. Empty ones are no
// keys.
type Exact struct {
	Group           string
	Chassis         discovery.ID
	System          string
	Port            discovery.ID
	Node, Interface string
	VLAN            uint16
	Untagged        bool // vlan: untagged
	Silent          bool // silent: true
}

// Match returns the match as it stands in a list of them, on one line of YAML, without the
// keys whose texts no pattern can hold; those it names.
func (e Exact) Match() (match string, lacking []string) {
	var pairs []string
	if e.Group != "" {
		pairs = append(pairs, "group: "+paste.YAML(e.Group))
	}
	for _, k := range []struct {
		key  key
		text string
	}{
		{keyChassis, string(e.Chassis)},
		{keySystem, e.System},
		{keyPort, string(e.Port)},
		{keyNode, e.Node},
		{keyInterface, e.Interface},
	} {
		switch pattern := escape.Replace(k.text); {
		case k.text == "":
		case !writable(k.text, pattern):
			lacking = append(lacking, keyNames[k.key])
		default:
			pairs = append(pairs, keyNames[k.key]+": "+paste.YAML(pattern))
		}
	}
	switch {
	case e.VLAN != 0:
		pairs = append(pairs, fmt.Sprint("vlan: ", e.VLAN))
	case e.Untagged:
		pairs = append(pairs, "vlan: untagged")
	}
	if e.Silent {
		pairs = append(pairs, "silent: true")
	}
	return "{" + strings.Join(pairs, ", ") + "}", lacking
}

// Holds reports whether the match can be written with all of these keys.
func (e Exact) Holds(keys ...string) bool {
	_, lacking := e.Match()
	return !slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(lacking, k) })
}

// writable reports whether a pattern can be written, and fits nothing but its text.
func writable(text, pattern string) bool {
	return paste.Whole(text) && utf8.RuneCountInString(pattern) <= maxPasted && len(pattern) <= maxPattern
}
