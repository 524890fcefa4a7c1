// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package ether

import (
	"errors"

	"github.com/colvin-net/colvin/discovery"
)

// errUnsupported is returned where there is no AF_PACKET.
var errUnsupported = errors.New("LLDP is heard on Linux only")

// Listen is not supported on this operating system.
func Listen(discovery.Interface, FrameSet) (Conn, error) { return nil, errUnsupported }
