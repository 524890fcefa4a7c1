// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package agent

import (
	"errors"
	"net"
)

func peerUID(*net.UnixConn) (uint32, error) { return 0, errors.ErrUnsupported }
