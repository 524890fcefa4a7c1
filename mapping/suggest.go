// SPDX-License-Identifier: Apache-2.0

package mapping

import (
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

// suggestion is the list of matches, as a rules file has it, that names the uplink and
// nothing else. Where there is none, why says what to do.
func (a *Uplink) suggestion(node string) (match, why string) {
	var all []string
	for _, l := range a.legs() {
		text, ok := l.suggestion(node)
		if !ok {
			return "", "no rule can name it, because the name of " + l.port.Name + " cannot be written in one: rename the interface"
		}
		all = append(all, text)
	}
	return "[" + strings.Join(all, ", ") + "]", ""
}

// suggestion goes by the kind of the identity: what is one in all ports of a switch, or
// of a group, is named there, and what one port alone shows is named on that port.
func (l *leg) suggestion(node string) (string, bool) {
	id := l.identity
	here := rules.Exact{System: l.system, Port: l.neighbor.Port, Node: node, Interface: l.port.Name, VLAN: id.VLAN}
	switch id.Kind {
	case identity.Group:
		text, _ := rules.Exact{Group: id.Switch, VLAN: id.VLAN, Untagged: !id.HasVLAN()}.Match()
		return text, true
	case identity.Chassis:
		whole := rules.Exact{Chassis: discovery.ID(id.Switch), Port: id.Port, VLAN: id.VLAN}
		if text, lacking := whole.Match(); len(lacking) == 0 {
			return text, true
		}
		here.Chassis = whole.Chassis
	case identity.Sender: // whose chassis ID others have too
	}
	text, lacking := here.Match()
	return text, !slices.Contains(lacking, "interface") && !slices.Contains(lacking, "node")
}
