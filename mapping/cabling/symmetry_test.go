// SPDX-License-Identifier: Apache-2.0

package cabling_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/cabling"
)

// rack are some nodes of a rack, each with a port at both of its leaves.
func rack(rack, nodes int) (out []*adder) {
	for i := range nodes {
		out = append(out, node(fmt.Sprintf("r%dn%d", rack, i+1)).on(
			fmt.Sprintf("ens3f0=leaf-%da/swp%d", rack, i+1), fmt.Sprintf("ens3f1=leaf-%db/swp%d", rack, i+1)))
	}
	return out
}

// pools puts nodes into pools of one name.
func pools(name string, nodes ...*adder) []*adder {
	for _, n := range nodes {
		n.Pool = name
	}
	return nodes
}

// TestSymmetry holds what is unlike the rest, and that what may be meant is left alone.
func TestSymmetry(t *testing.T) {
	with := func(nodes []*adder, more ...*adder) []*adder { return append(nodes, more...) }
	dark := node("odd").on("ens3f0=leaf-1a/swp9")
	dark.port("ens3f1", belief.Empty).Carrier = false
	silent := node("odd").on("ens3f0=leaf-1a/swp9")
	silent.port("ens3f1", belief.Silent)
	doubtful := node("odd").on("ens3f0=leaf-1a/swp9")
	doubtful.port("ens3f1", belief.Disputed, leaf("leaf-1a", "swp8"))
	half := func(name string) *adder {
		n := node(name).on("ens3f0=leaf-1a/swp11")
		n.port("ens3f1", belief.Silent)
		return n
	}
	var racks []*adder
	for i := range 5 {
		racks = append(racks, rack(i+1, 2)...)
	}
	cdp := node("odd")
	for i, side := range []string{"a", "b"} {
		cdp.port(fmt.Sprint("ens3f", i), belief.Held, discovery.Neighbor{Protocol: discovery.ProtocolCDP, MSAP: discovery.MSAP{Chassis: discovery.ID("cdp:LEAF-1" + side + ".example.net"), Port: "ifname:swp9"}})
	}
	swapped := "swapped: odd ens3f0: leaf-1b swp9 <-> leaf-1a (on leaf-1b where 11 others are on leaf-1a; swapped with ens3f1?)\n" +
		"  and: odd ens3f1: leaf-1a swp9 <-> leaf-1b (on leaf-1a where 11 others are on leaf-1b; swapped with ens3f0?)\n"
	for name, tt := range map[string]struct {
		nodes []*adder
		label bool
		want  string
	}{
		"alike":   {rack(1, 12), false, ""},
		"swapped": {with(rack(1, 11), node("odd").on("ens3f0=leaf-1b/swp9", "ens3f1=leaf-1a/swp9")), false, swapped},
		"of many": {with(with(rack(1, 11), rack(2, 12)...), node("odd").on("ens3f0=leaf-1b/swp9", "ens3f1=leaf-1a/swp9")), false, swapped},
		"beside some of which less is known": {
			with(rack(1, 11), node("odd").on("ens3f0=leaf-1b/swp9", "ens3f1=leaf-1a/swp9"), half("a"), half("b"), half("c")), false, swapped,
		},
		"one side":     {with(rack(1, 11), node("odd").on("ens3f0=leaf-1a/swp9", "ens3f1=leaf-1a/swp10")), false, "wrong switch: odd ens3f1: leaf-1a swp10 <-> leaf-1b (on leaf-1a where 11 others are on leaf-1b)\n"},
		"astray":       {with(rack(1, 3), node("odd").on("ens3f0=leaf-1a/swp9", "ens3f1=leaf-7/swp1")), false, "wrong switch: odd ens3f1: leaf-7 swp1 <-> leaf-1b (on leaf-7 where 3 others are on leaf-1b)\n"},
		"no carrier":   {with(rack(1, 3), dark), false, "missing: odd ens3f1: ? <-> leaf-1b (no carrier where 3 others are on leaf-1b)\n"},
		"silent":       {with(rack(1, 3), silent), false, ""},
		"disputed":     {with(rack(1, 3), doubtful), false, ""},
		"another rack": {with(rack(1, 11), node("odd").on("ens3f0=leaf-2a/swp9", "ens3f1=leaf-2b/swp9")), false, ""},
		"another rack, though they should be alike": {
			pools("x", with(rack(1, 11), node("odd").on("ens3f0=leaf-2a/swp9", "ens3f1=leaf-2b/swp9"))...), true,
			"wrong switch: odd ens3f0: leaf-2a swp9 <-> leaf-1a (on leaf-2a where 11 others are on leaf-1a)\n" +
				"wrong switch: odd ens3f1: leaf-2b swp9 <-> leaf-1b (on leaf-2b where 11 others are on leaf-1b)\n",
		},
		"one of a pool over racks":  {pools("x", with(with(rack(1, 4), rack(2, 4)...), node("odd").on("ens3f0=leaf-3a/swp9", "ens3f1=leaf-3b/swp9"))...), true, ""},
		"two ways":                  {with(rack(1, 5), node("x1").on("ens3f0=leaf-1b/swp9", "ens3f1=leaf-1a/swp9"), node("x2").on("ens3f0=leaf-1b/swp8", "ens3f1=leaf-1a/swp8")), false, ""},
		"too few":                   {with(rack(1, 2), node("odd").on("ens3f0=leaf-1b/swp9", "ens3f1=leaf-1a/swp9")), false, ""},
		"other hardware":            {with(rack(1, 11), node("odd").on("eth0=leaf-1b/swp9", "eth1=leaf-1a/swp9")), false, ""},
		"in another protocol":       {with(rack(1, 11), cdp), false, ""},
		"small racks, one odd pair": {with(racks, node("odd").on("ens3f0=leaf-9a/swp1", "ens3f1=leaf-9a/swp2")), false, "wrong switch: odd ens3f0, ens3f1: leaf-9a swp1, swp2 <-> ? (both on leaf-9a where those of 10 others are on two switches)\n"},
		"small racks":               {racks, false, ""},
		"without a label":           {rack(1, 11), true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := cabling.Symmetry(heard(tt.nodes...), tt.label)
			if diff := cmp.Diff(tt.want, told(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if odd := min(len(r.Findings), 1); r.Totals[cabling.OK]+odd != r.Nodes {
				t.Errorf("%d of %d nodes are alike", r.Totals[cabling.OK], r.Nodes)
			}
		})
	}
	r := cabling.Symmetry(heard(rack(1, 3)...), false)
	if diff := cmp.Diff([]string{"compared with nobody: 3 of 3 nodes; a pool has 4 at least that hear switches"}, r.Notes); diff != "" {
		t.Error(diff)
	}
}
