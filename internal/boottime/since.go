// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package boottime tells time by the clock that starts with the machine, goes on while it
// is suspended and is never set: what two processes of one boot agree about.
package boottime

import (
	"time"

	"golang.org/x/sys/unix"
)

// SinceBoot is the time since the machine was started (CLOCK_BOOTTIME).
func SinceBoot() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil { // Linux has had it since 2.6.39
		return 1<<63 - 1 // all deadlines are over
	}
	return time.Duration(t.Nano())
}
