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

func TestNamesDevice(t *testing.T) {
	for chassis, want := range map[discovery.ID]bool{
		"mac:00:00:5e:00:53:01": true, "mac:02:00:00:00:00:01": true, "local:leaf-1": true, "component:chassis 1": true, "cdp:leaf-1": true,
		"ip:192.0.2.1": true, "ip:2001:db8::1": true, "subtype7:x": true, "local:00:00:5e:00:53:01": true,
		// never programmed
		"mac:00:00:00:00:00:00": false, "local:00:00:00:00:00:00": false, "local:0": false, "local:": false, "": false, "ip:0.0.0.0": false,
		// no device has them
		"mac:ff:ff:ff:ff:ff:ff": false, "mac:01:80:c2:00:00:0e": false, "ip:127.0.0.1": false, "ip:169.254.1.1": false, "ip:fe80::1": false, "ip:224.0.0.1": false,
		// names of ports
		"ifname:eth0": false, "ifalias:uplink": false, "portcomponent:1": false, "local:port 7": false,
		// from the factory
		"local:Switch": false, "component:unknown": false, "cdp:localhost": false,
	} {
		n := discovery.Neighbor{MSAP: discovery.MSAP{Chassis: chassis, Port: "ifname:port 7"}}
		if got := namesDevice(&n); got != want {
			t.Errorf("%q: %t, want %t", chassis, got, want)
		}
	}
}
