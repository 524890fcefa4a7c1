// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
)

var histories = flag.Uint64("histories", 8, "how many histories TestHistories plays")

// TestHistories has clusters change at random, forth and back again, and holds each time that
// what a planner plans which saw all of it is what one plans that sees the cluster for the first
// time.
func TestHistories(t *testing.T) {
	const steps = 60
	for seed := range *histories {
		p := newPlayer()
		p.options = plan.Options{Attach: seed%3 == 0, Tagged: seed%2 == 0}
		p.planner = plan.New(p.options)
		h := history{p, strange{rand.New(rand.NewPCG(seed, 1))}}
		for i := range 4 {
			h.must(t, "switch", fmt.Sprintf("leaf-%d", i), fmt.Sprintf("mac:00:1b:21:00:00:%02x", i), "192.0.2."+strconv.Itoa(i/2))
			h.must(t, "node", fmt.Sprintf("node%d", i))
		}
		var past []plan.Cluster
		for step := range steps {
			past = append(past, h.snapshot())
			h.step(t)
			h.compare(t, seed, step)
		}
		for step := range past { // backwards, as far as the past is not what the plans did
			before := past[len(past)-1-step]
			p.cluster.Nodes, p.cluster.Topologies, p.cluster.RuleSets = before.Nodes, before.Topologies, before.RuleSets
			h.compare(t, seed, -step)
		}
		if t.Failed() {
			return
		}
	}
}

type history struct {
	*player
	strange
}

func (h *history) must(t *testing.T, verb string, args ...string) {
	t.Helper()
	if err := h.play(verb, args); err != nil {
		t.Fatal(verb, args, err)
	}
}

func (h *history) snapshot() plan.Cluster {
	out := h.cluster
	out.Nodes = slices.Clone(out.Nodes)
	for i := range out.Nodes {
		out.Nodes[i].Labels = maps.Clone(out.Nodes[i].Labels)
	}
	out.Topologies, out.RuleSets = slices.Clone(out.Topologies), slices.Clone(out.RuleSets)
	return out
}

// compare plans with and without a past, twice and does what is planned in between.
func (h *history) compare(t *testing.T, seed uint64, step int) {
	t.Helper()
	for range 2 {
		got, want := h.planner.Plan(&h.cluster, h.now), plan.New(h.options).Plan(&h.cluster, h.now)
		if diff := cmp.Diff(text(want), text(got)); diff != "" {
			t.Fatalf("seed %d, step %d (-without +with a past):\n%s", seed, step, diff)
		}
		if diff := cmp.Diff(want.Names, got.Names); diff != "" {
			t.Fatalf("seed %d, step %d: names (-without +with a past):\n%s", seed, step, diff)
		}
		h.do(got)
	}
}

// step changes something.
func (h *history) step(t *testing.T) {
	t.Helper()
	node := fmt.Sprintf("node%d", h.IntN(6))
	known := slices.ContainsFunc(h.cluster.Nodes, func(n plan.Node) bool { return n.Name == node })
	switch n := h.IntN(20); {
	case !known:
		h.must(t, "node", node, "uid-"+h.version())
	case n == 0:
		h.must(t, "delete", one(h.strange, "node", "topology"), node)
		h.must(t, "delete", "topology", node)
		h.must(t, "delete", "node", node)
	case n == 1:
		h.must(t, "after", one(h.strange, "1s", "30s", "1m", "1h", "25h"))
	case n < 5:
		if err := h.ruleSet(one(h.strange, "a", "b"), one(h.strange,
			"networks: [{name: green, spans: true, match: [{vlan: 100}]}]",
			"networks: [{name: green, match: [{vlan: 100}], aliases: [blue]}, {name: blue, match: [{system: leaf-1, vlan: 200}]}]",
			"networks: [{name: 'rail-{system.1}', match: [{system: 'leaf-(*)', vlan: '100-300'}], silence: 1h}]",
			"switchGroups: {dc1: {match: [{system: 'leaf-*'}], vlans: {'2-120': 'tenant-{vlan}'}}}",
			"switchGroups: {dc2: {match: [{system: 'leaf-[12]'}], vlans: {100: green}}}",
			"networks: [{name: pinned, spans: true, match: [{node: 'node*', interface: eth3, silent: true}]}]",
			"networks: [{name: wrong, match: [{nothing: 1}]}]",
			"networks: []")); err != nil {
			t.Fatal(err)
		}
	case n == 5:
		h.colour(one(h.strange, "red-wren", "sky-emu", "teal-emu")+h.version(), fmt.Sprintf("mac:00:1b:21:00:00:%02x", h.IntN(4)), int32(one(h.strange, 100, 200)))
	case n == 6:
		h.must(t, "moved", node, "web/p"+h.version(), one(h.strange, "green", "blue", "nothing"), "mac:x", "vlan", "7")
	case n == 7:
		h.must(t, "silent", node, "eth3", "02:00:00:00:00:0"+strconv.Itoa(h.IntN(5)), one(h.strange, "pinned", ""))
	case n == 8:
		h.must(t, "bond", node, "bond0", one(h.strange, "802.3ad", "active-backup", "balance-rr"), "eth0", "eth1")
	case n == 9:
		h.change(node, h.topology)
	case n == 10:
		h.change(node, func(s *v1alpha1.NodeTopologySpec) { *s = v1alpha1.NodeTopologySpec{BootID: "again"} })
	case n == 11 && len(h.cluster.Networks) > 0:
		h.cluster.Networks = slices.Delete(h.cluster.Networks, 0, 1)
	case n == 12:
		h.must(t, "label", node, "network.colvin.dev/"+one(h.strange, "green", "old"), one(h.strange, "true", "no"))
	default:
		leaf, since := "leaf-"+strconv.Itoa(h.IntN(4)), -time.Duration(300+h.IntN(3600))*time.Second // who is silent is so for a while when it is told
		settings := []string{"vlan=" + one(h.strange, "100", "200", "300", "0"), "since=" + since.String()}
		settings = append(settings, one(h.strange, []string{"tagged=100,200,300"}, []string{"tagged=300"}, nil, nil)...)
		settings = append(settings, one(h.strange, []string{"certainty=stale"}, []string{"certainty=down"}, []string{"certainty=unverified", "reason=SaidGoodbye"},
			[]string{"certainty=unverified", "reason=Disputed", "rival=200"}, nil, nil, nil)...)
		if err := h.port(node, one(h.strange, "eth0", "eth1", "eth2", "eth3"), leaf, "1/"+strconv.Itoa(h.IntN(3)), settings); err != nil {
			t.Fatal(err)
		}
	}
}
