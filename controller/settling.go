// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"maps"
	"time"

	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/internal/settle"
)

// settling holds plans back until the RuleSets have come to rest. The agents wait as
// long: no node resolves by what is there in between, and a colour that is given then is
// given for good.
type settling struct {
	seen   map[string]int64 // the generation of each, by name; nil before the first
	window settle.Window    // of the changes that have not settled
}

// wait is for how long no plan is to be made yet. What is there at first may be a while
// old, so nothing waits for it.
func (s *settling) wait(all []plan.RuleSet, now time.Time) time.Duration {
	seen := make(map[string]int64, len(all))
	for _, r := range all {
		seen[r.Name] = r.Generation
	}
	if s.seen != nil && !maps.Equal(seen, s.seen) {
		s.window = s.window.Renew(now)
	}
	s.seen = seen
	left := s.window.Left(now)
	if left == 0 {
		s.window = settle.Window{}
	}
	return left
}
