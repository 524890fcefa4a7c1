// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package bootid

// Instance returns the boot twice: there are no network namespaces.
func Instance() (boot, instance string, err error) {
	boot, err = Read()
	return boot, boot, err
}
