// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/colvin-net/colvin/mapping"
)

// TestManyPins pins as many VLANs of a port as there are: what that takes grows with their
// number, not with its cube, and what is told of them is bounded.
func TestManyPins(t *testing.T) {
	const tags = 400 // by its cube these took minutes
	p := &player{files: map[string]string{"rules.yaml": fmt.Sprintf(`networks:
  - name: "san-{vlan}"
    tagged: "2-%d"
    match: [{node: node1, interface: eth1, silent: now}]
  - name: "lan-{vlan}"
    tagged: "2-%[1]d"
    match: [{system: "leaf-*"}]
`, tags), "alone.yaml": fmt.Sprintf(`networks:
  - name: "san-{vlan}"
    tagged: "2-%d"
    match: [{node: node1, interface: eth1, silent: now}]
`, tags)}, now: start, node: "node1", boot: "boot-1", attach: true}
	p.loadRules(t, "rules.yaml")
	step := func(what string, play func() error) {
		t.Helper()
		if err := play(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		p.resolve()
		if took := time.Since(began); took > 10*time.Second {
			t.Fatalf("%s: it takes %s", what, took)
		}
	}
	step("silent", func() error { return p.link([]string{"eth1"}) })
	if n := len(p.view.Uplinks); n != tags-1 || !p.view.Uplinks[0].Usable {
		t.Fatalf("%d uplinks, the first %+v", n, p.view.Uplinks[0])
	}
	step("contradicted", func() error { return p.hear([]string{"eth1", "00:00:5e:00:53:02", "p2", "system=leaf-2", "pvid=1"}) })
	told := 0
	for _, c := range p.view.Conditions {
		if c.Type == mapping.PinContradicted {
			told++
		}
	}
	if told == 0 || told > 4 {
		t.Errorf("%d conditions say that pins are contradicted", told)
	}
	step("told nothing of them", func() error { p.loadRules(t, "alone.yaml"); return nil })
	step("expecting", func() error {
		if err := p.carrier("eth1", false); err != nil {
			return err
		}
		return p.carrier("eth1", true)
	})
}
