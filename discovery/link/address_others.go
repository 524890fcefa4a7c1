// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package link

import "net/netip"

// Addresses is not supported on this operating system.
func Addresses() (map[int][]netip.Addr, error) { return nil, errUnsupported }
