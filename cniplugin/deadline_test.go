// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"strings"
	"testing"
	"time"
)

// Nobody is attached by what an agent that is dead, or frozen and holds its lock, said too
// long ago; what is attached stays so.
func TestDeadline(t *testing.T) {
	const late = `node1: network "green" cannot be used now: what colvind knew of eth1 (leaf-1 Ethernet4, chassis mac:00:1b:21:aa:bb:cc VLAN 100, rules.yaml:3) ` +
		`was written 20 min ago (2026-05-01T12:00:00Z), which is too old to attach by; is colvind running? "systemctl status colvind" tells, or in a cluster the agent's pod on this node`
	for name, frozen := range map[string]bool{"dead": false, "frozen": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if frozen {
				b.agent()
			}
			b.writeNode()
			b.booted = deadline - 1
			b.plugin.now = func() time.Time { return since.Add(20 * time.Minute) }
			b.must(b.do(b.plugin.Add))
			b.booted = deadline
			b.must(b.do(b.plugin.Check))
			b.args.ContainerID = "c2"
			b.wantError(b.do(b.plugin.Add), 11, late)
			b.args.ContainerID = "c1"
			b.must(b.do(b.plugin.Check))
			b.conf[validAttachmentsKey] = []string{}
			b.must(b.do(b.plugin.GC))
			b.wantRecords(0)
			b.must(b.do(b.plugin.Del))
		})
	}
}

// Of several ways the one counts whose deadline is not over.
func TestDeadlineOfOne(t *testing.T) {
	b := newBench(t)
	other := attached(eth(5, "eth2"), 100)
	other.Until = 2 * deadline
	b.node.Networks[1].Uplinks = append(b.node.Networks[1].Uplinks, other)
	b.writeNode()
	b.booted = deadline
	b.must(b.do(b.plugin.Add))
	if got := b.told("master"); got != "eth2" {
		t.Errorf("delegate got %v, want eth2", got)
	}
}

// A delegate may take so long that the deadline is over when it has done its work.
func TestDeadlineWhileAttaching(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.kernel.after = func() { b.booted = deadline }
	b.wantError(b.do(b.plugin.Add), 11,
		`node1: network "green" on eth1: changed while attaching: it no longer leads to "green"; colvind does not run on this node: start it`)
	b.wantRecords(0)
}

// ADD says how old the word of an agent is that holds its lock and renews nothing.
func TestFrozenAgentIsTold(t *testing.T) {
	for age, want := range map[time.Duration]string{
		renewedWithin - 1: "",
		renewedWithin:     `attached, but colvind renews nothing, as if it were frozen ("systemctl status colvind" tells); what is known here was last written 10 min ago`,
	} {
		b := newBench(t)
		b.agent()
		b.writeNode()
		b.plugin.now = func() time.Time { return since.Add(age) }
		b.must(b.do(b.plugin.Add))
		if said := b.stderr.String(); (said == "") != (want == "") || !strings.Contains(said, want) {
			t.Errorf("%v: %q, want %q", age, said, want)
		}
	}
}
