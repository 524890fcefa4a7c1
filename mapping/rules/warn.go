// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"

	"github.com/colvin-net/colvin/internal/yamlfile"
)

// saysVLAN reports whether a name differs from VLAN to VLAN.
func (t *template) saysVLAN() bool {
	if t.uses(wordVLAN, wordVLANName) {
		return true
	}
	for _, p := range t.parts {
		if p.kind == wordCapture && p.key == keyVLANName {
			return true
		}
	}
	return false
}

// warnSpans warns of one name for several VLANs, which are several networks.
func warnSpans(n *networkRule, matches []parsedMatch, tagged yamlfile.Value) {
	if n.spans || n.name == nil || n.name.saysVLAN() {
		return
	}
	const hint = "use {vlan} in the name, or set spans: true if that is meant"
	if n.tagged.count() > 1 {
		tagged.Warn(fmt.Sprintf("one name for %d VLANs, which are different networks", n.tagged.count()), hint)
	}
	for _, m := range matches {
		switch {
		case n.tagged != nil || m.present[keyVLANName] || m.silent != spoken:
		case m.vlans.count() > 1:
			m.vlan.Warn(fmt.Sprintf("one name for %d VLANs, which are different networks", m.vlans.count()), hint)
		case !m.vlan.Present() && !m.pins:
			m.at.Warn("one name for every untagged VLAN of these switches, which may be different networks",
				"add vlan: with a number, or vlan: untagged or spans: true if that is meant")
		}
	}
}

// warnGroupVLAN warns of one name for several VLANs of a group.
func (r *reader) warnGroupVLAN(v yamlfile.Value, t *template, set vlanSet, earlier map[string]Ref) {
	if t.saysVLAN() {
		return
	}
	const hint = "give each VLAN a name of its own, with {vlan} in the name of a range"
	first, twice := earlier[t.source]
	switch {
	case twice:
		v.Warn(fmt.Sprintf("one name for several VLANs of a group: %s stands %s too", t.source, r.mention(first)), hint)
	case set.count() > 1:
		v.Warn(fmt.Sprintf("one name for %d VLANs of a group, which are different networks", set.count()), hint)
	}
	earlier[t.source] = r.ref(v)
}

// A claim is a match with the part of its rule that decides what it names.
type scopedMatch struct {
	match *match
	net   *networkRule // nil for a group
}

// warnCovered warns of matches that never apply, because an earlier one applies
// to all that they match, and adds them to the earlier ones.
func (r *reader) warnCovered(earlier *[]scopedMatch, matches []parsedMatch, n *networkRule) {
	hint := "remove one of the two, or put the more specific one first"
	if n == nil {
		hint = "remove one of the two; groups are tried in the order of their names"
	}
	for _, m := range matches {
		later := scopedMatch{m.match, n}
		for _, c := range *earlier {
			if c.covers(later) {
				m.at.Warn(fmt.Sprintf("this never applies: the match %s comes first and matches the same", r.mention(c.match.ref)), hint)
				break
			}
		}
		*earlier = append(*earlier, later)
	}
}

// covers reports whether whatever the later match applies to is the earlier's.
// It is a comparison of texts, so it misses globs that mean the same. The text of a port
// says whether its kind counts.
func (c scopedMatch) covers(later scopedMatch) bool {
	a, b := c.match, later.match
	if (a.silent == spoken) != (b.silent == spoken) || a.group != "" && a.group != b.group ||
		a.address.IsValid() && a.address != b.address || a.prefix.IsValid() && a.prefix != b.prefix {
		return false
	}
	if a.addresses.IsValid() && (!b.addresses.IsValid() || a.addresses.Bits() > b.addresses.Bits() || !a.addresses.Contains(b.addresses.Addr())) {
		return false
	}
	for k, g := range a.globs {
		if g != nil && (b.globs[k] == nil || b.globs[k].source != g.source) {
			return false
		}
	}
	return c.net == nil || c.coversVLANs(later)
}

func (c scopedMatch) coversVLANs(later scopedMatch) bool {
	a, b := c.match, later.match
	wanted := b.vlans
	if later.net.tagged != nil {
		wanted = later.net.tagged
	}
	switch {
	case c.net.tagged != nil:
		return later.net.tagged != nil && c.net.tagged.covers(wanted)
	case a.silent != spoken:
		return later.net.tagged == nil
	case a.vlans != nil:
		return wanted != nil && a.vlans.covers(wanted)
	case a.globs[keyVLANName] != nil:
		return !a.untagged || b.untagged
	}
	// The earlier is about the untagged VLAN; unadvertised ones only where it may.
	untagged := wanted == nil && (b.untagged || b.globs[keyVLANName] == nil)
	return untagged && (a.pins || c.net.unadvertisedSwitch || !b.pins && !later.net.unadvertisedSwitch)
}
