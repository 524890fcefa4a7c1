// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// routerRules name the network of the switch that the routers are on.
const routerRules = "networks:\n  - name: green\n    match: [{system: leaf, vlan: 100}]\n"

// A routerRig is a node on a switch, with which real routers can be connected.
type routerRig struct {
	*deviceRig
	leaf *netnstest.Switch
}

func newRouterRig(t *testing.T) *routerRig {
	t.Helper()
	r := &routerRig{deviceRig: newDeviceRig(t, netnstest.RealRadvd)}
	r.ok(r.WriteFile("/etc/colvin/rules.yaml", routerRules))
	r.leaf = r.deviceRig.leaf("leaf")
	r.cable("eth1", r.leaf, "p1")
	r.startAgent()
	r.green()
	return r
}

// green expects what the switch says to hold, whatever routers say.
func (r *routerRig) green() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), devicePatience)
	defer cancel()
	r.ok(r.Await(ctx, "green", lab.Resolves("green", "eth1", nodefile.Fresh)))
}

// router connects a router with the switch, which announces what is said.
func (r *routerRig) router(name, port, said string) *netnstest.Radvd {
	r.t.Helper()
	ns := netnstest.NewT(r.t, name)
	netnstest.ConnectT(r.t, netnstest.Endpoint{In: ns, Name: "lan0"}, netnstest.Endpoint{In: r.leaf, Name: port})
	radvd, err := ns.StartRadvd(r.t.Context(), "lan0", said)
	r.ok(err)
	r.t.Cleanup(func() {
		if r.t.Failed() {
			r.t.Logf("radvd of %s:\n%s", name, radvd.Log())
		}
	})
	return radvd
}

// announces waits until eth1 has heard each router announce just that, such as
// "2001:db8:1::/64 (86400)", in order.
func (r *routerRig) announces(want ...string) {
	r.t.Helper()
	r.await(func(s *agentapi.State) string {
		var got []string
		for _, router := range s.Snapshot.Ports[0].Routers {
			var prefixes []string
			for _, p := range router.Prefixes {
				prefixes = append(prefixes, fmt.Sprintf("%s (%d)", p.Prefix, p.Valid))
			}
			got = append(got, strings.Join(prefixes, ", "))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Sprintf("- %q\n+ %q", want, got)
		}
		return ""
	})
}

func (r *routerRig) colvin(args ...string) string {
	r.t.Helper()
	out, err := r.Colvin(r.t.Context(), args...)
	r.ok(err)
	return out
}

// changed waits until the history has a line with all these words.
func (r *routerRig) changed(words ...string) {
	r.t.Helper()
	var out string
	for tick, deadline := time.Tick(100*time.Millisecond), time.After(10*time.Second); ; {
		out = r.colvin("changes", "-o", "wide")
		for line := range strings.Lines(out) {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				return
			}
		}
		select {
		case <-tick:
		case <-deadline:
			r.t.Fatalf("no change with %q:\n%s", words, out)
		}
	}
}

func prefixOf(text, options string) string {
	return fmt.Sprintf("prefix %s { AdvOnLink on; AdvAutonomous on; %s };\n", text, options)
}

const withdrawn = "AdvValidLifetime 0; AdvPreferredLifetime 0;"

// TestRadvd has a real router announce a prefix, renumber, withdraw and end, and a second one
// contradict it.
func TestRadvd(t *testing.T) {
	r := newRouterRig(t)
	const one, other = "2001:db8:1::/64", "2001:db8:2::/64"
	first := r.router("router1", "p2", "AdvManagedFlag on;\nAdvDefaultPreference high;\n"+prefixOf(one, ""))
	r.announces(one + " (86400)")
	for _, args := range [][]string{{"neighbors"}, {"neighbors", "-o", "wide"}, {"neighbors", "-o", "json"}, {"interfaces", "-o", "wide"}, {"interfaces", "-o", "json"}, {"explain", "eth1"}, {"explain", "eth1", "-o", "json"}} {
		if out := r.colvin(args...); !strings.Contains(out, one) {
			t.Errorf("colvin %v does not show the prefix:\n%s", args, out)
		}
	}
	s, err := r.State(t.Context())
	r.ok(err)
	if router := s.Snapshot.Ports[0].Routers[0]; !router.Managed || router.Other || router.Preference != "high" || router.Lifetime == 0 || !router.Prefixes[0].OnLink || !router.Prefixes[0].Autonomous {
		t.Errorf("router %+v", router)
	}

	r.ok(first.Say(prefixOf(one, "AdvPreferredLifetime 0;") + prefixOf(other, "")))
	r.announces(one + " (86400), " + other + " (86400)")
	r.changed("prefix", "eth1", one+", "+other, "announces more")
	r.ok(first.Say(prefixOf(one, withdrawn) + prefixOf(other, "")))
	r.announces(one + " (0), " + other + " (86400)")
	r.changed("prefix", "eth1", "withdrew "+one)

	second := r.router("router2", "p3", prefixOf(other, ""))
	r.announces(one+" (0), "+other+" (86400)", other+" (86400)")
	if out := r.colvin("status"); strings.Contains(out, "RoutersContradict") {
		t.Errorf("routers that agree contradict each other:\n%s", out)
	}
	r.ok(second.Say(prefixOf("2001:db8:3::/64", "") + prefixOf(other, withdrawn)))
	r.changed("condition", "RoutersContradict", "eth1", "announce no prefix in common")
	if out := r.colvin("explain", "eth1"); !strings.Contains(out, "RoutersContradict") {
		t.Errorf("explain does not say so:\n%s", out)
	}
	r.ok(second.Stop())
	r.await(func(s *agentapi.State) string {
		for _, router := range s.Snapshot.Ports[0].Routers {
			if router.Lifetime == 0 {
				return ""
			}
		}
		return "no router said goodbye"
	})
	r.green()
	r.notLost()
}

// notLost expects that nothing was lost of what switches say.
func (r *routerRig) notLost() {
	r.t.Helper()
	s, err := r.State(r.t.Context())
	r.ok(err)
	if p := s.Snapshot.Ports[0]; !p.LostAt.IsZero() || p.TooManyNeighbors {
		r.t.Errorf("frames of switches were lost at %v; too many: %t", p.LostAt, p.TooManyNeighbors)
	}
}
