// SPDX-License-Identifier: Apache-2.0

package boottime_test

import (
	"testing"
	"time"

	"github.com/colvin-net/colvin/internal/boottime"
)

func TestAxis(t *testing.T) {
	const slack = 50 * time.Millisecond // of a busy machine; nobody sets its clock meanwhile
	near := func(what string, got, want time.Time) {
		t.Helper()
		if off := got.Sub(want).Abs(); off > slack {
			t.Errorf("%s: %v off", what, off)
		}
	}
	wall, now := time.Now(), boottime.Now()
	near("now", now, wall)
	near("from the time of day", boottime.FromWall(wall.Add(-time.Hour)), now.Add(-time.Hour))
	if got := boottime.At(boottime.SinceBootAt(now)); !got.Equal(now) {
		t.Errorf("there and back: %v, want %v", got, now)
	}
	if d := (boottime.SinceBoot() - boottime.SinceBootAt(now)).Abs(); d > slack {
		t.Errorf("since boot: %v off", d)
	}
	before := boottime.Now()
	<-time.After(10 * time.Millisecond)
	if d := boottime.Now().Sub(before); d < 10*time.Millisecond || before != before.Round(0) {
		t.Errorf("after 10 ms: %v, from %v", d, before)
	}
}
