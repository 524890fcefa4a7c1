// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

// everyVLAN is an ordinary RuleSet of a site: a group of which every VLAN has a name.
const everyVLAN = "switchGroups: {dc1: {match: [{system: 'leaf-*'}], vlans: {'2-4094': 'tenant-{vlan}'}}}"

// trunk is a port that a switch tells to be a trunk by naming one VLAN.
func trunk(i int32, now time.Time) v1alpha1.Interface {
	return v1alpha1.Interface{Name: fmt.Sprintf("e%d", i), Index: i + 1, Up: true, Carrier: true, Port: &v1alpha1.Port{Holder: &v1alpha1.Holder{
		Neighbor:  v1alpha1.Neighbor{Switch: "mac:02:00:00:00:00:01", PortID: fmt.Sprintf("ifname:%d", i), PVID: 1, VLANs: []v1alpha1.VLAN{{ID: 2, Name: "x"}}},
		Certainty: v1alpha1.Fresh, Since: metav1.NewTime(now),
	}}}
}

// hostile is a node of which every port is a trunk with every VLAN.
func hostile(tb testing.TB, p *player, name string, ports int32) {
	tb.Helper()
	if err := p.play("node", []string{name}); err != nil {
		tb.Fatal(err)
	}
	p.change(name, func(s *v1alpha1.NodeTopologySpec) {
		s.Switches = []v1alpha1.Switch{{ID: "mac:02:00:00:00:00:01", Chassis: "mac:02:00:00:00:00:01", Protocol: v1alpha1.LLDP, SystemName: "leaf-0"}}
		for i := range ports {
			s.Interfaces = append(s.Interfaces, trunk(i, p.now))
		}
	})
}

// A cost is what something took, and all that it asked of memory, given back or not.
type cost struct {
	took time.Duration
	size int // octets
}

func costOf(do func()) cost {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	do()
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	return cost{took, int(after.TotalAlloc - before.TotalAlloc)}
}

func (c cost) String() string {
	return fmt.Sprintf("%v, %.1f MB", c.took.Round(time.Millisecond/10), float64(c.size)/1e6)
}

// A site is the test or benchmark for which a cluster is made.
type site struct{ testing.TB }

// costs are what one may try to make a plan cost much. Each prepares a cluster and changes it;
// what is measured is the first plan after that.
var costs = []struct {
	name    string
	size    int  // that it may ask of memory, in MB
	slow    bool // takes minutes under the race detector
	prepare func(site) *player
	change  func(site, *player)
}{
	{"trunks-64", 20, false, trunks, func(tb site, p *player) { hostile(tb, p, "inventor", 64) }},
	{"trunks-256", 20, false, trunks, func(tb site, p *player) { hostile(tb, p, "inventor", 256) }},
	{"trunks-2048", 20, false, trunks, func(tb site, p *player) { hostile(tb, p, "inventor", 2048) }},
	{"trunks-of-ten-nodes", 40, false, func(tb site) *player {
		p := trunks(tb)
		for i := range 10 {
			hostile(tb, p, fmt.Sprint("trunked", i), 2)
		}
		return settle(p)
	}, func(_ site, p *player) {
		p.change("trunked5", func(s *v1alpha1.NodeTopologySpec) { s.Interfaces[0].Port.Holder.PVID = 2 })
	}},
	{"small-nodes", 4, false, func(tb site) *player { return large(tb, 1000) }, func(_ site, p *player) {
		p.change("node0500", func(s *v1alpha1.NodeTopologySpec) { s.Interfaces[0].Port.Holder.PVID = 200 })
	}},
	{"huge-ruleset", 300, false, func(tb site) *player { return large(tb, 40) }, func(tb site, p *player) { hugeRules(tb, p, 1) }},
	{"huge-ruleset-and-trunks", 25, false, func(tb site) *player { return ruled(tb, 1) }, func(tb site, p *player) { hostile(tb, p, "inventor", 256) }},
	{"sixteen-rulesets", 2000, true, func(tb site) *player { return large(tb, 40) }, func(tb site, p *player) { hugeRules(tb, p, 16) }},
	{"sixteen-rulesets-and-trunks", 50, true, func(tb site) *player { return ruled(tb, 16) }, func(tb site, p *player) { hostile(tb, p, "inventor", 256) }},
	{"texts", 20, false, func(tb site) *player {
		p := large(tb, 3)
		if err := p.ruleSet("texts", "networks: [{name: '{vlanName}', wireNames: true, match: [{vlanName: '*x*x*x*x*y'}, {portDescription: '(*)x(*)x(*)y', vlan: '1-4094'}]}]"); err != nil {
			tb.Fatal(err)
		}
		return settle(p)
	}, texts},
	{"itself", 40, false, func(tb site) *player { return large(tb, 3) }, itself},
	{"bridges", 180, false, trunks, bridges},
}

// trunks is a small cluster where every VLAN of a trunk is a network.
func trunks(tb site) *player {
	p := large(tb, 3)
	if err := p.ruleSet("trunks", everyVLAN); err != nil {
		tb.Fatal(err)
	}
	return settle(p)
}

// ruled is a small cluster with RuleSets that hold as much as they may.
func ruled(tb site, sets int) *player {
	p := large(tb, 3)
	hugeRules(tb, p, sets)
	return settle(p)
}

