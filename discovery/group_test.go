// SPDX-License-Identifier: Apache-2.0

package discovery_test

import (
	"testing"

	"github.com/colvin-net/colvin/discovery"
)

func TestGroups(t *testing.T) {
	for _, tt := range []struct {
		group discovery.MAC
		want  string
	}{
		{discovery.NearestBridge, "01:80:c2:00:00:0e"},
		{discovery.NearestNonTPMRBridge, "01:80:c2:00:00:03"},
		{discovery.NearestCustomerBridge, "01:80:c2:00:00:00"},
		{discovery.CDPGroup, "01:00:0c:cc:cc:cc"},
	} {
		if got := tt.group.String(); got != tt.want {
			t.Errorf("group address %s, want %s", got, tt.want)
		}
	}
}
