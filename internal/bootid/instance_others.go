// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package bootid

// Instance is the boot's: there are no network namespaces.
func Instance() (string, error) { return Read() }
