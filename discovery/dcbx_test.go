// SPDX-License-Identifier: Apache-2.0

package discovery_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
)

// TestDCBXJSON holds how what has a name is written, and what has none.
func TestDCBXJSON(t *testing.T) {
	for _, tt := range []struct {
		value, again any
		want         string
	}{
		{discovery.PrioritySet(0), new(discovery.PrioritySet), `[]`},
		{discovery.PrioritySet(0x89), new(discovery.PrioritySet), `[0,3,7]`},
		{discovery.EnhancedSelection, new(discovery.TransmissionChoice), `"ets"`},
		{discovery.VendorSpecific, new(discovery.TransmissionChoice), `"vendor"`},
		{discovery.TransmissionChoice(7), new(discovery.TransmissionChoice), `"7"`},
		{discovery.SelectUDP, new(discovery.Selector), `"udp"`},
		{discovery.Selector(6), new(discovery.Selector), `"6"`},
	} {
		b, err := json.Marshal(tt.value)
		if err != nil || string(b) != tt.want {
			t.Errorf("%#v is written %s, %v, want %s", tt.value, b, err, tt.want)
		}
		if err := json.Unmarshal(b, tt.again); err != nil {
			t.Errorf("read %s: %v", b, err)
		}
		if again, _ := json.Marshal(tt.again); string(again) != tt.want {
			t.Errorf("%s is read as %s", b, again)
		}
	}
	for text, v := range map[string]any{
		`[8]`: new(discovery.PrioritySet), `[-1]`: new(discovery.PrioritySet), `3`: new(discovery.PrioritySet),
		`"round robin"`: new(discovery.TransmissionChoice), `"256"`: new(discovery.Selector),
	} {
		if err := json.Unmarshal([]byte(text), v); err == nil {
			t.Errorf("%s is read as %T", text, v)
		}
	}
}

func TestPrioritiesOf(t *testing.T) {
	e := discovery.ETS{TrafficClasses: [8]uint8{0, 1, 0, 2, 0, 0, 15, 1}}
	got := []discovery.PrioritySet{e.PrioritiesOf(0), e.PrioritiesOf(1), e.PrioritiesOf(2), e.PrioritiesOf(3)}
	if diff := cmp.Diff([]discovery.PrioritySet{0x35, 0x82, 0x08, 0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
