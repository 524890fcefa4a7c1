// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"
	"time"

	"github.com/colvin-net/colvin/controller/plan"
)

func TestSettling(t *testing.T) {
	const ms = time.Millisecond
	begin := time.Now()
	site := func(n int64) []plan.RuleSet {
		return []plan.RuleSet{{Name: "a", Generation: 1}, {Name: "site", Generation: n}}
	}
	swapped := []plan.RuleSet{{Name: "site", Generation: 1}, {Name: "a", Generation: 1}}
	var s settling
	for _, step := range []struct {
		at   time.Duration
		all  []plan.RuleSet
		want time.Duration
	}{
		{0, site(1), 0}, // what is there
		{1 * ms, swapped, 0},
		{1000 * ms, site(1)[:1], 300 * ms}, // replaced: gone for a moment
		{1050 * ms, site(1)[:1], 250 * ms},
		{1100 * ms, site(1), 300 * ms},
		{1399 * ms, site(1), 1 * ms},
		{1400 * ms, site(1), 0},
		{1401 * ms, site(1), 0},
		{2000 * ms, nil, 300 * ms}, // without any too
		{2300 * ms, nil, 0},
		{3000 * ms, site(2), 300 * ms}, // again and again: a second at most
		{3250 * ms, site(3), 300 * ms},
		{3500 * ms, site(4), 300 * ms},
		{3750 * ms, site(5), 250 * ms},
		{3999 * ms, site(6), 1 * ms},
		{4000 * ms, site(7), 0},
		{4001 * ms, site(7), 0},
	} {
		if got := s.wait(step.all, begin.Add(step.at)); got != step.want {
			t.Errorf("after %v: wait %v, want %v", step.at, got, step.want)
		}
	}
}
