// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"slices"
	"time"

	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/internal/settle"
)

// settling holds plans back until the RuleSets have come to rest. The agents wait as
// long: no node resolves by what is there in between, and a colour that is given then is
// given for good.
type settling struct {
	seen   []generation  // nil before the first
	window settle.Window // of the changes that have not settled
}

// A generation is a RuleSet with its spec.
type generation struct {
	name   string
	number int64
}

// wait is for how long no plan is to be made yet. What is there at first may be a while
// old, so nothing waits for it.
func (s *settling) wait(all []plan.RuleSet, now time.Time) time.Duration {
	seen := make([]generation, 0, len(all))
	for _, r := range all {
		seen = append(seen, generation{r.Name, r.Generation})
	}
	slices.SortFunc(seen, func(a, b generation) int { return cmp.Compare(a.name, b.name) })
	if s.seen != nil && !slices.Equal(seen, s.seen) {
		s.window = s.window.Renew(now)
	}
	s.seen = seen
	left := s.window.Left(now)
	if left == 0 {
		s.window = settle.Window{}
	}
	return left
}
