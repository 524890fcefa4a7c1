// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/identity"
)

// TestMaterial holds that a refresh is no reason to write the memory, and that asking
// changes nothing.
func TestMaterial(t *testing.T) {
	at := func(seconds int64) mapping.Memory {
		n := discovery.Neighbor{
			MSAP: discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: "ifname:p1"}, PVID: 100,
			FirstHeard: time.Unix(seconds, 0), Before: time.Unix(seconds, 0), LastHeard: time.Unix(seconds+30, 0),
			Longest: time.Duration(seconds),
		}
		to := n
		to.PVID = 200
		voices := []belief.Voice{{Neighbor: n}, {Neighbor: to}}
		return mapping.Memory{BootID: "b", Ports: []belief.Port{
			{Index: 2, State: belief.Disputed, Holder: &voices[0], Voices: voices, Before: []discovery.Neighbor{to}, Seen: time.Unix(seconds, 0)},
			{Index: 3, State: belief.Held, Holder: &belief.Voice{Neighbor: n}},
		}}
	}
	a, b := at(1e9), at(2e9)
	if diff := cmp.Diff(a.Material(), b.Material()); diff != "" {
		t.Errorf("a later refresh is material:\n%s", diff)
	}
	if diff := cmp.Diff(at(1e9), a); diff != "" {
		t.Errorf("it changed:\n%s", diff)
	}
	b.Ports[0].Voices[1].PVID = 300
	if cmp.Equal(a.Material(), b.Material()) {
		t.Error("another VLAN is not material")
	}
}

// TestPortsOrdered holds that ports are in the order of the interfaces, those of what
// is gone among them: the file must not differ from one writing to the next.
func TestPortsOrdered(t *testing.T) {
	port := func(name string, index int) belief.Port {
		return belief.Port{Interface: name, Index: index, State: belief.Held, Holder: &belief.Voice{}}
	}
	m := mapping.Memory{Ports: []belief.Port{port("eth1", 2), port("eth2", 3), port("eth3", 4)}}
	snap := &discovery.Snapshot{
		Time:       time.Unix(1e9, 0),
		Interfaces: []discovery.Interface{{Index: 4, Name: "eth3"}, {Index: 12, Name: "eth2"}},
		Ports:      []discovery.Port{{Index: 12, Name: "eth2"}, {Index: 4, Name: "eth3"}},
	}
	var got []string
	for _, p := range m.Advance(mapping.World{}, snap).Ports {
		got = append(got, p.Interface)
	}
	if diff := cmp.Diff([]string{"eth1", "eth3", "eth2"}, got); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}

// TestUplinkTexts holds what others read of an uplink.
func TestUplinkTexts(t *testing.T) {
	u := mapping.Uplink{Aliases: []string{"green"}, Neighbor: discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: "ifname:p1"}}
	u.Port.Index = 2
	if got := u.Names(); got != nil {
		t.Errorf("without a name it is called %q", got)
	}
	if got := u.NeighborText(); got != "mac:00:00:5e:00:53:01 port ifname:p1" {
		t.Errorf("neighbour %q", got)
	}
	u.System = "leaf-1"
	if got := u.NeighborText(); got != "leaf-1 mac:00:00:5e:00:53:01 port ifname:p1" {
		t.Errorf("neighbour %q", got)
	}
	if !u.LeadsThrough(2) || u.LeadsThrough(3) || u.LeadsThrough(0) {
		t.Error("it leads through something else than eth1")
	}
}

// TestUngrouped holds by which identity a group's switch has a colour.
func TestUngrouped(t *testing.T) {
	cdp := discovery.MSAP{Chassis: "cdp:switch", Port: "ifname:Gi0/1"}
	source := discovery.MAC{0, 0, 0x5e, 0, 0x53, 1}
	m := mapping.Memory{
		Switches: mapping.Switches{{ID: "mac:00:00:5e:00:53:01", Chassis: []discovery.ID{"mac:00:00:5e:00:53:01", "mac:00:00:5e:00:53:02"}}},
		Ports:    []belief.Port{{Index: 2, Holder: &belief.Voice{Neighbor: discovery.Neighbor{Protocol: discovery.ProtocolCDP, MSAP: cdp, Source: source}}}},
	}
	for name, tt := range map[string]struct {
		vlan uint16
		port int
		by   discovery.MSAP
		want mapping.Identity
	}{
		"who holds the port":  {100, 2, cdp, mapping.Identity{Kind: identity.Sender, Switch: "cdp:switch", Source: source, Says: "ifname:Gi0/1", VLAN: 100}},
		"another on it":       {100, 2, discovery.MSAP{Chassis: "mac:00:00:5e:00:53:02"}, mapping.Identity{Switch: "mac:00:00:5e:00:53:01", VLAN: 100}},
		"on another port":     {100, 3, cdp, mapping.Identity{Switch: "cdp:switch", VLAN: 100}},
		"nobody":              {100, 3, discovery.MSAP{}, mapping.Identity{VLAN: 100}},
		"VLAN not advertised": {0, 2, cdp, mapping.Identity{Kind: identity.Sender, Switch: "cdp:switch", Source: source, Says: "ifname:Gi0/1", Port: "ifname:Gi0/1"}},
	} {
		t.Run(name, func(t *testing.T) {
			id := mapping.Identity{Kind: identity.Group, Switch: "dc1", VLAN: tt.vlan}
			if got := m.Ungrouped(id, tt.port, tt.by); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
