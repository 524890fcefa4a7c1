// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package agent

import "errors"

// DropPrivileges is not supported on this operating system.
func DropPrivileges(bool) error { return errors.New("colvind runs on Linux only") }
