// SPDX-License-Identifier: Apache-2.0

package scrub

import (
	"errors"
	"regexp"
	"strings"

	"github.com/colvin-net/colvin/internal/yamlfile"
)

// ErrComments is returned for a document whose comments cannot be told from its texts.
var ErrComments = errors.New("its comments cannot be taken out")

var (
	comment = regexp.MustCompile(`(?m)(^|[ \t])#.*$`)
	glob    = regexp.MustCompile(`[*?()\[\]\\]+`)
	// octetsPattern is a pattern of an address of octets, or what is left of one, with a wildcard.
	octetsPattern = regexp.MustCompile(`(?i)^(?:mac:)?[0-9a-f:.*?()-]*[*?][0-9a-f:.*?()-]*$`)
	// wire are the keys of rules and of colvind.yaml whose values are of the wire, or name
	// machines.
	wire = map[string]string{
		"system": System, "node": Node, "chassis": chassis, "portDescription": said, "systemDescription": said, "managementAddress": said,
		"switch": chassis, "group": chassis,
	}
)

// LearnYAML takes what is to be replaced from rules or a configuration.
func (s *Scrubber) LearnYAML(data []byte) {
	s.LearnText(string(data))
	// What is no YAML is left out later.
	_, _ = yamlfile.RewriteTexts("", data, func(key, text string, _ int) string {
		class, value := wire[key], wireValue(key, text)
		if ofOctets(key, text) {
			class, value = octetsClass, strings.TrimPrefix(text, macPrefix)
		}
		if class != "" {
			for _, literal := range glob.Split(value, -1) {
				if strings.Trim(literal, " .-_/:") != "" {
					s.names.learn(class, literal)
				}
			}
		}
		return text
	})
	groups := yamlfile.Parse("", data).Mapping().Get("switchGroups")
	for _, pair := range groups.Mapping().Pairs() {
		s.names.learn(chassis, pair.Key.Raw())
	}
}

const (
	macPrefix   = "mac:"
	octetsClass = "octets"
)

// ofOctets reports whether a value is a pattern of MAC addresses: what is between its
// wildcards is no address, and tells as much.
func ofOctets(key, text string) bool {
	switch key {
	case "mac":
		return octetsPattern.MatchString(text)
	case "chassis", "port":
		return strings.HasPrefix(text, macPrefix) && octetsPattern.MatchString(text)
	}
	return false
}

// wireValue is a text without the subtype of an ID, and nothing where that is an address.
func wireValue(key, text string) string {
	sub, value, ok := strings.Cut(text, ":")
	switch {
	case key != "chassis" || !ok:
		return text
	case isAddress(sub):
		return ""
	}
	return value
}

// YAML returns a document in which everything was replaced, without its comments.
func (s *Scrubber) YAML(data []byte) ([]byte, error) {
	left := false
	out, err := yamlfile.RewriteTexts("", data, func(key, text string, _ int) string {
		left = left || comment.MatchString(text)
		switch {
		case ofOctets(key, text):
			sub := text[:len(text)-len(strings.TrimPrefix(text, macPrefix))]
			return sub + s.pattern(text[len(sub):])
		case wire[key] == "":
			return s.Text(text)
		}
		return s.pattern(text)
	})
	if err != nil {
		return nil, err
	}
	if left {
		return nil, ErrComments
	}
	return []byte(s.Names(comment.ReplaceAllString(string(out.Data), ""))), nil
}

// pattern replaces what is between the special characters of a glob.
func (s *Scrubber) pattern(text string) string {
	if _, ok := s.names.whole(text); ok {
		return s.whole(text)
	}
	var out strings.Builder
	done := 0
	for _, at := range append(glob.FindAllStringIndex(text, -1), []int{len(text), len(text)}) {
		out.WriteString(s.whole(text[done:at[0]]))
		out.WriteString(text[at[0]:at[1]])
		done = at[1]
	}
	return out.String()
}
