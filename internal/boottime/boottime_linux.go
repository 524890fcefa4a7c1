// SPDX-License-Identifier: Apache-2.0

package boottime

import (
	"time"

	"golang.org/x/sys/unix"
)

// SinceBoot is how long the machine is up, suspended or not: CLOCK_BOOTTIME.
func SinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err) // there is none before Linux 2.6.39
	}
	return time.Duration(t.Nano())
}