// settle plans until nothing is left to do.
func settle(p *player) *player {
	for p.do(p.planner.Plan(&p.cluster, p.now)) {
		continue
	}
	return p
}

// hugeRules are RuleSets that hold as much as they may.
func hugeRules(tb testing.TB, p *player, sets int) {
	tb.Helper()
	const networks, matches, groups, vlans = 128, 32, 16, 256
	for set := range sets {
		var b strings.Builder
		b.WriteString("switchGroups:\n")
		for g := range groups {
			fmt.Fprintf(&b, "  g%d-%d: {match: [{system: 'leaf-*%d-%d'}], vlans: {", set, g, set, g)
			for v := range vlans {
				fmt.Fprintf(&b, "%d: 'g%d-%d-%d', ", v*16+1, set, g, v)
			}
			b.WriteString("}}\n")
		}
		b.WriteString("networks:\n")
		for n := range networks {
			fmt.Fprintf(&b, "  - {name: 'n%d-%d-{vlan}', match: [", set, n)
			for m := range matches {
				fmt.Fprintf(&b, "{system: '*leaf*-*', vlan: %d}, ", (set*networks*matches+n*matches+m)%4094+1)
			}
			b.WriteString("]}\n")
		}
		if err := p.ruleSet(fmt.Sprint("huge", set), b.String()); err != nil {
			tb.Fatal(err)
		}
	}
}

// texts has a node say as much as an object can hold, for patterns that take long.
func texts(tb site, p *player) {
	hostile(tb, p, "inventor", 256)
	p.change("inventor", func(s *v1alpha1.NodeTopologySpec) {
		for i := range s.Interfaces {
			n := &s.Interfaces[i].Port.Holder.Neighbor
			n.PortDescription = strings.Repeat("x", 1024)
			for vid := range int32(4) {
				n.VLANs = append(n.VLANs, v1alpha1.VLAN{ID: vid + 10, Name: strings.Repeat("x", 700)})
			}
		}
	})
}

// itself has a node say that it hears itself, on every port by everybody.
func itself(tb site, p *player) {
	hostile(tb, p, "inventor", 256)
	p.change("inventor", func(s *v1alpha1.NodeTopologySpec) {
		s.Switches = append(s.Switches, v1alpha1.Switch{ID: "mac:02:00:00:00:01:00", Chassis: "mac:02:00:00:00:01:00", Protocol: v1alpha1.LLDP})
		for i := range int32(2048) {
			if int(i) >= len(s.Interfaces) {
				s.Interfaces = append(s.Interfaces, v1alpha1.Interface{Name: fmt.Sprint("v", i), Index: i + 1})
			}
			s.Interfaces[i].MAC = fmt.Sprintf("02:00:00:00:%02x:%02x", (i+256)/256, i%256)
		}
		for i := range 256 {
			for k := range 8 {
				s.Interfaces[i].Port.Others = append(s.Interfaces[i].Port.Others, v1alpha1.Neighbor{
					Switch: "mac:02:00:00:00:01:00", PortID: fmt.Sprintf("ifname:v%d", 2047-k), Source: "02:00:00:00:01:00",
				})
			}
		}
	})
}

// bridges has every port of a node in bonds under bonds under bridges.
func bridges(tb site, p *player) {
	hostile(tb, p, "inventor", 224)
	p.change("inventor", func(s *v1alpha1.NodeTopologySpec) {
		const first, kinds = 1000, 7
		for i := range int32(224 * kinds) {
			ifi := v1alpha1.Interface{Name: fmt.Sprint("b", i), Index: first + i, Kind: "bond", Up: true, Carrier: true, Master: first + i + 224, Bond: &v1alpha1.Bond{Mode: "802.3ad", Aggregator: 1}, BondMember: &v1alpha1.BondMember{Active: true, Up: true, Aggregator: 1}}
			if i >= 224*(kinds-1) {
				ifi.Kind, ifi.Master, ifi.Bond = "bridge", 0, nil
			}
			s.Interfaces = append(s.Interfaces, ifi)
		}
		for i := range int32(224) {
			s.Interfaces[i].Master, s.Interfaces[i].BondMember = first+i, &v1alpha1.BondMember{Active: true, Up: true, Aggregator: 1}
		}
	})
}

// TestCosts holds what a plan may cost: all memory that it asks for, given back or not. The time
// is for a busy machine and the race detector.
func TestCosts(t *testing.T) {
	for _, tt := range costs {
		if tt.slow {
			continue // but in BenchmarkBudgets
		}
		t.Run(tt.name, func(t *testing.T) {
			p := tt.prepare(site{t})
			tt.change(site{t}, p)
			c := costOf(func() { p.planner.Plan(&p.cluster, p.now) })
			t.Log(c)
			if c.size > tt.size*1e6 || c.took > time.Minute {
				t.Errorf("one plan took %v, may take %d MB", c, tt.size)
			}
		})
	}
}

// BenchmarkBudgets measures the same (docs/performance.md).
func BenchmarkBudgets(b *testing.B) {
	for _, bb := range costs {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				b.StopTimer()
				p := bb.prepare(site{b})
				bb.change(site{b}, p)
				b.StartTimer()
				p.planner.Plan(&p.cluster, p.now)
			}
		})
	}
}
