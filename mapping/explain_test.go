// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
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
