// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package link

import "github.com/colvin-net/colvin/discovery"

// Addresses is not supported on this operating system.
func Addresses() (map[int]discovery.Addresses, error) { return nil, errUnsupported }

// An AddressSubscription is not supported on this operating system.
type AddressSubscription struct{}

// SubscribeAddresses is not supported on this operating system.
func SubscribeAddresses() (*AddressSubscription, error) { return nil, errUnsupported }

// Hints delivers nothing.
func (*AddressSubscription) Hints() <-chan struct{} { return nil }

// Close does nothing.
func (*AddressSubscription) Close() error { return nil }
