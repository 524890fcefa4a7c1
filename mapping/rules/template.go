// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// ValidName reports whether a network can have this name: it is a DNS label.
func ValidName(s string) bool { return nodefile.ValidName(s) }

// A template is a name that may hold words such as {system.1}.
type template struct {
	source string
	parts  []part
	wire   bool // a switch could make any name of it
}

// part is literal text, or a word where its kind says so.
type part struct {
	kind    wordKind
	literal string
	key     key // of a capture
	index   int // of a capture, from 1
}

type wordKind uint8

const (
	wordNone       wordKind = iota // literal text
	wordCapture                    // {system.1}
	wordVLAN                       // {vlan}
	wordVLANName                   // {vlanName}
	wordPortNumber                 // {port.number}
)

const (
	nameHint = "use at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends"
	wordHint = "words are {vlan}, {vlanName}, {port.number}, and {system.1} for what the first (...) of system caught; likewise chassis, port, portDescription, node, interface, mac, pci, driver and vlanName"
)

var words = regexp.MustCompile(`\{[^{}]*\}`)

// parseTemplate reads a name. It is checked with the shortest word there is, so
// that a name which can never be valid is refused.
func parseTemplate(s string) (*template, error) {
	t := &template{source: s}
	rest := 0
	for _, at := range words.FindAllStringIndex(s, -1) {
		t.add(s[rest:at[0]])
		p, ok := parseWord(s[at[0]+1 : at[1]-1])
		if !ok {
			return nil, yamlfile.Problem{Message: "unknown word " + yamlfile.Quote(s[at[0]:at[1]]), Hint: wordHint}
		}
		t.parts = append(t.parts, p)
		rest = at[1]
	}
	t.add(s[rest:])
	if !ValidName(words.ReplaceAllString(s, "x")) {
		return nil, yamlfile.Problem{Message: yamlfile.Quote(s) + " is not a name", Hint: nameHint}
	}
	t.wire = t.wireAlone()
	return t, nil
}

// wireAlone reports whether nothing but texts of the switch makes the name: no letter or
// digit of the rule's own, and no word about the node. The number of a VLAN is neither:
// a switch that lies about it is in any rule for that VLAN.
func (t *template) wireAlone() bool {
	wire := false
	for _, p := range t.parts {
		switch p.kind {
		case wordNone:
			if strings.Trim(p.literal, "-") != "" {
				return false
			}
		case wordCapture:
			if slices.Contains(ownKeys, p.key) {
				return false
			}
			wire = true
		case wordVLANName, wordPortNumber:
			wire = true
		case wordVLAN:
		}
	}
	return wire
}

func (t *template) add(literal string) {
	if literal != "" {
		t.parts = append(t.parts, part{literal: literal})
	}
}

func parseWord(s string) (part, bool) {
	switch s {
	case "vlan":
		return part{kind: wordVLAN, literal: s}, true
	case "vlanName":
		return part{kind: wordVLANName, literal: s}, true
	case "port.number":
		return part{kind: wordPortNumber, literal: s}, true
	}
	name, number, _ := strings.Cut(s, ".")
	index, err := strconv.Atoi(number)
	if err != nil || index < 1 || strconv.Itoa(index) != number {
		return part{}, false
	}
	for k, known := range keyNames {
		if name == known {
			return part{kind: wordCapture, literal: s, key: key(k), index: index}, true
		}
	}
	return part{}, false
}

// literal reports whether the name holds no word.
func (t *template) literal() bool {
	return !t.uses(wordCapture, wordVLAN, wordVLANName, wordPortNumber)
}

func (t *template) uses(kinds ...wordKind) bool {
	for _, p := range t.parts {
		if slices.Contains(kinds, p.kind) {
			return true
		}
	}
	return false
}

// pattern returns the name as a glob.
func (t *template) pattern() string { return words.ReplaceAllString(t.source, "*") }

// wordValues is where words come from: what matched, and the match that it did.
type wordValues struct {
	match    *match
	sub      Subject
	occ      Occurrence
	literals []string // the names that no switch may give, sorted
}

// expand fills in the words. It gives no name rather than a shortened one, and
// none where a word is empty: "rail-" and "rail" were not what the rule meant.
func (t *template) expand(src wordValues) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.kind == wordNone {
			b.WriteString(p.literal)
			continue
		}
		text, err := p.text(src)
		if err != nil {
			return "", err
		}
		clean := Label(text)
		if clean == "" {
			return "", fmt.Errorf("{%s} is %s here, in which there is no letter or digit", p.literal, yamlfile.Quote(text))
		}
		b.WriteString(clean)
	}
	name := b.String()
	if !ValidName(name) {
		return "", fmt.Errorf("%s has %d characters, a name has at most %d", yamlfile.Quote(name), len(name), nodefile.MaxNetworkName)
	}
	if _, literal := slices.BinarySearch(src.literals, name); literal && t.wire {
		return "", fmt.Errorf("%s is %s here, which rules give as a name themselves: no switch may give it by its own words alone", t.source, yamlfile.Quote(name))
	}
	return name, nil
}

// text returns what a word stands for.
func (p part) text(src wordValues) (string, error) {
	switch p.kind {
	case wordVLAN:
		if src.occ.VID == 0 {
			return "", errors.New("the switch does not advertise the VLAN that {vlan} asks for")
		}
		return strconv.Itoa(int(src.occ.VID)), nil
	case wordVLANName:
		if src.occ.VLANName == "" {
			return "", errors.New("the switch does not advertise the VLAN name that {vlanName} asks for")
		}
		return src.occ.VLANName, nil
	case wordPortNumber:
		number := portNumber(string(src.sub.Neighbor.Port))
		if number == "" {
			return "", fmt.Errorf("the port ID %s ends in no number, which {port.number} asks for", yamlfile.Quote(string(src.sub.Neighbor.Port)))
		}
		return number, nil
	case wordCapture, wordNone:
	}
	if caught, ok := src.match.captures(p.key, src.sub, src.occ); ok && p.index <= len(caught) {
		return caught[p.index-1], nil
	}
	return "", fmt.Errorf("nothing caught what {%s} asks for", p.literal)
}

// portNumber returns the digits a port ID ends in. IDs that are no text, such as
// MAC addresses, have none.
func portNumber(id string) string {
	kind, value, _ := strings.Cut(id, ":")
	if kind == "mac" || kind == "ip" || strings.HasPrefix(kind, "subtype") || strings.Contains(value, `\`) {
		return ""
	}
	return value[len(strings.TrimRight(value, "0123456789")):]
}

// Label makes a text a part of a DNS label: lower case, with one dash for whatever is no
// letter or digit. It may be empty, or too long.
func Label(s string) string {
	var b strings.Builder
	dash := false
	for _, c := range []byte(s) {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if ('a' > c || c > 'z') && ('0' > c || c > '9') {
			dash = b.Len() > 0
			continue
		}
		if dash {
			b.WriteByte('-')
			dash = false
		}
		b.WriteByte(c)
	}
	return b.String()
}
