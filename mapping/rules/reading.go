// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"iter"
	"math/bits"

	"github.com/colvin-net/colvin/discovery"
)

// A Reading is what a Set makes of one subject. The subject is matched once, not again for
// each of thousands of VLANs. The zero Reading has no rules.
type Reading struct {
	set        *Set
	sub        Subject
	group      *group
	groupMatch *match

	held bitSet // the matches of the set that hold for the subject
}

// A ruleMatch is a match of a rule.
type ruleMatch struct {
	*networkRule
	match *match
}

// Read reads what is heard of a neighbour.
func (s *Set) Read(sub Subject) *Reading {
	r := &Reading{set: s, sub: sub}
	if s == nil || sub.Neighbor == nil {
		return r
	}
	r.sub.ips = sub.Neighbor.ManagementIPs()
	r.group, r.groupMatch = s.group(r.sub)
	r.held = newBitSet(len(s.matches))
	fits := map[*glob]bool{}
	for i := range s.matches {
		if s.matches[i].match.holdsBy(r.sub, r.group.label(), fits) {
			r.held.add(i)
		}
	}
	return r
}

// A bitSet is a set of numbers.
type bitSet []uint64

func newBitSet(size int) bitSet { return make(bitSet, (size+63)/64) }

func (b bitSet) add(i int) { b[i/64] |= 1 << (i % 64) }

// both are the numbers in both of two sets of one size, in ascending order.
func (b bitSet) both(o bitSet) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range b {
			for word := b[i] & o[i]; word != 0; word &= word - 1 {
				if !yield(i*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// Group returns the switch group of the neighbour: the first that matches.
func (r *Reading) Group() (Group, bool) {
	g := r.group
	if g == nil {
		return Group{}, false
	}
	return Group{Name: g.name, Ref: g.ref, UnadvertisedSwitch: g.unadvertisedSwitch}, true
}

// Declared returns the VIDs that rules declare as tagged on the port. A VID equal to the
// advertised PVID is untagged only, and never among them.
func (r *Reading) Declared() VIDs {
	var out VIDs
	if r.set == nil {
		return out
	}
	for i := range r.held.both(r.set.tagged) {
		for _, v := range r.set.matches[i].tagged {
			out.addRange(v)
		}
	}
	if r.group != nil && trunk(r.sub.Neighbor) {
		for _, v := range r.group.vlans {
			out.addRange(v.vids)
		}
	}
	if r.sub.Neighbor != nil {
		out.Remove(r.sub.Neighbor.PVID)
	}
	return out
}

// VIDs are a set of VLAN IDs.
type VIDs [discovery.MaxVID/64 + 1]uint64

// Add adds a VLAN ID. What cannot be one is left out.
func (v *VIDs) Add(vid uint16) {
	if vid >= 1 && vid <= discovery.MaxVID {
		v[vid/64] |= 1 << (vid % 64)
	}
}

func (v *VIDs) addRange(r vlanRange) {
	for vid := r.low; vid <= r.high; vid++ {
		v.Add(vid)
	}
}

// Remove takes a VLAN ID out.
func (v *VIDs) Remove(vid uint16) {
	if vid <= discovery.MaxVID {
		v[vid/64] &^= 1 << (vid % 64)
	}
}

// Has reports whether a VLAN ID is in the set.
func (v *VIDs) Has(vid uint16) bool {
	return vid <= discovery.MaxVID && v[vid/64]&(1<<(vid%64)) != 0
}

// Without are those that are not in the other.
func (v VIDs) Without(o VIDs) VIDs {
	for i := range v {
		v[i] &^= o[i]
	}
	return v
}

// Len is how many there are.
func (v *VIDs) Len() int {
	n := 0
	for _, word := range v {
		n += bits.OnesCount64(word)
	}
	return n
}

// All are the VLAN IDs in ascending order.
func (v *VIDs) All() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for i, word := range v {
			for ; word != 0; word &= word - 1 {
				if !yield(uint16(i*64 + bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}
