// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package link

// OriginIn is not supported on this operating system.
func OriginIn(string, string) (Origin, error) { return Origin{}, errUnsupported }

// DeleteIn is not supported on this operating system.
func DeleteIn(string, string) error { return errUnsupported }
