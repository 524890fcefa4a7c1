// SPDX-License-Identifier: Apache-2.0

package discovery_test

import (
	"testing"

	"github.com/colvin-net/colvin/discovery"
)

func TestValidVID(t *testing.T) {
	for vid, want := range map[uint16]bool{0: false, 1: true, 100: true, 4094: true, 4095: false, 4096: false, 65535: false} {
		if got := discovery.ValidVID(vid); got != want {
			t.Errorf("ValidVID(%d) = %t, want %t", vid, got, want)
		}
	}
}
