// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package agent

func unmapProgram() error { return nil }
