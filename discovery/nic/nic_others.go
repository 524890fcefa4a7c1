// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package nic

import "errors"

// errUnsupported is returned where there is no ethtool.
var errUnsupported = errors.New("drivers are asked on Linux only")

// Kernel is not supported on this operating system.
type Kernel struct{}

// Facts is not supported on this operating system.
func (Kernel) Facts(string) (Facts, error) { return Facts{}, errUnsupported }
