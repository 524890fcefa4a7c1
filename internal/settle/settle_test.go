// SPDX-License-Identifier: Apache-2.0

package settle_test

import (
	"testing"
	"time"

	"github.com/colvin-net/colvin/internal/settle"
)

func TestWindow(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name    string
		changes []time.Duration
		at      time.Duration
		want    time.Duration
	}{
		{"none", nil, 0, 0},
		{"one", []time.Duration{0}, 0, 300 * ms},
		{"one, a while ago", []time.Duration{0}, 299 * ms, 1 * ms},
		{"one, at rest", []time.Duration{0}, 300 * ms, 0},
		{"one, long ago", []time.Duration{0}, time.Hour, 0},
		{"a second one", []time.Duration{0, 250 * ms}, 250 * ms, 300 * ms},
		{"a late one", []time.Duration{0, 900 * ms}, 900 * ms, 100 * ms},
		{"too many", []time.Duration{0, 900 * ms, 1100 * ms}, 1100 * ms, 0},
	} {
		begin := time.Now()
		var w settle.Window
		for _, at := range tt.changes {
			w = w.Renew(begin.Add(at))
		}
		if got := w.Left(begin.Add(tt.at)); got != tt.want {
			t.Errorf("%s: %v left, want %v", tt.name, got, tt.want)
		}
	}
}
