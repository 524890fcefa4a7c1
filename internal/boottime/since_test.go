// SPDX-License-Identifier: Apache-2.0

package boottime

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestSinceBoot(t *testing.T) {
	var monotonic unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &monotonic); err != nil {
		t.Fatal(err)
	}
	first := SinceBoot()
	if second := SinceBoot(); second < first || int64(first) < monotonic.Nano() {
		t.Errorf("%v, then %v; CLOCK_MONOTONIC, which stands still in suspend, was %v", first, second, monotonic.Nano())
	}
}
