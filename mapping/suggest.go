// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A leg of an uplink is one identity that a rule has to name, and where it is heard.
type leg struct {
	identity Identity
	port     nodefile.Link
	neighbor discovery.MSAP
	system   string
}

// legs are the identities of an uplink: of the ports of a bond each has its own.
func (a *Uplink) legs() []leg {
	out := []leg{{a.Identity, a.Port, a.Neighbor, a.System}}
	for i := range a.Members {
		m := &a.Members[i]
		known := slices.ContainsFunc(out, func(l leg) bool { return l.identity == m.Identity })
		if !known && m.Identity.VLAN == a.Identity.VLAN {
			out = append(out, leg{m.Identity, m.Port, m.Neighbor, m.System})
		}
	}
	return out
}

// Matches are those, as a rules file has them, that name an uplink of a node and nothing
// else; none where no rule can. Why says what keeps them from being about more than this
// node, or from being.
func (a *Uplink) Matches(node string) (matches []string, why string) {
	for _, l := range a.legs() {
		match, only, ok := l.suggest(node)
		if !ok {
			return nil, only
		}
		matches, why = append(matches, match), cmp.Or(why, only)
	}
	return matches, why
}

// suggest goes by the kind of the identity: what is one in all ports of a switch, or of a
// group, is named there, and what one port alone shows is named on that port.
func (l *leg) suggest(node string) (match, why string, ok bool) {
	id := l.identity
	here := rules.Exact{System: l.system, Port: l.neighbor.Port, Node: node, Interface: l.port.Name, VLAN: id.VLAN}
	switch id.Kind {
	case identity.Group:
		match, _ = rules.Exact{Group: id.Switch, VLAN: id.VLAN, Untagged: !id.HasVLAN()}.Match()
		return match, "", true
	case identity.Chassis:
		whole := rules.Exact{Chassis: discovery.ID(id.Switch), Port: id.Port, VLAN: id.VLAN}
		match, lacking := whole.Match()
		if len(lacking) == 0 {
			return match, "", true
		}
		here.Chassis, why = whole.Chassis, strings.Join(lacking, " and ")+" would be too long for a pattern"
	case identity.Pin:
		return "", "a rule names it already", false
	case identity.Sender:
		why = "the chassis ID does not say which device it is"
	}
	match, lacking := here.Match()
	if slices.Contains(lacking, "interface") || slices.Contains(lacking, "node") {
		return "", fmt.Sprintf("no rule can name it: %s, and the name of %s cannot be written in one; rename the interface, or the node", why, l.port.Name), false
	}
	return match, why, true
}
