// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package boottime

import "time"

var started = time.Now()

// SinceBoot is how long the process runs.
func SinceBoot() time.Duration { return time.Since(started) }
