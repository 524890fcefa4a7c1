// SPDX-License-Identifier: Apache-2.0

package discovery

import "slices"

// Modes of a bond in which not every member carries traffic.
const (
	BondLACP         = "802.3ad"
	BondActiveBackup = "active-backup"
)

// Carrying are the ifindexes of the members through which a bond, team or bridge
// sends to other machines now, in ascending order. What containers and virtual
// machines are joined to a bridge with does not count.
func Carrying(master Interface, all []Interface) []int {
	var out []int
	for i := range all {
		if all[i].Master == master.Index && all[i].Operational() && carries(&master, &all[i]) {
			out = append(out, all[i].Index)
		}
	}
	slices.Sort(out)
	return out
}

func carries(master, member *Interface) bool {
	switch {
	case master.Kind == KindBridge:
		return member.Kind == "" || member.Kind == KindVLAN || member.Kind.Aggregates()
	case master.Bond == nil:
		return true // a team tells nothing of its members
	case master.Bond.Mode == BondLACP:
		m := member.BondMember
		return m != nil && m.Active && master.Bond.Aggregator != 0 && m.Aggregator == master.Bond.Aggregator
	case master.Bond.Mode == BondActiveBackup:
		return member.Index == master.Bond.Active
	default:
		return true
	}
}
