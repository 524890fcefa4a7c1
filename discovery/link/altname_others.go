// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package link

// AddAltName is not supported on this operating system.
func AddAltName(int, string) error { return errUnsupported }

// RemoveAltName is not supported on this operating system.
func RemoveAltName(int, string) error { return errUnsupported }
