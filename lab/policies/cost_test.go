// SPDX-License-Identifier: Apache-2.0

//go:build linux

package policies

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/colvin-net/colvin/lab/controlplane"
)

// testCost measures what the policies add to the time that it takes to create a pod. The
// limit is far above that: it notices what grows beyond measure.
func testCost(c *controlplane.ControlPlane) func(*testing.T) {
	const (
		rounds = 100
		most   = 50 * time.Millisecond
	)
	pods := []struct {
		name string
		pod
	}{
		{"asks for nothing", pod{}},
		{"by name", pod{annotations: object{byName: "green,blue"}}},
		{"by name, with terms of its own", pod{annotations: object{byName: "green,blue"}, spec: object{"affinity": affinity}}},
		{"by definition", pod{annotations: object{multus: "green,blue-net"}}},
		{"by definition, as JSON", pod{annotations: object{multus: `[{"name":"green","interface":"net1"},{"name":"blue-net"}]`}}},
	}
	return func(t *testing.T) {
		took := make([][]time.Duration, len(pods))
		for range rounds {
			for i, p := range pods {
				begin := time.Now()
				c.DoT(t, http.MethodPost, p.path()+dryRun, p.object(), nil)
				took[i] = append(took[i], time.Since(begin))
			}
		}
		var plain time.Duration
		for i, p := range pods {
			slices.Sort(took[i])
			median := took[i][rounds/2]
			if i == 0 {
				plain = median
			}
			t.Logf("%s: %v", p.name, median.Round(10*time.Microsecond))
			if median > plain+most {
				t.Errorf("%s takes %v, and a pod that asks for nothing %v", p.name, median, plain)
			}
		}
	}
}
