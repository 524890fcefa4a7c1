// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/yamlfile"
)

// A Replacement is a document in which matches name another switch.
type Replacement struct {
	Data    []byte
	Lines   []int // of the matches that do
	Pattern []int // of those that the switch before fits by a pattern, and which stay
}

// ReplaceChassis has each match that names one chassis ID name another: in a rules file, in a
// RuleSet or in a list of those. The rest of the document stays as it is, and may hold
// mistakes. The error is yamlfile.Mistakes where it is not YAML, and another where no pattern
// can hold the new ID.
func ReplaceChassis(file string, data []byte, old, now discovery.ID) (Replacement, error) {
	var out Replacement
	if _, err := parseChassis(escape.Replace(string(now))); err != nil {
		return out, fmt.Errorf("write a rule about %s: %w", now, err)
	}
	r, err := yamlfile.RewriteTexts(file, data, func(key, text string, line int) string {
		if key != keyNames[keyChassis] {
			return text
		}
		g, err := parseChassis(text)
		if err != nil {
			return text
		}
		if id, ok := g.only(); ok && id == string(old) {
			return escape.Replace(string(now))
		}
		if _, fits := g.match(string(old)); fits {
			out.Pattern = append(out.Pattern, line)
		}
		return text
	})
	out.Data, out.Lines = r.Data, r.Lines
	return out, err
}

// escape makes a pattern of a text.
var escape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `(`, `\(`, `)`, `\)`)

// only returns the only text that the pattern fits, where there is one.
func (g *glob) only() (string, bool) {
	var b strings.Builder
	for _, s := range g.steps {
		if s.op != opLiteral {
			return "", false
		}
		b.WriteRune(s.literal)
	}
	return b.String(), true
}

// ParseChassisID reads a chassis ID as people write it, such as mac:001B.21AA.BBCC. The
// error is a yamlfile.Problem.
func ParseChassisID(s string) (discovery.ID, error) {
	kind, rest, ok := cutKind(s)
	switch {
	case !ok:
		_, err := parseChassis(escape.Replace(s)) // which knows what to write
		return "", err
	case rest == "":
		return "", yamlfile.Problem{Message: yamlfile.Quote(s) + " is no chassis ID, but the kind of one", Hint: "write the ID after the colon, as colvin neighbors -o wide shows it"}
	case strings.ContainsFunc(rest, func(r rune) bool { return r < ' ' || r > '~' }): // which no canonical text holds
		return "", yamlfile.Problem{Message: yamlfile.Quote(s) + " holds what is no printable ASCII", Hint: `write it as colvin neighbors -o wide shows it, such as \x00`}
	case kind == "mac":
		mac, err := discovery.ParseMAC(rest)
		if err != nil {
			return "", yamlfile.Problem{Message: yamlfile.Quote(rest) + " is not a MAC address", Hint: "write six octets, such as mac:00:1b:21:aa:bb:cc"}
		}
		rest = mac.String()
	case kind == "ip":
		a, err := netip.ParseAddr(rest)
		if err != nil {
			return "", yamlfile.Problem{Message: yamlfile.Quote(rest) + " is not an IP address", Hint: "write one such as ip:192.0.2.7"}
		}
		rest = a.String()
	}
	return discovery.ID(kind + ":" + rest), nil
}
