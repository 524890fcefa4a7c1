// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package node

func unmapProgram() error { return nil }
