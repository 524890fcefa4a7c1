// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/yamlfile"
)

// vlanRange is a range of VIDs, both ends included.
type vlanRange struct{ low, high uint16 }

func (r vlanRange) has(vid uint16) bool { return r.low <= vid && vid <= r.high }

func (r vlanRange) count() int { return int(r.high) - int(r.low) + 1 }

// vlanSet is a set of VIDs: ranges in order that neither overlap nor touch.
type vlanSet []vlanRange

func (s vlanSet) has(vid uint16) bool {
	return slices.ContainsFunc(s, func(r vlanRange) bool { return r.has(vid) })
}

func (s vlanSet) count() int {
	n := 0
	for _, r := range s {
		n += r.count()
	}
	return n
}

// covers reports whether every VID of other is in the set.
func (s vlanSet) covers(other vlanSet) bool {
	return !slices.ContainsFunc(other, func(o vlanRange) bool {
		return !slices.ContainsFunc(s, func(r vlanRange) bool { return r.low <= o.low && o.high <= r.high })
	})
}

// parseVLANs reads a list such as "100-109,200".
func parseVLANs(s string) (vlanSet, error) {
	var all vlanSet
	for part := range strings.SplitSeq(s, ",") {
		r, err := parseVLANRange(part)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b vlanRange) int { return cmp.Compare(a.low, b.low) })
	set := all[:1]
	for _, r := range all[1:] {
		if last := &set[len(set)-1]; r.low <= last.high+1 {
			last.high = max(last.high, r.high)
		} else {
			set = append(set, r)
		}
	}
	return set, nil
}

// parseVLANRange reads a number or a range such as "200-299".
func parseVLANRange(s string) (vlanRange, error) {
	first, second, isRange := strings.Cut(s, "-")
	low, err := parseVID(first)
	if err != nil {
		return vlanRange{}, err
	}
	if !isRange {
		return vlanRange{low, low}, nil
	}
	high, err := parseVID(second)
	if err != nil {
		return vlanRange{}, err
	}
	if high < low {
		return vlanRange{}, yamlfile.Problem{Message: fmt.Sprintf("the range %d-%d runs backwards", low, high), Hint: fmt.Sprintf("write %d-%d", high, low)}
	}
	return vlanRange{low, high}, nil
}

func parseVID(s string) (uint16, error) {
	s = strings.TrimSpace(s)
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n < 1 || n > discovery.MaxVID || strconv.FormatUint(n, 10) != s {
		return 0, yamlfile.Problem{Message: yamlfile.Quote(s) + " is not a VLAN", Hint: "write a number from 1 to 4094, a range such as 200-299, or a list of them in quotes"}
	}
	return uint16(n), nil
}
