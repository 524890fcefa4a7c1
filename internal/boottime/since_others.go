// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package boottime

import "time"

// SinceBoot is late for every deadline: no other operating system has what they are for.
func SinceBoot() time.Duration { return 1<<63 - 1 }
