// SPDX-License-Identifier: Apache-2.0

package discovery_test

import (
	"testing"
	"time"

	"github.com/colvin-net/colvin/discovery"
)

// TestInterval holds when an utterance is late and gone.
func TestInterval(t *testing.T) {
	const second = time.Second
	for _, tt := range []struct {
		what                 string
		protocol             discovery.Protocol
		ttl                  uint16 // in seconds
		longest              time.Duration
		interval, late, gone time.Duration
	}{
		{"the default of LLDP", discovery.ProtocolLLDP, 120, 0, 30 * second, 75 * second, 120 * second},
		{"observed", discovery.ProtocolLLDP, 120, 31 * second, 31 * second, 77500 * time.Millisecond, 120 * second},
		{"the default of CDP", discovery.ProtocolCDP, 180, 0, 60 * second, 150 * second, 180 * second},
		{"a fast speaker", discovery.ProtocolLLDP, 20, 5 * second, 30 * second, 75 * second, 75 * second},
		{"a fast start of CDP", discovery.ProtocolCDP, 180, second, 60 * second, 150 * second, 180 * second},
		{"slow by its TTL", discovery.ProtocolLLDP, 400, 0, 100 * second, 250 * second, 400 * second},
		{"slower than it told", discovery.ProtocolLLDP, 120, 60 * second, 60 * second, 150 * second, 150 * second},
		{"faster than it told", discovery.ProtocolLLDP, 3601, 30 * second, 30 * second, 75 * second, 120 * second},
		{"a TTL of 18 hours", discovery.ProtocolLLDP, 65535, 0, 300 * second, 750 * second, 20 * time.Minute},
		{"a gap of an hour", discovery.ProtocolCDP, 65535, time.Hour, 300 * second, 750 * second, 20 * time.Minute},
		{"a goodbye", discovery.ProtocolLLDP, 0, 0, 30 * second, 75 * second, 75 * second},
	} {
		heard := time.Unix(1e9, 0)
		n := discovery.Neighbor{Protocol: tt.protocol, TTL: tt.ttl, Longest: tt.longest, LastHeard: heard}
		if i, late, gone := n.Interval(), n.LateAt().Sub(heard), n.GoneAt().Sub(heard); i != tt.interval || late != tt.late || gone != tt.gone {
			t.Errorf("%s: interval %v, late after %v, gone after %v; want %v, %v, %v", tt.what, i, late, gone, tt.interval, tt.late, tt.gone)
		}
	}
}
