// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"testing"

	"github.com/colvin-net/colvin/discovery"
)

func TestSuccessor(t *testing.T) {
	old := discovery.Neighbor{Protocol: discovery.ProtocolLLDP, MSAP: discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: "ifname:p1"}, SystemName: "leaf-1"}
	for name, tt := range map[string]struct {
		change func(old, by *discovery.Neighbor)
		want   bool
	}{
		"another chassis":       {func(*discovery.Neighbor, *discovery.Neighbor) {}, true},
		"other address":         {func(_, by *discovery.Neighbor) { by.ManagementAddresses = []string{"192.0.2.1"} }, true},
		"itself":                {func(old, by *discovery.Neighbor) { by.Chassis = old.Chassis }, false},
		"another name":          {func(_, by *discovery.Neighbor) { by.SystemName = "leaf-2" }, false},
		"a name of the factory": {func(old, by *discovery.Neighbor) { old.SystemName, by.SystemName = "switch", "switch" }, false},
		"another port":          {func(_, by *discovery.Neighbor) { by.Port = "ifname:p2" }, false},
		"another protocol":      {func(_, by *discovery.Neighbor) { by.Protocol = discovery.ProtocolCDP }, false},
		"a host": {func(_, by *discovery.Neighbor) {
			by.Capabilities = discovery.Capabilities{Available: discovery.CapabilityStation}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			old, by := old, old
			by.Chassis = "mac:00:00:5e:00:53:02"
			tt.change(&old, &by)
			if got := successor(&old, &by); got != tt.want {
				t.Errorf("successor: %v, want %v", got, tt.want)
			}
		})
	}
}
