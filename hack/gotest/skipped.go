// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What a test says that is skipped: "bonding is missing: why; make test-vm runs ...",
// "needs /proc: why", and what helps, a make target or words in parentheses at the end.
var (
	logged  = regexp.MustCompile(`^\s*[^\s:]+\.go:\d+: (.*)`)
	wanting = regexp.MustCompile(`^(?:needs )?(.*?)(?: is missing)?(?:[:;,]|$)`)
	target  = regexp.MustCompile(`\bmake [a-z][a-z0-9]*(?:-[a-z0-9]+)*`)
	remedy  = regexp.MustCompile(`\(([^()]+)\)$`)
)

// reason is the last line that a test logged before it was skipped.
func reason(output []string) string {
	for _, line := range slices.Backward(output) {
		if m := logged.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			return m[1]
		}
	}
	return "a reason that it does not tell"
}

// A group is the tests that one remedy runs.
type group struct {
	remedy string
	wants  []string
	count  int
}

// summary says how many tests were skipped, for want of what, and what runs them, the
// most first.
func summary(reasons []string) string {
	if len(reasons) == 0 {
		return "none skipped"
	}
	var groups []*group
	for _, reason := range reasons {
		helps := helps(reason)
		i := slices.IndexFunc(groups, func(g *group) bool { return g.remedy == helps })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{remedy: helps})
		}
		groups[i].add(wanting.FindStringSubmatch(reason)[1])
	}
	slices.SortFunc(groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.count, a.count), strings.Compare(a.remedy, b.remedy))
	})
	var said strings.Builder
	fmt.Fprintf(&said, "%d skipped, for want of ", len(reasons))
	for i, g := range groups {
		if i > 0 {
			said.WriteString("; ")
		}
		said.WriteString(g.String())
	}
	return said.String()
}

// helps is the make target that runs a test, or what else its reason advises.
func helps(reason string) string {
	if all := target.FindAllString(reason, -1); len(all) > 0 {
		return all[len(all)-1]
	}
	if m := remedy.FindStringSubmatch(reason); m != nil {
		return m[1]
	}
	return ""
}

func (g *group) add(want string) {
	g.count++
	if i, found := slices.BinarySearch(g.wants, want); !found {
		g.wants = slices.Insert(g.wants, i, want)
	}
}

func (g *group) String() string {
	said := fmt.Sprintf("%s: %d", strings.Join(g.wants, ", "), g.count)
	if g.remedy != "" {
		said += " (" + g.remedy + ")"
	}
	return said
}
