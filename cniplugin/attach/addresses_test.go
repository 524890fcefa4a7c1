// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"net"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
)

// TestImpossibleRoutes refuses routes of which the kernel need not be asked.
func TestImpossibleRoutes(t *testing.T) {
	all := net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
	for want, r := range map[string]*types.Route{
		"it has no destination":                                 {GW: net.IPv4(10, 0, 0, 1)},
		"its destination is of another family than its gateway": {Dst: all, GW: net.ParseIP("fe80::1")},
	} {
		if err := (&Container{}).addRoute(2, r, r.GW); err == nil || err.Error() != want {
			t.Errorf("%v: %v, want %s", r, err, want)
		}
	}
}
