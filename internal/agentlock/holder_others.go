// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package agentlock

// Holder is not known on this operating system.
func Holder(string) int { return 0 }
