// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"cmp"
	"fmt"

	"github.com/colvin-net/colvin/mapping/nodefile"
)

// Title is the name of a network, or that it has none.
func (n *Network) Title() string { return cmp.Or(n.Name, "unnamed") }

// Doubt is what to know about a network before relying on it; empty where nothing is.
func (n *Network) Doubt() string {
	switch {
	case n.Certainty != nodefile.Fresh:
		return string(n.Certainty)
	case n.Standby:
		return "standby"
	default:
		return ""
	}
}

// InVLAN says in which VLAN a network is, or that nobody tells.
func (n *Network) InVLAN() string {
	switch {
	case n.Tagged:
		return fmt.Sprintf("tagged %d", n.VLAN)
	case n.Pinned:
		return "untagged"
	case n.VLAN == 0:
		return "VLAN not advertised"
	default:
		return fmt.Sprintf("VLAN %d", n.VLAN)
	}
}

// String is what the network is called, its VLAN, and what to know about it.
func (n *Network) String() string {
	if doubt := n.Doubt(); doubt != "" {
		return fmt.Sprintf("%s (%s, %s)", n.Title(), n.InVLAN(), doubt)
	}
	return fmt.Sprintf("%s (%s)", n.Title(), n.InVLAN())
}

// Title is the name of a switch, or what else it is known by.
func (s *Switch) Title() string {
	return cmp.Or(s.System, fmt.Sprintf("a %s without a name", s.Kind))
}
