// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller/plan"
)

// TestHostile holds that a node of which every port is a trunk with every VLAN costs little, that
// it is said of it, and that every other node is planned as if it were not there.
func TestHostile(t *testing.T) {
	const size, took = 20 << 20, 2 * time.Second // the time is for CI's processors; docs/performance.md has the figure
	for _, ports := range []int32{64, 256, 2048} {
		t.Run(fmt.Sprint(ports), func(t *testing.T) {
			p, without := large(t, 3), large(t, 3)
			for _, p := range []*player{p, without} {
				if err := p.ruleSet("trunks", everyVLAN); err != nil {
					t.Fatal(err)
				}
				for p.do(p.planner.Plan(&p.cluster, p.now)) {
					continue
				}
			}
			hostile(t, p, "inventor", ports)
			var d *plan.Plan
			c := costOf(func() { d = p.planner.Plan(&p.cluster, p.now) })
			t.Log(c)
			if c.size > size || c.took > took {
				t.Errorf("one plan took %v", c)
			}
			if !slices.ContainsFunc(d.Problems, func(pr plan.Problem) bool { return pr.Node.Name == "inventor" && pr.Reason == plan.TopologyTooLarge }) {
				t.Errorf("problems %+v", d.Problems)
			}
			for p.do(p.planner.Plan(&p.cluster, p.now)) {
				continue
			}
			for _, n := range without.cluster.Nodes {
				if diff := cmp.Diff(n.Labels, p.node(n.Name).Labels); diff != "" {
					t.Errorf("%s (-without +beside the inventor):\n%s", n.Name, diff)
				}
			}
			tenant := p.network("tenant-2")
			if tenant == nil || !strings.Contains(tenant.Status.Summary.Problems, v1alpha1.NetworkTopologyTooLarge) ||
				!strings.Contains(meta.FindStatusCondition(tenant.Status.Conditions, v1alpha1.NetworkTopologyTooLarge).Message, "inventor: ") {
				t.Errorf("tenant-2 is %+v", tenant)
			}
			if rail := p.network("rail-0"); rail == nil || rail.Status.Nodes != 3 || len(rail.Status.Conditions) > 0 {
				t.Errorf("rail-0 is %+v", rail)
			}
		})
	}
}

func (p *player) network(name string) *v1alpha1.Network {
	i := slices.IndexFunc(p.cluster.Networks, func(n *v1alpha1.Network) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return p.cluster.Networks[i]
}

// TestColourShare holds that a node which invents networks again and again uses up its share of
// the colours, that it is told, and that others have theirs, also of what it says that it sees.
func TestColourShare(t *testing.T) {
	p := newPlayer()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.play("switch", []string{"leaf-1", "mac:00:1b:21:00:00:01", "192.0.2.1"}))
	for _, node := range []string{"honest", "inventor"} {
		must(p.play("node", []string{node}))
	}
	sees := func(node string, first, n int) {
		for i := range n {
			must(p.port(node, fmt.Sprintf("eth%d", i), "leaf-1", fmt.Sprintf("%s/%d", node, i), []string{fmt.Sprintf("vlan=%d", first+i)}))
		}
	}
	settle := func() (last *plan.Plan) {
		for {
			if last = p.planner.Plan(&p.cluster, p.now); !p.do(last) {
				return last
			}
		}
	}
	for round := range 5 {
		sees("inventor", 1000+100*round, 40)
		d := settle()
		if beyond := 40*(round+1) > plan.ColourShare; beyond != (len(d.Problems) == 1) || beyond && (d.Problems[0].Reason != plan.TooManyUnnamed || d.Problems[0].Node.Name != "inventor") {
			t.Errorf("round %d: problems %+v", round, d.Problems)
		}
	}
	if n := len(p.cluster.Colours); n != plan.ColourShare {
		t.Errorf("%d colours", n)
	}
	sees("honest", 1400, 50) // 1400 to 1439 are what the inventor says that it sees, too
	if d := settle(); len(d.Problems) > 0 || len(p.cluster.Colours) != plan.ColourShare+50 {
		t.Errorf("%d colours, problems %+v", len(p.cluster.Colours), d.Problems)
	}
}
