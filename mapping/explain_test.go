// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// TestExplainTransmit holds that explain says what the send side does, and why.
func TestExplainTransmit(t *testing.T) {
	for name, tt := range map[string]struct {
		transmit discovery.Transmit
		want     []string
	}{
		"sends":  {discovery.Transmit{State: discovery.Sending}, nil},
		"fails":  {discovery.Transmit{State: discovery.Sending, Reason: "the last frame could not be sent: no buffer"}, []string{"Colvin speaks on it, but the last frame could not be sent: no buffer."}},
		"waits":  {discovery.Transmit{State: discovery.Watching, Reason: "listening"}, []string{"Colvin does not speak on it yet: listening."}},
		"silent": {discovery.Transmit{State: discovery.Silent, Reason: "lldpd does"}, []string{"Colvin does not speak on it: lldpd does."}},
	} {
		t.Run(name, func(t *testing.T) {
			eth1 := discovery.Interface{Index: 2, Name: "eth1", Ethernet: true, Up: true}
			snap := &discovery.Snapshot{Interfaces: []discovery.Interface{eth1}, Ports: []discovery.Port{{Index: 2, Name: "eth1", Transmit: tt.transmit}}}
			got, ok := mapping.Explain(&mapping.View{}, snap, mapping.Memory{}, "eth1", time.Now())
			want := append([]string{
				"eth1 is not attached to any network that Colvin knows of.",
				"eth1 has no carrier: no cable, or the other end is down.",
			}, tt.want...)
			if diff := cmp.Diff(want, got); !ok || diff != "" {
				t.Errorf("%t (-want +got):\n%s", ok, diff)
			}
		})
	}
}

// TestExplainLastHeard holds that the table's word on when the switch was last heard goes
// before that of the memory, which is not written for a refresh.
func TestExplainLastHeard(t *testing.T) {
	now := time.Unix(1e9, 0)
	who := discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: "ifname:p1"}
	heard := func(m discovery.MSAP, ago time.Duration) discovery.Neighbor {
		return discovery.Neighbor{MSAP: m, TTL: 120, LastHeard: now.Add(-ago)}
	}
	for name, tt := range map[string]struct {
		memory discovery.Neighbor
		table  []discovery.Neighbor
		want   string
	}{
		"a refresh":     {heard(who, time.Minute), []discovery.Neighbor{heard(who, 2*time.Second)}, "2s ago"},
		"of another":    {heard(who, time.Minute), []discovery.Neighbor{heard(discovery.MSAP{Chassis: "mac:00:00:5e:00:53:02"}, 2*time.Second)}, "1m0s ago"},
		"an older word": {heard(who, time.Minute), []discovery.Neighbor{heard(who, time.Hour)}, "1m0s ago"},
		"none":          {discovery.Neighbor{MSAP: who}, nil, "when the switch was last heard is known on the node only"},
		"minutes":       {heard(who, 2*time.Hour-time.Second), nil, "119 min ago"},
		"hours":         {heard(who, 2*time.Hour), nil, "2 h ago"},
		"many hours":    {heard(who, 48*time.Hour-time.Second), nil, "47 h ago"},
		"days":          {heard(who, 48*time.Hour), nil, "2 days ago"},
		"many days":     {heard(who, 23*24*time.Hour), nil, "23 days ago"},
		"a clock ahead": {heard(who, -time.Minute), nil, "last heard 0s ago"},
	} {
		t.Run(name, func(t *testing.T) {
			eth1 := discovery.Interface{Index: 2, Name: "eth1", Ethernet: true, Up: true, Carrier: true}
			snap := &discovery.Snapshot{Interfaces: []discovery.Interface{eth1}, Ports: []discovery.Port{{Index: 2, Name: "eth1", Neighbors: tt.table}}}
			v := mapping.View{Uplinks: []mapping.Uplink{{Port: nodefile.Link{Name: "eth1", Index: 2}, Neighbor: who, Certainty: nodefile.Fresh}}}
			got, _ := mapping.Explain(&v, snap, mapping.Memory{Ports: []belief.Port{{Index: 2, State: belief.Held, Holder: &belief.Voice{Neighbor: tt.memory}}}}, "eth1", now)
			if !strings.Contains(strings.Join(got, "\n"), tt.want) {
				t.Errorf("want %q in\n%s", tt.want, strings.Join(got, "\n"))
			}
		})
	}
	if got, ok := mapping.Explain(&mapping.View{}, &discovery.Snapshot{}, mapping.Memory{}, "eth1", now); ok {
		t.Errorf("of no interface: %q", got)
	}
}
