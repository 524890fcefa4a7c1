// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"testing"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// A bridge takes the lowest MAC address of its ports, so the port that the
// delegate adds can change it, and the agent may have noticed already.
func TestBridgeChangesAddress(t *testing.T) {
	port := eth(4, "eth1")
	port.Master = 7
	before := discovery.Interface{Index: 7, Name: "br0", Kind: "bridge", MAC: port.MAC, Up: true, Carrier: true}
	now := before
	now.MAC = discovery.MAC{2}
	for name, agent := range map[string]discovery.Interface{"the agent is behind": before, "the agent knows": now} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.conf["delegate"] = map[string]any{"type": "bridge"}
			b.kernel.Now = []discovery.Interface{port, before}
			b.kernel.later = []discovery.Interface{port, now}
			write := func(device discovery.Interface) {
				at := attached(port, 100)
				at.Device = linkOf(device)
				b.node.Networks = []nodefile.Network{{Name: "green", Uplinks: []nodefile.Uplink{at}}}
				b.writeNode()
			}
			write(before)
			b.kernel.after = func() { write(agent) }
			b.must(b.do(b.plugin.Add))
			b.must(b.do(b.plugin.Check))
			b.must(b.do(b.plugin.Del))
			b.wantRecords(0)
		})
	}
}
