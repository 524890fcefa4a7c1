// SPDX-License-Identifier: Apache-2.0

// Package cni compares ways to attach a container to a network, in one run. It
// has no code but its tests.
package cni
