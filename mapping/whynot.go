// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"slices"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/rules"
)

// WhyNot says why no pod can be attached to the network of a name on the node, where that is
// so: what is wrong with a way that leads there, which leads reports, or where the ports lead
// instead.
func (v *View) WhyNot(set *rules.Set, name string) (why string, leads bool) {
	var others []string
	for i := range v.Uplinks {
		a := &v.Uplinks[i]
		names := a.Names()
		if slices.Contains(names, name) {
			return fit.Some([]string{a.Port.Name + " leads there, but " + cmp.Or(a.Reason, "there are too many names")}), true
		}
		if len(names) > 0 && !slices.Contains(others, names[0]) {
			others = append(others, names[0])
		}
	}
	switch {
	case !set.Covers(name):
		return "no rule gives that name", false
	case len(others) == 0:
		return "no port leads to a network that has a name", false
	}
	return "the ports lead to " + fit.Some(others), false
}
