// SPDX-License-Identifier: Apache-2.0

package rulebook

import (
	"slices"

	"github.com/colvin-net/colvin/mapping/rules"
)

// sources are all places that rules come from.
type sources struct {
	File    *rules.Source  // of the node; nil without one
	Cluster []rules.Source // of the RuleSets, in the order in which they count; nil while unknown
	Of      string         // the cluster whose RuleSets they are
}

func (s *sources) all() []rules.Source {
	if s.File == nil {
		return s.Cluster
	}
	return slices.Concat([]rules.Source{*s.File}, s.Cluster)
}
