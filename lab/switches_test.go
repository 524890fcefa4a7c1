// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
)

// TestSwitchesPage types what docs/switches.md says of a Linux bridge with lldpd, and
// has its rules name what the bridge then tells.
func TestSwitchesPage(t *testing.T) {
	netnstest.Require(t, netnstest.NetNS, netnstest.RealLLDPD)
	page := readSwitchesPage(t)
	for _, c := range []struct {
		name, commands, said string
		needs                []*netnstest.Feature
	}{
		{name: "a bridge that filters VLANs", commands: page.filtering, said: "vlan-id=200", needs: []*netnstest.Feature{netnstest.VLANFiltering}},
		{name: "TLVs by hand", commands: page.byHand, said: "descr=p1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			netnstest.Require(t, c.needs...)
			page.try(t, c.commands, c.said)
		})
	}
}

// A switchesPage is what a reader copies from docs/switches.md.
type switchesPage struct{ filtering, byHand, rules string }

func readSwitchesPage(t *testing.T) switchesPage {
	t.Helper()
	text, err := os.ReadFile("../docs/switches.md")
	if err != nil {
		t.Fatal(err)
	}
	sh := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	yaml := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	if len(sh) != 2 || len(yaml) != 1 {
		t.Fatalf("docs/switches.md has %d blocks of commands and %d of rules, not 2 and 1", len(sh), len(yaml))
	}
	return switchesPage{filtering: sh[0][1], byHand: sh[1][1], rules: yaml[0][1]}
}

// try types commands on a switch, and waits until a node names its two networks.
func (p switchesPage) try(t *testing.T, commands, said string) {
	t.Helper()
	if binaries.err != nil {
		t.Fatal(binaries.err)
	}
	ctx := t.Context()
	sw := netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "sw1", Speaker: netnstest.LLDPD})
	node, err := lab.NewNode(ctx, "node1", binaries.Binaries)
	if err != nil {
		t.Fatal(err)
	}
	r := &attackRig{t: t, Node: node}
	t.Cleanup(func() { r.ok(node.Close()) })
	r.rules(p.rules)
	r.ok(node.Cable(ctx, "eth1", sw, "p1", 0))
	shell := func(script string) string {
		out, err := sw.Command(ctx, "sh", "-ec", script).CombinedOutput()
		if err != nil || strings.Contains(string(out), "[WARN") { // lldpcli warns, and exits with 0
			t.Fatalf("run on the switch: %v\n%s\n%s", err, script, out)
		}
		return string(out)
	}
	shell(commands)
	r.await(patience, func() string {
		if out := shell("lldpcli -f keyvalue show interfaces details"); !strings.Contains(out, said) {
			return "lldpd is not about to say " + said + ":\n" + out
		}
		return ""
	})
	r.ok(node.StartAgent(ctx))
	want := map[string]uint16{"green": 0, "storage": 200} // the VID with which it is tagged
	r.await(stands, func() string {                       // lldpd may say once more what it said before
		state, err := node.State(ctx)
		if err != nil {
			return err.Error()
		}
		got := map[string]uint16{}
		for _, u := range state.View.Uplinks {
			got[u.Name] = u.VID
		}
		return cmp.Diff(want, got)
	})
}
